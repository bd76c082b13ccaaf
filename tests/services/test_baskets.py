"""Baskets: all or nothing, at the price shown, emptied by the payment and not before; whatever happens, nothing half-made."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import (
    Basket,
    BasketItem,
    ClubSession,
    Membership,
    MembershipPlan,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    Refund,
    Registration,
)
from app.queries.memberships import Standing
from app.rules.refusals import (
    AlreadyRegistered,
    BasketEmpty,
    BasketFull,
    BasketGone,
    PaymentsDown,
    PriceChanged,
    SessionFull,
    StripeAway,
)
from app.rules.statuses import ItemKind
from app.services import baskets, cancelling, checkout, health_check, taking_payment
from app.services.by_hand import Means
from app.services.items import Buyer, Wanted
from app.transaction import transaction
from tests.support.booking import at_once, balances, begin, do_not_pause, mails, order_of, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_plan, make_user
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

ANA = Buyer("Ana Lee", "ana@example.org")


def places(session: ClubSession, quantity: int = 1) -> Wanted:
    return Wanted(ItemKind.REGISTRATION, session.slug, quantity)


def joining(plan: MembershipPlan) -> Wanted:
    return Wanted(ItemKind.MEMBERSHIP, plan.slug)


def filled(*lines: Wanted) -> str:
    token = None
    for line in lines:
        token = baskets.add(token, line, Buyer())
    assert token is not None
    return token


def leave(token: str, buyer: Buyer = ANA, attempt: str = "form-1", total: int | None = None) -> str:
    """Check out at the price that the page shows (or ``total``); the order's token."""
    shown = baskets.view(token, buyer).total_cents if total is None else total
    return checkout.begin_basket(token, buyer, shown, attempt).order_token


def paid(simulator: StripeSimulator) -> None:
    simulator.pay()
    simulator.deliver()
    work()


def test_several_lines_are_one_order_one_payment_one_mail(app: Flask, stripe_simulator: StripeSimulator) -> None:
    late, early = make_club_session(title="Badminton"), make_club_session(title="Chess")
    token = filled(places(early, 2), joining(make_plan(price_cents=1500)), places(late))
    shown = baskets.view(token, ANA)
    assert [line.quoted.total_cents for line in shown.lines if line.quoted] == [2000, 1500, 800], "the own place as a member"
    assert (count_of(Order), taken(late)) == (0, 0), "nothing is kept before checking out"
    order = order_of(leave(token))
    assert (order.total_cents, the(Payment).amount_cents, taken(early), taken(late)) == (4300, 4300, 2, 1)
    kinds = [(item.kind.value, item.description) for item in all_of(OrderItem)]
    assert kinds == [("registration", "Badminton"), ("registration", "Chess"), ("membership", "Annual membership")]
    sent = the(Payment).params["metadata"]
    references = ",".join(r.reference for r in all_of(Registration))
    assert (sent["registrationId"], sent["socialSessionId"]) == (references, f"{late.slug},{early.slug}")
    assert count_of(BasketItem) == 3, "it is emptied by the payment, not before"
    paid(stripe_simulator)
    assert [r.status for r in all_of(Registration)] == ["registered"] * 2 and count_of(Membership) == 1
    assert (count_of(BasketItem), mails()) == (0, ["confirmation"])
    assert "Badminton" in (the(OutgoingEmail).subject or ""), "its text had the link of a new member, and is wiped"
    assert balances()["stripe:clearing"] == 4300 and health_check.findings() == []


def test_one_line_gone_takes_nothing_and_says_which(app: Flask, stripe_simulator: StripeSimulator) -> None:
    free, full = make_club_session(), make_club_session(capacity=1, title="Chess")
    token = filled(places(free), places(full))
    total = baskets.view(token, ANA).total_cents
    begin(full)
    with pytest.raises(SessionFull) as refused:
        leave(token, total=total)
    assert refused.value.about == places(full)
    assert (taken(free), count_of(Order), count_of(Registration)) == (0, 1, 1)
    second = baskets.view(token, ANA).lines[1]
    assert second.quoted is None and isinstance(second.refusal, SessionFull)


