"""Revision 0018: down and up again, the basket and its lines stay."""

from __future__ import annotations

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import Basket, BasketItem
from app.rules.statuses import ItemKind
from app.services import baskets
from app.services.items import Buyer, Wanted
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session, make_voucher
from tests.support.rows import count_of, the


def test_down_and_up_again_keeps_what_is_in_the_basket(app: Flask) -> None:
    make_voucher()
    token = baskets.add(None, Wanted(ItemKind.REGISTRATION, make_club_session().slug), Buyer())
    baskets.use_code(token, "SUMMER", Buyer())
    assert the(Basket).code == "SUMMER"
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0017")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (the(Basket).token, the(Basket).code, count_of(BasketItem)) == (token, None, 1)
