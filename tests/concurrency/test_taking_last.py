"""Where much is left, a booking is written first and takes its place last, so that nobody waits for more than that statement.

What it was told meanwhile holds, or it begins again: nothing is oversold, nothing half written, and no letter names an old time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.extensions import db as flask_db
from app.models import AuditEntry, ClubSession, Order, OrderItem, OutgoingEmail, Registration
from app.rules.refusals import AlreadyRegistered, SessionCancelled, SessionFull
from app.rules.statuses import ItemKind
from app.services import baskets, checkout, club_sessions, outbox, places, registration_item, registrations, together, winding_up
from app.services.items import Buyer, Wanted
from app.services.registrations import Outcome
from app.transaction import transaction, write_held
from tests.concurrency import guards
from tests.concurrency.racing import (
    Meeting,
    all_is_well,
    applicant,
    buy,
    race,
    refusals,
    values,
    wait_until_somebody_waits,
)
from tests.support.factories import make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import count_of, the

PATIENCE = 30
WRITTEN = (Order, OrderItem, Registration, OutgoingEmail, AuditEntry)
MUCH = 200


@pytest.fixture
def everybody_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes a place at once, however few are left."""
    monkeypatch.setattr(registration_item, "PLENTY", 0)


@pytest.fixture(params=["together", "one by one"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows wait for the take and are written with it, or were written before, as they are for whoever was overtaken."""
    if request.param == "one by one":
        monkeypatch.setattr(together, "keep", lambda *_: None)


@contextmanager
def meanwhile(app: Flask, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> Iterator[list[str]]:
    """Something happens when the first booking is written and about to take its place; how often places were asked for."""
    asked: list[str] = []
    take_last = registration_item.RegistrationItem.take_last

    def other() -> None:
        with app.app_context():
            happens()

    def taking(self: Any, db: Session, quoted: Any) -> bool:
        asked.append("last")
        if len(asked) == 1:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a booking that has not taken its place holds up nobody"
        return take_last(self, db, quoted)

    with monkeypatch.context() as patched:
        patched.setattr(registration_item.RegistrationItem, "take_last", taking)
        yield asked


@pytest.mark.usefixtures("everybody_last")
def test_rush_that_takes_last_sells_what_there_is(app: Flask) -> None:
    session = make_free_club_session(capacity=20)
    outcomes = race(app, [buy(session.slug, number) for number in range(40)])
    assert len(values(outcomes)) == 20 and refusals(outcomes) == {"SessionFull": 20}
    assert the(ClubSession).places_taken == count_of(Registration) == count_of(Order) == count_of(OutgoingEmail) == 20
    all_is_well()


@pytest.mark.databases("postgresql")  # on SQLite the first to write keeps all others out until it is done
@pytest.mark.usefixtures("everybody_last")
def test_rush_that_takes_last_is_oversold_when_the_guard_is_off(app: Flask) -> None:
    session, both = make_free_club_session(capacity=1), Meeting(2)
    with guards.unguarded_places(both.wait):
        values(race(app, [buy(session.slug, number) for number in range(2)]))
    assert count_of(Registration) == the(ClubSession).places_taken == 2


def test_few_places_are_taken_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    few = make_free_club_session(capacity=registration_item.PLENTY)
    much = make_free_club_session(capacity=registration_item.PLENTY + 1)
    with meanwhile(app, monkeypatch, lambda: None) as asked:
        registrations.register(few.slug, applicant(few.slug, 1))
        assert asked == []
        registrations.register(much.slug, applicant(much.slug, 1))
        assert asked == ["last"]


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("both_ways")
def test_full_meanwhile_leaves_nothing_behind(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_free_club_session(capacity=MUCH)
    with meanwhile(app, monkeypatch, lambda: others_take(session, MUCH)) as asked, pytest.raises(SessionFull):
        registrations.register(session.slug, applicant(session.slug, 1))
    assert asked == ["last"] and [count_of(model) for model in WRITTEN] == [0] * len(WRITTEN)
    assert the(ClubSession).places_taken == MUCH


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("both_ways")
def test_cancelled_meanwhile_leaves_nothing_behind(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_free_club_session(capacity=MUCH)
    happens = lambda: winding_up.cancel_session(session.slug, "user:1", "Rain")  # noqa: E731
    with meanwhile(app, monkeypatch, happens), pytest.raises(SessionCancelled):
        registrations.register(session.slug, applicant(session.slug, 1))
    assert [count_of(model) for model in WRITTEN[:-1]] == [0] * 4 and the(ClubSession).places_taken == 0


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("plenty", [0, MUCH * 2], ids=["last", "at once"])
def test_moved_meanwhile_is_told_as_it_is_now(app: Flask, monkeypatch: pytest.MonkeyPatch, plenty: int) -> None:
    """Whoever moved it told those who were in it. This one was not, and has a letter of their own."""
    monkeypatch.setattr(registration_item, "PLENTY", plenty)
    session = make_free_club_session(capacity=MUCH)
    when = session.starts_at + timedelta(days=1)
    with before_the_take(app, monkeypatch, lambda: move(session, when)):
        entered = registrations.register(session.slug, applicant(session.slug, 1))
    assert entered.outcome is Outcome.REGISTERED and count_of(Order) == 1
    [line] = the(OutgoingEmail).context["items"]
    assert line["session"]["starts_at"] == when.isoformat()
    all_is_well()


@pytest.mark.databases("postgresql")
def test_moved_meanwhile_is_told_as_it_was_when_nobody_looks_at_the_number(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_free_club_session(capacity=MUCH)
    take = places.take
    monkeypatch.setattr(places, "take", lambda db, session_id, number, **_more: take(db, session_id, number))
    with meanwhile(app, monkeypatch, lambda: move(session, session.starts_at + timedelta(days=1))):
        registrations.register(session.slug, applicant(session.slug, 1))
    [line] = the(OutgoingEmail).context["items"]
    assert line["session"]["starts_at"] == session.starts_at.isoformat()


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("both_ways")
def test_others_get_the_session_while_a_booking_is_written(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    session, owe, tried = make_free_club_session(capacity=MUCH), outbox.owe, []

    def owing(*args: Any, **more: Any) -> None:
        owe(*args, **more)
        with flask_db.engine.connect() as other:
            other.execute(select(ClubSession.id).where(ClubSession.id == session.id).with_for_update(nowait=True, key_share=True))
            tried.append("locked")
            other.rollback()

    monkeypatch.setattr(outbox, "owe", owing)
    registrations.register(session.slug, applicant(session.slug, 1))
    assert tried == ["locked"] and the(ClubSession).places_taken == 1


@pytest.mark.databases("postgresql")
def test_one_address_by_two_roads_makes_one_booking(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has the row that the other wants to write, and waits for the session that the other holds: PostgreSQL ends one of them,
    which begins again.
    """
    session = make_free_club_session(capacity=MUCH)
    token = baskets.add(None, Wanted(ItemKind.REGISTRATION, session.slug), Buyer()) or ""

    def by_basket() -> None:
        with app.app_context(), suppress(AlreadyRegistered):
            checkout.begin_basket(token, Buyer("Ana", "ana@example.org"), 0, "form-of-the-basket")
        ended.append(True)

    take_last, roads, ended = registration_item.RegistrationItem.take_last, [], []

    def taking(self: Any, db: Session, quoted: Any) -> bool:
        if not roads:
            write_held(db)
            roads.append(threading.Thread(target=by_basket))
            roads[0].start()
            wait_until_somebody_waits()
        return take_last(self, db, quoted)

    monkeypatch.setattr(registration_item.RegistrationItem, "take_last", taking)
    registrations.register(session.slug, applicant(session.slug, 1, email="ana@example.org"))
    roads[0].join(PATIENCE)
    assert ended and count_of(Registration) == the(ClubSession).places_taken == 1
    all_is_well()


def test_place_that_comes_free_between_two_looks_is_had(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full when it was asked for, free when it was looked why: nobody is sent away, or to the waitlist, over that."""
    session, take, asked = make_free_club_session(capacity=1, waitlist_capacity=5), places.take, []

    def taking(*args: Any, **more: Any) -> bool:
        asked.append(more)
        return len(asked) > 1 and take(*args, **more)

    monkeypatch.setattr(places, "take", taking)
    entered = registrations.register(session.slug, applicant(session.slug, 1, accept_waitlist=True))
    assert entered.outcome is Outcome.REGISTERED and len(asked) == 2
    assert the(ClubSession).places_taken == count_of(Order) == count_of(OutgoingEmail) == 1


def test_whoever_is_overtaken_each_time_is_asked_to_come_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_item.RegistrationItem, "take_last", lambda *_: False)
    monkeypatch.setattr("app.transaction.time.sleep", lambda _seconds: None)
    app.testing = False  # as in production: errors are answered, not passed on
    session, browser = make_free_club_session(capacity=MUCH), PageClient(app)
    browser.get(f"/sessions/{session.slug}/register")
    browser.submit(0, name="Ana", email="ana@example.org")
    form = browser.page.form(0) if browser.page else None
    assert form is not None
    answer = browser.http.post(form.action, data=dict(form.filled({}, None)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert [count_of(model) for model in WRITTEN] == [0] * len(WRITTEN) and the(ClubSession).places_taken == 0


@contextmanager
def before_the_take(app: Flask, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> Iterator[None]:
    """Something happens between what the booker reads and the first place that is asked for, whenever that is."""
    take, been = places.take, []

    def other() -> None:
        with app.app_context():
            happens()

    def taking(*args: Any, **more: Any) -> bool:
        if not been:
            been.append(True)
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(PATIENCE)
        return take(*args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(places, "take", taking)
        yield


def others_take(session: ClubSession, number: int) -> None:
    with transaction() as db:
        assert places.take(db, session.id, number)


def move(session: ClubSession, when: datetime) -> None:
    """As staff do it on its page."""
    with flask_db.engine.connect() as connection:
        row = connection.execute(select(*club_sessions.COLUMNS).where(ClubSession.id == session.id)).one()
    fields = club_sessions.read(row)
    club_sessions.edit(session.slug, replace(fields, starts_at=when, ends_at=when + (row.ends_at - row.starts_at)), "user:1")
