"""What happens at the door: a booking is ticked in once, undone, or ticked in with many others from a sheet of paper.

Called by the desk. A booking is in or not by one guarded UPDATE, so that two phones at once count it once: the second is told
since when. All places of a booking come in together. No money moves here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Registration
from ..rules.refusals import BookingNotRegistered, BookingUnknown, InvalidInput, words
from ..rules.statuses import RegistrationStatus
from ..transaction import retried, transaction
from . import audit

MOST_CODES, LONGEST_CODE = 1000, 12
_R = Registration
_CODE = re.compile(r"[A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class TickedIn:
    """A booking that is in. ``already``: it was before, and nothing was changed."""

    name: str
    places: int
    at: datetime
    already: bool


@dataclass(frozen=True, slots=True)
class FromSheet:
    """What became of a list of codes: references, and for those that were in before since when."""

    ticked_in: Sequence[str]
    places: int
    already: Sequence[tuple[str, datetime]]
    not_registered: Sequence[str]
    unknown: Sequence[str]


def as_code(text: str) -> str:
    """A reference as somebody types it: in capitals, without spaces and dashes, no longer than one can be."""
    return "".join(_CODE.findall(text.upper()))[:LONGEST_CODE]


@retried
def tick_in(slug: str, reference: str, actor: str) -> TickedIn:
    """Tick a booking of this session in. Raises BookingUnknown, and BookingNotRegistered for one that has no place (yet)."""
    now = clock.now()
    with transaction() as db:
        row = _take_in(db, slug, [reference], now).first()
        if row is not None:
            audit.record(db, actor, "checked_in", "registration", row.id, places=row.places)
            return TickedIn(row.name, row.places, now, already=False)
        there = _find(db, slug, reference)
        if there.status is not RegistrationStatus.REGISTERED or there.checked_in_at is None:
            raise BookingNotRegistered(name=there.name)
        return TickedIn(there.name, there.places, there.checked_in_at, already=True)


@retried
def undo(slug: str, reference: str, actor: str) -> str:
    """Take a tick back; the name of the booking. One that is not in stays as it is. Raises BookingUnknown."""
    with transaction() as db:
        there = _find(db, slug, reference)
        was_in = (_R.id == there.id, _R.checked_in_at.is_not(None))
        undone = update(_R).where(*was_in).values(checked_in_at=None).returning(_R.id)
        if db.execute(undone.execution_options(synchronize_session=False)).first() is not None:
            audit.record(db, actor, "check_in_undone", "registration", there.id)
        return str(there.name)


@retried
def tick_in_codes(slug: str, text: str, actor: str) -> FromSheet:
    """Tick in every booking whose code is in ``text``, whatever stands between the codes; the others are told apart.

    Sending the same list twice changes nothing more. Raises InvalidInput for no code at all, or too many.
    """
    codes = list(dict.fromkeys(code for word in re.split(r"[\s,;]+", text) if (code := as_code(word))))
    if not codes:
        raise InvalidInput("codes", words("Enter the codes of those who came, one on each line."))
    if len(codes) > MOST_CODES:
        raise InvalidInput("codes", words("Enter no more than 1,000 codes at once."))
    now = clock.now()
    with transaction() as db:
        ticked = _take_in(db, slug, codes, now).all()
        for row in ticked:
            audit.record(db, actor, "checked_in", "registration", row.id, places=row.places, how="codes")
        mine = {row.reference for row in ticked}
        columns = (_R.reference, _R.status, _R.checked_in_at)
        known = db.execute(select(*columns).where(_R.club_session_id == _session(slug), _R.reference.in_(codes))).all()
    others = {row.reference: row for row in known if row.reference not in mine}
    already = {code: others[code].checked_in_at for code in codes if code in others and _is_in(others[code])}
    return FromSheet(
        ticked_in=[code for code in codes if code in mine],
        places=sum(row.places for row in ticked),
        already=list(already.items()),
        not_registered=[code for code in codes if code in others and code not in already],
        unknown=[code for code in codes if code not in others and code not in mine],
    )


def _take_in(db: Session, slug: str, references: Sequence[str], now: datetime) -> Any:
    """The guarded UPDATE: only a registered booking of this session that is not in yet."""
    mine: tuple[ColumnElement[bool], ...] = (_R.club_session_id == _session(slug), _R.reference.in_(references))
    free = (_R.status == RegistrationStatus.REGISTERED, _R.checked_in_at.is_(None))
    statement = update(_R).where(*mine, *free).values(checked_in_at=now).returning(_R.id, _R.reference, _R.name, _R.places)
    return db.execute(statement.execution_options(synchronize_session=False))


def _find(db: Session, slug: str, reference: str) -> Any:
    columns = (_R.id, _R.name, _R.places, _R.status, _R.checked_in_at)
    row = db.execute(select(*columns).where(_R.club_session_id == _session(slug), _R.reference == reference)).first()
    if row is None:
        raise BookingUnknown(reference=reference)
    return row


def _is_in(row: Any) -> bool:
    return row.status is RegistrationStatus.REGISTERED and row.checked_in_at is not None


def _session(slug: str) -> ScalarSelect[int]:
    return select(ClubSession.id).where(ClubSession.slug == slug).scalar_subquery()
