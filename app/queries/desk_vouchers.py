"""The codes as staff see them, and the sessions that one can be made for. Called by the desk's pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from ..extensions import db
from ..models import ClubSession, Voucher, VoucherUse
from ..rules.statuses import ItemKind, SessionStatus
from ..rules.vouchers import VoucherKind, VoucherScope

MOST_SESSIONS = 300
"""More are not offered in a list; those that start first are."""


@dataclass(frozen=True, slots=True)
class VoucherRow:
    """One code, what it has been used for so far, and what that has saved people (``saved_cents``, uses given back left out)."""

    id: int
    code: str
    kind: VoucherKind
    percent: int | None
    amount_cents: int | None
    currency: str | None
    scope: VoucherScope
    item_kind: ItemKind | None
    club_session_id: int | None
    session_title: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    members_only: bool
    max_uses: int | None
    max_uses_each: int | None
    uses: int
    saved_cents: int

    def standing(self, now: datetime) -> str:
        """``over``, ``later``, ``used_up`` or ``usable``."""
        if self.ends_at is not None and now >= self.ends_at:
            return "over"
        if self.starts_at is not None and now < self.starts_at:
            return "later"
        return "used_up" if self.max_uses is not None and self.uses >= self.max_uses else "usable"


def everything() -> list[VoucherRow]:
    """Every code, the newest first."""
    return _rows(select(Voucher).order_by(Voucher.id.desc()))


def find(voucher_id: int) -> VoucherRow | None:
    """One code."""
    return next(iter(_rows(select(Voucher).where(Voucher.id == voucher_id))), None)


def sessions(now: datetime) -> list[tuple[int, str, datetime, str]]:
    """(id, title, start, zone) of sessions that are still to come and not called off."""
    wanted = (ClubSession.ends_at > now, ClubSession.status.in_([SessionStatus.DRAFT, SessionStatus.PUBLISHED]))
    columns = (ClubSession.id, ClubSession.title, ClubSession.starts_at, ClubSession.time_zone)
    statement = select(*columns).where(*wanted).order_by(ClubSession.starts_at, ClubSession.id)
    rows = db.session.execute(statement.limit(MOST_SESSIONS))
    return [(row.id, row.title, row.starts_at, row.time_zone) for row in rows]


def _rows(statement: Select[tuple[Voucher]]) -> list[VoucherRow]:
    saved = (
        select(func.coalesce(func.sum(VoucherUse.saved_cents), 0))
        .where(VoucherUse.voucher_id == Voucher.id, VoucherUse.returned_at.is_(None))
        .scalar_subquery()
    )
    found = db.session.execute(
        statement.add_columns(ClubSession.title, saved).outerjoin(ClubSession, ClubSession.id == Voucher.club_session_id)
    )
    return [
        VoucherRow(
            v.id, v.code, v.kind, v.percent, v.amount_cents, v.currency, v.scope, v.item_kind, v.club_session_id, title,
            v.starts_at, v.ends_at, v.members_only, v.max_uses, v.max_uses_each, v.uses, cents,
        )
        for v, title, cents in found
    ]  # fmt: skip
