"""Revision 0020 with a course that was bought in the tables: orders stay, down and up; nonsense is refused by the database."""

from __future__ import annotations

from datetime import UTC, datetime

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.models import CoursePage, OrderItem, Product, ProductFile, ProductPurchase
from app.transaction import transaction
from tests.support.database import MIGRATIONS
from tests.support.rows import all_of, count_of
from tests.support.shop import begin_product, make_course, make_file
from tests.support.stripe import StripeSimulator

TABLES = (Product, CoursePage, ProductFile, ProductPurchase)


def test_down_and_up_again_keeps_the_orders(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_file()
    begin_product(make_course("One", price_cents=0))
    items = [(item.id, item.kind) for item in all_of(OrderItem)]
    assert [count_of(table) for table in TABLES] == [2, 1, 1, 1]
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0019")
    db.session.remove()
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert [count_of(table) for table in TABLES] == [0, 0, 0, 0]
    assert [(item.id, item.kind) for item in all_of(OrderItem)] == items


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (Product, {"stock_taken": 3}),
        (Product, {"stock_taken": -1}),
        (Product, {"price_cents": -1}),
        (Product, {"member_price_cents": -1}),
        (ProductFile, {"size_bytes": 0}),
        (ProductPurchase, {"kept": False}),
        (ProductPurchase, {"granted_at": None, "revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}),
        (ProductPurchase, {"downloads": -1}),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_the_database(
    app: Flask, stripe_simulator: StripeSimulator, table: type[Product], values: dict[str, object]
) -> None:
    begin_product(make_file(price_cents=0, member_price_cents=None, stock=2))
    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(update(table).values(values))
