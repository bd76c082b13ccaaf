"""What a kind of thing for sale promises: the contract that every handler keeps and all generic money code relies on.

The handlers are named in ``item_kinds``, which ``create_app`` has made known before anything is sold. Called by whatever orders,
fulfils, releases and refunds; none of it knows a kind by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy.orm import Session

from ..models import Order, OrderItem
from ..queries import item_facts
from ..queries.item_facts import ItemFacts, KindWords
from ..queries.memberships import VISITOR, Standing
from ..rules.statuses import Entry, ItemKind, OrderStatus
from . import audit
from .order_lines import Line, PricedLine
from .together import Numbers


@dataclass(frozen=True, slots=True)
class OrderKey:
    """An order just written: its id inside, its token for the address, its reference for people and Stripe."""

    id: int
    token: str
    reference: str
    written: Order | None = None
    """The whole row, of an order that is done as soon as it is written."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line as it was asked for: so many of the thing behind an address (``slug``)."""

    kind: ItemKind
    slug: str
    quantity: int = 1
    accept_waitlist: bool = False
    """Waiting for it is fine, where a kind has a waitlist."""
    answers: Mapping[str, object] | None = field(default_factory=dict)
    """What was answered to the questions that it asks, by key; None when nobody was asked."""
    asked: Entry | None = Entry.OPEN
    """Whether the page offered to have it or to apply for it; None: it did not say."""
    in_basket: bool = field(default=False, compare=False)
    """It is a line of a basket, where nobody can be asked anything."""
    draws: bool = False
    """It is ordered at once and alone, and its rows may be written together: the quote brings their ids along."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, and what they are entitled to now. ``email`` None: a page that does not know yet who that will be."""

    name: str = ""
    email: str | None = None
    user_id: int | None = None
    standing: Standing = VISITOR
    joins: bool = False
    """They become a member by this very order: member prices hold for the rest of it."""
    whatsapp_number: str | None = None
    """In E.164; given only by somebody who agreed to be written to there."""

    @property
    def actor(self) -> str:
        return audit.by_user(self.user_id) if self.user_id else audit.GUEST

    @property
    def address(self) -> str:
        """The e-mail address; only for what is written down, by when it is known."""
        if self.email is None:
            raise AssertionError("nobody can order without an address")
        return self.email

    @property
    def pays_as_member(self) -> bool:
        return self.standing.is_member or self.joins


@dataclass(frozen=True, slots=True)
class Quoted:
    """A line with its price as of now. A kind adds what it wants to remember until the line is written."""

    wanted: Wanted
    title: str
    currency: str
    lines: Sequence[PricedLine]
    subject_id: int
    """The row that is sold. Lines are reserved by kind and then by this, ascending: two orders never wait for each other."""
    keeps: bool = False
    """Something is kept for the buyer while they pay."""
    joins: bool = False
    """Whoever buys this is a member from then on."""
    starts_at: datetime | None = None
    """When it is, if it is at a time, and in which zone that is shown."""
    time_zone: str = ""
    voucher_id: int | None = None
    """The code that took something off; counted with the order."""
    takes_promotions: bool = False
    """Stripe's page may take promotion codes for it, when it is all there is to pay: what ``takes_promotions`` says later."""
    code_saved_cents: int = 0
    """What it took off the whole order: said by the first line alone."""
    numbers: Numbers = field(default_factory=dict)
    """The ids of the rows of its order, where they were drawn."""

    @property
    def total_cents(self) -> int:
        return sum(line.amount_cents for line in self.lines)


Q = TypeVar("Q", bound=Quoted)
"""What a kind's own quote is."""


