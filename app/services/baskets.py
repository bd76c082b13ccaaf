"""Baskets: filled, changed and turned into an order, all or nothing (promise 15). Called by the basket's pages and by checkout.

Nothing is kept for a basket until it is checked out. Its lines go when their order is paid, in that very transaction. A basket
holds MOST_LINES at the most; after KEEP it is gone, and ``old_baskets`` deletes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import Basket, BasketItem, Order
from ..models.columns import new_token
from ..rules.refusals import BasketEmpty, BasketFull, BasketGone, InvalidInput, PriceChanged, Refusal, words
from ..rules.statuses import ItemKind, OrderStatus
from ..rules.vouchers import normalise
from ..transaction import connection_of, end_read, retried, transaction
from . import audit, basket_orders, items, ordering, orders
from .items import Buyer, Quoted, Wanted
from .ordering import Entered, Outcome

KEEP = timedelta(days=14)
MOST_LINES = 20
MOST_OF_ONE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line as its page shows it: priced, or with the reason why it cannot be had now."""

    id: int
    kind: ItemKind
    slug: str
    title: str
    quantity: int
    path: str
    single: bool
    quoted: Quoted | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class View:
    """A basket with what it costs this buyer now."""

    lines: Sequence[Line] = ()
    code: str = ""
    """The code that it is to be paid with, or was to be."""
    code_refusal: Refusal | None = None
    """Why the code takes nothing off."""

    @property
    def quoted(self) -> list[Quoted]:
        return [line.quoted for line in self.lines if line.quoted is not None]

    @property
    def total_cents(self) -> int:
        return ordering.total(self.quoted)

    @property
    def currency(self) -> str:
        return self.quoted[0].currency if self.quoted else ""

    @property
    def code_saved_cents(self) -> int:
        """What the code takes off."""
        return sum(line.code_saved_cents for line in self.quoted)

    @property
    def keeps(self) -> bool:
        """Whether checking out keeps something while it is paid."""
        return any(line.keeps for line in self.quoted)

    @property
    def can_be_had(self) -> bool:
        return bool(self.lines) and len(self.quoted) == len(self.lines)


def view(token: str, buyer: Buyer, code: str | None = None) -> View:
    """The basket as it is for this buyer, with the code typed now or (None) before. Changes nothing. Raises BasketGone."""
    db, now = flask_db.session(), clock.now()
    basket = db.execute(select(Basket).where(Basket.token == token, Basket.used_at > now - KEEP)).scalar_one_or_none()
    if basket is None:
        raise BasketGone
    rows, held = _rows(db, basket.id), basket_orders.holding(db, basket)
    kinds = sorted({row.kind for row in rows}, key=lambda kind: not items.handler(kind).quoted_first)
    shown: dict[int, Line] = {}
    for row in (row for kind in kinds for row in rows if row.kind is kind):
        shown[row.id] = _line(db, row, buyer, held)
        if (quoted := shown[row.id].quoted) is not None and quoted.joins:
            buyer = replace(buyer, joins=True)
    lines = [shown[row.id] for row in rows]
    return _with_code(db, lines, buyer, now, (basket.code or "") if code is None else code, held)


def _with_code(
    db: Session, lines: Sequence[Line], buyer: Buyer, now: datetime, code: str, held: int | None
) -> View:
    """The lines at what they cost with the code, or at their prices and why the code takes nothing off them."""
    priced = [line for line in lines if line.quoted is not None]
    try:
        found = [line.quoted for line in priced if line.quoted is not None]
        cut = ordering.with_code(db, found, buyer, now, code, held) if code and found else found
    except Refusal as refusal:
        return View(lines, code, refusal)
    now_cost = {line.id: quoted for line, quoted in zip(priced, cut, strict=True)}
    return View([replace(line, quoted=now_cost.get(line.id)) for line in lines], code)


@retried
def use_code(token: str, code: str, buyer: Buyer) -> None:
    """Keep the code with the basket; empty: none. Raises BasketGone, and VoucherRefused for one that takes nothing off."""
    if code and isinstance(refusal := view(token, buyer, code).code_refusal, Refusal):
        raise refusal
    with transaction() as db:
        basket = _find(db, token)
        if basket is None:
            raise BasketGone
        db.execute(update(Basket).where(Basket.id == basket.id).values(code=code or None, used_at=clock.now()))


