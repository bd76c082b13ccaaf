"""The last one of a product, wanted by many at once: it goes once, by the statement that takes places (promise 1).

The twin looks before it takes, and sells it twice; with the database's own refusal left on it meets that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import Product, ProductPurchase
from app.services import ending, health_check, product_access, stock
from tests.concurrency import guards
from tests.concurrency.racing import Meeting, all_is_well, race, refusals, values
from tests.support.rows import all_of, count_of
from tests.support.shop import begin_product, empty, make_file, product, purchase_of

FREE = {"price_cents": 0, "member_price_cents": None}


def buys(slug: str, number: int) -> Callable[[], str]:
    return lambda: begin_product(slug, f"buyer{number}@example.org")


@contextmanager
def looking_first(meeting: Meeting) -> Iterator[None]:
    """One is taken by looking first and writing afterwards, without a guard."""

    def take(db: Session, product_id: int) -> bool:
        found = select(Product.stock, Product.stock_taken).where(Product.id == product_id)
        most, taken = db.execute(found).one()
        meeting.wait()
        if most is not None and taken >= most:
            return False
        more = update(Product).where(Product.id == product_id).values(stock_taken=Product.stock_taken + 1)
        db.execute(more.execution_options(synchronize_session=False))
        return True

    with guards.drivers_own_transactions(), patch.object(stock, "take", take):
        yield


def test_last_one_goes_to_one_of_many(app: Flask) -> None:
    slug = make_file(stock=3, **FREE)
    outcomes = race(app, [buys(slug, number) for number in range(12)])
    assert len(values(outcomes)) == 3 and refusals(outcomes) == {"ProductSoldOut": 9}
    assert (product(slug).stock_taken, len(all_of(ProductPurchase, kept=True))) == (3, 3)
    all_is_well()


def test_giving_up_and_buying_at_once_keep_the_count(app: Flask, stripe_simulator: object) -> None:
    slug = make_file(stock=4)
    leaving = [begin_product(slug, f"leaver{number}@example.org") for number in range(4)]
    works: list[Callable[[], object]] = [lambda token=token: ending.give_up(token) for token in leaving]  # type: ignore[misc]
    values(race(app, [*works, *(buys(slug, number) for number in range(6))]))
    assert product(slug).stock_taken == len(all_of(ProductPurchase, kept=True)) <= 4
    all_is_well()


def test_last_one_is_sold_twice_by_looking_first(app: Flask) -> None:
    slug = make_file(stock=1, **FREE)
    with guards.without_check_of("products", "stock"), looking_first(Meeting(2)):
        values(race(app, [buys(slug, number) for number in range(2)]))
    assert count_of(ProductPurchase) == product(slug).stock_taken == 2


def test_database_itself_refuses_the_second(app: Flask) -> None:
    slug = make_file(stock=1, **FREE)
    with looking_first(Meeting(2)):
        outcomes = race(app, [buys(slug, number) for number in range(2)])
    assert sorted(type(outcome.error).__name__ for outcome in outcomes) == ["IntegrityError", "NoneType"]
    [refused] = [outcome.error for outcome in outcomes if isinstance(outcome.error, IntegrityError)]
    assert "ck_products_stock" in str(refused) and product(slug).stock_taken == 1
    all_is_well()


def test_count_goes_wrong_without_the_handlers_release_and_the_doctor_sees_it(app: Flask, stripe_simulator: object) -> None:
    """The twin of giving back: an unpaid order that lets go of nothing but its row."""
    token = begin_product(make_file(title="Warm-up card", stock=2))

    def forget(db: Session, order_item_id: int) -> None:
        db.execute(update(ProductPurchase).where(ProductPurchase.order_item_id == order_item_id).values(kept=False))

    with patch.object(product_access, "let_go", forget):
        ending.give_up(token)
    assert health_check.findings() == ["warm-up-card: counted 1 taken, its purchases add up to 0."]


def test_paying_and_emptying_at_once_never_gives_nothing_for_money(app: Flask, stripe_simulator: object) -> None:
    """Whoever is first, the one who pays has either the file or the money: both hold the product's row."""
    slug = make_file(**FREE)
    outcomes = race(app, [buys(slug, 1), lambda: empty(slug)])
    bought = [outcome.value for outcome in outcomes if isinstance(outcome.value, str)]
    assert all(outcome.refusal is not None or outcome.error is None for outcome in outcomes)
    assert all(purchase_of(token).granted_at is not None for token in bought)
    all_is_well()
