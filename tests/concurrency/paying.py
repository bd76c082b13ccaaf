"""Somebody at Stripe's page, and how it must end: record, place, books and Stripe agree. Called by the races of money."""

from __future__ import annotations

from typing import Any

from app import jobs
from app.models import ClubSession, LedgerEntry, Order, OutgoingEmail, Payment, Refund, Registration
from app.services import checkout
from app.services.ledger import CLEARING
from tests.concurrency.racing import all_is_well, applicant
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


def hold(**session: Any) -> Order:
    """Somebody holds the only place of a session and is at Stripe's page."""
    made = make_club_session(**{"capacity": 1, **session})
    person = applicant(made.slug, 1, expected_price_cents=1200)
    return the(Order, token=checkout.begin_registration(made.slug, person).order_token)


def booking(order: Order) -> Registration:
    """The registration that the order is for."""
    return the(Registration, order_id=order.id)


def taken(order: Order) -> int:
    """Places taken in its session."""
    return the(ClubSession, id=booking(order).club_session_id).places_taken


def settle(stripe: Any) -> None:
    """Let everything that is owed happen; then the doctor finds nothing, and our books say of Stripe what Stripe says."""
    stripe.deliver()
    jobs.run_due()
    stripe.deliver()
    all_is_well()
    ours = sum(clearing(entry) for entry in all_of(LedgerEntry))
    charged = sum(charge["amount"] for charge in stripe.control.charges() if charge["paid"])
    assert ours == charged - sum(refund["amount"] for refund in stripe.control.refunds()), "the books equal Stripe's"


def clearing(entry: LedgerEntry) -> int:
    """What this entry says that Stripe holds for us more, in cents."""
    return entry.amount_cents * ((entry.debit_account == CLEARING) - (entry.credit_account == CLEARING))


def assert_paid_once(order: Order) -> None:
    """Confirmed once, by one payment, with one mail, and nothing given back."""
    assert the(Order, id=order.id).status == "paid"
    assert (booking(order).status, booking(order).payment_status, taken(order)) == ("registered", "paid", 1)
    assert the(Payment, order_id=order.id).status == "succeeded"
    assert [mail.template for mail in all_of(OutgoingEmail, order_id=order.id)] == ["confirmation"]
    assert count_of(Refund) == 0
