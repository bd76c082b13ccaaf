"""Whose price a change of a booking goes by: that of whoever has it, whatever address they have had since."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import OrderItem, Registration
from app.queries import desk_quotes
from app.services import accounts_changing
from app.transaction import transaction
from tests.support.accounts import link_to, person_signed_in
from tests.support.booking import begin, order_of
from tests.support.factories import PASSWORD, make_club_session, make_membership, make_user
from tests.support.rows import the

pytestmark = pytest.mark.databases("sqlite")


@pytest.mark.parametrize("member", [True, False])
def test_price_is_that_of_whoever_booked(app: Flask, stripe_simulator: Any, member: bool) -> None:
    user, price = make_user(email="aroha@example.org", password=PASSWORD), 800 if member else 1200
    if member:
        make_membership(user)
    here, there = make_club_session(), make_club_session()
    token = begin(here, email=user.email, name=user.name, user_id=user.id, expected_price_cents=price)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    accounts_changing.ask_new_address(person_signed_in(user), PASSWORD, "aroha@new.example.org")
    accounts_changing.confirm_new_address(person_signed_in(user), link_to("aroha@new.example.org").rpartition("/")[2])
    booking, item = the(Registration, order_id=order_of(token).id), the(OrderItem)
    with transaction() as db:
        assert desk_quotes.move_difference(db, booking, there, clock.now()) == 0
        assert desk_quotes.places_difference(db, booking, item, here, 2, clock.now()) == 1200


def test_place_that_a_member_booked_for_a_guest_costs_what_a_guest_pays(app: Flask, stripe_simulator: Any) -> None:
    user = make_user(email="aroha@example.org", password=PASSWORD)
    make_membership(user)
    here, there = make_club_session(), make_club_session(non_member_price_cents=1500)
    token = begin(here, email="guest@example.org", user_id=user.id, expected_price_cents=1200)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    with transaction() as db:
        booking = the(Registration, order_id=order_of(token).id)
        assert desk_quotes.move_difference(db, booking, there, clock.now()) == 300
