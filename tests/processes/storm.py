"""People register and pay over HTTP while processes are killed; then the house is opened again, settles, and is counted.

Called by the test and by `python -m tests.processes`. Stripe's own record, asked for over HTTP, is what we are held against.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from random import Random
from typing import Any

from flask import Flask

from app import clock, create_app, jobs
from app.extensions import db
from app.models import Case, ClubSession, Order, OutgoingEmail, Payment, Refund, Registration
from app.rules.statuses import TAKEN
from app.services import health_check, reconciling
from tests.support.database import dispose
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of

from .house import House
from .people import Person


@dataclass
class Outcome:
    """The numbers of one storm, and everything that is not as it should be."""

    people: int = 0
    killed: dict[str, int] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    registered: int = 0
    captured: int = 0
    refunded: int = 0
    mails: int = 0
    doubled_mails: int = 0
    seconds: float = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.people} people, {self.retries} retries, killed {self.killed}, told {dict(self.told)}; {self.registered}"
            f" registered, {self.captured} payments, {self.refunded} refunds, {self.mails} mails ({self.doubled_mails} twice),"
            f" {self.seconds:.0f} s, {len(self.wrong)} wrong"
        )


def blow(
    database_url: str, directory: Path, *, people: int, seed: int, at_once: int = 8, kill_every: int = 4, sites: int = 1
) -> Outcome:
    """One storm on a migrated database; the caller reads ``wrong``. With several sites one of each kind is killed for certain."""
    began, random, house = time.monotonic(), Random(seed), House(database_url, directory, sites=sites)  # noqa: S311 - repeatable
    outcome = Outcome(people=people)
    with app_on(house):
        slugs = sessions(people)
    try:
        house.open()
        crowd = [Person(n, random.choice(slugs), house, Random(seed * 100_003 + n)) for n in range(people)]  # noqa: S311
        with killing(house, random, kill_every) as somebody_is_done:
            live(crowd, at_once, outcome, somebody_is_done)
        outcome.killed = house.killed
        house.close_site()
        house.open_site()
        settle_by_themselves(house)
        house.close_site()
        with app_on(house):
            settle_later(house)
            count(house, outcome)
    finally:
        house.close()
    outcome.seconds = time.monotonic() - began
    return outcome


def sessions(people: int) -> list[str]:
    """Three sessions that together have places for about half of the people; one has a waitlist."""
    places = max(2, people // 5)
    made = [
        make_club_session(capacity=places),
        make_club_session(capacity=places, waitlist_capacity=people),
        make_free_club_session(capacity=places, waitlist_capacity=3),
    ]
    return [session.slug for session in made]


@contextmanager
def app_on(house: House) -> Iterator[Flask]:
    """An app in this process on the same database, Stripe and mail."""
    app = create_app(house.settings())
    with app.app_context():
        try:
            yield app
        finally:
            dispose()


@contextmanager
def killing(house: House, random: Random, kill_every: int) -> Iterator[Callable[[], None]]:
    """kill -9 something whenever about so many people are done: however fast the machine, the storm is as hard."""
    done, over = threading.Semaphore(0), threading.Event()

    def reap() -> None:
        while not over.is_set():
            for _ in range(random.randint(1, 2 * kill_every - 1)):
                done.acquire()
            if not over.is_set():
                house.kill_one(random)

    reaper = threading.Thread(target=reap)
    reaper.start()
    try:
        yield done.release
    finally:
        over.set()
        done.release(2 * kill_every)
        reaper.join()


def live(crowd: list[Person], at_once: int, outcome: Outcome, somebody_is_done: Callable[[], None]) -> None:
    """Let everybody do what they do, so many at once."""
    with ThreadPoolExecutor(at_once) as pool:
        lives = [(person, pool.submit(person.live)) for person in crowd]
        for _, future in lives:
            future.add_done_callback(lambda _: somebody_is_done())
        for person, future in lives:
            try:
                future.result()
            except Exception as error:
                outcome.wrong.append(f"{person.email} met {error!r}")
    for person in crowd:
        outcome.told.update(person.told[-1:])
        outcome.retries += person.retries


def settle_by_themselves(house: House, seconds: float = 6.0) -> None:
    """Give the fresh processes a moment: webhooks come again, workers take up what was left."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(d["state"] == "pending" for d in house.control("deliveries")):
        threading.Event().wait(0.3)


