"""Asking for places (DESIGN §6 "Register"): who may, at what price, and that a refusal leaves nothing behind.

The price is decided by the server when the hold is made (promise 15); the same form or person never makes two bookings.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, ClubSession, Order, OrderItem, OutgoingEmail, Payment, Registration
from app.rules import capacity, refusals
from app.rules.statuses import OrderStatus, PaymentState, RegistrationStatus, SessionStatus
from app.services import registrations
from app.services.orders import Intent
from app.services.registrations import Applicant, Outcome
from app.transaction import transaction
from tests.support.booking import applicant, balances, begin, mails, order_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_membership, make_user
from tests.support.rows import all_of, count_of, the

REGISTER = registrations.register


def nothing_kept(club_session: ClubSession) -> None:
    now = the(ClubSession, id=club_session.id)
    assert (now.places_taken, now.waitlist_taken) == (0, 0)
    assert [count_of(model) for model in (Order, OrderItem, Registration, Payment, OutgoingEmail, AuditEntry)] == [0] * 6


def change(club_session: ClubSession, **values: Any) -> None:
    with transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == club_session.id).values(**values))


# --- The price ---------------------------------------------------------------------------------------------------------------


def test_hold_order_item_and_payment_carry_one_and_the_same_price(app: Flask) -> None:
    club_session = make_club_session()
    entered = REGISTER(club_session.slug, applicant(places=3))
    order, item, payment, registration = the(Order), the(OrderItem), the(Payment), the(Registration)
    intent = Intent(payment.id, payment.idempotency_key, payment.params)
    assert entered == registrations.Entered(Outcome.TO_PAY, order.token, intent)
    assert (order.total_cents, order.currency, payment.amount_cents, registration.price_cents) == (3600, "NZD", 3600, 3600)
    assert (item.unit_amount_cents, item.quantity, item.description) == (1200, 3, club_session.title)
    assert (registration.status, registration.payment_status) == (RegistrationStatus.HELD, PaymentState.PENDING)
    assert (order.status, registration.amount_paid_cents, payment.captured_cents) == (OrderStatus.PENDING, 0, 0)
    assert taken(club_session) == 3 and mails() == [] and balances() == {}


def test_member_signed_in_pays_the_member_price_at_their_own_address(app: Flask) -> None:
    club_session, member = make_club_session(), make_user()
    make_membership(member)
    REGISTER(club_session.slug, applicant(email=member.email, user_id=member.id, expected_price_cents=800, places=2))
    assert (the(Payment).amount_cents, the(Registration).user_id) == (2000, member.id)  # 800 and a guest's 1200


def test_guest_who_types_a_members_address_pays_the_full_price(app: Flask) -> None:
    club_session, member = make_club_session(), make_user()
    make_membership(member)
    with pytest.raises(refusals.PriceChanged) as refused:
        REGISTER(club_session.slug, applicant(email=member.email, expected_price_cents=800))
    assert refused.value.params == {"unit_cents": 1200, "currency": "NZD"}
    nothing_kept(club_session)
    REGISTER(club_session.slug, applicant(email=member.email, expected_price_cents=1200))
    assert the(Payment).amount_cents == 1200


def test_member_who_books_for_another_address_pays_the_full_price(app: Flask) -> None:
    club_session, member = make_club_session(), make_user()
    make_membership(member)
    REGISTER(club_session.slug, applicant(user_id=member.id, expected_price_cents=1200))
    assert the(Payment).amount_cents == 1200


@pytest.mark.parametrize(("span", "price"), [
    ({"starts_on": 0, "ends_on": 0}, 800),  # both days included
    ({"starts_on": -30, "ends_on": -1}, 1200),
    ({"starts_on": 1, "ends_on": 30}, 1200),
    ({"starts_on": -30, "ends_on": 30, "revoked_at": True}, 1200),
])  # fmt: skip
def test_membership_counts_on_the_clubs_own_days_and_until_it_is_revoked(
    app: Flask, clock: FakeClock, span: dict[str, Any], price: int
) -> None:
    today = clock.now.date() + timedelta(days=1)  # 2 March, 21:00 UTC is 3 March in Auckland
    dates = {name: today + timedelta(days=days) for name, days in span.items() if name != "revoked_at"}
    club_session, member = make_club_session(), make_user()
    make_membership(member, **dates, revoked_at=clock.now if "revoked_at" in span else None)
    other = 2000 - price
    with pytest.raises(refusals.PriceChanged):
        REGISTER(club_session.slug, applicant(email=member.email, user_id=member.id, expected_price_cents=other))
    REGISTER(club_session.slug, applicant(email=member.email, user_id=member.id, expected_price_cents=price))
    assert the(Payment).amount_cents == price


@pytest.mark.parametrize("expected", [1199, 0, -1200, None])
def test_price_that_is_not_the_one_shown_is_asked_about_and_nothing_is_kept(app: Flask, expected: int | None) -> None:
    club_session = make_club_session()
    with pytest.raises(refusals.PriceChanged):
        REGISTER(club_session.slug, applicant(expected_price_cents=expected))
    nothing_kept(club_session)


def test_price_is_frozen_when_the_hold_is_made(app: Flask) -> None:
    club_session = make_club_session()
    entered = REGISTER(club_session.slug, applicant())
    change(club_session, non_member_price_cents=9900)
    assert (the(Order).total_cents, the(Registration).price_cents, the(Payment).amount_cents) == (1200, 1200, 1200)
    assert entered.intent is not None and entered.intent.payment_id == the(Payment).id


def test_price_below_what_a_card_can_pay_is_refused_in_words(app: Flask) -> None:
    club_session = make_club_session(non_member_price_cents=49, member_price_cents=None)
    with pytest.raises(refusals.InvalidInput):
        REGISTER(club_session.slug, applicant(expected_price_cents=49))
    nothing_kept(club_session)


@pytest.mark.parametrize("price", [None, 0])
def test_free_is_registered_at_once_with_one_mail_and_without_stripe(
    app: Flask, stripe_simulator: Any, price: int | None
) -> None:
    club_session = make_free_club_session(non_member_price_cents=price)
    token = begin(club_session, expected_price_cents=0, places=2)
    assert states(token) == ("paid", "registered", [])
    assert the(Registration).payment_status is PaymentState.FREE and order_of(token).hold_expires_at is None
    assert taken(club_session) == 2 and mails() == ["confirmation"] and balances() == {}
    work()
    assert stripe_simulator.control.counts() == {} and all_of(OutgoingEmail)[0].sent_at is not None


# --- Whether -----------------------------------------------------------------------------------------------------------------

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)


@pytest.mark.parametrize(("state", "refusal"), [
    ({"status": SessionStatus.DRAFT}, refusals.SessionNotFound),
    ({"status": SessionStatus.CANCELLED}, refusals.SessionCancelled),
    ({"status": SessionStatus.COMPLETED}, refusals.RegistrationClosed),
    ({"opens_at": HOUR}, refusals.NotYetOpen),
    ({"closes_at": timedelta()}, refusals.RegistrationClosed),
    ({"starts_at": timedelta()}, refusals.RegistrationClosed),
    ({"starts_at": -HOUR, "closes_at": HOUR}, refusals.RegistrationClosed),
    ({"capacity": 0}, refusals.SessionFull),
])  # fmt: skip
def test_session_that_takes_nobody_says_why_and_keeps_nothing(
    app: Flask, clock: FakeClock, state: dict[str, Any], refusal: type[refusals.Refusal]
) -> None:
    club_session = make_club_session(**{k: clock.now + v if isinstance(v, timedelta) else v for k, v in state.items()})
    with pytest.raises(refusal):
        REGISTER(club_session.slug, applicant())
    nothing_kept(club_session)


def test_unknown_session_is_not_found(app: Flask) -> None:
    with pytest.raises(refusals.SessionNotFound):
        REGISTER("no-such-session", applicant())


def test_registration_opens_and_closes_to_the_second(app: Flask, clock: FakeClock) -> None:
    club_session = make_club_session(opens_at=clock.now + HOUR, closes_at=clock.now + 2 * HOUR)
    clock.advance(seconds=3600)
    REGISTER(club_session.slug, applicant())
    clock.advance(seconds=3599)
    REGISTER(club_session.slug, applicant())
    clock.advance(seconds=1)
    with pytest.raises(refusals.RegistrationClosed):
        REGISTER(club_session.slug, applicant())


def test_members_may_register_before_the_others(app: Flask, clock: FakeClock) -> None:
    club_session, member = make_club_session(opens_at=clock.now + HOUR, members_open_at=clock.now), make_user()
    make_membership(member)
    with pytest.raises(refusals.NotYetOpen):
        REGISTER(club_session.slug, applicant())
    entered = REGISTER(club_session.slug, applicant(email=member.email, user_id=member.id, expected_price_cents=800))
    assert entered.outcome is Outcome.TO_PAY


@pytest.mark.parametrize("places", [0, -1, 5])
def test_places_outside_one_to_the_sessions_most_are_refused(app: Flask, places: int) -> None:
    club_session = make_club_session(max_places=4)
    with pytest.raises(refusals.TooManyPlaces):
        REGISTER(club_session.slug, applicant(places=places))
    nothing_kept(club_session)


def test_twin_without_the_bound_more_places_are_taken_than_allowed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "check_places", lambda *_: None)
    club_session = make_club_session(max_places=4)
    REGISTER(club_session.slug, applicant(places=5))
    assert taken(club_session) == 5


def test_more_places_than_are_left_says_how_many_there_are(app: Flask) -> None:
    club_session = make_club_session(capacity=3)
    REGISTER(club_session.slug, applicant(places=2))
    with pytest.raises(refusals.NotEnoughPlaces) as refused:
        REGISTER(club_session.slug, applicant(places=2))
    assert refused.value.params == {"left": 1} and taken(club_session) == 2
    REGISTER(club_session.slug, applicant(places=1))
    with pytest.raises(refusals.SessionFull):
        REGISTER(club_session.slug, applicant())
    assert taken(club_session) == 3 and count_of(Registration) == 2


def test_full_session_with_a_waitlist_asks_first_and_then_keeps_a_spot(app: Flask) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=1)
    REGISTER(club_session.slug, applicant())
    with pytest.raises(refusals.WaitlistNotAccepted):
        REGISTER(club_session.slug, applicant())
    entered = REGISTER(club_session.slug, applicant(accept_waitlist=True))
    order = order_of(entered.order_token)
    assert entered.outcome is Outcome.WAITLISTED and entered.intent is None and order.hold_expires_at is None
    assert (the(Registration, order_id=order.id).status, mails()) == (RegistrationStatus.WAITLISTED, ["waitlisted"])
    with pytest.raises(refusals.SessionFull):
        REGISTER(club_session.slug, applicant(accept_waitlist=True))
    now = the(ClubSession, id=club_session.id)
    assert (now.places_taken, now.waitlist_taken) == (1, 1)


# --- Twice -------------------------------------------------------------------------------------------------------------------


def test_same_form_sent_twice_makes_one_order(app: Flask) -> None:
    club_session, form = make_club_session(), applicant()
    first = REGISTER(club_session.slug, form)
    again = REGISTER(club_session.slug, form)
    assert again == registrations.Entered(Outcome.RESUMED, first.order_token)
    assert (count_of(Order), count_of(Payment), taken(club_session)) == (1, 1, 1)


def test_own_browser_and_own_account_come_back_to_the_same_order(app: Flask) -> None:
    club_session, person = make_club_session(), make_user()
    first = REGISTER(club_session.slug, applicant(email=person.email, user_id=person.id))
    same_browser = applicant(email=person.email, known_orders=("else", first.order_token))
    same_account = applicant(email=person.email, user_id=person.id)
    for again in (same_browser, same_account):
        assert REGISTER(club_session.slug, again) == registrations.Entered(Outcome.RESUMED, first.order_token)
    assert (count_of(Order), taken(club_session), mails()) == (1, 1, [])


def stranger(person: Applicant, **changes: Any) -> Applicant:
    return applicant(**{"email": person.email, "known_orders": ("not-theirs",), **changes})


def test_stranger_who_knows_the_address_learns_nothing_and_the_link_goes_by_mail_once(app: Flask, clock: FakeClock) -> None:
    club_session, person = make_club_session(), applicant()
    token = REGISTER(club_session.slug, person).order_token
    for _ in range(3):
        entered = REGISTER(club_session.slug, stranger(person, places=4, name="Mallory", user_id=make_user().id))
        assert entered == registrations.Entered(Outcome.ALREADY_IN)
    mail = the(OutgoingEmail)
    assert (mail.template, mail.to, mail.context["name"]) == ("booking_link", person.email, "Ana Lee")
    assert mail.context["order_url"].endswith(f"/orders/{token}") and token not in mail.dedupe_key
    assert (count_of(Order), taken(club_session)) == (1, 1)
    clock.advance(hours=1)
    REGISTER(club_session.slug, stranger(person))
    assert mails() == ["booking_link", "booking_link"]


def test_another_session_and_an_ended_booking_do_not_stand_in_the_way(app: Flask) -> None:
    person, one, other = applicant(), make_club_session(), make_club_session()
    first = REGISTER(one.slug, person)
    assert REGISTER(other.slug, stranger(person)).outcome is Outcome.TO_PAY
    with transaction() as db:
        db.execute(update(Registration).values(status=RegistrationStatus.EXPIRED))
    again = REGISTER(one.slug, stranger(person))
    assert again.outcome is Outcome.TO_PAY and again.order_token != first.order_token


# --- The record and the budget -----------------------------------------------------------------------------------------------


def test_who_asked_is_on_the_record_by_id_and_never_by_address(app: Flask) -> None:
    club_session, person = make_club_session(), make_user()
    REGISTER(club_session.slug, applicant())
    REGISTER(club_session.slug, applicant(user_id=person.id, email=person.email))
    guest, user = all_of(AuditEntry)
    assert (guest.actor, guest.action, guest.subject_kind) == ("guest", "held", "registration")
    assert user.actor == f"user:{person.id}"
    assert not any("@" in f"{entry.actor}{entry.detail}" for entry in (guest, user))
