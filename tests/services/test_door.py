"""At the door a booking is in or not, once, whoever taps and however often; what is done is on the record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.models import AuditEntry, ClubSession, Registration
from app.queries import desk_door
from app.queries.desk_door import Show
from app.rules.refusals import BookingNotRegistered, BookingUnknown, InvalidInput
from app.rules.statuses import UNDECIDED, RegistrationStatus
from app.services import door, moving
from app.services.differences import Settlement, Settling
from app.services.door import TickedIn
from app.transaction import transaction
from tests.support.booking import at_once, begin
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, the
from tests.web.desk import book


@pytest.fixture
def session(app: Flask) -> ClubSession:
    return make_free_club_session(capacity=200)


def recorded() -> list[tuple[str, str]]:
    return [(entry.actor, entry.action) for entry in all_of(AuditEntry, subject_kind="registration")]


def test_all_places_of_a_booking_come_in_together_and_the_second_tap_is_told_since_when(
    session: ClubSession, clock: FakeClock
) -> None:
    code, now = book(session, "Ana Lee", count=3).reference, clock.now
    assert door.tick_in(session.slug, code, "user:1") == TickedIn("Ana Lee", 3, now, already=False)
    clock.advance(minutes=3)
    assert door.tick_in(session.slug, code, "user:2") == TickedIn("Ana Lee", 3, now, already=True)
    assert the(Registration).checked_in_at == now
    assert recorded() == [("user:1", "checked_in")]


def test_undone_is_out_again_and_both_are_on_the_record(session: ClubSession) -> None:
    code = book(session, "Ana Lee").reference
    door.tick_in(session.slug, code, "user:1")
    assert door.undo(session.slug, code, "user:2") == "Ana Lee"
    assert door.undo(session.slug, code, "user:2") == "Ana Lee", "undoing what is undone says the same"
    assert the(Registration).checked_in_at is None
    assert recorded() == [("user:1", "checked_in"), ("user:2", "check_in_undone")]


def test_two_phones_at_once_tick_in_one_booking_once(app: Flask, session: ClubSession) -> None:
    code = book(session, "Ana Lee").reference
    results = at_once(app, *(lambda n=n: door.tick_in(session.slug, code, f"user:{n}") for n in range(4)))
    assert sorted(result.already for result in results) == [False, True, True, True]
    assert len({result.at for result in results}) == 1 and len(recorded()) == 1


def test_twin_without_the_guard_each_phone_counts_the_booking(
    app: Flask, session: ClubSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(db: Any, slug: str, references: list[str], now: Any) -> Any:
        found = update(Registration).where(Registration.reference.in_(references)).values(checked_in_at=now)
        return db.execute(found.returning(Registration.id, Registration.reference, Registration.name, Registration.places))

    monkeypatch.setattr(door, "_take_in", unguarded)
    code = book(session, "Ana Lee").reference
    results = at_once(app, *(lambda n=n: door.tick_in(session.slug, code, f"user:{n}") for n in range(4)))
    assert [result.already for result in results] == [False] * 4 and len(recorded()) == 4


@pytest.mark.parametrize("status", [status for status in RegistrationStatus if status is not RegistrationStatus.REGISTERED])
@pytest.mark.databases("sqlite")
def test_who_has_no_place_is_not_ticked_in(session: ClubSession, clock: FakeClock, status: RegistrationStatus) -> None:
    with transaction() as db:
        db.execute(update(ClubSession).values(waitlist_capacity=5))
    since = dict.fromkeys(("applied_at", "reserved_at"), clock.now) if status in UNDECIDED else {}
    code = book(session, "Ana Lee", status, **since).reference
    with pytest.raises(BookingNotRegistered):
        door.tick_in(session.slug, code, "user:1")
    assert door.tick_in_codes(session.slug, code, "user:1").not_registered == [code]
    assert the(Registration).checked_in_at is None and recorded() == []


@pytest.mark.databases("sqlite")
def test_a_code_of_another_session_or_of_nobody_is_unknown_here(session: ClubSession) -> None:
    elsewhere = book(make_free_club_session(), "Ana Lee").reference
    for code in (elsewhere, "NOBODY", ""):
        for act in (door.tick_in, door.undo):
            with pytest.raises(BookingUnknown):
                act(session.slug, code, "user:1")
    assert the(Registration).checked_in_at is None


def test_codes_of_a_sheet_are_told_apart(session: ClubSession, clock: FakeClock) -> None:
    ana, ben, cy = (book(session, name, count=2).reference for name in ("Ana", "Ben", "Cy"))
    gone = book(session, "Dee", RegistrationStatus.CANCELLED).reference
    early = clock.now
    door.tick_in(session.slug, cy, "user:1")
    clock.advance(hours=3)
    text = f"{ana.lower()}, {ben[:3]}-{ben[3:]};\n{cy}\t{gone} QQQQQQ {ana}"
    done = door.tick_in_codes(session.slug, text, "user:2")
    assert (done.ticked_in, done.places) == ([ana, ben], 4)
    assert (done.already, done.not_registered, done.unknown) == ([(cy, early)], [gone], ["QQQQQQ"])
    again = door.tick_in_codes(session.slug, text, "user:2")
    assert (again.ticked_in, again.places, [code for code, _at in again.already]) == ([], 0, [ana, ben, cy])
    assert recorded() == [("user:1", "checked_in"), ("user:2", "checked_in"), ("user:2", "checked_in")]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("text", ["", " \n,; -- ", " ".join(f"A{n}" for n in range(1001))])
def test_no_code_and_too_many_are_refused_at_the_field(session: ClubSession, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        door.tick_in_codes(session.slug, text, "user:1")
    assert refused.value.field == "codes"


def test_a_thousand_codes_go_in_one_go(session: ClubSession) -> None:
    codes = [book(session, "Person", email=f"p{n}@club.example").reference for n in range(60)]
    strangers = [f"ZZ{n}" for n in range(940)]
    done = door.tick_in_codes(session.slug, "\n".join(codes + strangers), "user:1")
    assert (len(done.ticked_in), len(done.unknown)) == (60, 940)
    with transaction() as db:
        assert db.execute(select(Registration.id).where(Registration.checked_in_at.is_(None))).first() is None


def test_the_door_asks_for_all_that_is_owed_although_a_first_price_went_back(
    session: ClubSession, clock: FakeClock, stripe_simulator: Any
) -> None:
    priced = make_club_session()
    begin(priced)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    token, until = the(Registration).token, clock.now + timedelta(days=1)
    moving.move(token, session.slug, Settlement(Settling.REFUND, "Asked by phone", "r" * 20, -1200), "user:1")
    moving.move(token, priced.slug, Settlement(Settling.LINK, "And back", "l" * 20, 1200, pay_by=until), "user:1")
    [line] = desk_door.lines(priced.slug, Show.UNPAID).items
    assert line.owed_cents == 1200 and [each.owed_cents for each in desk_door.sheet(priced.slug)[0]] == [1200]
