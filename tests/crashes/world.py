"""One club with its database, its Stripe and its clock, whose process can die and start again. Called by the crash matrix.

Everything is real but the clock: real database and commits, the real SDK over HTTP against the simulator, mail as files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask
from flask.ctx import AppContext
from sqlalchemy import text
from stripe import _webhook

from app import clock as app_clock
from app import create_app, jobs
from app.extensions import Base, db
from app.models import Case, Order, OutgoingEmail, Payment, Refund, Registration
from app.rules.refusals import Refusal
from app.services import health_check, reconciling
from app.simulator.control import ControlError
from tests.support.clock import FakeClock
from tests.support.compiled import remember
from tests.support.database import dispose
from tests.support.rows import all_of, the
from tests.support.settings import safe_settings
from tests.support.stripe import StripeServer, StripeSimulator, sdk_time

from . import purchases
from .dying import CALLS, Death, Fate, Mortal

Step = Callable[["World"], object]


class World:
    """``webhooks`` says whether Stripe's events arrive; without them the worker's looking has to do."""

    def __init__(self, database_url: str, directory: Path, server: StripeServer, *, webhooks: bool) -> None:
        self.clock, self.fate, self.webhooks = FakeClock(), Fate(), webhooks
        self.mail = directory
        self.memory: dict[str, Any] = {}
        """What people know: what reached their browsers."""
        self._settings = safe_settings(
            database_url, mail_url=f"file://{directory}", stripe_api_base=server.base_url, checkout_origins=(server.base_url,)
        )
        self._context: AppContext | None = None
        self.app = self._boot()
        self.stripe = StripeSimulator(server, self.app, self.clock)

    @classmethod
    @contextmanager
    def made(cls, *args: Any, **kwargs: Any) -> Iterator[World]:
        """A world that is cleared away afterwards."""
        world = cls(*args, **kwargs)
        with (
            app_clock.reading(world.clock),
            world.fate.over_commits(),
            patch.object(_webhook, "time", sdk_time(world.clock)),
            patch.object(jobs, "_tidy_for_once", lambda: 0),  # forgets dbos' rows of the day before: nothing of ours
        ):
            try:
                yield world
            finally:
                world._bury()

    def _boot(self) -> Flask:
        app = remember(create_app(self._settings))
        app.testing = True
        app.extensions["muster_gateway"] = Mortal(app.extensions["muster_gateway"], self.fate, CALLS)
        app.extensions["muster_mailer"] = Mortal(app.extensions["muster_mailer"], self.fate, frozenset({"send"}))
        self._context = app.app_context()
        self._context.push()
        return app

    def _bury(self) -> None:
        dispose()
        if self._context is not None:
            self._context.pop()
            self._context = None

    def restart(self) -> None:
        """A new process on what the old one had committed."""
        self._bury()
        self.app = self._boot()
        self.stripe._app = self.app

    # --- what happens -------------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        if self.webhooks:
            self.stripe.deliver()

    def work(self) -> None:
        """What `flask worker --once` does; without webhooks, after the time in which open payments are looked up."""
        if not self.webhooks:
            self.clock.advance(seconds=46)
        jobs.run_due()
        self.deliver()

    def live(self, steps: list[Step], die_at: int | None = None) -> tuple[list[str], int]:
        """Take the steps; returns the points passed and how many steps were finished before death."""
        done = 0
        with self.fate.watching(die_at) as points:
            try:
                for step in steps:
                    tried(step, self)
                    done += 1
            except Death:
                self.restart()
        return points, done

    def settle(self) -> None:
        """Let time pass and the worker work until everything has ended that ends by itself."""
        for seconds in (61, 45 * 60, 360):
            self.clock.advance(seconds=seconds)
            self.deliver()
            jobs.run_due()
            if seconds == 61:
                self.check_money()
                self.check_one_payable()
        self.deliver()

    # --- what must be true afterwards ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Everything has converged: counters, money, Checkouts, mail, books; and reconciling again changes nothing."""
        db.session.remove()  # what a step left open would show it as it was then
        assert health_check.findings() == [], health_check.findings()
        self.check_money()
        self.check_checkouts()
        assert purchases.wrongly_open() == []
        report = reconciling.reconcile()
        assert report.unreachable is None
        assert (report.difference_cents, report.open_cases) == (0, 0), [(c.kind, c.detail) for c in all_of(Case)]
        before = self.everything()
        again = reconciling.reconcile()
        assert not any(again.mended.values()), again.mended
        assert self.everything() == before, "reconciling twice changed something"
        assert health_check.findings() == [], health_check.findings()
        self.check_mail()

    def check_money(self) -> None:
        """Each captured cent is a paid place, a full refund or a case; our refunds are Stripe's."""
        at_stripe = {p["id"]: p for p in self.stripe.control.payments() if p["amount_received"]}
        rows = {p.payment_intent_id: p for p in all_of(Payment) if p.payment_intent_id}
        assert set(at_stripe) <= set(rows), "money at Stripe that nobody knows of"
        cased = {c.payment_id for c in all_of(Case) if c.closed_at is None}
        kept: Counter[int] = Counter()
        for intent, there in at_stripe.items():
            row = rows[intent]
            assert (row.status.value, row.captured_cents) == ("succeeded", there["amount_received"])
            back = sum(r.amount_cents for r in all_of(Refund, payment_id=row.id) if r.status != "failed")
            assert back == there["amount_refunded"], "a refund is owed and not made, or made and not known"
            kept[row.order_id] += 0 if row.id in cased else there["amount_received"] - there["amount_refunded"]
        for row in (p for p in all_of(Payment) if p.provider != "stripe"):
            kept[row.order_id] += row.captured_cents - sum(r.amount_cents for r in all_of(Refund, payment_id=row.id))
        for order in purchases.own_orders():
            bought, together = purchases.bought_cents(order), purchases.together(order)
            here = sum(kept[each.id] for each in together)
            assert here == bought, f"{order.status} order keeps {here} for {bought}"
            gone = [refund for each in together for refund in purchases.refunds_of(each)]
            assert order.status != "paid" or order.total_cents == 0 or bought or gone

    def check_one_payable(self) -> None:
        """An order has one Checkout that can be paid, at the most."""
        payable = Counter(s["client_reference_id"] for s in self.stripe.control.sessions() if s["status"] == "open")
        assert max(payable.values(), default=0) <= 1, f"orders with several payable Checkouts: {payable}"

    def check_checkouts(self) -> None:
        """Nothing can be paid any more: every Checkout has ended by now, and every hold that is over."""
        assert [s["id"] for s in self.stripe.control.sessions() if s["status"] == "open"] == []
        stuck = [o.reference for o in all_of(Order) if o.status == "pending" and not self._waits(o)]
        assert stuck == [], "orders that neither wait nor end"

    def _waits(self, order: Order) -> bool:
        """On the list, offered a place, or keeping one that was offered for as long as the offer would have lasted."""
        kept = order.hold_expires_at is not None and order.hold_expires_at > self.clock.now
        return kept or any(r.status in ("waitlisted", "offered") for r in all_of(Registration, order_id=order.id))

    def check_mail(self) -> None:
        """Every mail owed was sent, under one Message-ID; twice only where death struck between sending and noting it."""
        sent = Counter(message_from_bytes(f.read_bytes())["Message-ID"].strip() for f in self.mail.glob("*.eml"))
        owed = all_of(OutgoingEmail)
        unsent = [(m.template, m.attempts, m.last_error) for m in owed if m.message_id not in sent or m.sent_at is None]
        assert not unsent, f"mails not sent: {unsent}"
        assert len(sent) == len(owed), "a mail was sent that is not owed"
        assert max(sent.values(), default=1) <= 2
        assert sum(sent.values()) - len(sent) <= 1, "one death doubles one mail at the most"
        for order in all_of(Order):
            told = [m for m in owed if m.order_id == order.id]
            templates = Counter(m.template for m in told if m.template != "booking_changed")  # once for each change
            assert all(times == 1 for times in templates.values()), templates

    def everything(self) -> dict[str, list[Any]]:
        """Every row of every table but the record of the reconciliations themselves."""
        with db.engine.connect() as connection:
            return {
                table.name: connection.execute(text(f'SELECT * FROM "{table.name}" ORDER BY 1')).all()  # noqa: S608 - our names
                for table in Base.metadata.sorted_tables
                if table.name != "reconciliations"
            }

    def state(self, token: str) -> tuple[str, str, int]:
        """(order, its first booking, cents that the club keeps of it and of its bookings' differences)."""
        order = the(Order, token=token)
        names = {each.reference for each in purchases.together(order)}
        at_stripe = [p for p in self.stripe.control.payments() if p["metadata"].get("orderId") in names]
        kept = sum(p["amount_received"] - p["amount_refunded"] for p in at_stripe)
        bookings = all_of(Registration, order_id=order.id)
        return order.status.value, bookings[0].status.value if bookings else "", kept + purchases.kept_by_hand(order)


def tried(step: Step, world: World) -> None:
    """A step as a person takes it, in a context of its own like a request: a "no" is an answer, not an accident."""
    with world.app.app_context(), suppress(Refusal, ControlError):
        step(world)
