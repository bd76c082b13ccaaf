"""A course or a file paid back by staff: all of it takes it away at once, a part does not, and what fails is put right."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import AuditEntry, Case, OutgoingEmail, Refund
from app.rules.refusals import InvalidInput
from app.services import health_check, product_access
from tests.support.booking import balances, payments_of
from tests.support.parts import come
from tests.support.rows import the
from tests.support.shop import STAFF, begin_product, buy, empty, files_of, has_access, make_file, pay_order, product, purchase_of
from tests.support.stripe import StripeSimulator

ONCE = "a" * 20


def text_of(template: str) -> str:
    return the(OutgoingEmail, template=template).text_body or ""


def test_staff_refund_all_of_it_and_the_link_is_dead_at_once(app: Flask, stripe_simulator: StripeSimulator) -> None:
    slug = make_file(stock=1)
    token = buy(stripe_simulator, slug)
    item_id = purchase_of(token).order_item_id
    assert product_access.refund(item_id, 1200, "Asked by phone", STAFF, once=ONCE) == 1200
    assert (has_access(token), product(slug).stock_taken, the(Refund).status) == (False, 0, "requested")
    assert product_access.refund(item_id, 1200, "Asked by phone", STAFF, once=ONCE) == 0, "two clicks are one refund"
    come(stripe_simulator)
    assert (has_access(token), the(Refund).status, balances(), health_check.findings()) == (False, "succeeded", {}, [])
    text = text_of("product_refunded")
    assert "can no longer be opened" in text and "NZ$12.00" in text and "/purchases/" not in text
    assert the(AuditEntry, action="access_ended").actor == STAFF
    assert has_access(buy(stripe_simulator, slug, "ben@example.org")), "somebody else can have it"


@pytest.mark.databases("sqlite")
def test_staff_refund_a_part_and_it_stays_until_the_rest_goes_too(app: Flask, stripe_simulator: StripeSimulator) -> None:
    token = buy(stripe_simulator, make_file())
    item_id = purchase_of(token).order_item_id
    product_access.refund(item_id, 500, "Late", STAFF, once=ONCE)
    come(stripe_simulator)
    assert has_access(token) and "It stays yours" in text_of("product_refunded")
    assert balances() == {"stripe:clearing": 700, "revenue:product": -700}
    with pytest.raises(InvalidInput):
        product_access.refund(item_id, 701, "Too much", STAFF, once="b" * 20)
    product_access.refund(item_id, 700, "The rest", STAFF, once="c" * 20)
    come(stripe_simulator)
    assert (has_access(token), balances(), health_check.findings()) == (False, {}, [])


def test_refund_that_fails_gives_it_back(app: Flask, stripe_simulator: StripeSimulator) -> None:
    slug = make_file(stock=1)
    token = buy(stripe_simulator, slug)
    product_access.refund(purchase_of(token).order_item_id, 1200, "Asked by phone", STAFF, once=ONCE)
    come(stripe_simulator)
    stripe_simulator.control.fail_refund(the(Refund).provider_ref or "")
    come(stripe_simulator)
    assert (has_access(token), product(slug).stock_taken, the(Refund).status) == (True, 1, "failed")
    assert the(Case, kind="refund_failed").closed_at is None and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_refund_that_stripe_will_not_make_gives_it_back(app: Flask, stripe_simulator: StripeSimulator) -> None:
    token = buy(stripe_simulator, slug := make_file(stock=1))
    stripe_simulator.control.drop(None)
    stripe_simulator.control.dispute(payments_of(token)[0].payment_intent_id)
    product_access.refund(purchase_of(token).order_item_id, 1200, "Asked by phone", STAFF, once=ONCE)
    assert not has_access(token)
    come(stripe_simulator)
    assert (has_access(token), product(slug).stock_taken, the(Refund).status) == (True, 1, "failed")
    assert the(Case, kind="refund_failed").closed_at is None and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_refund_that_fails_after_the_last_one_was_sold_again_oversells_nothing(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    slug = make_file(stock=1)
    token = buy(stripe_simulator, slug)
    product_access.refund(purchase_of(token).order_item_id, 1200, "Asked by phone", STAFF, once=ONCE)
    come(stripe_simulator)
    other = buy(stripe_simulator, slug, "ben@example.org")
    stripe_simulator.control.fail_refund(the(Refund).provider_ref or "")
    come(stripe_simulator)
    assert (has_access(token), has_access(other), product(slug).stock_taken) == (False, True, 1)
    assert the(Case, kind="refund_failed").closed_at is None, "the money is still owed, and a person knows"
    assert health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_link_stays_good_after_the_refund_when_nothing_revokes_it(
    app: Flask, stripe_simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: money and access both gone to the buyer."""
    token = buy(stripe_simulator, make_file())
    monkeypatch.setattr(product_access, "revoke", lambda *_: None)
    product_access.refund(purchase_of(token).order_item_id, 1200, "Asked by phone", STAFF, once=ONCE)
    come(stripe_simulator)
    assert has_access(token) and the(Refund).status == "succeeded"


@pytest.mark.databases("sqlite")
def test_money_is_kept_for_nothing_when_the_content_is_not_looked_at(
    app: Flask, stripe_simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of refunding what was emptied meanwhile."""
    slug = make_file()
    token = begin_product(slug)
    empty(slug)
    monkeypatch.setattr(product_access, "has_content", lambda *_: True)
    pay_order(stripe_simulator, token)
    assert has_access(token) and files_of(slug) == [] and balances()["stripe:clearing"] == 1200
