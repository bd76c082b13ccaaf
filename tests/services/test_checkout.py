"""Leaving for Stripe: intent committed before the call, exactly the parameters of DESIGN §6, and nothing kept when Stripe fails.

The real SDK talks to the simulator; where Stripe's reference data is at hand, what was sent is held against it too.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import transaction as app_transaction
from app.extensions import db
from app.integrations import gateway, stripe_gateway
from app.models import AuditEntry, ClubSession, Order, Payment, Registration
from app.rules.refusals import InvalidInput, OrderNotOpen, PaymentsDown
from app.services import checkout, ending
from app.simulator.api import dispatch
from tests.conftest import unavailable
from tests.support.booking import applicant, begin, do_not_pause, mails, order_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, the
from tests.support.settings import SITE_URL
from tests.support.source import ROOT

REFERENCE = ROOT.parent / "shared" / "stripe" / "check_stripe.py"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def creations(simulator: Any) -> list[dict[str, Any]]:
    return [call for call in simulator.control.calls() if call["operation"] == "checkout.create"]


# --- What is sent ------------------------------------------------------------------------------------------------------------


def test_checkout_is_asked_for_with_exactly_what_the_design_lists(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session(title="Badminton – Tuesday & friends")
    token = begin(club_session, email="ana@example.org", places=3)
    order, payment, registration = order_of(token), the(Payment), the(Registration)
    metadata = {"registrationId": registration.reference, "socialSessionId": club_session.slug, "orderId": order.reference}
    assert payment.params == {
        "mode": "payment",
        "line_items": [{
            "quantity": 3,
            "price_data": {"currency": "nzd", "unit_amount": 1200, "product_data": {"name": "Badminton – Tuesday & friends"}},
        }],
        "customer_email": "ana@example.org",
        "client_reference_id": order.reference,
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "success_url": f"{SITE_URL}/orders/{token}/success?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{SITE_URL}/orders/{token}/cancelled",
        "expires_at": int((clock.now + timedelta(minutes=35)).timestamp()),
        "allowed_payment_method_types": ["card"],
        "adaptive_pricing": {"enabled": False},
    }  # fmt: skip
    made = stripe_simulator.checkout()
    as_sent = (
        "mode", "customer_email", "client_reference_id", "metadata", "expires_at", "success_url", "cancel_url",
        "adaptive_pricing",
    )  # fmt: skip
    assert {name: made[name] for name in as_sent} == {name: payment.params[name] for name in as_sent}
    assert (made["currency"], made["amount_total"], made["payment_method_types"]) == ("nzd", 3600, ["card"])
    assert made["allow_promotion_codes"] is None and made["after_expiration"] is None
    assert (payment.checkout_id, payment.checkout_url, payment.status) == (made["id"], made["url"], "open")
    stripe_simulator.pay()
    assert stripe_simulator.control.payments()[0]["metadata"] == metadata


def test_nothing_personal_and_no_secret_link_is_in_what_stripe_keeps_and_shows(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session(), name="Ana Lee", email="ana@example.org")
    made = stripe_simulator.checkout()
    shown = f"{made['metadata']} {made['client_reference_id']} {creations(stripe_simulator)[0]['idempotency_key']}"
    assert token not in shown and "ana" not in shown.lower() and the(Registration).token not in shown


@pytest.mark.parametrize(("hold", "checkout_minutes"), [(1, 35), (35, 35), (36, 36), (120, 120)])
def test_checkout_lives_as_long_as_the_hold_and_never_less_than_35_minutes(
    app: Flask, stripe_simulator: Any, clock: FakeClock, hold: int, checkout_minutes: int
) -> None:
    app.extensions["muster_settings"] = app.extensions["muster_settings"].with_(hold_minutes=hold)
    order = order_of(begin(make_club_session()))
    assert order.hold_expires_at == clock.now + timedelta(minutes=hold)
    assert the(Payment).expires_at == clock.now + timedelta(minutes=checkout_minutes)
    assert stripe_simulator.checkout()["expires_at"] == int(the(Payment).expires_at.timestamp())


def test_what_was_sent_fits_stripes_own_schema(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not REFERENCE.exists():
        unavailable("Stripe's reference data (check_stripe.py) is not beside this checkout, so requests are not held against it.")
    monkeypatch.syspath_prepend(str(Path(REFERENCE).parent))
    import check_stripe

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sent: list[tuple[str, str, str]] = []
    real = dispatch.parameters_of
    monkeypatch.setattr(dispatch, "parameters_of", lambda r: sent.append((r.method, r.path, real(r))) or real(r))
    token = begin(make_club_session(title="Café – 50 % off!"), places=2)
    ending.give_up(token)
    work()
    method, path, body = sent[0]
    assert (method, path) == ("POST", "/v1/checkout/sessions")
    assert check_stripe.checkout_rules(body, now=clock.now.timestamp()) == []
    assert {path.rsplit("/", 1)[-1] for _, path, _ in sent} >= {"sessions", "expire"}
    for method, path, body in sent:
        assert check_stripe.validate_request(method, path, body) == [], f"{method} {path}"


def test_intent_is_committed_with_its_key_before_stripe_is_called(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    real = gateway().create_checkout

    def watched(params: Any, key: str) -> Any:
        app_transaction.require_none_open("the call to Stripe")
        with Session(db.engine) as outside:
            row = outside.execute(select(Payment.params, Payment.idempotency_key, Payment.status, Payment.checkout_id)).one()
            seen.append((*row, outside.scalar(select(func.count()).select_from(Registration))))
            assert (params, key) == (row.params, row.idempotency_key)
        return real(params, key)

    monkeypatch.setattr(gateway(), "create_checkout", watched)
    begin(make_club_session())
    payment = the(Payment)
    assert seen == [(payment.params, payment.idempotency_key, "created", None, 1)]
    assert creations(stripe_simulator)[0]["idempotency_key"] == payment.idempotency_key


# --- Stripe fails ------------------------------------------------------------------------------------------------------------

REFUSED_BEFORE_ACTING = [("500", 2), ("refused", 2), ("409", 2), ("429", 1), ("401", 1)]


def gone(club_session: ClubSession) -> None:
    """Before the answer: no active registration, no place, and the order has ended."""
    order = the(Order)
    assert states(order.token)[:2] == ("expired", "expired")
    assert taken(club_session) == 0 and mails() == []
    with pytest.raises(OrderNotOpen):
        checkout.pay(order.token)


@pytest.mark.parametrize(("kind", "times"), REFUSED_BEFORE_ACTING)
def test_when_stripe_refuses_or_is_down_nothing_is_kept_and_a_new_try_succeeds(
    app: Flask, stripe_simulator: Any, clock: FakeClock, kind: str, times: int
) -> None:
    club_session, person = make_club_session(capacity=1), applicant()
    stripe_simulator.control.fail("checkout.create", kind=kind, times=times, stored=False)
    with pytest.raises(PaymentsDown):
        checkout.begin_registration(club_session.slug, person)
    gone(club_session)
    assert len(creations(stripe_simulator)) == times and stripe_simulator.control.sessions() == []
    clock.advance(seconds=31)
    work()
    assert all(session["status"] == "expired" for session in stripe_simulator.control.sessions()), "somebody could still pay"
    begin(club_session, email=person.email)
    assert taken(club_session) == 1 and stripe_simulator.checkout()["status"] == "open"


@pytest.mark.parametrize(("currency", "cents"), [("KWD", 12005), ("ISK", 120050)])
def test_price_that_stripe_never_takes_is_refused_in_words_and_stripe_is_not_asked(
    app: Flask, stripe_simulator: Any, currency: str, cents: int
) -> None:
    """Set before such prices were refused."""
    club_session = make_club_session(currency=currency)
    with app_transaction.transaction() as writing:
        writing.execute(update(ClubSession).values(non_member_price_cents=cents))
    with pytest.raises(InvalidInput) as refused:
        begin(club_session, expected_price_cents=cents)
    assert "cannot be paid by card" in str(refused.value.params["problem"])
    assert creations(stripe_simulator) == [] and taken(club_session) == 0


def test_when_nothing_listens_at_stripes_address_nothing_is_kept(app: Flask) -> None:
    club_session = make_club_session()
    with pytest.raises(PaymentsDown):
        begin(club_session)
    gone(club_session)


def test_stripe_that_does_not_answer_in_time_is_given_up(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_gateway, "TIMEOUT_SECONDS", (1, 0.2))  # the real ones are 3 and 10 seconds
    app.extensions["muster_gateway"] = stripe_gateway.StripeGateway(app.extensions["muster_settings"])
    club_session = make_club_session()
    stripe_simulator.control.fail("checkout.create", kind="timeout", times=2, seconds=0.6)
    with pytest.raises(PaymentsDown):
        begin(club_session)
    gone(club_session)
    while len(creations(stripe_simulator)) < 2:  # both calls are still asleep in the simulator, which all tests share
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["refused", "500"])
def test_lost_answer_is_repeated_with_the_same_key_and_the_person_goes_on_to_pay(
    app: Flask, stripe_simulator: Any, kind: str
) -> None:
    stripe_simulator.control.fail("checkout.create", kind=kind, when="after", stored=False)
    token = begin(make_club_session())
    assert states(token) == ("pending", "held", ["open"])
    assert len(stripe_simulator.control.sessions()) == 1
    assert [call["idempotency_key"] for call in creations(stripe_simulator)] == [the(Payment).idempotency_key] * 2


@pytest.mark.parametrize("kind", ["refused", "500"])
def test_checkout_whose_answer_stays_lost_is_found_and_ended_so_that_nobody_can_pay(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    club_session, sent, real = make_club_session(), [], dispatch.parameters_of
    monkeypatch.setattr(dispatch, "parameters_of", lambda r: sent.append((r.path, real(r))) or real(r))
    stripe_simulator.control.fail("checkout.create", kind=kind, times=2, when="after", stored=False)
    with pytest.raises(PaymentsDown):
        begin(club_session)
    gone(club_session)
    assert [session["status"] for session in stripe_simulator.control.sessions()] == ["open"]
    clock.advance(seconds=31)
    work()
    (made,) = stripe_simulator.control.sessions()
    assert made["status"] == "expired" and stripe_simulator.pay(made["id"]).outcome == "not_open"
    assert the(Payment).status == "expired"
    assert {call["idempotency_key"] for call in creations(stripe_simulator)} == {the(Payment).idempotency_key}
    bodies = [body for path, body in sent if path == "/v1/checkout/sessions"]
    assert len(bodies) == 3 and len(set(bodies)) == 1, "the worker repeats to the letter what the request sent"
    assert taken(club_session) == 0


def test_error_that_stripe_remembers_for_the_key_never_leads_to_a_second_checkout(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    """A 500 after acting is replayed for a day. Its Checkout's address was never handed out; it ends by its own clock."""
    club_session = make_club_session()
    stripe_simulator.control.fail("checkout.create", kind="500", when="after")
    with pytest.raises(PaymentsDown):
        begin(club_session)
    gone(club_session)
    for _ in range(3):
        clock.advance(seconds=31)
        work()
    assert len(stripe_simulator.control.sessions()) == 1 and the(Payment).status == "created"
    clock.advance(hours=25)  # the key is forgotten: the same parameters are now refused, because their expires_at has passed
    work()
    assert [session["status"] for session in stripe_simulator.control.sessions()] == ["expired"]
    assert the(Payment).status == "failed"


def test_what_happened_when_stripe_failed_is_on_the_record(app: Flask, stripe_simulator: Any) -> None:
    stripe_simulator.control.fail("checkout.create", kind="401")
    with pytest.raises(PaymentsDown):
        begin(make_club_session())
    assert "AuthenticationError 401" in (the(Payment).last_error or "")
    assert [entry.action for entry in all_of(AuditEntry)] == ["held", "expired", "expired"]
