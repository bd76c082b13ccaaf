"""The pages of a course as staff write them: added, changed, put in order, removed, each on the record. Called by the desk.

Whoever has the course reads the new words from then on. A page's row is touched under the lock of its product.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from ..models import CoursePage, Product, ProductFile
from ..rules.products import LastOfProduct, PartGone
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import ProductKind, ProductStatus
from ..transaction import retried, transaction
from . import audit
from .products import LONGEST_TEXT, SUBJECT, locked

_C = CoursePage
MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class PageFields:
    """A page as it is written; ``body`` is Markdown."""

    title: str
    body: str


@retried
def add(slug: str, fields: PageFields, actor: str, *, once: str) -> None:
    """Write one more page, last. Sent twice (``once``), it is added once. Raises ProductNotFound or InvalidInput."""
    _check(fields)
    with transaction() as db:
        product = locked(db, slug)
        if product.kind is not ProductKind.COURSE:
            raise InvalidInput(None, words("Only a course has pages."))
        if audit.done_before(db, SUBJECT, product.id, once):
            return
        mine = select(func.count(), func.max(_C.position)).where(_C.product_id == product.id)
        count, last = db.execute(mine).one()
        if count >= MOST_PAGES:
            raise InvalidInput(None, words("A course has no more than 200 pages. Remove one first."))
        values = {"position": (last or 0) + 1, "title": fields.title, "body": fields.body}
        db.execute(insert(_C).values(product_id=product.id, **values))
        audit.record(db, actor, "course_page_added", SUBJECT, product.id, page=fields.title, once=once)


@retried
def edit(slug: str, page_id: int, fields: PageFields, actor: str) -> None:
    """Change a page for everybody who has the course. Raises PartGone or InvalidInput."""
    _check(fields)
    with transaction() as db:
        product, page = _one(db, slug, page_id)
        if (page.title, page.body) != (fields.title, fields.body):
            detail = {"page": fields.title, "title": [page.title, fields.title], "characters": [len(page.body), len(fields.body)]}
            db.execute(update(_C).where(_C.id == page_id).values(title=fields.title, body=fields.body))
            audit.record(db, actor, "course_page_edited", SUBJECT, product.id, **detail)


@retried
def move(slug: str, page_id: int, up: bool, actor: str) -> None:
    """Put it one place earlier or later; nothing happens at the end of the list. Raises PartGone."""
    with transaction() as db:
        product, page = _one(db, slug, page_id)
        later, order = (_C.position < page.position, _C.position.desc()) if up else (_C.position > page.position, _C.position)
        beside = select(_C.id, _C.position).where(_C.product_id == product.id, later).order_by(order).limit(1)
        other = db.execute(beside).first()
        if other is not None:
            place = page.position
            db.execute(update(_C).where(_C.id == page_id).values(position=other.position))
            db.execute(update(_C).where(_C.id == other.id).values(position=place))
            audit.record(db, actor, "course_page_moved", SUBJECT, product.id, page=page.title, up=up)


@retried
def remove(slug: str, page_id: int, actor: str) -> None:
    """Take a page out; its files become the course's own. Raises PartGone, or LastOfProduct while it is on sale."""
    with transaction() as db:
        product, page = _one(db, slug, page_id)
        others = select(_C.id).where(_C.product_id == product.id, _C.id != page_id).limit(1)
        if product.status is ProductStatus.PUBLISHED and db.execute(others).first() is None:
            raise LastOfProduct
        db.execute(update(ProductFile).where(ProductFile.course_page_id == page_id).values(course_page_id=None))
        db.execute(delete(_C).where(_C.id == page_id))
        audit.record(db, actor, "course_page_removed", SUBJECT, product.id, page=page.title)


def _one(db: Session, slug: str, page_id: int) -> tuple[Product, CoursePage]:
    product = locked(db, slug)
    wanted = select(_C).where(_C.id == page_id, _C.product_id == product.id).execution_options(populate_existing=True)
    page = db.execute(wanted).scalar_one_or_none()
    if page is None:
        raise PartGone
    return product, page


def _check(fields: PageFields) -> None:
    if not 1 <= len(fields.title) <= 200:
        raise InvalidInput("title", words("Enter a title of up to 200 characters."))
    if len(fields.body) > LONGEST_TEXT:
        raise InvalidInput("body", words("Enter a text of up to 50,000 characters, or make two pages of it."))
