"""What the treasurer's lists share: what is wanted of one, its rows page by page, and all of them as a stream for an export.

Called by the queries of orders, payments, refunds and the ledger. A page takes two statements, however long the list is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, false, or_, select

from .desk import Page, count_of, rows_of_page, stream

MOST_WORDS = 6


class Sort(StrEnum):
    """The order of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    SMALLEST = "smallest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: every word of ``text`` is found in them, and each of the others that is not None fits. ``ends_at`` is after."""

    text: str = ""
    status: str | None = None
    kind: str | None = None
    provider: str | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    sort: Sort = Sort.NEWEST


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: its statement, and what of it is searched, filtered and sorted by. None: it has no such thing."""

    rows: Callable[[], Select[Any]]
    searched: Sequence[ColumnElement[Any]]
    key: ColumnElement[Any]
    """Grows with time: by it the list goes from new to old without sorting."""
    at: ColumnElement[Any]
    cents: ColumnElement[Any]
    status: ColumnElement[Any] | None = None
    provider: ColumnElement[Any] | None = None
    of_kind: Callable[[str], ColumnElement[bool]] | None = None
    by_id: Callable[[str], ColumnElement[bool]] | None = None
    """Also finds what has exactly this id at Stripe."""


def page(listing: Listing, wanted: Wanted, number: int = 1) -> Page[Row[Any]]:
    """One page of what is wanted. Two statements."""
    rows, number, total = rows_of_page(_matching(listing, wanted), number, keys=_keys(listing, wanted))
    return Page(rows, number, total)


def count(listing: Listing, wanted: Wanted) -> int:
    """How many rows an export of this has. One statement."""
    return count_of(_keys(listing, wanted))


def every(listing: Listing, wanted: Wanted) -> Iterator[Row[Any]]:
    """All that is wanted, in its order, a few hundred rows in memory at a time. One statement, read while it is iterated."""
    return stream(_matching(listing, wanted))


def words_in(text: str) -> list[str]:
    """What is searched for; more words than a name has are not."""
    return text.split()[:MOST_WORDS]


def _keys(listing: Listing, wanted: Wanted) -> Select[Any]:
    """The keys alone. What a row says besides is joined only where something is asked of it: a day is the row's own."""
    if any((wanted.text, wanted.status, wanted.kind, wanted.provider)):
        return _matching(listing, wanted).with_only_columns(listing.key, maintain_column_froms=True)
    return _chosen(select(listing.key), listing, wanted)


def _matching(listing: Listing, wanted: Wanted) -> Select[Any]:
    return _chosen(listing.rows(), listing, wanted)


def _chosen(statement: Select[Any], listing: Listing, wanted: Wanted) -> Select[Any]:
    for word in words_in(wanted.text):
        found = or_(*(column.icontains(word, autoescape=True) for column in listing.searched))
        statement = statement.where(or_(found, listing.by_id(word) if listing.by_id else false()))
    for column, value in ((listing.status, wanted.status), (listing.provider, wanted.provider)):
        if column is not None and value is not None:
            statement = statement.where(column == value)
    if wanted.kind is not None and listing.of_kind is not None:
        statement = statement.where(listing.of_kind(wanted.kind))
    if wanted.begins_at is not None:
        statement = statement.where(listing.at >= wanted.begins_at)
    if wanted.ends_at is not None:
        statement = statement.where(listing.at < wanted.ends_at)
    return statement.order_by(*_order(listing, wanted.sort))


def _order(listing: Listing, sort: Sort) -> tuple[ColumnElement[Any], ...]:
    return {
        Sort.NEWEST: (listing.key.desc(),),
        Sort.OLDEST: (listing.key,),
        Sort.LARGEST: (listing.cents.desc(), listing.key.desc()),
        Sort.SMALLEST: (listing.cents, listing.key.desc()),
    }[sort]