def offered(wanted: Wanted, buyer: Buyer) -> Quoted:
    """What one line would cost, for the page that asks how many. Raises the Refusal that says why it cannot be had."""
    return _quote_for(flask_db.session(), wanted, buyer)


@retried
def add(token: str | None, wanted: Wanted, buyer: Buyer) -> str:
    """Put a line in, or change how many of it there are; the basket's token. Raises the Refusal that says why not."""
    now = clock.now()
    with transaction() as db:
        quoted = _quote_for(db, wanted, buyer)
        basket = _find(db, token) if token else None
        if basket is None:
            token = new_token()
            basket_id = int(
                db.execute(insert(Basket).values(token=token, used_at=now, created_at=now).returning(Basket.id)).scalar_one()
            )
        else:
            basket_id, token = basket.id, basket.token
        begun = db.execute(select(BasketItem.id).where(BasketItem.basket_id == basket_id).limit(1)).first() is not None
        _put(db, basket_id, wanted, quoted)
        fresh = {} if begun else {"code": None}  # the code was for what was in it before
        db.execute(update(Basket).where(Basket.id == basket_id).values(used_at=now, **fresh))
        return token


def _put(db: Session, basket_id: int, wanted: Wanted, quoted: Quoted) -> None:
    same = (BasketItem.basket_id == basket_id, BasketItem.kind == wanted.kind, BasketItem.slug == wanted.slug)
    quantity = 1 if items.handler(wanted.kind).single else min(wanted.quantity, MOST_OF_ONE)
    there = db.execute(select(BasketItem.quantity).where(*same)).scalar_one_or_none()
    if there is not None:
        if there != quantity:  # else it is the line that its order holds, and goes when that is paid
            db.execute(update(BasketItem).where(*same).values(quantity=quantity, order_id=None))
        return
    count = select(func.count()).select_from(BasketItem).where(BasketItem.basket_id == basket_id)
    if db.execute(count).scalar_one() >= MOST_LINES:
        raise BasketFull
    values = {"kind": wanted.kind, "slug": wanted.slug, "title": quoted.title, "quantity": quantity}
    db.execute(insert(BasketItem).values(basket_id=basket_id, **values))


@retried
def change(token: str, item_id: int, quantity: int, buyer: Buyer) -> None:
    """Change how many of a line there are; 0 takes it out. Raises BasketGone, or the Refusal that says why not."""
    now = clock.now()
    with transaction() as db:
        basket = _find(db, token)
        if basket is None:
            raise BasketGone
        mine = (BasketItem.id == item_id, BasketItem.basket_id == basket.id)
        row = db.execute(select(BasketItem).where(*mine)).scalar_one_or_none()
        if row is not None and quantity < 1:
            db.execute(delete(BasketItem).where(*mine))
        elif row is not None and row.quantity != quantity:
            _put(db, basket.id, wanted := Wanted(row.kind, row.slug, quantity), _quote_for(db, wanted, buyer))
        db.execute(update(Basket).where(Basket.id == basket.id).values(used_at=now))


