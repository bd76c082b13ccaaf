"""The applications of one club session as the desk reads them: with their answers, searched, filtered, paged. Called by the admin
blueprint; a page takes the same two statements however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, or_, select

from ..extensions import db
from ..models import ClubSession, Registration
from ..rules.statuses import TAKEN, UNDECIDED, RegistrationStatus
from .desk import Page, rows_of_page
from .desk_registrations import MOST_WORDS
from .questions import answer_rows

_R, _S = Registration, RegistrationStatus
IN_ORDER = (_S.UNDER_REVIEW, _S.IN_RESERVE, _S.OFFERED, _S.HELD, _S.REGISTERED, _S.DECLINED, _S.CANCELLED, _S.EXPIRED)
"""What is to be decided first, the reserve in its order, then who was accepted, last who does not come."""


@dataclass(frozen=True, slots=True)
class ApplicationLine:
    """One application with what was answered. ``token`` names it in the form that decides."""

    token: str
    reference: str
    name: str
    email: str
    places: int
    status: RegistrationStatus
    is_member: bool
    applied_at: datetime
    offer_expires_at: datetime | None
    answers: Sequence[tuple[str, str]]

    @property
    def undecided(self) -> bool:
        return self.status in UNDECIDED


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who a decision would be about, and for how many places."""

    names: Sequence[str]
    places: int
    tokens: Sequence[str]


def of_session(slug: str, text: str, status: RegistrationStatus | None, number: int = 1) -> Page[ApplicationLine]:
    """One page of a session's applications. Two statements."""
    rows, number, total = rows_of_page(_matching(slug, text, status), number)
    return Page([_line(row) for row in rows], number, total)


def chosen(slug: str, tokens: Collection[str]) -> Chosen:
    """Those of these that can still be decided about, who applied first at the head. One statement."""
    statement = (
        select(_R.name, _R.places, _R.token)
        .join(ClubSession, ClubSession.id == _R.club_session_id)
        .where(ClubSession.slug == slug, _R.token.in_(tokens), _R.status.in_(UNDECIDED))
    )
    rows = db.session.execute(statement.order_by(_R.applied_at, _R.id)).all()
    return Chosen([row.name for row in rows], sum(row.places for row in rows), [row.token for row in rows])


def _matching(slug: str, text: str, status: RegistrationStatus | None) -> Select[Any]:
    columns = (
        _R.token, _R.reference, _R.name, _R.email, _R.places, _R.status, _R.is_member, _R.applied_at, _R.offer_expires_at,
        _R.answers,
    )  # fmt: skip
    statement = select(*columns).join(ClubSession, ClubSession.id == _R.club_session_id)
    statement = statement.where(ClubSession.slug == slug, _R.applied_at.is_not(None))
    if status is not None:
        statement = statement.where(_R.status == status)
    for word in text.split()[:MOST_WORDS]:
        fields = (_R.name, _R.email, _R.reference)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in fields)))
    rank = case({status: place for place, status in enumerate(IN_ORDER)}, value=_R.status, else_=len(IN_ORDER))
    in_reserve = case((_R.status == _S.IN_RESERVE, _R.reserved_at))
    return statement.order_by(rank, in_reserve, _R.applied_at, _R.id)


def _line(row: Row[Any]) -> ApplicationLine:
    kept = row.status in TAKEN and row.status is not _S.REGISTERED
    return ApplicationLine(
        token=row.token,
        reference=row.reference,
        name=row.name,
        email=row.email,
        places=row.places,
        status=row.status,
        is_member=row.is_member,
        applied_at=row.applied_at,
        offer_expires_at=row.offer_expires_at if kept else None,
        answers=answer_rows(row.answers),
    )
