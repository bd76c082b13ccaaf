"""A new time or place is told to everybody who is in, once, with the new calendar entry and a way out for all of their money."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, Order, OutgoingEmail, Refund, Registration
from app.queries import desk_ending
from app.rules.refusals import OrderNotOpen
from app.rules.statuses import RefundPolicy, RegistrationStatus, SessionStatus
from app.services import adding, cancelling, changed_sessions, club_sessions, outbox, repeating, series_edits
from app.services.adding import How, Wanted
from app.services.club_session_fields import ClubSessionFields
from app.services.repeating import Wish
from tests.support.booking import begin, payments_of
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

ACTOR = "user:7"
FRIDAY = datetime(2026, 3, 20, 5, 30, tzinfo=UTC)


def edit(slug: str, /, **changes: Any) -> None:
    """Change it, and do the worker's part of telling."""
    only_edit(slug, **changes)
    changed_sessions.tell_due()


def only_edit(slug: str, /, **changes: Any) -> None:
    club_sessions.edit(slug, fields_of(slug, **changes), ACTOR)


def fields_of(slug: str, /, **changes: Any) -> ClubSessionFields:
    row = the(ClubSession, slug=slug)
    return replace(ClubSessionFields(**{name: getattr(row, name) for name in ClubSessionFields.__dataclass_fields__}), **changes)


def told() -> dict[str, str]:
    """Whom a change was told to, and by which letter."""
    return {mail.to: mail.template for mail in all_of(OutgoingEmail) if mail.template.startswith("session_changed")}


def book(slug_of: ClubSession, name: str, **changes: Any) -> str:
    return begin(slug_of, email=f"{name}@example.org", expected_price_cents=0, **changes)


def test_everybody_who_is_in_is_told_once_by_the_letter_that_fits(app: Flask) -> None:
    session = make_free_club_session(slug="walk", capacity=2, waitlist_capacity=5, location="The pier", starts_at=FRIDAY)
    book(session, "in")
    cancelling.cancel_order(book(session, "out"))
    book(session, "second")
    book(session, "waits", accept_waitlist=True)
    edit("walk", location="The harbour")
    expected = {"in@example.org": "session_changed", "second@example.org": "session_changed"}
    assert told() == {**expected, "waits@example.org": "session_changed_waiting"}
    edit("walk", title="A walk", summary="Easy")
    edit("walk", location="The harbour")
    assert count_of(OutgoingEmail, template="session_changed") == 2
    edit("walk", starts_at=FRIDAY + timedelta(hours=1), ends_at=FRIDAY + timedelta(hours=3))
    assert count_of(OutgoingEmail, template="session_changed") == 4
    assert all_of(AuditEntry, action="session_edited")[0].detail["told"] == 3


def test_the_letter_says_how_it_was_and_is_and_carries_the_same_entry_under_a_higher_number(app: Flask) -> None:
    session = make_free_club_session(slug="walk", location="The pier", starts_at=FRIDAY, ends_at=FRIDAY + timedelta(hours=2))
    book(session, "ana")
    outbox.send_due()
    edit("walk", starts_at=FRIDAY + timedelta(hours=1), location="The harbour")
    outbox.send_due()
    before, after = the(OutgoingEmail, template="confirmation"), the(OutgoingEmail, template="session_changed")
    was, now = (icalendar.Calendar.from_ical(mail.attachments[0]["content"]).walk("VEVENT")[0] for mail in (before, after))
    assert was["UID"] == now["UID"] and now["SEQUENCE"] > was["SEQUENCE"] and now["LOCATION"] == "The harbour"
    assert now.decoded("DTSTART") == FRIDAY + timedelta(hours=1)
    text = after.text_body or ""
    assert "7:30 – 8:30\xa0pm" in text and "The harbour" in text
    assert "Before: Friday 20 March, 6:30 – 8:30\xa0pm, The pier" in text
    assert after.subject == f"Changed: {session.title}, Friday 20 March" and f"/orders/{the(Order).token}" in text
    assert "please cancel, so that somebody else can have your place" in text