@pytest.mark.databases("sqlite")
def test_price_that_was_not_shown_is_not_charged(app: Flask) -> None:
    session = make_club_session()
    token = filled(places(session))
    with transaction() as db:
        db.execute(update(ClubSession).values(non_member_price_cents=1300))
    with pytest.raises(PriceChanged):
        leave(token, total=1200)
    assert (taken(session), count_of(Order)) == (0, 0)


@pytest.mark.databases("sqlite")
def test_empty_unknown_and_expired_baskets_are_refused(app: Flask, clock: FakeClock) -> None:
    token = filled(places(make_club_session()))
    baskets.change(token, the(BasketItem).id, 0, Buyer())
    with pytest.raises(BasketEmpty):
        leave(token)
    with pytest.raises(BasketGone):
        leave("w" * 32, total=0)
    baskets.add(token, places(make_club_session()), Buyer())
    clock.advance(days=14)
    for look in (lambda: leave(token, total=1200), lambda: baskets.view(token, ANA)):
        with pytest.raises(BasketGone):
            look()
    assert work()["baskets forgotten"] == 1 and (count_of(Basket), count_of(BasketItem)) == (0, 0)


@pytest.mark.databases("sqlite")
def test_basket_is_bounded_and_one_thing_is_one_line(app: Flask) -> None:
    sessions = [make_club_session() for _ in range(baskets.MOST_LINES + 1)]
    token = filled(*(places(session) for session in sessions[:-1]))
    with pytest.raises(BasketFull):
        baskets.add(token, places(sessions[-1]), Buyer())
    baskets.add(token, places(sessions[0], 3), Buyer())
    assert [item.quantity for item in all_of(BasketItem)] == [3] + [1] * 19


@pytest.mark.databases("sqlite")
def test_same_basket_again_goes_on_with_its_order(app: Flask, stripe_simulator: StripeSimulator) -> None:
    token = filled(places(make_club_session()))
    assert leave(token) == leave(token, attempt="form-2")
    assert count_of(Order) == 1


