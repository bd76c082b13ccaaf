"""Writes an order of any lines, all or nothing: all quoted, all that is scarce taken, then the order, its items and its payment.

Called inside the transaction of whatever sells (the booking form, the membership page, the basket). It knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ..models import OrderItem
from ..rules import money
from ..rules.refusals import InvalidInput, Refusal, words
from ..transaction import Overtaken, write_gathered
from . import items, letters, order_notices, orders, promotions, together, vouchers
from .items import Buyer, OrderKey, Quoted, Recorded, Reserved, Wanted
from .order_lines import PricedLine
from .vouchers import Sold

TOO_SMALL = words("This price cannot be paid by card. Please tell the club.")


class Outcome(StrEnum):
    TO_PAY = "to_pay"
    REGISTERED = "registered"
    WAITLISTED = "waitlisted"
    APPLIED = "applied"
    RESUMED = "resumed"
    STANDS = "stands"
    """There already, at another price than was asked for: its own page says what it costs."""
    ALREADY_IN = "already_in"


@dataclass(frozen=True, slots=True)
class Entered:
    """What asking led to. ``intent`` when a Checkout is to be opened; no ``order_token`` for a stranger (ALREADY_IN)."""

    outcome: Outcome
    order_token: str = ""
    intent: orders.Intent | None = None


def quote(db: Session, wanted: Iterable[Wanted], buyer: Buyer, now: datetime, code: str = "") -> list[Quoted]:
    """Each line's price as of now, in the order asked for. Raises the Refusal of the first that cannot be had, ``about`` it.

    ``code``: what was typed, taken off these lines; VoucherRefused when it cannot be.
    """
    asked = list(wanted)
    quoted: dict[int, Quoted] = {}
    for position in sorted(range(len(asked)), key=lambda n: not items.handler(asked[n].kind).quoted_first):
        with about(asked[position]):
            quoted[position] = items.handler(asked[position].kind).quote(db, asked[position], buyer, now)
        if quoted[position].joins:
            buyer = replace(buyer, joins=True)
    lines = [quoted[position] for position in range(len(asked))]
    return with_code(db, lines, buyer, now, code) if code else lines


def with_code(
    db: Session, quoted: Sequence[Quoted], buyer: Buyer, now: datetime, code: str, replaces: int | None = None
) -> list[Quoted]:
    """The lines at what they cost with the code. Raises VoucherRefused, and what a kind says of a price it may not have.

    ``replaces``: see ``vouchers.apply``.
    """
    buyer = replace(buyer, joins=buyer.joins or any(line.joins for line in quoted))
    sold = [Sold(line.wanted.kind, line.subject_id, line.lines) for line in quoted]
    currency = quoted[0].currency
    applied = vouchers.apply(
        db, code, sold, currency, email=buyer.email, is_member=buyer.pays_as_member, now=now, replaces=replaces
    )
    saved = [applied.saved_cents] + [0] * (len(sold) - 1)
    made = [
        replace(line, lines=lines, voucher_id=applied.voucher_id, code_saved_cents=cents)
        for line, lines, cents in zip(quoted, applied.lines, saved, strict=True)
    ]
    for line in made:
        with about(line.wanted):
            items.handler(line.wanted.kind).check_price(line, buyer)
    return made


class about:  # noqa: N801 - reads as a word: with about(line)
    """A Refusal that comes out of the block says which line it is about."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Refusal) and error.about is None:
            error.about = self.wanted


def check_total(quoted: Sequence[Quoted]) -> None:
    """Raise InvalidInput for a total that no card pays."""
    if quoted and not money.chargeable(total(quoted), quoted[0].currency):
        raise InvalidInput(None, TOO_SMALL)


def total(quoted: Iterable[Quoted]) -> int:
    """What the lines cost together, in minor units."""
    return sum(line.total_cents for line in quoted)