def test_drafts_and_what_is_over_tell_nobody(app: Flask, clock: FakeClock) -> None:
    session = make_free_club_session(slug="walk", starts_at=FRIDAY, ends_at=FRIDAY + timedelta(hours=2))
    make_free_club_session(slug="draft", status=SessionStatus.DRAFT, starts_at=FRIDAY)
    book(session, "ana")
    edit("draft", location="Elsewhere")
    clock.set(FRIDAY + timedelta(hours=2, minutes=1))
    edit("walk", location="Elsewhere")
    assert told() == {} and the(ClubSession, slug="walk").changed_at is None


@pytest.mark.parametrize("policy", [RefundPolicy.NONE, RefundPolicy.PERCENTAGE])
def test_who_booked_before_gets_all_back_until_the_start_and_who_booked_after_does_not(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, policy: RefundPolicy
) -> None:
    start = clock.now + timedelta(days=10)
    terms = {"refund_policy": policy, "refund_percent": 50, "refund_until": start - timedelta(days=8)}
    session = make_club_session(slug="trip", starts_at=start, ends_at=start + timedelta(hours=2), capacity=5, **terms)
    before = begin(session, email="before@example.org")
    stripe_simulator.pay(payments_of(before)[0].checkout_id or "")
    stripe_simulator.deliver()
    clock.advance(minutes=1)
    edit("trip", location="Elsewhere")
    clock.advance(minutes=1)
    after = begin(session, email="after@example.org")
    stripe_simulator.pay(payments_of(after)[0].checkout_id or "")
    stripe_simulator.deliver()
    clock.set(start - timedelta(minutes=1))
    assert cancelling.cancel_order(before) == 1200 and cancelling.cancel_order(after) == 0
    assert the(Refund).amount_cents == 1200


def test_nobody_gets_anything_once_it_has_started(app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock) -> None:
    start = clock.now + timedelta(days=1)
    session = make_club_session(slug="trip", starts_at=start, ends_at=start + timedelta(hours=2))
    order = begin(session)
    stripe_simulator.pay(payments_of(order)[0].checkout_id or "")
    stripe_simulator.deliver()
    edit("trip", location="Elsewhere")
    clock.set(start)
    with pytest.raises(OrderNotOpen):
        cancelling.cancel_order(order)
    assert count_of(Refund) == 0


def test_this_and_following_tells_those_of_each_session(app: Flask) -> None:
    session = make_free_club_session(slug="walk", capacity=3, starts_at=FRIDAY, refund_until=None)
    wish = Wish(1, None, frozenset(), SessionStatus.PUBLISHED)
    (next_week,) = repeating.repeat_weekly("walk", wish, ACTOR, seen=repeating.plan("walk", wish).fingerprint)
    book(session, "ana")
    book(the(ClubSession, slug=next_week), "bo")
    fields = fields_of("walk", location="Elsewhere")
    plan = series_edits.plan("walk", fields, seen=None)
    assert changed_sessions.who_is_told(plan.slugs, plan.changed).registered == 2
    assert changed_sessions.who_is_told(plan.slugs, {"title"}).total == 0
    series_edits.edit_following("walk", fields, ACTOR, seen=None, confirmed=plan.fingerprint)
    assert told() == {}
    changed_sessions.tell_due()
    assert told() == {"ana@example.org": "session_changed", "bo@example.org": "session_changed"}
    mails = {mail.to: mail.context["items"][0]["session"] for mail in all_of(OutgoingEmail, template="session_changed")}
    assert mails["bo@example.org"]["slug"] == next_week and mails["bo@example.org"]["location"] == "Elsewhere"
    assert {r.status for r in all_of(Registration)} == {RegistrationStatus.REGISTERED}


def test_who_gave_no_address_is_not_counted_among_those_who_are_told(app: Flask) -> None:
    session = make_free_club_session(slug="walk", starts_at=FRIDAY)
    book(session, "in")
    adding.add("walk", Wanted("Hemi Kara", 1, How.COMP, "w" * 20, reason="Walked in"), ACTOR)
    assert changed_sessions.who_is_told(["walk"], {"location"}).registered == 1
    edit("walk", location="The pier")
    assert the(AuditEntry, action="session_edited").detail["told"] == 1 and list(told()) == ["in@example.org"]
    ending = desk_ending.of_session("walk")
    assert ending is not None and (ending.people, ending.count("registered")) == (1, 2)