def test_changed_basket_ends_its_unpaid_order_first(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session, other = make_club_session(capacity=2), make_club_session()
    token = filled(places(session))
    first = leave(token)
    baskets.change(token, the(BasketItem).id, 2, Buyer())
    baskets.add(token, places(other), Buyer())
    second = leave(token, attempt="form-2")
    assert (order_of(first).status, order_of(second).total_cents, taken(session)) == ("cancelled", 3600, 2)
    paid(stripe_simulator)
    assert count_of(BasketItem) == 0 and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_earlier_order_that_cannot_be_asked_about_stays_as_it_is(
    app: Flask, stripe_simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_not_pause(monkeypatch)
    session = make_club_session()
    token = filled(places(session))
    first = leave(token)
    baskets.change(token, the(BasketItem).id, 2, Buyer())
    stripe_simulator.control.fail("checkout.expire", "500", times=9)
    with pytest.raises(StripeAway):
        leave(token, attempt="form-2")
    assert (order_of(first).status, count_of(Order), taken(session)) == ("pending", 1, 1)


@pytest.mark.databases("sqlite")
def test_stripe_down_keeps_the_basket_and_nothing_else(
    app: Flask, stripe_simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_not_pause(monkeypatch)
    session = make_club_session()
    token = filled(places(session), joining(make_plan()))
    stripe_simulator.control.fail("checkout.create", "500", times=9)
    with pytest.raises(PaymentsDown):
        leave(token)
    assert (taken(session), the(Registration).status, count_of(BasketItem)) == (0, "expired", 2)
    stripe_simulator.control.clear_faults()
    leave(token, attempt="form-2")
    assert taken(session) == 1


@pytest.mark.databases("sqlite")
def test_address_with_a_booking_learns_of_it_by_mail_alone(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session, other = make_club_session(), make_club_session()
    begin(session, email="ana@example.org")
    token = filled(places(session), places(other))
    with pytest.raises(AlreadyRegistered):
        leave(token)
    assert (mails(), taken(other)) == (["booking_link"], 0)


@pytest.mark.databases("sqlite")
def test_free_basket_is_had_at_once(app: Flask) -> None:
    one, two = make_free_club_session(), make_free_club_session()
    token = filled(places(one), places(two))
    order = order_of(leave(token))
    assert (order.status, [r.status for r in all_of(Registration)]) == ("paid", ["registered"] * 2)
    assert (count_of(BasketItem), mails()) == (0, ["confirmation"])


def test_line_that_cannot_be_had_is_refunded_and_the_rest_kept_with_one_mail(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    kept, gone, person = make_club_session(title="Badminton"), make_club_session(title="Chess"), make_user()
    token = filled(places(kept), places(gone), joining(make_plan(price_cents=1500)))
    order_token = leave(token, Buyer(person.name, person.email, person.id, Standing(own_address=True)))
    stripe_simulator.pay()
    with transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == gone.id).values(status="cancelled"))
    stripe_simulator.deliver()
    work()
    assert sorted(r.status.value for r in all_of(Registration)) == ["cancelled", "registered"]
    assert (order_of(order_token).status, count_of(Membership), the(Refund).amount_cents) == ("paid", 1, 800)
    mail = all_of(OutgoingEmail)[0]
    text = mail.text_body or ""
    assert mail.template == "confirmation" and "Chess could not be had any more" in text and "NZ$8.00" in text
    assert "Annual membership" in text and "Badminton" in text
    assert [m.template for m in all_of(OutgoingEmail)].count("confirmation") == 1 and health_check.findings() == []


def test_baskets_of_the_same_sessions_in_opposite_order_never_wait_for_each_other(app: Flask) -> None:
    """Sessions are taken by ascending id, so no two baskets hold what the other wants; together they take what there is."""
    one, two = make_club_session(capacity=3), make_club_session(capacity=3)
    orders: list[list[ClubSession]] = [[one, two], [two, one]] * 4
    tokens = [filled(*(places(session) for session in lines)) for lines in orders]
    buyers = [Buyer("Ana Lee", f"ana{n}@example.org") for n in range(8)]
    tries: list[Any] = [
        lambda n=n: baskets.order(tokens[n], buyers[n], 2400, f"form-{n}") for n in range(8)
    ]
    results = at_once(app, *tries)
    assert sorted(type(result).__name__ for result in results) == ["Entered"] * 3 + ["SessionFull"] * 5, results
    assert (taken(one), taken(two), count_of(Order), count_of(OrderItem)) == (3, 3, 3, 6)


def test_one_of_two_bookings_is_cancelled_and_the_other_goes_on(app: Flask, stripe_simulator: StripeSimulator) -> None:
    one, two = make_club_session(title="Badminton"), make_club_session(title="Chess")
    token = leave(filled(places(one), places(two)))
    paid(stripe_simulator)
    booking = the(Registration, club_session_id=two.id)
    assert cancelling.cancel_order(token, booking=booking.token) == 1200
    work()
    assert (order_of(token).status, taken(one), taken(two), the(Refund).amount_cents) == ("paid", 1, 0, 1200)
    text = all_of(OutgoingEmail)[-1].text_body or ""
    assert "Chess" in text and "Badminton" not in text
    assert cancelling.cancel_order(token) == 1200 and order_of(token).status == "cancelled"
    work()
    assert health_check.findings() == []


def test_basket_whose_order_is_paid_at_the_desk_is_emptied(app: Flask, stripe_simulator: StripeSimulator) -> None:
    order = order_of(leave(filled(places(make_club_session()), places(make_club_session()))))
    row = all_of(Registration, order_id=order.id)[0]
    assert taking_payment.take(row.token, Means.CASH, "At the door", "user:1", once="t" * 20) == 2400
    assert count_of(BasketItem) == 0
