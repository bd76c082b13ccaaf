"""Column types and columns that several tables share: aware UTC times, statuses by value under a CHECK, tokens, references."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

from .. import clock

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: read over the phone without mistakes
REFERENCE_LENGTH = 6


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC moment. SQLite drops the zone, so it is put back on reading; a naive value is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON().with_variant(JSONB(), "postgresql")


def status_column(enum: type[StrEnum], name: str = "status") -> sa.Enum:
    """A StrEnum stored by its value in a VARCHAR under a CHECK named after the column."""
    values = [member.value for member in enum]
    return sa.Enum(enum, values_callable=lambda _: values, native_enum=False, create_constraint=True, length=24, name=name)


def new_token() -> str:
    """192 random bits, URL-safe: the address of a public page."""
    return secrets.token_urlsafe(24)


def new_reference() -> str:
    """What people are shown and may read aloud; unique by constraint, drawn again by `retried` when taken."""
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_LENGTH))


def any_of(column: str, values: Any) -> str:
    """SQL ``column IN ('a', 'b')`` for CHECKs and partial indexes, in a stable order."""
    return f"{column} IN ({', '.join(repr(str(v)) for v in sorted(values))})"


Id = Annotated[int, mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)]
Token = Annotated[str, mapped_column(sa.String(64), unique=True, default=new_token)]
Reference = Annotated[str, mapped_column(sa.String(12), unique=True, default=new_reference)]
Moment = Annotated[datetime, mapped_column(UtcDateTime())]
CreatedAt = Annotated[datetime, mapped_column(UtcDateTime(), default=clock.now)]
Email = Annotated[str, mapped_column(sa.String(254))]
Currency = Annotated[str, mapped_column(sa.String(3))]
