"""Courses and files as staff make, change, publish and take off sale, each change on the record. Called by the desk.

A product is never deleted: receipts name it, and people have it. What was sold stays as it was sold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..models import Product
from ..rules import money
from ..rules.products import ProductEmpty, ProductNotFound
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import ProductKind, ProductStatus
from ..transaction import retried, transaction
from . import audit, product_access
from .writes import changed, insert_once

_P = Product
SUBJECT = "product"
DEAREST = 100_000_000
LONGEST_TEXT = 50_000


@dataclass(frozen=True, slots=True)
class ProductFields:
    """A product as asked for. Amounts in minor units; ``stock`` None: as many as like may have it."""

    title: str
    price_cents: int
    summary: str = ""
    description: str = ""
    member_price_cents: int | None = None
    stock: int | None = None


@retried
def create(kind: ProductKind, fields: ProductFields, currency: str, actor: str) -> str:
    """Make a product that is not on sale yet; its slug. Raises InvalidInput."""
    _check(fields, currency)
    values = asdict(fields)
    with transaction() as db:
        for slug in _slugs(fields.title):
            if insert_once(db, _P, _P.slug, slug=slug, kind=kind, currency=currency, **values):
                audit.record(db, actor, "product_created", SUBJECT, locked(db, slug).id, product=slug, fields=_said(values))
                return slug
    raise InvalidInput("title", words("There are too many of this name. Choose another."))


@retried
def edit(slug: str, fields: ProductFields, actor: str) -> None:
    """Change it for those who buy it from now on. Raises ProductNotFound or InvalidInput."""
    with transaction() as db:
        product = locked(db, slug)
        _check(fields, product.currency)
        if fields.stock is not None and fields.stock < product.stock_taken:
            raise InvalidInput("stock", words("More than that have been sold or are being paid for."))
        then, now = {name: getattr(product, name) for name in asdict(fields)}, asdict(fields)
        changes = {name: value for name, value in now.items() if value != then[name]}
        if changes:
            db.execute(update(_P).where(_P.id == product.id).values(changes))
            old, new = _said({name: then[name] for name in changes}), _said(changes)
            detail = {name: [old[name], new[name]] for name in changes}
            audit.record(db, actor, "product_edited", SUBJECT, product.id, product=slug, fields=detail)


@retried
def publish(slug: str, actor: str) -> None:
    """Put it on sale. Raises ProductNotFound, or ProductEmpty while there is nothing in it."""
    with transaction() as db:
        product = locked(db, slug)
        if not product_access.has_content(db, product.id):
            raise ProductEmpty
        _become(db, product.id, ProductStatus.PUBLISHED, "product_published", actor)


@retried
def unpublish(slug: str, actor: str) -> None:
    """Take it off sale. Who has it keeps it; who is paying for it now gets it. Raises ProductNotFound."""
    with transaction() as db:
        _become(db, locked(db, slug).id, ProductStatus.DRAFT, "product_unpublished", actor)


def locked(db: Session, slug: str) -> Product:
    """The product, with its row locked: nobody else changes what is in it. Raises ProductNotFound."""
    found = select(_P).where(_P.slug == slug).with_for_update().execution_options(populate_existing=True)
    product = db.execute(found).scalar_one_or_none()
    if product is None:
        raise ProductNotFound
    return product


def _become(db: Session, product_id: int, status: ProductStatus, action: str, actor: str) -> None:
    if changed(db, update(_P).where(_P.id == product_id, _P.status != status).values(status=status)):
        audit.record(db, actor, action, SUBJECT, product_id)


def _check(fields: ProductFields, currency: str) -> None:
    """Raise InvalidInput for the first field that does not make sense."""
    if not 1 <= len(fields.title.strip()) <= 200:
        raise InvalidInput("title", words("Enter a title of up to 200 characters."))
    if len(fields.summary) > 300:
        raise InvalidInput("summary", words("Enter a summary of up to 300 characters."))
    if len(fields.description) > LONGEST_TEXT:
        raise InvalidInput("description", words("Enter a description of up to 50,000 characters."))
    for field in ("price_cents", "member_price_cents"):
        cents: int | None = getattr(fields, field)
        if cents is not None and not (0 <= cents <= DEAREST and money.chargeable(cents, currency)):
            raise InvalidInput(field, words("Enter 0, or a price that can be paid by card."))
    if fields.stock is not None and fields.stock < 1:
        raise InvalidInput("stock", words("Enter 1 or more, or leave it empty."))


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """For the record: of a long text, how long it is."""
    return {name: len(value) if name == "description" else value for name, value in values.items()}


def _slugs(title: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    base = "-".join(re.findall(r"[a-z0-9]+", plain))[:70].strip("-") or "product"
    yield base
    yield from (f"{base}-{number}" for number in range(2, 100))

