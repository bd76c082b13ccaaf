"""Notices by WhatsApp beside the mails: owed in the transaction that causes them, to who agreed, sent afterwards, at least once,
never instead of a mail. Each goes over HTTP to a local stand-in that checks its shape.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import OutgoingEmail, OutgoingNotice, Registration
from app.rules.refusals import InvalidInput, SessionFull
from app.services import cancelling, notices, offers, winding_up
from app.services.notices import Kind
from app.transaction import transaction
from tests.services.test_changed_sessions import edit
from tests.support.booking import mails, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.notices import STAFF, TO, book, booking, told
from tests.support.rows import count_of, the


def test_confirmation_is_owed_with_the_booking_and_sent_afterwards(whatsapp_server: Any, app: Flask) -> None:
    token = book(make_free_club_session(title="Badminton", location="Hall 2"), name="Aroha")
    notice = the(OutgoingNotice)
    assert (notice.kind, notice.sent_at, whatsapp_server.asked) == ("booking_confirmed", None, 0)
    assert booking(token).whatsapp_agreed_at is not None
    work()
    (sent,) = whatsapp_server.sent
    assert sent[:2] == (TO, "muster_booking_confirmed")
    assert sent[2][:2] == ["Aroha", "Badminton"] and sent[2][3:] == ["Hall 2", f"http://muster.test/orders/{token}"]
    assert the(OutgoingNotice).sent_at is not None and the(OutgoingEmail).sent_at is not None
    work()
    assert len(whatsapp_server.sent) == 1
    kept = the(OutgoingNotice)
    assert TO not in f"{kept.context} {kept.parameters}", "the number is on the booking alone"


def test_what_is_rolled_back_owes_nothing(whatsapp_server: Any, app: Flask) -> None:
    club_session = make_free_club_session(capacity=1, waitlist_capacity=0)
    book(club_session)
    with pytest.raises(SessionFull):
        book(club_session)
    assert count_of(OutgoingNotice) == 1


def test_who_left_no_number_is_written_to_by_mail_alone(whatsapp_server: Any, app: Flask) -> None:
    book(make_free_club_session(), whatsapp_number=None)
    work()
    assert mails() == ["confirmation"] and count_of(OutgoingNotice) == 0 and whatsapp_server.asked == 0


def test_a_number_without_consent_is_never_used(whatsapp_server: Any, app: Flask) -> None:
    """Twin of the consent: whatever wrote the number, the moment of agreeing must be beside it."""
    club_session = make_free_club_session()
    owed = book(club_session)
    with transaction() as db:
        db.execute(update(Registration).values(whatsapp_agreed_at=None))
    work()
    cancelling.cancel_order(owed)
    work()
    assert whatsapp_server.asked == 0 and mails() == ["confirmation", "cancelled"]


def test_a_number_that_is_none_is_not_kept(whatsapp_server: Any, app: Flask) -> None:
    with pytest.raises(InvalidInput):
        book(make_free_club_session(), whatsapp_number="021 123")
    assert count_of(Registration) == 0


def test_while_it_is_off_nothing_is_kept_owed_or_sent_and_a_booking_costs_no_statement_more(
    app: Flask, statements: Callable[[], Any]
) -> None:
    book(make_free_club_session())  # the first looks for the queue's tables
    with statements() as without:
        book(make_free_club_session(), whatsapp_number=None)
    with statements() as with_number:
        token = book(make_free_club_session())
    work()
    assert len(with_number) == len(without)
    assert booking(token).whatsapp_number is None and count_of(OutgoingNotice) == 0
    assert not any("outgoing_notices" in statement for statement in with_number)


def test_what_was_owed_when_it_is_switched_off_waits(whatsapp_server: Any, app: Flask) -> None:
    book(make_free_club_session())
    app.extensions["muster_whatsapp"] = None
    work()
    assert whatsapp_server.asked == 0 and the(OutgoingNotice).attempts == 0 and the(OutgoingEmail).sent_at is not None


# --- What is told ------------------------------------------------------------------------------------------------------------


def test_offer_names_its_deadline(whatsapp_server: Any, app: Flask, clock: FakeClock) -> None:
    club_session = make_free_club_session(capacity=1, waitlist_capacity=5, title="Walk")
    first = book(club_session, whatsapp_number=None)
    waiting = book(club_session, accept_waitlist=True)
    work()
    assert whatsapp_server.sent == [], "nobody is told by phone that they wait"
    cancelling.cancel_order(first)
    said = the(OutgoingNotice).context["until"]
    clock.advance(minutes=1)
    work()
    ((_, template, parameters),) = whatsapp_server.sent
    assert template == "muster_place_offered" and parameters[4].endswith(f"/offers/{booking(waiting).token}")
    ends = booking(waiting).offer_expires_at
    assert ends is not None and said <= ends.isoformat(), "what the phone was told stays true"
    whatsapp_server.sent.clear()
    offers.accept(booking(waiting).token)
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed"]


def test_offer_that_was_answered_before_the_notice_went_is_not_made_again(
    whatsapp_server: Any, app: Flask, clock: FakeClock
) -> None:
    club_session = make_free_club_session(capacity=1, waitlist_capacity=5)
    first = book(club_session, whatsapp_number=None)
    waiting = book(club_session, accept_waitlist=True)
    cancelling.cancel_order(first)
    offers.accept(booking(waiting).token)
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed"]
    assert the(OutgoingNotice, kind="place_offered").failed_at is not None


def test_deadline_that_was_told_never_moves_nearer(app: Flask, clock: FakeClock) -> None:
    """The mail is handed over as the start has come nearer: counted anew the time would be less than what the page had said."""
    club_session = make_free_club_session(
        capacity=1, waitlist_capacity=5, starts_at=clock.now + timedelta(hours=49), ends_at=clock.now + timedelta(hours=51)
    )
    first = book(club_session)
    waiting = book(club_session, accept_waitlist=True)
    work()
    cancelling.cancel_order(first)
    told_at = booking(waiting).offer_expires_at
    clock.advance(hours=2)
    work()
    assert the(OutgoingEmail, template="offer").sent_at is not None and booking(waiting).offer_expires_at == told_at


def test_change_of_time_or_place_is_told(whatsapp_server: Any, app: Flask) -> None:
    book(make_free_club_session(slug="walk", location="The pier", capacity=1, waitlist_capacity=3))
    edit("walk", location="The harbour")
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed", "muster_session_changed"]
    assert whatsapp_server.sent[1][2][3] == "The harbour"


def test_cancelling_is_told(whatsapp_server: Any, app: Flask) -> None:
    cancelling.cancel_order(book(make_free_club_session()))
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed", "muster_booking_cancelled"]


def test_a_session_that_does_not_take_place_is_told_once(whatsapp_server: Any, app: Flask) -> None:
    club_session = make_free_club_session()
    book(club_session)
    winding_up.cancel_session(club_session.slug, STAFF, "The hall is closed.")
    for _ in range(2):
        work()
    assert told(whatsapp_server) == ["muster_booking_confirmed", "muster_session_cancelled"]


def test_money_that_goes_back_is_told(whatsapp_server: Any, app: Flask, stripe_simulator: Any) -> None:
    token = book(make_club_session(), expected_price_cents=1200)
    assert count_of(OutgoingNotice) == 0, "nothing is confirmed before it is paid"
    stripe_simulator.pay()
    stripe_simulator.deliver()
    cancelling.cancel_order(token)
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed", "muster_money_returned"]
    assert "NZ$12.00" in whatsapp_server.sent[1][2]


# --- The words ---------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_each_parameter_is_one_short_line_of_text(app: Flask) -> None:
    session = {
        "title": "A\twalk " + "x" * 400, "location": "", "starts_at": "2026-03-10T06:00:00+00:00",
        "ends_at": "2026-03-10T08:00:00+00:00", "time_zone": "Pacific/Auckland",
    }  # fmt: skip
    context = {
        "name": "Aroha\n     & Sons", "order_url": "http://muster.test/orders/x", "order_reference": "K7M4QX", "currency": "NZD",
        "session": session, "until": "2026-03-09T06:00:00+00:00", "offer": {"url": "http://muster.test/offers/x"},
        "refund": {"amount_cents": 1200}, "what": "Annual membership", "total_cents": 6000,
    }  # fmt: skip
    counted = {}
    for kind in Kind:
        parameters = notices.parameters_of(kind, context)
        counted[kind.value] = len(parameters)
        assert all(0 < len(text) <= notices.LONGEST_PARAMETER and "\n" not in text and "\t" not in text for text in parameters)
    assert counted == {
        "booking_confirmed": 5, "place_offered": 5, "booking_cancelled": 4, "session_cancelled": 4, "session_changed": 5,
        "money_returned": 4, "order_complete": 4,
    }  # fmt: skip
    assert notices.parameters_of(Kind.CONFIRMED, context)[0] == "Aroha & Sons"
    assert notices.parameters_of(Kind.CONFIRMED, context)[3] == "–", "Meta takes no empty one"