@retried
def order(token: str, buyer: Buyer, expected_total_cents: int | None, attempt: str, code: str = "") -> Entered:
    """Order everything in it or nothing, with the code that was typed. A Refusal about one line names it (``about``).

    Raises BasketGone, BasketEmpty, PriceChanged unless the total is what the page showed, and whatever a line refuses.
    """
    now = clock.now()
    with transaction() as db:
        if again := orders.token_of_attempt(db, attempt):
            return Entered(Outcome.RESUMED, again)
        basket = _find(db, token)
        if basket is None:
            raise BasketGone
        rows = _rows(db, basket.id)
        if not rows:
            raise BasketEmpty
        if open_token := basket_orders.still_the_same(db, basket, rows, buyer.email, code, expected_total_cents):
            return Entered(Outcome.RESUMED, open_token)
        wanted = [Wanted(row.kind, row.slug, row.quantity, in_basket=True) for row in rows]
        quoted = ordering.quote(db, wanted, buyer, now, code)
        _check(db, quoted, buyer, expected_total_cents)
        made, entered = ordering.write(db, ordering.reserve(db, quoted, buyer, now), buyer, attempt, now)
        audit.record(db, buyer.actor, "checked_out", "order", made.id, lines=len(rows))
        db.execute(update(BasketItem).where(BasketItem.basket_id == basket.id).values(order_id=made.id))
        kept = {"order_id": made.id, "code": normalise(code) or None, "used_at": now}
        db.execute(update(Basket).where(Basket.id == basket.id).values(kept))
        if entered.outcome is not Outcome.TO_PAY:
            empty_paid(db, made.id)
        return entered


def _check(db: Session, quoted: Sequence[Quoted], buyer: Buyer, expected_total_cents: int | None) -> None:
    """The lines fit together, cost what the page showed, and nobody has them already."""
    if len({line.currency for line in quoted}) > 1:
        raise InvalidInput(None, words("What is in your basket is not all in one currency. Pay for it in two orders."))
    if expected_total_cents != ordering.total(quoted):
        raise PriceChanged(unit_cents=ordering.total(quoted), currency=quoted[0].currency)
    ordering.check_total(quoted)
    for line in quoted:
        with ordering.about(line.wanted):
            items.handler(line.wanted.kind).check_had(db, line, buyer)


@retried
def tell_had(wanted: Wanted, buyer: Buyer) -> None:
    """The order was refused because this address has this line already: its owner learns so by mail."""
    with transaction() as db:
        items.handler(wanted.kind).tell_had(db, wanted, buyer)


def changed_order(token: str, email: str | None, code: str = "", seen_cents: int | None = None) -> str | None:
    """The unpaid order that this basket was last checked out as, if something is different by now: it must end first."""
    db = flask_db.session()
    basket = db.execute(select(Basket).where(Basket.token == token)).scalar_one_or_none()
    found = None
    if basket is not None and basket.order_id is not None:
        status = (Order.id == basket.order_id, Order.status == OrderStatus.PENDING)
        open_token = db.execute(select(Order.token).where(*status)).scalar_one_or_none()
        same = basket_orders.still_the_same(db, basket, _rows(db, basket.id), email, code, seen_cents)
        found = None if same else open_token
    end_read()
    return found


def empty_paid(db: Session, order_id: int) -> None:
    """The order is paid: its lines leave the basket, in the transaction that says so. What was added since stays."""
    connection_of(db).execute(_EMPTY, {"of_order": order_id})


_EMPTY = delete(BasketItem).where(BasketItem.order_id == bindparam("of_order"))


def _find(db: Session, token: str) -> Basket | None:
    """The basket, locked, unless it is too old: two presses make one order."""
    fresh = (Basket.token == token, Basket.used_at > clock.now() - KEEP)
    return db.execute(select(Basket).where(*fresh).with_for_update()).scalar_one_or_none()


def _rows(db: Session, basket_id: int) -> Sequence[BasketItem]:
    found = select(BasketItem).where(BasketItem.basket_id == basket_id).order_by(BasketItem.id)
    return db.execute(found.execution_options(populate_existing=True)).scalars().all()


def _quote_for(db: Session, wanted: Wanted, buyer: Buyer) -> Quoted:
    quoted: Quoted = items.handler(wanted.kind).quote(db, replace(wanted, in_basket=True), buyer, clock.now())
    return quoted


def _line(db: Session, row: BasketItem, buyer: Buyer, held: int | None) -> Line:
    handler, quoted, refused = items.handler(row.kind), None, None
    try:
        found = _quote_for(db, Wanted(row.kind, row.slug, row.quantity), buyer)
        if not basket_orders.keeps(db, held, row):
            handler.check_available(found)
        quoted = found
    except Refusal as refusal:
        refused = refusal
    return Line(row.id, row.kind, row.slug, row.title, row.quantity, handler.path(row.slug), handler.single, quoted, refused)
