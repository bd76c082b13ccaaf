"""The files of products: uploaded, replaced and removed by staff; the worker clears away what a crash has left. On the record.

A file is written before the row that names it, and goes after it (``file_store``): a row never names a file that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from flask import current_app
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from ..config import current_settings
from ..extensions import db as flask_db
from ..integrations import file_store
from ..models import CoursePage, Product, ProductFile
from ..models.columns import new_token
from ..rules.products import FileEmpty, FilesUnavailable, LastOfProduct, PartGone, content_type, file_name
from ..rules.refusals import InvalidInput, Refusal, words
from ..rules.statuses import ProductKind, ProductStatus
from ..transaction import end_read, retried, transaction
from . import audit
from .products import SUBJECT, locked

_F = ProductFile
MOST_FILES = 200
LEFT_ALONE = 60 * 60
"""Seconds after which nobody is about to name a file that is new, or reads one that is gone."""


def add(slug: str, stream: IO[bytes], name: str, page_id: int | None, actor: str, *, once: str) -> None:
    """Put one more file in, for one page of a course or for all. Sent twice (``once``), it is added once.

    Raises ProductNotFound, PartGone, or why the file cannot be had: FileTooLarge, FileNotAllowed, FileEmpty, FilesUnavailable.
    """
    _stored(stream, name, lambda values: _add(slug, values, page_id, actor, once))


def replace(slug: str, file_id: int, stream: IO[bytes], name: str, actor: str) -> None:
    """Put another file in the place of one: the links that people have lead to the new one. Raises as ``add`` does."""
    _stored(stream, name, lambda values: _replace(slug, file_id, values, actor))


@retried
def remove(slug: str, file_id: int, actor: str) -> None:
    """Take a file away from everybody. Raises PartGone, or LastOfProduct while the product is sold for it."""
    with transaction() as db:
        product, file = _one(db, slug, file_id)
        others = select(_F.id).where(_F.product_id == product.id, _F.id != file_id).limit(1)
        sold_for_it = product.status is ProductStatus.PUBLISHED and product.kind is ProductKind.FILE
        if sold_for_it and db.execute(others).first() is None:
            raise LastOfProduct
        file_store.let_go(file.stored_name)  # before the commit: a crash in between leaves what `clear_away` mends
        db.execute(delete(_F).where(_F.id == file_id))
        audit.record(db, actor, "file_removed", SUBJECT, product.id, file=file.name)


def where(stored_name: str) -> Path | None:
    """Where the bytes of a file are, for staff to look at; None when they are not."""
    return file_store.path_of(stored_name)


def clear_away() -> int:
    """Delete files that no row names any more, and give those their name that one does; how many. The worker's scan."""
    names = list(file_store.stale(LEFT_ALONE))
    if not names:
        return 0
    named = set(flask_db.session.execute(select(_F.stored_name).where(_F.stored_name.in_(names))).scalars())
    end_read()
    for name in names:
        (file_store.keep if name in named else file_store.discard)(name)
    return len(names)


def _stored(stream: IO[bytes], typed: str, write: Callable[[dict[str, Any]], bool]) -> None:
    """Write the file, then its row; a file that came to nothing is gone again."""
    name, most = file_name(typed), current_settings().file_megabytes
    try:
        saved = file_store.save(stream, most)
    except OSError as error:
        current_app.logger.error("a file could not be stored: %s", type(error).__name__)
        raise FilesUnavailable from error
    try:
        if not saved.size:
            raise FileEmpty
        kind = content_type(name, saved.signature, saved.is_text)
        used = write({"name": name, "content_type": kind, "size_bytes": saved.size, "stored_name": saved.name})
    except Refusal:
        file_store.discard(saved.name)
        raise
    (file_store.keep if used else file_store.discard)(saved.name)


@retried
def _add(slug: str, values: dict[str, Any], page_id: int | None, actor: str, once: str) -> bool:
    with transaction() as db:
        product = locked(db, slug)
        if audit.done_before(db, SUBJECT, product.id, once):
            return False
        mine = (CoursePage.id == page_id, CoursePage.product_id == product.id)
        if page_id is not None and db.execute(select(CoursePage.id).where(*mine)).first() is None:
            raise PartGone
        count = select(func.count()).select_from(_F).where(_F.product_id == product.id)
        if db.execute(count).scalar_one() >= MOST_FILES:
            raise InvalidInput("file", words("There are 200 files already. Remove one first."))
        db.execute(insert(_F).values(product_id=product.id, course_page_id=page_id, token=new_token(), **values))
        audit.record(db, actor, "file_added", SUBJECT, product.id, file=values["name"], once=once)
        return True


@retried
def _replace(slug: str, file_id: int, values: dict[str, Any], actor: str) -> bool:
    with transaction() as db:
        product, file = _one(db, slug, file_id)
        file_store.let_go(file.stored_name)
        audit.record(db, actor, "file_replaced", SUBJECT, product.id, file=values["name"], was=file.name)
        db.execute(update(_F).where(_F.id == file.id).values(values))
        return True


def _one(db: Session, slug: str, file_id: int) -> tuple[Product, ProductFile]:
    product = locked(db, slug)
    wanted = select(_F).where(_F.id == file_id, _F.product_id == product.id).execution_options(populate_existing=True)
    file = db.execute(wanted).scalar_one_or_none()
    if file is None:
        raise PartGone
    return product, file
