"""Who has a course or a file: kept while it is paid for, granted by the payment, taken away by a refund in full.

Called by the item handler and by the pages of what was bought. Invariant: ``stock_taken`` is the number of purchases that are
``kept``, and whoever has it keeps one. A product's row is locked after the order's and before its purchases'.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..integrations import file_store
from ..models import CoursePage, OrderItem, Product, ProductFile, ProductPurchase, Refund
from ..rules.products import AccessEnded, PartGone
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import ProductKind, RefundStatus
from ..transaction import retried, transaction
from . import audit, letters, orders, paying_back, stock
from .writes import changed

_B = ProductPurchase
SUBJECT = "product_purchase"
BY_STAFF = "by_staff"


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way to somebody who may have it."""

    path: Path
    name: str
    content_type: str


def grant(db: Session, order_item_id: int, product_id: int, actor: str, now: datetime) -> bool:
    """Give what was paid for, or return False: it is empty by now, or the one that was kept has gone to somebody else."""
    lock(db, product_id)
    purchase = _locked(db, order_item_id)
    if not has_content(db, product_id) or not (purchase.kept or stock.take(db, product_id)):
        return False
    db.execute(update(_B).where(_B.order_item_id == order_item_id).values(kept=True, granted_at=now, revoked_at=None))
    audit.record(db, actor, "access_granted", SUBJECT, order_item_id, product=product_id)
    return True


def let_go(db: Session, order_item_id: int) -> None:
    """Give back what an unpaid order kept. Again, it does nothing."""
    unpaid = (_B.order_item_id == order_item_id, _B.kept, _B.granted_at.is_(None))
    if changed(db, update(_B).where(*unpaid).values(kept=False)):
        stock.release(db, _product_id(db, order_item_id))


def revoke(db: Session, order_item_id: int, actor: str) -> None:
    """Its money has gone back: it can no longer be opened, and somebody else can have it. Again, it does nothing."""
    product_id = _product_id(db, order_item_id)
    lock(db, product_id)
    had = (_B.order_item_id == order_item_id, _B.granted_at.is_not(None), _B.revoked_at.is_(None))
    if changed(db, update(_B).where(*had).values(kept=False, revoked_at=clock.now())):
        stock.release(db, product_id)
        audit.record(db, actor, "access_ended", SUBJECT, order_item_id, product=product_id)


def give_back(db: Session, item: OrderItem, actor: str) -> None:
    """The refund that took it away failed. When the last one has gone to somebody else meanwhile it stays away: the money is
    still owed, and a case says so.
    """
    product_id = _product_id(db, item.id)
    lock(db, product_id)
    if _locked(db, item.id).revoked_at is None or promised_back(db, item) >= item.unit_amount_cents * item.quantity:
        return
    if stock.take_again(db, product_id):
        db.execute(update(_B).where(_B.order_item_id == item.id).values(kept=True, revoked_at=None))
        audit.record(db, actor, "access_given_back", SUBJECT, item.id, product=product_id)


def promised_back(db: Session, item: OrderItem) -> int:
    """What of a line's price has gone back or is to, in minor units."""
    live = (Refund.order_item_id == item.id, Refund.status != RefundStatus.FAILED)
    return int(db.execute(select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(*live)).scalar_one())


def has_content(db: Session, product_id: int) -> bool:
    """Whether there is anything to have: a file, or for a course a page."""
    kind = db.execute(select(Product.kind).where(Product.id == product_id)).scalar_one()
    part = CoursePage if kind is ProductKind.COURSE else ProductFile
    return db.execute(select(part.id).where(part.product_id == product_id).limit(1)).first() is not None


def lock(db: Session, product_id: int) -> None:
    """Nobody takes anything out of the product, or grants it, until this transaction ends."""
    db.execute(select(Product.id).where(Product.id == product_id).with_for_update())


@retried
def download(token: str, file_token: str, *, count: bool) -> Download:
    """A file for whoever has this link, counted unless it only goes on with a download. Raises PartGone, AccessEnded."""
    with transaction() as db:
        granted = select(_B).where(_B.token == token, _B.granted_at.is_not(None)).with_for_update()
        purchase = db.execute(granted.execution_options(populate_existing=True)).scalar_one_or_none()
        if purchase is None:
            raise PartGone
        if purchase.revoked_at is not None:
            raise AccessEnded
        mine = (ProductFile.token == file_token, ProductFile.product_id == purchase.product_id)
        file = db.execute(select(ProductFile).where(*mine)).scalar_one_or_none()
        path = file_store.path_of(file.stored_name) if file is not None else None
        if file is None or path is None:
            raise PartGone
        if count:
            values = {"downloads": _B.downloads + 1, "last_download_at": clock.now()}
            db.execute(update(_B).where(_B.order_item_id == purchase.order_item_id).values(values))
            db.execute(update(ProductFile).where(ProductFile.id == file.id).values(downloads=ProductFile.downloads + 1))
        return Download(path, file.name, file.content_type)


@retried
def refund(order_item_id: int, cents: int, reason: str, actor: str, *, once: str) -> int:
    """Owe ``cents`` of what was paid for it; all of it takes the access away at once. Returns what is owed now.

    Raises InvalidInput when that much is not left or no reason is given. Sent twice (``once``), it is done once.
    """
    with transaction() as db:
        item = db.execute(select(OrderItem).where(OrderItem.id == order_item_id)).scalar_one()
        orders.lock(db, item.order_id)
        if audit.done_before(db, SUBJECT, order_item_id, once):
            return 0
        if not reason.strip():
            raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
        if cents <= 0:
            raise InvalidInput("amount", words("Enter an amount above zero."))
        if paying_back.owe_for_line(db, item, cents, BY_STAFF, actor) != cents:
            raise InvalidInput("amount", words("That is more than is left of what was paid."))
        whole = promised_back(db, item) >= item.unit_amount_cents * item.quantity
        if whole:
            revoke(db, order_item_id, actor)
        audit.record(db, actor, "refunded_by_staff", SUBJECT, order_item_id, cents=cents, reason=reason, once=once)
        key, more = f"staff:{once}", {"access_ended": whole}
        letters.owe_order_letter(
            db, "product_refunded", item.order_id, key=key, refund_cents=cents, more=more, only=order_item_id
        )
        return cents


def _locked(db: Session, order_item_id: int) -> ProductPurchase:
    statement = select(_B).where(_B.order_item_id == order_item_id).with_for_update()
    return db.execute(statement.execution_options(populate_existing=True)).scalar_one()


def _product_id(db: Session, order_item_id: int) -> int:
    return db.execute(select(_B.product_id).where(_B.order_item_id == order_item_id)).scalar_one()
