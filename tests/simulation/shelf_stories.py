"""Short stories of courses and files, and the defence without which each is noticed to end badly. Told by `test_twins`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from app.rules.statuses import ItemKind
from app.services import baskets, checkout, product_access, stock
from app.services.items import Buyer, Wanted

from . import shelf
from .desk import STAFF, WHY
from .desk_stories import paid_late
from .told import Told

CENTS = 2500


def shop_with_one(story: Told) -> None:
    story.club()
    shelf.put_up(story, 1)


def order(story: Told, number: int) -> None:
    """They order the course, and go as far as its payment page."""
    person = story.person(number)
    asks = Buyer(person.name, person.email)
    wanted = Wanted(ItemKind.PRODUCT, story.shelf[0])
    form = f"course-{number}"
    story.did(
        f"order {number}",
        lambda: person.went_to(checkout.begin_basket(baskets.add(None, wanted, asks), asks, CENTS, form)),
    )


def two_want_the_last_one(story: Told) -> None:
    shop_with_one(story)
    order(story, 0)
    order(story, 1)
    story.pay(0)
    story.end()


def the_next_has_it(story: Told) -> None:
    """The first does not pay in time, and the second does."""
    shop_with_one(story)
    order(story, 0)
    story.work(minutes=31)
    order(story, 1)
    story.pay(1)


def nobody_pays_for_it(story: Told) -> None:
    the_next_has_it(story)
    story.end()


def paid_after_the_last_one_went(story: Told) -> None:
    the_next_has_it(story)
    story.did("paid late", lambda: paid_late(story))
    story.did("deliver", story.world.deliver)
    story.end()


def staff_give_all_of_it_back(story: Told) -> None:
    shop_with_one(story)
    order(story, 0)
    story.pay(0)
    item_id = next(iter(story.seen.product_purchases))
    story.did("refund", lambda: product_access.refund(item_id, CENTS, WHY, STAFF, once="refund"))
    story.end()


@contextmanager
def stock_guard() -> Iterator[None]:
    """One is sold whether any is left or not."""
    take = stock.take
    with patch.object(stock, "take", lambda *asked: take(*asked) or True):
        yield


@contextmanager
def let_go_when_unpaid() -> Iterator[None]:
    """What was not paid is kept for ever."""
    with patch.object(product_access, "let_go", lambda *_: None):
        yield


@contextmanager
def access_goes_with_the_money() -> Iterator[None]:
    """The money goes back, and the link stays good."""
    with patch.object(product_access, "revoke", lambda *_: None):
        yield


SHELF_TWINS: list[tuple[str, Callable[[], Any], Callable[[Told], None]]] = [
    ("stock guard", stock_guard, two_want_the_last_one),
    ("unpaid order lets its stock go", let_go_when_unpaid, nobody_pays_for_it),
    ("late money takes stock again", stock_guard, paid_after_the_last_one_went),
    ("access goes with the money", access_goes_with_the_money, staff_give_all_of_it_back),
]
