"""What the club sells: one handler for each kind. A new kind is one new file and one line in this list.

Made known by ``background.register`` when the site starts; everybody else asks ``items.handler``.
"""

from __future__ import annotations

from typing import Any

from . import items
from .items import ItemHandler
from .listing_item import ListingItem
from .membership_item import MembershipItem
from .product_item import ProductItem
from .registration_item import RegistrationItem

KINDS: tuple[ItemHandler[Any], ...] = (
    RegistrationItem(),
    MembershipItem(),
    ProductItem(),
    ListingItem(),
)


def register() -> None:
    """Make every kind known. May be called again."""
    items.sell(KINDS)
