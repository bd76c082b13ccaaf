"""Whoever had a booking in their calendar gets it struck out when it ends: the same UID, a higher number; nobody else does."""

from __future__ import annotations

from typing import Any

import icalendar
import pytest
from flask import Flask

from app.models import ClubSession, OutgoingEmail, Registration
from app.services import cancelling, staff_actions, winding_up
from tests.support.booking import begin, order_of, pay_late, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, the

ONCE = "k" * 20


def files() -> dict[str, list[tuple[str, str, str, int]]]:
    """By template, the calendar files of the mails in order: declared type, METHOD, UID, SEQUENCE."""
    found: dict[str, list[tuple[str, str, str, int]]] = {}
    for mail in all_of(OutgoingEmail):
        for file in (a for a in mail.attachments if a["type"].startswith("text/calendar")):
            calendar = icalendar.Calendar.from_ical(file["content"])
            (event,) = calendar.walk("VEVENT")
            assert str(event["ORGANIZER"]).startswith("mailto:")
            said = (file["type"].partition("method=")[2], str(calendar["METHOD"]), str(event["UID"]), int(event["SEQUENCE"]))
            found.setdefault(mail.template, []).append(said)
    return found


def token_of(order_token: str) -> str:
    return the(Registration, order_id=order_of(order_token).id).token


def free_booking(club_session: ClubSession, **values: Any) -> str:
    return begin(club_session, expected_price_cents=0, **values)


def test_cancelled_by_the_person_is_struck_out_and_booking_again_comes_back(app: Flask) -> None:
    club_session = make_free_club_session()
    cancelling.cancel_order(free_booking(club_session, email="ana@example.org"))
    free_booking(club_session, email="ana@example.org")
    work()
    said = files()
    confirmed, again = said["confirmation"]
    (struck,) = said["cancelled"]
    assert (confirmed[:2], struck[:2]) == (("PUBLISH", "PUBLISH"), ("CANCEL", "CANCEL"))
    assert confirmed[2] == struck[2] == again[2], "one UID"
    assert confirmed[3] < struck[3] < again[3], "a calendar follows the highest number it has seen"


def test_cancelled_by_staff_with_a_refund_is_struck_out_and_a_refund_alone_is_not(app: Flask, stripe_simulator: Any) -> None:
    order = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    staff_actions.refund(token_of(order), 300, "Late start", "user:1", once=ONCE)
    staff_actions.cancel(token_of(order), 900, "Asked by phone", "user:1", once="c" * 20)
    work()
    said = files()
    assert "refunded_by_staff" not in said and said["refunded_cancelled"][0][1] == "CANCEL"
    assert said["refunded_cancelled"][0][3] > said["confirmation"][0][3]


def test_cancelled_session_is_struck_out_for_who_was_confirmed_and_not_for_who_waited(app: Flask) -> None:
    club_session = make_free_club_session(capacity=1, waitlist_capacity=5)
    free_booking(club_session)
    free_booking(club_session, accept_waitlist=True)
    winding_up.cancel_session(club_session.slug, "user:1", "The hall is flooded")
    work()
    assert [mail.template for mail in all_of(OutgoingEmail)].count("session_cancelled") == 2
    (struck,) = files()["session_cancelled"]
    assert struck[1] == "CANCEL" and struck[3] == the(ClubSession).calendar_sequence > files()["confirmation"][0][3]


def test_leaving_the_waitlist_strikes_nothing_out(app: Flask) -> None:
    club_session = make_free_club_session(capacity=1, waitlist_capacity=5)
    free_booking(club_session)
    cancelling.cancel_order(free_booking(club_session, accept_waitlist=True))
    work()
    assert set(files()) == {"confirmation"}


@pytest.mark.databases("sqlite")
def test_late_payment_that_goes_back_strikes_nothing_out(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session(capacity=1)
    token = begin(club_session)
    clock.advance(minutes=31)
    work()
    begin(club_session)
    pay_late(stripe_simulator, token)
    work()
    assert files() == {}
