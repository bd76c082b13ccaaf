"""What pages and mails say of a line of an order, whatever kind it is: facts that each kind describes for itself.

The kinds make themselves known here when the site starts (``services.items.sell``); the order page and the letters ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from ..rules.statuses import ItemKind


@dataclass(frozen=True, slots=True)
class KindWords:
    """What the page says of an order that is for one kind alone. Translated when shown."""

    noun: Any = _("Item")
    had: Any = _("Payment received")
    """The heading once it is paid for and there."""
    to_pay: Any = _("Pay for your order")
    give_up: Any = _("You are not charged.")
    """What giving up the unpaid order means."""
    shop: tuple[str, Any] | None = None
    """Where to get it again: an endpoint and its words."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One paid line as its owner sees it: rows of label and value, how it stands, and where it leads."""

    rows: tuple[tuple[str, str | date], ...] = ()
    state: str = ""
    tone: str = "green"
    over: bool = False
    """It was had and has been taken away again."""
    path: str = ""
    """The page on this site where it is had, and what the link says."""
    path_words: str = ""
    owner_id: int | None = None
    """The person whose it is: if their account was made by this purchase, the mail says how they get in."""
    mail: Mapping[str, Any] = field(default_factory=dict)
    """What the mails know of it besides, under names of the kind's own; JSON."""


Describer = Callable[[Session, int], Mapping[int, ItemFacts]]

_describers: dict[ItemKind, tuple[KindWords, Describer]] = {}


def describe(kind: ItemKind, words: KindWords, facts: Describer) -> None:
    """Have a kind's words and facts shown. Called once for each kind, when the site starts."""
    _describers[kind] = words, facts


def words_of(kind: ItemKind) -> KindWords:
    """What pages say of a kind; plain words for one that nothing sells any more."""
    return _describers[kind][0] if kind in _describers else KindWords()


def of_order(db: Session, order_id: int, kinds: Iterable[ItemKind]) -> Mapping[int, ItemFacts]:
    """The facts of an order's lines by the id of the item: one statement at the most for each kind that is in it."""
    found: dict[int, ItemFacts] = {}
    for kind in dict.fromkeys(kinds):
        if kind in _describers:
            found |= _describers[kind][1](db, order_id)
    return found
