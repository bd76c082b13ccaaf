"""On PostgreSQL a booking is one statement: its rows and the place that they are for.

It writes what was written one by one, all of it or nothing, whoever was there before and whoever comes between.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from psycopg import _queries
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app import clock
from app.extensions import Base
from app.extensions import db as flask_db
from app.models import AuditEntry, ClubSession, Order, OrderItem, OutgoingEmail, Payment, Registration
from app.rules.refusals import AlreadyRegistered, Refusal, SessionFull
from app.rules.statuses import Entry, ItemKind, OrderStatus
from app.services import baskets, checkout, places, registrations, together
from app.services.items import Buyer, Wanted
from app.services.registrations import Outcome
from app.services.writes import added_all, changed_last, insert_once, inserted, written
from app.transaction import Overtaken, connection_of, transaction
from tests.concurrency.racing import all_is_well, applicant, wait_until_somebody_waits
from tests.support.factories import make_free_club_session, make_user
from tests.support.rows import all_of, count_of, the

pytestmark = pytest.mark.databases("postgresql")
PLENTIFUL = {"capacity": 200}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "free": (PLENTIFUL, {}),
    "paid": ({**PLENTIFUL, "member_price_cents": 800, "non_member_price_cents": 1200}, {"expected_price_cents": 1200}),
    "two places, a number to write to": (PLENTIFUL, {"places": 2, "whatsapp_number": "+64211234567"}),
    "the last place": ({"capacity": 1}, {}),
    "waiting": ({"capacity": 1, "places_taken": 1, "waitlist_capacity": 5}, {"accept_waitlist": True}),
    "applying": ({**PLENTIFUL, "entry": Entry.APPLICATION}, {"asked": None}),
}
ITEM = {"kind": ItemKind.PRODUCT, "description": "Shuttles", "unit_amount_cents": 0, "quantity": 1}
WHOSE = {"email": "ana@example.org", "name": "Ana", "attempt": "form"}
ORDER = {**WHOSE, "status": OrderStatus.PAID, "currency": "NZD", "total_cents": 0}
DRAWN = frozenset({
    "id", "order_id", "registration_id", "club_session_id", "subject_id", "dedupe_key", "message_id", "idempotency_key",
})  # fmt: skip
PATIENCE = 30


@pytest.mark.parametrize("signed_in", [False, True], ids=["visitor", "signed in"])
@pytest.mark.parametrize("case", CASES)
def test_booking_is_the_same_as_row_by_row(app: Flask, monkeypatch: pytest.MonkeyPatch, case: str, signed_in: bool) -> None:
    """The clock stands still, so that times are compared too."""
    of_session, of_applicant = CASES[case]
    whose = {"user_id": make_user().id} if signed_in else {}
    bookings = []
    for way in ("together", "one by one"):
        session = make_free_club_session(title="Walk", **of_session)
        with monkeypatch.context() as patched:
            if way == "one by one":
                patched.setattr(together, "keep", lambda *_: None)
            entered = registrations.register(session.slug, applicant(session.slug, 1, **of_applicant, **whose))
        bookings.append((entered.outcome, rows_of(entered.order_token, session)))
    assert bookings[0] == bookings[1]


def rows_of(token: str, session: ClubSession) -> list[str]:
    """All that a booking wrote, with a word for each thing that is drawn anew for each."""
    order = the(Order, token=token)
    booking, items = the(Registration, order_id=order.id), all_of(OrderItem, order_id=order.id)
    owed = [*all_of(Payment, order_id=order.id), *all_of(OutgoingEmail, order_id=order.id)]
    record = all_of(AuditEntry, subject_kind="registration", subject_id=booking.id)
    rows = [order, booking, *items, *owed, *record, the(ClubSession, id=session.id)]
    kept = [{c.key: getattr(row, c.key) for c in row.__table__.columns if c.key not in DRAWN} for row in rows]
    told = [json.dumps(columns, default=str) for columns in kept]
    for name, value in (("order", order), ("booking", booking)):
        told = [text.replace(value.token, f"{name}'s token").replace(value.reference, f"{name}'s reference") for text in told]
    return [text.replace(session.slug, "the session") for text in told]


def numbers(db: Session, *models: type[Base]) -> together.Numbers:
    return dict(zip(models, db.execute(select(*together.drawn(*models))).one(), strict=True))


def test_nothing_is_written_until_something_is_asked(app: Flask, statements: Any) -> None:
    with transaction() as db:
        together.keep(db, numbers(db, Order))
        with statements() as seen:
            order = written(db, Order, **ORDER)
        assert seen == [] and order.promotion_cents == 0 and order.user_id is None
        assert db.execute(select(Order.attempt).where(Order.id == order.id)).scalar_one() == "form", "who asks, meets it"
    assert the(Order, id=order.id).token == order.token


def ask_for_objects(db: Session) -> None:
    assert db.get(Order, the_number(db)) is not None


def ask_the_connection(db: Session) -> None:
    assert connection_of(db).execute(select(Order.id)).scalar_one() == the_number(db)


def add_an_object(db: Session) -> None:
    db.add(OrderItem(order_id=the_number(db), **ITEM))
    db.flush()


def write_another_row(db: Session) -> None:
    inserted(db, OrderItem, order_id=the_number(db), **ITEM)


def the_number(db: Session) -> int:
    number: int = db.info["the order of this test"]
    return number


@pytest.mark.parametrize("asks", [ask_for_objects, ask_the_connection, add_an_object, write_another_row])
def test_whoever_asks_meets_what_was_kept(app: Flask, asks: Any) -> None:
    with transaction() as db:
        together.keep(db, numbers(db, Order))
        db.info["the order of this test"] = inserted(db, Order, **ORDER)
        asks(db)
        assert together.waiting(db) is None
    assert count_of(Order) == 1


def test_what_is_kept_is_written_when_the_transaction_ends(app: Flask) -> None:
    with transaction() as db:
        together.keep(db, numbers(db, Order))
        written(db, Order, **ORDER)
    with pytest.raises(ZeroDivisionError), transaction() as db:
        together.keep(db, numbers(db, Order))
        written(db, Order, **{**ORDER, "attempt": "another form"})
        1 / 0  # noqa: B018
    with transaction() as db:
        assert together.waiting(db) is None, "nor is it kept for the next transaction"
    assert the(Order).attempt == "form"


def take(db: Session, session: ClubSession, *, form: str = "form", letter: str = "the letter", places_taken: int = 1) -> bool:
    """An order, its letter, its record, and a place."""
    together.keep(db, numbers(db, Order))
    order_id = inserted(db, Order, **{**ORDER, "attempt": form})
    mail = {"to": "ana@example.org", "template": "confirmation", "context": {}, "next_attempt_at": clock.now()}
    key = {"dedupe_key": letter, "message_id": f"<{form}@muster.test>"}
    insert_once(db, OutgoingEmail, OutgoingEmail.dedupe_key, order_id=order_id, **key, **mail)
    record = {"actor": "guest", "action": "registered", "subject_kind": "order", "subject_id": order_id, "detail": {}}
    added_all(db, AuditEntry, [record])
    told = {"of_row": session.id, "more": places_taken, "number": session.calendar_sequence}
    return changed_last(db, places._TAKE_AS_NUMBERED, told)


def how_many() -> list[int]:
    return [count_of(Order), count_of(OutgoingEmail), count_of(AuditEntry), the(ClubSession).places_taken]


@pytest.mark.parametrize("there", [("form", "form"), ("letter", "the letter"), ("places_taken", 200)], ids=str)
def test_one_row_that_is_there_or_no_place_leaves_all_unwritten(app: Flask, there: tuple[str, Any]) -> None:
    session = make_free_club_session(**PLENTIFUL)
    with transaction() as db:
        assert take(db, session)
    assert how_many() == [1, 1, 1, 1]
    with suppress(Overtaken), transaction() as db:
        if not take(db, session, **{"form": "another form", "letter": "another letter", **dict([there])}):
            raise Overtaken
    assert how_many() == [1, 1, 1, 1]
    with transaction() as db:
        assert take(db, session, form="another form", letter="another letter")
    assert how_many() == [2, 2, 2, 2]


class Booking(threading.Thread):
    """Somebody who books in a thread of their own."""

    def __init__(self, app: Flask, session: ClubSession, **changes: Any) -> None:
        super().__init__()
        self._app, self._slug, self._changes = app, session.slug, changes
        self.outcome: object = None
        self.start()

    def run(self) -> None:
        with self._app.app_context():
            try:
                self.outcome = registrations.register(self._slug, applicant(self._slug, 1, **self._changes)).outcome
            except (Refusal, ZeroDivisionError) as error:
                self.outcome = type(error)

    def ended(self) -> object:
        self.join(PATIENCE)
        assert not self.is_alive(), "it waits for good"
        return self.outcome


@pytest.mark.parametrize(("taken", "outcome"), [(199, Outcome.REGISTERED), (200, SessionFull)])
def test_whoever_waited_for_the_session_sees_what_was_taken_meanwhile(app: Flask, taken: int, outcome: object) -> None:
    session = make_free_club_session(**PLENTIFUL)
    with flask_db.engine.begin() as other:
        other.execute(update(ClubSession).values(places_taken=taken))
        booking = Booking(app, session)
        wait_until_somebody_waits()
    assert booking.ended() == outcome
    assert the(ClubSession).places_taken == 200 and count_of(Registration) == 200 - taken


@pytest.mark.parametrize("first", [Outcome.REGISTERED, ZeroDivisionError])
def test_whoever_waited_for_the_same_person_is_told_or_booked(
    app: Flask, monkeypatch: pytest.MonkeyPatch, first: object
) -> None:
    session, take_places, go_on = make_free_club_session(**PLENTIFUL), places.take, threading.Event()

    def taking(*args: Any, **more: Any) -> bool:
        monkeypatch.setattr(places, "take", take_places)
        done = take_places(*args, **more)
        go_on.wait(PATIENCE)
        return done if first is Outcome.REGISTERED else bool(1 / 0)

    monkeypatch.setattr(places, "take", taking)
    bookings = [Booking(app, session, email="ana@example.org")]
    while places.take is taking:
        time.sleep(0.01)
    bookings.append(Booking(app, session, email="ana@example.org", attempt="another form"))
    wait_until_somebody_waits()
    go_on.set()
    second = Outcome.ALREADY_IN if first is Outcome.REGISTERED else Outcome.REGISTERED
    assert [booking.ended() for booking in bookings] == [first, second]
    assert count_of(Registration) == the(ClubSession).places_taken == 1
    all_is_well()


def test_two_roads_that_want_what_the_other_has_make_one_booking(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The basket has the session, the form has its row: PostgreSQL ends one of them, which begins again."""
    session = make_free_club_session(**PLENTIFUL)
    token = baskets.add(None, Wanted(ItemKind.REGISTRATION, session.slug), Buyer()) or ""
    take_places, by_form = places.take, []

    def taking(*args: Any, **more: Any) -> bool:
        done = take_places(*args, **more)
        if not by_form and threading.current_thread() is threading.main_thread():
            by_form.append(Booking(app, session, email="ana@example.org"))
            wait_until_somebody_waits()
        return done

    monkeypatch.setattr(places, "take", taking)
    with suppress(AlreadyRegistered):
        checkout.begin_basket(token, Buyer("Ana", "ana@example.org"), 0, "form-of-the-basket")
    assert by_form[0].ended() in (Outcome.REGISTERED, Outcome.ALREADY_IN)
    assert count_of(Registration) == the(ClubSession).places_taken == 1
    all_is_well()


