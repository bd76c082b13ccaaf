"""The revision of the baskets, with one in the tables: down, the order that it became stays; up, every basket is empty."""

from __future__ import annotations

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import Basket, Order, OrderItem
from app.rules.statuses import ItemKind
from app.services import baskets
from app.services.items import Buyer, Wanted
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


def test_down_and_up_again_forgets_baskets_and_keeps_their_orders(app: Flask) -> None:
    token = baskets.add(None, Wanted(ItemKind.REGISTRATION, make_club_session().slug), Buyer())
    baskets.order(token, Buyer("Ana Lee", "ana@example.org"), 1200, "form-1")
    kept = the(Order).token, [item.description for item in all_of(OrderItem)]
    assert the(Basket).order_id == the(Order).id
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0012")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (the(Order).token, [item.description for item in all_of(OrderItem)]) == kept and count_of(Basket) == 0