def reserve(
    db: Session, quoted: Sequence[Quoted], buyer: Buyer, now: datetime, *, last: bool = False
) -> list[Reserved[Quoted]]:
    """Take what is scarce, line by line in the one order that every order takes them. Nothing is written when one refuses.

    ``last``: the caller is `retried`, and a line by itself of which much is left may wait for the end of ``write``. Those who
    book one thing at once then wait for each other for one statement instead of for a whole booking.
    """
    alone = quoted[0] if last and len(quoted) == 1 and quoted[0].voucher_id is None else None
    if alone and items.handler(alone.wanted.kind).may_take_last(alone):
        return [Reserved(alone, taken=False)]
    buyer, taken = replace(buyer, joins=any(line.joins for line in quoted)), []
    for line in sorted(quoted, key=lambda line: (items.handler(line.wanted.kind).rank, line.subject_id)):
        with about(line.wanted):
            taken.append(items.handler(line.wanted.kind).reserve(db, line, buyer, now))
    return taken


def write(
    db: Session, reserved: Sequence[Reserved[Quoted]], buyer: Buyer, attempt: str, now: datetime
) -> tuple[OrderKey, Entered]:
    """The order, its items and, when there is something to pay now, the payment with its exact parameters.

    Raises Overtaken when what was left for last is not there any more.
    """
    cents, currency = total(line.quoted for line in reserved), reserved[0].quoted.currency
    waits = any(line.waits for line in reserved)
    pays_now, done = cents > 0 and all(line.pays_now for line in reserved), cents == 0 and not waits
    if numbers := reserved[0].quoted.numbers:
        together.keep(db, numbers)
    who = orders.Buyer(buyer.name, buyer.address, attempt, buyer.user_id)
    kept = order_notices.agreed(buyer.whatsapp_number, (line.quoted.wanted.kind for line in reserved), now)
    order = orders.create_order(db, who, cents, currency, pays_now=pays_now, done=done, now=now, kept=kept)
    recorded = [items.handler(r.quoted.wanted.kind).record(db, order, r, buyer, now, done=done) for r in reserved]
    if pays_now:
        metadata = items.merged(line.metadata for line in recorded)
        lines = [line.checkout() for line in _lines(reserved)]
        takes = promotions.taken_by([line.quoted for line in reserved])
        intent = orders.add_payment(
            db, order, buyer.address, currency, lines, metadata, now, takes_promotions=takes
        )
        entered = Entered(Outcome.TO_PAY, order.token, intent)
    else:
        _owe_letter(db, order, recorded)
        entered = Entered(Outcome.WAITLISTED if waits else Outcome.REGISTERED, order.token)
    _take_last(db, reserved)
    if not pays_now:
        for line in recorded:
            items.handler(line.reserved.quoted.wanted.kind).after_order(db, line, buyer)
    _use_code(db, order, [line.quoted for line in reserved], buyer, now)
    return order, entered


def _take_last(db: Session, reserved: Iterable[Reserved[Quoted]]) -> None:
    """From here to the commit others wait: nothing is left to do but what needs the lock."""
    for line in reserved:
        if not line.taken:
            write_gathered(db)
            if not items.handler(line.quoted.wanted.kind).take_last(db, line.quoted):
                raise Overtaken


def _use_code(db: Session, order: OrderKey, quoted: Sequence[Quoted], buyer: Buyer, now: datetime) -> None:
    """Last of all, so that nobody waits for a code while they keep others waiting. Raises VoucherRefused: nothing is sold."""
    voucher_id = next((line.voucher_id for line in quoted if line.voucher_id is not None), None)
    if voucher_id is not None:
        saved = sum(line.code_saved_cents for line in quoted)
        vouchers.use(db, voucher_id, order.id, buyer.address, saved, now, buyer.actor)


def _lines(reserved: Iterable[Reserved[Quoted]]) -> list[PricedLine]:
    return [line for one in reserved for line in one.quoted.lines]


def _owe_letter(db: Session, order: OrderKey, recorded: Sequence[Recorded]) -> None:
    """Nothing is to pay now: the letter says what is there."""
    letter, lines = recorded[0].letter or _letter(db, recorded[0]), [line.written for line in recorded if line.written]
    held = (order.written, lines) if order.written and len(lines) == len(recorded) else None
    letters.owe_order_letter(db, letter, order.id, key=f"order:{order.id}", held=held)


def _letter(db: Session, recorded: Recorded) -> str:
    item = db.execute(_ITEM, {"item_id": recorded.item_id}).scalar_one()
    return items.handler(item.kind).letter(db, item)


_ITEM = select(OrderItem).where(OrderItem.id == bindparam("item_id"))
