"""Applications: sent for nothing, decided once and all together, offered until a deadline, rolled to the next in reserve."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, OutgoingEmail, Registration
from app.rules import offers as offer_rules
from app.rules import refusals
from app.rules.statuses import Entry, SessionStatus
from app.services import applications, booking_contact, cancelling, checkout, offers, registrations, winding_up
from app.services.applications import Decision, Verdict
from tests.support.applying import STAFF, accept, apply, booking, counters, decide, reserve, session, status
from tests.support.booking import applicant, at_once, balances, mails, payments_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.rows import all_of, the
from tests.support.stripe import StripeSimulator


def test_application_takes_no_place_and_no_money(app: Flask) -> None:
    club_session = session()
    order = apply(club_session, places=2)
    assert states(order) == ("pending", "under_review", [])
    assert (booking(order).price_cents, booking(order).amount_paid_cents) == (2400, 0)
    assert counters(club_session) == (0, 0, 0)
    assert mails() == ["applied"]
    with pytest.raises(refusals.OrderNotOpen):
        checkout.pay(order)


def test_more_may_apply_than_there_are_places(app: Flask) -> None:
    club_session = session(capacity=1)
    assert [status(apply(club_session)) for _ in range(3)] == ["under_review"] * 3


def test_one_application_for_each_session_and_address(app: Flask) -> None:
    club_session = session()
    first = applicant(email="ana@example.org")
    entered = registrations.register(club_session.slug, first)
    assert entered.outcome is registrations.Outcome.APPLIED
    again = registrations.register(club_session.slug, applicant(email="ana@example.org"))
    assert again.outcome is registrations.Outcome.ALREADY_IN
    assert len(all_of(Registration)) == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("shape", "asked", "refusal"),
    [
        ({"opens_at": timedelta(hours=1)}, None, refusals.NotYetOpen),
        ({"closes_at": timedelta(hours=-1)}, None, refusals.RegistrationClosed),
        ({"status": SessionStatus.CANCELLED}, None, refusals.SessionCancelled),
        ({}, Entry.OPEN, refusals.ByApplicationOnly),
        ({"entry": Entry.OPEN}, Entry.APPLICATION, refusals.NoApplicationNeeded),
    ],
)
def test_application_is_refused_when_registering_would_be(
    app: Flask, clock: FakeClock, shape: dict[str, Any], asked: Entry | None, refusal: type[Exception]
) -> None:
    changes = {name: clock.now + value if isinstance(value, timedelta) else value for name, value in shape.items()}
    with pytest.raises(refusal):
        apply(session(**changes), asked=asked)
    assert all_of(Registration) == []


def test_accepted_application_keeps_its_place_until_it_is_paid(app: Flask, stripe_simulator: StripeSimulator) -> None:
    club_session = session()
    order = apply(club_session)
    assert accept(club_session, order, message="See you there!") == 1
    assert (status(order), taken(club_session)) == ("offered", 1)
    assert the(OutgoingEmail, template="accepted").context["message"] == "See you there!"
    offers.accept(booking(order).token)
    checkout.pay(order)
    assert states(order) == ("pending", "held", ["open"])
    stripe_simulator.pay(payments_of(order)[0].checkout_id or "")
    stripe_simulator.deliver()
    assert states(order) == ("paid", "registered", ["succeeded"])
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}
    assert counters(club_session) == (1, 0, 0)


def test_free_place_is_confirmed_in_one_step(app: Flask) -> None:
    club_session = session(free=True)
    order = apply(club_session)
    accept(club_session, order)
    assert status(order) == "offered"  # nobody comes who did not say so
    offers.accept(booking(order).token)
    assert states(order)[:2] == ("paid", "registered")
    assert mails() == ["applied", "accepted", "confirmation"]


def test_deadline_is_the_committees_or_the_published_rule(app: Flask, clock: FakeClock) -> None:
    club_session = session(capacity=5)
    by_rule, chosen = apply(club_session), apply(club_session)
    until = clock.now + timedelta(days=3)
    accept(club_session, by_rule)
    accept(club_session, chosen, until=until)
    clock.advance(minutes=30)
    work()  # hands the mails over, which starts the clock of the rule and of no other
    rule = offer_rules.deadline(clock.now, club_session.starts_at, club_session.time_zone)
    assert (booking(by_rule).offer_expires_at, booking(chosen).offer_expires_at) == (rule, until)


def test_corrected_address_keeps_the_committees_deadline(app: Flask, clock: FakeClock) -> None:
    club_session = session(capacity=5)
    order, until = apply(club_session), clock.now + timedelta(days=3)
    accept(club_session, order, until=until)
    work()
    clock.advance(hours=1)
    row = booking(order)
    booking_contact.edit(row.token, row.name, "mended@example.org", "typed wrong", STAFF, once="c" * 20)
    work()
    row = the(Registration)
    letter = all_of(OutgoingEmail, to="mended@example.org")[-1]
    assert (row.offer_expires_at, letter.template, letter.sent_at) == (until, "accepted", clock.now)
    assert letter.context["offer"]["url"].endswith(f"/offers/{row.token}")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("hours", [0, -1, 24 * 8])
def test_deadline_in_the_past_or_after_the_start_is_refused(app: Flask, clock: FakeClock, hours: int) -> None:
    club_session = session()
    order = apply(club_session)
    with pytest.raises(refusals.InvalidInput) as refused:
        accept(club_session, order, until=clock.now + timedelta(hours=hours))
    assert refused.value.field == "until" and (status(order), taken(club_session)) == ("under_review", 0)


def test_accepting_more_than_there_are_places_changes_nothing(app: Flask) -> None:
    club_session = session(capacity=2)
    orders = [apply(club_session) for _ in range(3)]
    with pytest.raises(applications.MoreThanThereAre) as refused:
        accept(club_session, *orders)
    assert refused.value.params == {"wanted": 3, "left": 2}
    assert {status(order) for order in orders} == {"under_review"} and counters(club_session) == (0, 0, 0)
    assert accept(club_session, *orders, overbook=True, once="tick") == 3
    assert counters(club_session) == (3, 0, 1)
    assert the(AuditEntry, action="applications_offered").detail["overbooked"] is True


def test_two_who_accept_at_once_never_oversell(app: Flask) -> None:
    club_session = session(capacity=1)
    one, two = apply(club_session), apply(club_session)
    results = at_once(app, lambda: accept(club_session, one), lambda: accept(club_session, two))
    assert sorted(type(result).__name__ for result in results) == ["MoreThanThereAre", "int"]
    assert counters(club_session) == (1, 0, 0)


def test_form_sent_twice_decides_once_and_tells_once(app: Flask) -> None:
    club_session = session()
    order = apply(club_session)
    results = at_once(app, *[lambda: accept(club_session, order, once="same-form")] * 2)
    assert sorted(results) == [0, 1]
    assert mails().count("accepted") == 1 and taken(club_session) == 1


def test_decided_application_is_not_decided_again(app: Flask) -> None:
    club_session = session()
    one, two = apply(club_session), apply(club_session)
    decide(club_session, Verdict.DECLINE, one)
    for verdict in Verdict:
        with pytest.raises(applications.DecidedMeanwhile):
            decide(club_session, verdict, one, two, once=f"again-{verdict}")
    assert (status(one), status(two), taken(club_session)) == ("declined", "under_review", 0)
    assert states(one)[0] == "cancelled" and mails() == ["applied", "applied", "declined"]


def test_declined_may_apply_again(app: Flask) -> None:
    club_session = session()
    first = apply(club_session, email="ana@example.org")
    decide(club_session, Verdict.DECLINE, first)
    assert status(apply(club_session, email="ana@example.org")) == "under_review"


@pytest.mark.databases("sqlite")
def test_nobody_is_decided_about_in_another_session(app: Flask) -> None:
    club_session, other = session(), session()
    order = apply(other)
    with pytest.raises(applications.NobodyChosen):
        accept(club_session, order)
    with pytest.raises(refusals.SessionNotFound):
        applications.decide("no-such", Decision(Verdict.ACCEPT, (booking(order).token,)), STAFF, once="x")


def test_cancelled_session_tells_every_applicant_once(app: Flask) -> None:
    club_session = session(capacity=2)
    orders = [apply(club_session) for _ in range(4)]
    accept(club_session, orders[0])
    reserve(club_session, orders[1])
    decide(club_session, Verdict.DECLINE, orders[2])
    winding_up.cancel_session(club_session.slug, STAFF, "rain")
    for _ in range(3):
        work()
    assert [status(order) for order in orders] == ["cancelled", "cancelled", "declined", "cancelled"]
    told = [mail.to for mail in all_of(OutgoingEmail) if mail.template == "session_cancelled"]
    assert sorted(told) == sorted(booking(order).email for order in (orders[0], orders[1], orders[3]))
    assert counters(club_session) == (0, 0, 0)


def test_application_sent_while_the_session_is_cancelled_is_refused_or_told(app: Flask) -> None:
    club_session = session()
    results = at_once(
        app, lambda: apply(club_session), lambda: winding_up.cancel_session(club_session.slug, STAFF, "rain")
    )
    work()
    work()
    if isinstance(results[0], refusals.SessionCancelled):
        assert all_of(Registration) == []
    else:
        assert status(results[0]) == "cancelled" and mails().count("session_cancelled") == 1


def test_nobody_hopes_any_more_once_the_session_has_begun(app: Flask, clock: FakeClock) -> None:
    club_session = session()
    one, two = apply(club_session), apply(club_session)
    reserve(club_session, two)
    clock.advance(days=8)
    for _ in range(2):
        work()
    assert (status(one), status(two)) == ("expired", "expired")
    assert mails().count("application_over") == 2
    with pytest.raises(applications.DecidedMeanwhile):
        accept(club_session, one)


@pytest.mark.databases("sqlite")
def test_nobody_is_accepted_into_a_session_that_has_begun(app: Flask, clock: FakeClock) -> None:
    club_session = session()
    order = apply(club_session)
    clock.advance(days=8)
    with pytest.raises(applications.NotUnderWay):
        accept(club_session, order)
    assert taken(club_session) == 0


@pytest.mark.parametrize("stage", ["under_review", "in_reserve"])
def test_applicant_withdraws(app: Flask, stage: str) -> None:
    club_session = session()
    order = apply(club_session)
    if stage == "in_reserve":
        reserve(club_session, order)
    cancelling.cancel_order(order)
    assert states(order) == ("cancelled", "cancelled", []) and counters(club_session) == (0, 0, 0)
    assert mails()[-1] == "cancelled"
