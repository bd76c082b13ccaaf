"""Codes: found, applied to a quote, counted with the order that uses them, and given back by an order that ends unpaid.

Called by ``ordering`` (and so by whatever sells) and by ``orders.move``. Invariant: ``vouchers.uses`` is the number of its
``voucher_uses`` that were not returned, never more than ``max_uses``; one guarded UPDATE under a CHECK gives the
last one away once. Lock order: the voucher's row is the last of all, after order, club session and registration.

An order that ends unpaid gives its use back; a refund does not. A payment that comes late and is fulfilled after all keeps its
frozen price, and takes the use again if one is left: if not, the record says ``code_used_over``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from flask_babel import gettext as _  # type: ignore[import-untyped]
from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import Order, Voucher, VoucherUse
from ..rules import vouchers as rules
from ..rules.statuses import ItemKind, OrderStatus
from ..rules.vouchers import VoucherRefused
from . import audit
from .amounts import money
from .order_lines import PricedLine
from .writes import changed


@dataclass(frozen=True, slots=True)
class Sold:
    """What is sold in some lines: its kind and the row."""

    kind: ItemKind
    subject_id: int
    lines: Sequence[PricedLine]


@dataclass(frozen=True, slots=True)
class Applied:
    """A code that takes something off: the lines of each thing sold as they cost now, and what is saved in all."""

    voucher_id: int
    code: str
    lines: tuple[tuple[PricedLine, ...], ...]
    saved_cents: int


def apply(
    db: Session, code: str, sold: Sequence[Sold], currency: str, *, email: str | None, is_member: bool, now: datetime,
    replaces: int | None = None,
) -> Applied:
    """Take the code off. Raises VoucherRefused, with one answer for every reason. Writes and locks nothing.

    ``replaces``: the buyer's own unpaid order of the same, which is gone on with or ends first: the use that it has is theirs.
    """
    row = db.execute(
        select(Voucher).where(Voucher.code == rules.normalise(code)).execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None or not _left(db, row, email, replaces):
        raise VoucherRefused
    voucher = _rule(row)
    if not rules.usable(voucher, now, is_member=is_member):
        raise VoucherRefused
    lines = [(one, line) for one in sold for line in one.lines]
    saved = rules.savings(
        voucher, [rules.Line(s.kind, s.subject_id, p.unit_amount_cents, p.quantity) for s, p in lines], currency
    )
    total = sum(map(sum, saved))
    if total == 0:  # not for any of this; a use that saves nothing is not used
        raise VoucherRefused
    numbered = iter(saved)
    made = tuple(tuple(p for line in one.lines for p in _cut(line, next(numbered), row.code, currency)) for one in sold)
    return Applied(row.id, row.code, made, total)


def words(code: str, saved_cents: int, currency: str) -> str:
    """Why the price is less: "Code SUMMER: you save NZ$4.00"."""
    return str(_("Code %(code)s: you save %(saved)s", code=code, saved=money(saved_cents, currency)))


def use(db: Session, voucher_id: int, order_id: int, email: str, saved_cents: int, now: datetime, actor: str) -> None:
    """Count a use with the order just written. Raises VoucherRefused, and nothing is sold, when somebody took the last one."""
    if not _count(db, voucher_id, now):
        raise VoucherRefused
    row = db.execute(select(Voucher).where(Voucher.id == voucher_id).execution_options(populate_existing=True)).scalar_one()
    if row.max_uses_each is not None and used_by(db, voucher_id, email) >= row.max_uses_each:  # its row is locked now
        raise VoucherRefused
    db.execute(insert(VoucherUse).values(voucher_id=voucher_id, order_id=order_id, saved_cents=saved_cents))
    audit.record(db, actor, "code_used", "order", order_id, code=row.code, saved_cents=saved_cents)


def of_order(db: Session, order_id: int) -> str:
    """The code that an order uses; empty without one."""
    used = select(Voucher.code).join(VoucherUse, VoucherUse.voucher_id == Voucher.id).where(VoucherUse.order_id == order_id)
    return db.execute(used).scalar_one_or_none() or ""


def used_by(db: Session, voucher_id: int, email: str, *, but: int | None = None) -> int:
    """How many uses of it an address has, not counting those given back, nor that of the order ``but``."""
    mine = [VoucherUse.voucher_id == voucher_id, VoucherUse.returned_at.is_(None), Order.email == email]
    if but is not None:
        mine.append(Order.id != but)
    statement = select(func.count()).select_from(VoucherUse).join(Order, Order.id == VoucherUse.order_id)
    return db.execute(statement.where(*mine)).scalar_one()


def settle(db: Session, order_id: int) -> None:
    """The order has just moved: unpaid and ended it gives its use back, paid late it takes it again. Its row is locked."""
    used = db.execute(_USED, {"order_id": order_id}).first()
    if used is None:
        return
    ended = used.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED) and used.paid_at is None
    if ended and used.returned_at is None:
        give = update(VoucherUse).where(VoucherUse.id == used.id, VoucherUse.returned_at.is_(None))
        if changed(db, give.values(returned_at=clock.now())):
            changed(db, update(Voucher).where(Voucher.id == used.voucher_id).values(uses=Voucher.uses - 1))
            audit.record(db, audit.WORKER, "code_given_back", "order", order_id)
    elif used.status is OrderStatus.PAID and used.returned_at is not None:
        again = _count(db, used.voucher_id, None)
        if again:
            db.execute(update(VoucherUse).where(VoucherUse.id == used.id).values(returned_at=None))
        audit.record(db, audit.WORKER, "code_used_again" if again else "code_used_over", "order", order_id)


_USED = (
    select(VoucherUse.id, VoucherUse.voucher_id, VoucherUse.returned_at, Order.status, Order.paid_at)
    .join(Order, Order.id == VoucherUse.order_id)
    .where(VoucherUse.order_id == bindparam("order_id"))
)


def _count(db: Session, voucher_id: int, now: datetime | None) -> bool:
    """The one statement that counts a use; False when none is left or (``now`` given) it has ended meanwhile."""
    left = [Voucher.id == voucher_id, or_(Voucher.max_uses.is_(None), Voucher.uses < Voucher.max_uses)]
    if now is not None:
        left.append(or_(Voucher.ends_at.is_(None), Voucher.ends_at > now))
    return changed(db, update(Voucher).where(*left).values(uses=Voucher.uses + 1))


def _left(db: Session, row: Voucher, email: str | None, replaces: int | None) -> bool:
    """Whether a use is left, as far as can be seen without a lock."""
    own = int(replaces is not None and of_order(db, replaces) == row.code)
    if row.max_uses is not None and row.uses - own >= row.max_uses:
        return False
    return row.max_uses_each is None or email is None or used_by(db, row.id, email, but=replaces) < row.max_uses_each


def _rule(row: Voucher) -> rules.Voucher:
    return rules.Voucher(
        row.kind, row.scope, row.percent, row.amount_cents, row.currency, row.item_kind, row.club_session_id,
        row.starts_at, row.ends_at, row.members_only,
    )  # fmt: skip


def _cut(line: PricedLine, saved: Sequence[int], code: str, currency: str) -> list[PricedLine]:
    """The line with so much off each piece: as one line, or as one for each price that there is now."""
    if not any(saved):
        return [line]
    made = []
    for off, pieces in groupby(saved):
        count = len(list(pieces))
        note = words(code, off * count, currency) if off else ""
        whole = len(saved) == count
        made.append(
            replace(
                line, unit_amount_cents=line.unit_amount_cents - off, quantity=count, code_note=note,
                saved_cents=line.saved_cents if whole else line.saved_cents * count // line.quantity,
                note=line.note if whole else "",
            )
        )  # fmt: skip
    return made