def settle_later(house: House) -> None:
    """What must wait for a time-out (a lease of a dead worker, a hold) is done with the clock moved on, here and at Stripe."""
    passed = 0
    for seconds in (61, 45 * 60, 360):
        passed += seconds
        house.control("advance", seconds=seconds)
        offset = timedelta(seconds=passed)
        with clock.reading(lambda offset=offset: datetime.now(UTC) + offset):
            for _ in range(20):
                if not any(jobs.run_due().values()):
                    break


# --- counting ---------------------------------------------------------------------------------------------------------------


def count(house: House, outcome: Outcome) -> None:
    """Places, money and mail, each against what somebody else wrote down."""
    wrong = outcome.wrong
    db.session.remove()
    with clock.reading(lambda: datetime.now(UTC) + timedelta(hours=1)):
        wrong += [finding for finding in health_check.findings() if "late" not in finding]
        report = reconciling.reconcile()
        again = reconciling.reconcile()
    if not again.in_order or any(again.mended.values()):
        wrong.append(f"reconciling: {report} then {again}, {[(c.kind, c.detail) for c in all_of(Case)]}")
    count_places(outcome)
    count_money(house, outcome)
    count_mail(house, outcome)


def count_places(outcome: Outcome) -> None:
    for session in all_of(ClubSession):
        taken = sum(r.places for r in all_of(Registration, club_session_id=session.id) if r.status in TAKEN)
        if not taken == session.places_taken <= session.capacity or session.overbooked:
            outcome.wrong.append(f"{session.slug}: {taken} places of {session.capacity}, the counter says {session.places_taken}")
    outcome.registered = count_of(Registration, status="registered")


def count_money(house: House, outcome: Outcome) -> None:
    """Each order keeps what Stripe says it keeps: the price of a place that is there, or nothing."""
    kept: Counter[str] = Counter()
    payments = [p for p in house.control("payments") if p["amount_received"]]
    known = {p.payment_intent_id for p in all_of(Payment) if p.status == "succeeded"}
    for payment in payments:
        kept[payment["metadata"]["orderId"]] += payment["amount_received"] - payment["amount_refunded"]
        if payment["id"] not in known:
            outcome.wrong.append(f"{payment['id']} was paid at Stripe and nobody knows")
    for order in all_of(Order):
        places = all_of(Registration, order_id=order.id)
        bought = sum(r.price_cents for r in places if r.status in ("registered", "waitlisted") and r.payment_status == "paid")
        if kept[order.reference] != bought:
            outcome.wrong.append(f"order {order.reference} ({order.status}) keeps {kept[order.reference]} for {bought}")
    refunds: list[Any] = house.control("refunds")
    if len(refunds) != count_of(Refund, status="succeeded"):
        outcome.wrong.append(f"{len(refunds)} refunds at Stripe, {count_of(Refund, status='succeeded')} in our record")
    outcome.captured, outcome.refunded = len(payments), len(refunds)


def count_mail(house: House, outcome: Outcome) -> None:
    """Each mail owed was sent; one that came twice (death between sending and noting it) came under one Message-ID."""
    sent = Counter(message_from_bytes(f.read_bytes())["Message-ID"].strip() for f in house.mail.glob("*.eml"))
    owed = all_of(OutgoingEmail)
    if {m.message_id for m in owed} != set(sent):
        outcome.wrong.append(f"{len(owed)} mails owed, {len(sent)} sent: {[m.last_error for m in owed if m.sent_at is None]}")
    outcome.mails, outcome.doubled_mails = len(sent), sum(sent.values()) - len(sent)