def test_whoever_was_overtaken_goes_row_by_row(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was that stood in the way, that road tells it from all else."""
    session, keep, take_places, kept, asked = make_free_club_session(**PLENTIFUL), together.keep, places.take, [], []

    def keeping(*given: Any) -> None:
        kept.append(given)
        keep(*given)

    def taking(*given: Any, **more: Any) -> bool:
        asked.append(given)
        return len(asked) > 1 and take_places(*given, **more)

    monkeypatch.setattr(together, "keep", keeping)
    monkeypatch.setattr(places, "take", taking)
    registrations.register(session.slug, applicant(session.slug, 1))
    assert (len(kept), len(asked)) == (1, 2) and count_of(Registration) == the(ClubSession).places_taken == 1


@pytest.mark.parametrize("price", [None, 1200], ids=["free", "paid"])
@pytest.mark.parametrize("signed_in", [False, True], ids=["visitor", "signed in"])
def test_statement_is_one_that_the_driver_keeps(app: Flask, price: int | None, signed_in: bool) -> None:
    """psycopg keeps what it has read of a statement up to so many parameters and characters, and reads a longer one each time."""
    session = make_free_club_session(**PLENTIFUL, non_member_price_cents=price)
    seen: list[tuple[str, dict[str, Any]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: dict[str, Any], *_more: Any) -> None:
        seen.append((statement, given))

    event.listen(flask_db.engine, "before_cursor_execute", note)
    whose = {"user_id": make_user().id} if signed_in else {}
    registrations.register(session.slug, applicant(session.slug, 1, expected_price_cents=price or 0, **whose))
    [(statement, given)] = [(text, given) for text, given in seen if text.startswith("WITH row_0")]
    assert len(given) <= _queries.MAX_CACHED_STATEMENT_PARAMS and len(statement) <= _queries.MAX_CACHED_STATEMENT_LENGTH
