"""How often a notice is tried, when that ends, and what is left of it when the person takes the number back."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, Case, OutgoingEmail, OutgoingNotice, Registration
from app.rules.refusals import InvalidInput
from app.services import booking_contact, cancelling, notices, outbox, retention
from app.transaction import transaction
from tests.support.booking import at_once, mails, order_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_free_club_session
from tests.support.notices import NUMBER, STAFF, TO, book, booking, told
from tests.support.rows import all_of, count_of, the
from tests.support.whatsapp import HANG_UP, error


def test_a_passing_failure_rests_five_minutes_and_delays_no_mail(whatsapp_server: Any, app: Flask, clock: FakeClock) -> None:
    whatsapp_server.answer_with(HANG_UP, error(190, "Access token has expired", 401))
    book(make_free_club_session())
    work()
    assert the(OutgoingEmail).sent_at == clock.now and the(OutgoingNotice).sent_at is None
    clock.advance(minutes=4, seconds=59)
    assert notices.send_due() == 0
    clock.advance(seconds=1)
    assert notices.send_due() == 1 and "190" in (the(OutgoingNotice).last_error or "")
    clock.advance(minutes=5)
    assert notices.send_due() == 1 and told(whatsapp_server) == ["muster_booking_confirmed"]
    assert the(OutgoingNotice).last_error is None and the(OutgoingNotice).attempts == 3


def test_four_hours_of_trying_end_in_a_failure_that_is_seen(whatsapp_server: Any, app: Flask, clock: FakeClock) -> None:
    whatsapp_server.answer_with(*[(500, "")] * outbox.TRIES)
    book(make_free_club_session())
    for _ in range(outbox.TRIES - 1):
        assert notices.send_due() == 1
        clock.advance(minutes=5)
    assert the(OutgoingNotice).failed_at is None
    assert notices.send_due() == 1
    assert the(OutgoingNotice).failed_at == clock.now
    clock.advance(days=1)
    assert notices.send_due() == 0


def test_a_number_that_is_not_on_whatsapp_ends_it_at_once(
    whatsapp_server: Any, app: Flask, clock: FakeClock, caplog: Any
) -> None:
    whatsapp_server.answer_with(error(131026, f"Message undeliverable to {TO}"))
    book(make_free_club_session())
    work()
    notice = the(OutgoingNotice)
    assert notice.failed_at == clock.now and "131026" in (notice.last_error or "")
    assert TO not in (notice.last_error or "") + caplog.text
    assert mails() == ["confirmation"] and the(OutgoingEmail).sent_at is not None and count_of(Case) == 0
    clock.advance(days=1)
    assert notices.send_due() == 0 and whatsapp_server.asked == 1


def test_staff_may_try_again_what_has_failed_and_it_is_on_the_record(whatsapp_server: Any, app: Flask) -> None:
    whatsapp_server.answer_with(error(131026))
    book(make_free_club_session())
    with pytest.raises(InvalidInput):
        notices.retry(the(OutgoingNotice).id, STAFF)
    work()
    notices.retry(the(OutgoingNotice).id, STAFF)
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed"]
    assert the(AuditEntry, action="notice_retried").actor == STAFF
    with pytest.raises(InvalidInput):
        notices.retry(the(OutgoingNotice).id, STAFF)


def test_one_that_cannot_be_filled_in_does_not_stop_the_rest(whatsapp_server: Any, app: Flask) -> None:
    book(make_free_club_session())
    with transaction() as db:
        db.execute(update(OutgoingNotice).values(context={}))
    book(make_free_club_session())
    assert notices.send_due() == 2
    assert len(whatsapp_server.sent) == 1 and all_of(OutgoingNotice)[0].last_error == "UndefinedError"


def test_a_crash_after_sending_sends_it_again_and_not_before_its_time(
    whatsapp_server: Any, app: Flask, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(make_free_club_session())
    with monkeypatch.context() as dying:
        dying.setattr(notices, "_sent", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            notices.send_due()
    assert notices.send_due() == 0
    clock.advance(minutes=5)
    assert notices.send_due() == 1 and len(whatsapp_server.sent) == 2, "at least once"


def test_two_workers_send_it_once(whatsapp_server: Any, app: Flask) -> None:
    book(make_free_club_session())
    notice_id = the(OutgoingNotice).id
    results = at_once(app, *[lambda: notices.send_one(notice_id)] * 4)
    assert sorted(results) == [False, False, False, True] and len(whatsapp_server.sent) == 1


def test_the_same_news_is_owed_once(whatsapp_server: Any, app: Flask) -> None:
    token = book(make_free_club_session())
    letter = the(OutgoingEmail)
    for _ in range(2):
        with transaction() as db:
            notices.owe(db, "confirmation", letter.dedupe_key, order_of(token).id, letter.context)
    assert count_of(OutgoingNotice) == 1


# --- Taking it back ----------------------------------------------------------------------------------------------------------


def test_stopping_takes_back_the_number_the_consent_and_what_is_owed(whatsapp_server: Any, app: Flask) -> None:
    club_session = make_free_club_session()
    token, other = book(club_session), book(club_session)
    for _ in range(2):
        notices.stop(token, "guest")
    assert (booking(token).whatsapp_number, booking(token).whatsapp_agreed_at) == (None, None)
    assert booking(other).whatsapp_number == NUMBER and count_of(AuditEntry, action="notices_stopped") == 1
    work()
    cancelling.cancel_order(token)
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed"], "the other's alone"
    assert len(mails()) == 3


def test_who_stops_while_a_try_is_under_way_is_not_tried_again(whatsapp_server: Any, app: Flask, clock: FakeClock) -> None:
    token = book(make_free_club_session())

    def stop() -> None:
        with app.app_context():
            notices.stop(token, "guest")

    whatsapp_server.meanwhile = stop
    whatsapp_server.answer_with((500, ""))
    notices.send_due()
    clock.advance(minutes=5)
    assert notices.send_due() == 0 and count_of(OutgoingNotice) == 0 and whatsapp_server.asked == 1


def test_a_booking_that_goes_to_another_address_leaves_the_number_behind(whatsapp_server: Any, app: Flask) -> None:
    token = book(make_free_club_session())
    booking_contact.edit(booking(token).token, "Ben", "ben@club.example", "Typed wrong", STAFF, once="k" * 20)
    work()
    assert the(Registration).whatsapp_number is None and whatsapp_server.asked == 0


def test_purge_leaves_neither_number_nor_notice(whatsapp_server: Any, app: Flask, clock: FakeClock) -> None:
    book(make_free_club_session())
    work()
    clock.advance(days=retention.KEEP.days + 8)
    assert retention.purge() == 1
    assert the(Registration).whatsapp_number is None and count_of(OutgoingNotice) == 0
