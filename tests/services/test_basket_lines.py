"""What cannot be together in a basket, or not in one at all, is said on its page and before anything is charged."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import Order
from app.queries.memberships import Standing
from app.rules.memberships import OneMembership
from app.services import baskets
from app.services.items import Buyer
from tests.services.test_baskets import filled, joining, leave
from tests.support.factories import make_plan, make_user
from tests.support.rows import count_of


@pytest.mark.parametrize("cents", [1500, 0])
def test_second_membership_is_not_sold_with_the_first(app: Flask, cents: int) -> None:
    person = make_user()
    buyer = Buyer(person.name, person.email, person.id, Standing(own_address=True))
    token = baskets.add(None, joining(make_plan(price_cents=cents)), buyer)
    baskets.add(token, joining(make_plan(price_cents=cents)), buyer)
    first, second = baskets.view(token, buyer).lines
    assert first.refusal is None and isinstance(second.refusal, OneMembership)
    with pytest.raises(OneMembership) as refused:
        leave(token, buyer, total=2 * cents)
    assert refused.value.about is not None and refused.value.about.slug == second.slug and count_of(Order) == 0
    baskets.change(token, second.id, 0, buyer)
    assert baskets.view(token, buyer).can_be_had
