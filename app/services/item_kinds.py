"""What can be sold: one handler for each item kind. A new kind is one new file and one line in the registry below."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from ..models import OrderItem
from ..rules.statuses import ItemKind, OrderStatus
from .membership_item import MembershipItem
from .registration_item import RegistrationItem


class ItemHandler(Protocol):
    """How one kind of item behaves in the order's life. All run inside the order's transaction, with the order locked."""

    letter: str
    """The mail that says it was paid for and is there."""

    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Give what was paid for; False when it can no longer be had (the money goes back)."""
        ...

    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        """Let go of what an unpaid order kept."""
        ...

    def club_session_id(self, db: Session, item: OrderItem) -> int | None:
        """Which club session the money is booked to, if any."""
        ...


_HANDLERS: dict[ItemKind, ItemHandler] = {
    ItemKind.REGISTRATION: RegistrationItem(),
    ItemKind.MEMBERSHIP: MembershipItem(),
}


def handler(kind: ItemKind) -> ItemHandler:
    """The handler of a kind; KeyError for a kind that nothing sells."""
    return _HANDLERS[kind]
