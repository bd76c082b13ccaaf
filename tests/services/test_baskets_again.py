"""Coming back to a basket that was checked out and is not paid yet: it says what its order says, and loses nothing."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import BasketItem, ClubSession
from app.rules.refusals import SessionFull
from app.rules.vouchers import VoucherRefused
from app.services import baskets
from app.services.items import Buyer
from app.transaction import transaction
from tests.services.test_baskets import ANA, filled, paid, places
from tests.services.test_codes_on_every_form import leave, uses
from tests.support.booking import begin, order_of, taken
from tests.support.factories import make_club_session, make_voucher
from tests.support.rows import all_of, count_of
from tests.support.stripe import StripeSimulator


@pytest.mark.parametrize("limit", [{"max_uses": 1}, {"max_uses_each": 1}])
def test_last_use_of_a_code_is_still_good_for_the_basket_that_has_it(
    app: Flask, stripe_simulator: StripeSimulator, limit: dict[str, int]
) -> None:
    make_voucher(**limit)
    session = make_club_session()
    token = filled(places(session))
    baskets.use_code(token, "SUMMER", ANA)
    order = leave(token, 900)
    again = baskets.view(token, ANA)
    assert (again.total_cents, again.code_saved_cents, again.code_refusal) == (900, 300, None)
    baskets.use_code(token, "SUMMER", ANA)
    assert leave(token, 900, attempt="form-2") == order
    other = filled(places(session))
    with pytest.raises(VoucherRefused):
        baskets.use_code(other, "SUMMER", ANA)
    assert (order_of(order).total_cents, uses()) == (900, (1, 1))


@pytest.mark.databases("sqlite")
def test_code_typed_while_checking_out_is_kept_with_the_basket(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_voucher()
    token = filled(places(make_club_session()))
    order = leave(token, 900, "summer")
    again = baskets.view(token, ANA)
    assert (again.code, again.total_cents) == ("SUMMER", 900)
    dear = leave(token, 1200, "", "form-2")
    assert (order_of(order).status, order_of(dear).status, baskets.view(token, Buyer()).code) == ("cancelled", "pending", "")


def test_price_that_fell_since_is_the_one_that_is_charged(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session = make_club_session(capacity=1)
    token = filled(places(session))
    dear = leave(token, 1200, "")
    set_price(1000)
    assert baskets.view(token, ANA).total_cents == 1000
    cheap = leave(token, 1000, "", "form-2")
    assert (order_of(dear).status, order_of(cheap).total_cents, taken(session)) == ("cancelled", 1000, 1)
    assert stripe_simulator.checkout()["amount_total"] == 1000


@pytest.mark.databases("sqlite")
def test_price_that_rose_since_is_not_asked_of_who_has_held_it(app: Flask, stripe_simulator: StripeSimulator) -> None:
    token = filled(places(make_club_session()))
    held = leave(token, 1200, "")
    set_price(1500)
    assert leave(token, 1500, "", "form-2") == held and order_of(held).total_cents == 1200


def test_line_put_in_once_more_goes_when_its_order_is_paid(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session = make_club_session()
    token = filled(places(session, 2))
    leave(token, 2400, "")
    baskets.add(token, places(session, 2), Buyer())
    paid(stripe_simulator)
    assert count_of(BasketItem) == 0


def test_line_that_went_is_said_although_the_rest_is_kept(app: Flask, stripe_simulator: StripeSimulator) -> None:
    kept, gone = make_club_session(capacity=1), make_club_session(capacity=1)
    token = filled(places(kept))
    order = leave(token, 1200, "")
    baskets.add(token, places(gone), Buyer())
    begin(gone)
    mine, other = baskets.view(token, ANA).lines
    assert mine.refusal is None and isinstance(other.refusal, SessionFull)
    baskets.change(token, all_of(BasketItem)[-1].id, 0, Buyer())
    assert leave(token, 1200, "", "form-2") == order and taken(kept) == 1


def set_price(cents: int) -> None:
    with transaction() as db:
        db.execute(update(ClubSession).values(non_member_price_cents=cents))