@dataclass(frozen=True)
class Reserved(Generic[Q]):
    """A line of which everything scarce has been taken, or is about to be."""

    quoted: Q
    waits: bool = False
    """Not there yet: the buyer waits for it, and the order is not done though nothing may be to pay."""
    pays_now: bool = True
    """False: it is paid for when it comes free."""
    taken: bool = True
    """False: what is scarce is taken when all else has been written (``take_last``)."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line that has been written. ``metadata``: what Stripe is told about it (references and slugs, nothing personal).

    ``letter``: the mail that says it is there, where the handler knows that without asking for what it has just written;
    ``written``: that itself, where the handler has it.
    """

    item_id: int
    reserved: Reserved[Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    letter: str = ""
    written: Line | None = None


class ItemHandler(ABC, Generic[Q]):
    """How one kind of item behaves in an order's life. All of it runs inside the order's transaction, with the order locked.

    ``quote`` alone is also called by pages: it writes nothing, locks nothing and sends nothing.
    """

    kind: ClassVar[ItemKind]
    rank: ClassVar[int] = 100
    """Lines of several kinds are reserved, written, fulfilled and released in this order. The first names the letter."""
    quoted_first: ClassVar[bool] = False
    """Its quote may make the buyer a member, so it is asked before the others."""
    single: ClassVar[bool] = True
    """Nobody buys more than one at a time."""
    in_baskets: ClassVar[bool] = False
    """Whether it can be put in a basket, or is ordered by itself alone."""

    @abstractmethod
    def quote(self, db: Session, wanted: Wanted, buyer: Buyer, now: datetime) -> Q:
        """The price of the line as of now, or the Refusal that says why it cannot be had."""

    @abstractmethod
    def reserve(self, db: Session, quoted: Q, buyer: Buyer, now: datetime) -> Reserved[Q]:
        """Take what is scarce, or raise the Refusal. Before the order is written, so that a refusal has written nothing."""

    @abstractmethod
    def record(
        self, db: Session, order: OrderKey, reserved: Reserved[Q], buyer: Buyer, now: datetime, *, done: bool
    ) -> Recorded:
        """Write the order's item and the kind's own row about it. ``done``: nothing is to pay, so it is had at once."""

    @abstractmethod
    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Give what was paid for; False when it can no longer be had (the money goes back)."""

    @abstractmethod
    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        """Let go of what an unpaid order kept. Called again it does nothing."""

    @abstractmethod
    def refund(self, db: Session, item: OrderItem, gone_cents: int, actor: str) -> None:
        """So much of what was paid for the line has gone back in all: take away what goes with it, or give it back when 0."""

    # --- What most kinds leave as it is ---------------------------------------------------------------------------------------

    def check_available(self, quoted: Q) -> None:  # noqa: B027 - doing nothing is the usual answer
        """For pages: raise the Refusal that reserving would raise now, as far as the quote can tell."""

    def check_price(self, quoted: Q, buyer: Buyer) -> None:  # noqa: B027 - doing nothing is the usual answer
        """The price is final, a code taken off: raise the Refusal when nobody may have it so."""

    def check_had(self, db: Session, quoted: Q, buyer: Buyer) -> None:  # noqa: B027 - doing nothing is the usual answer
        """Raise the Refusal when the buyer has it already and cannot have it twice. Asked before reserving, by baskets."""

    def tell_had(self, db: Session, wanted: Wanted, buyer: Buyer) -> None:  # noqa: B027 - doing nothing is the usual answer
        """The buyer's address has it already, which only its owner may learn: write to them."""

    def may_take_last(self, quoted: Q) -> bool:
        """Whether there is so much left of it that ``take_last`` will do instead of ``reserve``, for who buys nothing else."""
        return False

    def take_last(self, db: Session, quoted: Q) -> bool:
        """Take what is scarce when all else has been written; False when it is not as the quote saw it. Locks go after it."""
        raise NotImplementedError

    def path(self, slug: str) -> str:
        """The page on this site about the thing itself."""
        return "/"

    def after_order(self, db: Session, recorded: Recorded, buyer: Buyer) -> None:  # noqa: B027 - doing nothing is the usual answer
        """Nothing was to pay now and the letter is owed: whatever else that sets going."""

    def bought_nothing(self, db: Session, item: OrderItem) -> None:  # noqa: B027 - doing nothing is the usual answer
        """Money came for the line, it could not be had any more, and goes back: say so where the kind keeps such a thing."""

    def letter(self, db: Session, item: OrderItem) -> str:
        """The mail that says it was paid for and is there."""
        return "purchased"

    def apology(self, ended: OrderStatus) -> str:
        """The mail for an order of which nothing can be had any more."""
        return "purchase_refunded"

    def takes_promotions(self, db: Session, item: OrderItem) -> bool:
        """Whether Stripe's page may take promotion codes for this line, when it is all there is to pay."""
        return False

    def club_session_id(self, db: Session, item: OrderItem) -> int | None:
        """Which club session the money is booked to, if any."""
        return None

    def metadata(self, db: Session, item: OrderItem) -> Mapping[str, str]:
        """What Stripe is told about a line that was written before: what ``record`` said then."""
        return {}

    words: ClassVar[KindWords] = KindWords()
    """What an order page says of an order that is for this kind alone."""

    def facts(self, db: Session, order_id: int) -> Mapping[int, ItemFacts]:
        """What pages and mails say of this kind's lines in an order, by the id of the item. One statement."""
        return {}


METADATA_MAX = 500
"""Stripe's limit for one value."""
_HANDLERS: dict[ItemKind, ItemHandler[Any]] = {}


def sell(handlers: Iterable[ItemHandler[Any]]) -> None:
    """Make kinds known, to what sells and to the pages that show it."""
    for one in handlers:
        _HANDLERS[one.kind] = one
        item_facts.describe(one.kind, one.words, one.facts)


def handler(kind: ItemKind) -> ItemHandler[Any]:
    """The handler of a kind; KeyError for a kind that nothing sells."""
    return _HANDLERS[kind]


def kinds() -> Sequence[ItemKind]:
    """Every kind that is sold."""
    return tuple(_HANDLERS)


def merged(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The metadata of several lines as one: each key's values in order, joined by commas, no longer than Stripe takes."""
    values: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            joined = f"{values[key]},{value}" if key in values else value
            if len(joined) <= METADATA_MAX:
                values[key] = joined
    return values
