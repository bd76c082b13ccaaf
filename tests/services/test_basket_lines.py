"""What cannot be together in a basket, or not in one at all, is said on its page and before anything is charged."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import Order, Registration
from app.queries.memberships import Standing
from app.rules.memberships import OneMembership
from app.rules.questions import AsksFirst
from app.services import baskets
from app.services.items import Buyer
from app.services.questions import QuestionFields
from tests.services.test_baskets import ANA, filled, joining, leave, places
from tests.services.test_questions import CAR, LEVEL, ask
from tests.support.factories import make_club_session, make_plan, make_user
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


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("question", [LEVEL, CAR])
def test_session_that_asks_something_is_not_sold_where_nobody_is_asked(app: Flask, question: QuestionFields) -> None:
    asking, later = make_club_session(), make_club_session()
    ask(asking, question)
    with pytest.raises(AsksFirst):
        baskets.add(None, places(asking), ANA)
    token = filled(places(later))
    ask(later, question)
    assert isinstance(baskets.view(token, ANA).lines[0].refusal, AsksFirst)
    with pytest.raises(AsksFirst):
        leave(token, total=1200)
    assert (count_of(Order), count_of(Registration)) == (0, 0)
