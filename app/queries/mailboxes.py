"""Who can be written to at all, as SQL: ``rules.addresses.has_mailbox`` of a column. Called by who counts or finds people."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import InstrumentedAttribute

from ..rules.addresses import NO_MAILBOX


def has_mailbox(address: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """False for what stands for the address of somebody who gave none, or was forgotten."""
    return and_(*(address.not_like(f"%{end}") for end in NO_MAILBOX))
