"""Money going back: to the cent, past the cent, late, failed, from the dashboard, and by a bank's demand.

Run by pytest.
"""
from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe

from app.simulator import Control, ControlError
from tests.simulator.conftest import Mailbox


def test_partial_refunds_add_up_to_the_cent_and_no_further(
    client: stripe.StripeClient, control: Control, paid: Callable[..., str]
) -> None:
    intent = paid()
    create = client.v1.refunds.create
    refund = create({"payment_intent": intent, "amount": 999, "reason": "requested_by_customer", "metadata": {"refundId": "1"}})
    assert (refund.status, refund.amount, refund.reason) == ("succeeded", 999, "requested_by_customer")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create({"payment_intent": intent, "amount": 1502})
    assert caught.value.user_message == (
        "Refund amount (NZ$15.02) is greater than unrefunded amount on charge (NZ$15.01)"
    )
    assert create({"payment_intent": intent}).amount == 1501
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create({"payment_intent": intent})
    assert caught.value.code == "charge_already_refunded"
    [charge] = control.charges()
    assert (charge["amount_refunded"], charge["refunded"]) == (2500, True)


def test_a_refund_finer_than_its_currency_is_moved_in_is_refused(
    client: stripe.StripeClient, control: Control, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    for currency, amount, fine in (("kwd", 505, 500), ("isk", 5050, 5000)):
        control.pay(new_session(currency=currency, unit_amount=20000).id)
        [intent] = [payment["id"] for payment in control.payments() if payment["currency"] == currency]
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create({"payment_intent": intent, "amount": amount})
        assert client.v1.refunds.create({"payment_intent": intent, "amount": fine}).status == "succeeded"


def test_a_refund_needs_a_payment(
    client: stripe.StripeClient, control: Control, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    session = new_session()
    control.pay(session.id, "4000000000000002")
    [payment] = control.payments()
    for params in ({}, {"payment_intent": payment["id"]}, {"charge": payment["charge"]}, {"charge": "ch_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create(params)  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError, match="positive integer"):
        client.v1.refunds.create({"payment_intent": payment["id"], "amount": 0})
    assert control.refunds() == []


def test_a_pending_refund_succeeds_by_the_clock(
    client: stripe.StripeClient, control: Control, mailbox: Mailbox, paid: Callable[..., str]
) -> None:
    refund = client.v1.refunds.create({"payment_intent": paid("4000000000007726")})
    assert refund.status == "pending"
    control.advance(59)
    assert client.v1.refunds.retrieve(refund.id).status == "pending"
    control.advance(1)
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    control.deliver_due()
    assert mailbox.types()[-3:] == ["refund.created", "charge.refunded", "refund.updated"]
    assert mailbox.event(-1)["data"]["previous_attributes"]["status"] == "pending"


def test_a_refund_that_succeeded_fails_later_and_the_money_is_back(
    client: stripe.StripeClient, control: Control, mailbox: Mailbox, paid: Callable[..., str]
) -> None:
    intent = paid("4000000000005126")
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 1000})
    assert refund.status == "succeeded"
    control.advance(60)
    found = client.v1.refunds.retrieve(refund.id)
    assert (found.status, found.failure_reason) == ("failed", "expired_or_canceled_card")
    control.deliver_due()
    assert mailbox.types()[-2:] == ["refund.updated", "refund.failed"]
    assert control.payments()[0]["amount_refunded"] == 0
    assert sum(t["amount"] for t in control.transactions()) == 2500
    assert client.v1.refunds.create({"payment_intent": intent}).amount == 2500


def test_the_control_may_be_quicker_than_the_clock(
    client: stripe.StripeClient, control: Control, paid: Callable[..., str]
) -> None:
    first = client.v1.refunds.create({"payment_intent": paid("4000000000007726")})
    control.fail_refund(first.id)
    control.refunds_stay_pending()
    second = client.v1.refunds.create({"payment_intent": paid()})
    assert control.settle_refund(second.id)["status"] == "succeeded"
    with pytest.raises(ControlError, match="not pending"):
        control.settle_refund(second.id)
    control.advance(3600)
    assert [r["status"] for r in control.refunds()] == ["failed", "succeeded"]


def test_only_a_pending_refund_can_be_cancelled(client: stripe.StripeClient, control: Control, paid: Callable[..., str]) -> None:
    intent = paid()
    control.refunds_stay_pending()
    pending = client.v1.refunds.create({"payment_intent": intent, "amount": 100})
    control.refunds_stay_pending(False)
    done = client.v1.refunds.create({"payment_intent": intent, "amount": 200})
    assert client.v1.refunds.cancel(pending.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        client.v1.refunds.cancel(done.id)
    assert control.payments()[0]["amount_refunded"] == 200


def test_a_refund_from_the_dashboard_has_no_metadata_and_the_same_events(
    control: Control, mailbox: Mailbox, paid: Callable[..., str]
) -> None:
    refund = control.refund(paid(), 700)
    assert refund["metadata"] == {}
    control.deliver_due()
    created = mailbox.event(-2)
    assert mailbox.types()[-2:] == ["refund.created", "charge.refunded"]
    assert created["request"] == {"id": None, "idempotency_key": None}


def test_refunds_are_listed_by_payment(client: stripe.StripeClient, paid: Callable[..., str]) -> None:
    one, two = paid(), paid()
    kept = [client.v1.refunds.create({"payment_intent": one, "amount": n}).id for n in (100, 200)]
    client.v1.refunds.create({"payment_intent": two})
    assert [r.id for r in client.v1.refunds.list({"payment_intent": one}).data] == kept[::-1]


@pytest.mark.parametrize(
    ("verdict", "events", "net"),
    [("won", ["funds_reinstated", "closed"], 2500 - 98 - 1500), ("lost", ["closed"], -98 - 1500)],
)
def test_a_dispute_takes_the_money_until_it_is_won(
    client: stripe.StripeClient, control: Control, mailbox: Mailbox, paid: Callable[..., str], verdict: str,
    events: list[str], net: int,
) -> None:  # fmt: skip
    intent = paid("4000000000000259")
    [dispute] = control.disputes()
    assert (dispute["payment_intent"], dispute["status"], dispute["amount"]) == (intent, "needs_response", 2500)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_disputed"
    assert control.close_dispute(dispute["id"], verdict)["status"] == verdict  # type: ignore[arg-type]
    with pytest.raises(ControlError, match="already"):
        control.close_dispute(dispute["id"], "lost")
    control.deliver_due()
    told = [t for t in mailbox.types() if "dispute" in t]
    assert told == [f"charge.dispute.{e}" for e in ("created", "funds_withdrawn", *events)]
    assert sum(t["net"] for t in control.transactions()) == net


def test_the_books_hold_fees_and_filters(client: stripe.StripeClient, control: Control, paid: Callable[..., str]) -> None:
    intent = paid()
    control.advance(100)
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 500})
    books = client.v1.balance_transactions.list().data
    assert [(t.type, t.amount, t.fee, t.net) for t in books] == [("refund", -500, 0, -500), ("charge", 2500, 98, 2402)]
    assert books[1].fee_details[0].type == "stripe_fee"
    since = client.v1.balance_transactions.list({"created": {"gte": control.now()}}).data
    assert [t.source for t in since] == [refund.id]
    first = client.v1.balance_transactions.list({"limit": 1})
    assert first.has_more and [t.id for t in first.auto_paging_iter()] == [t.id for t in books]
    balance = client.v1.balance.retrieve()
    assert [(p.amount, p.currency) for p in balance.pending] == [(1902, "nzd")]
    control.advance(3 * 24 * 3600)
    assert client.v1.balance.retrieve().available[0].amount == 1902
    assert client.v1.balance_transactions.retrieve(books[0].id).status == "available"
