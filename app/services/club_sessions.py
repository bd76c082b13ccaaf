"""Makes and changes club sessions, each in one transaction with an entry that says what changed. Called by the committee's desk.

Nobody loses a place by an edit: a capacity below what is taken becomes ``overbooked``. Cancelling and completing tell people and
move money, so they are use cases of their own and no edits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, exists, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import ClubSession, Registration
from ..queries import desk_sessions
from ..rules.refusals import Refusal, SessionNotFound, words
from ..rules.statuses import ACTIVE, SESSION_MOVES, SessionStatus, may_become
from ..transaction import retried, transaction
from . import audit, changed_sessions, club_session_fields, listing_reviews, places, questions, waitlist
from .changed_sessions import WHEN_AND_WHERE
from .club_session_fields import LENGTHS, NAMES, RESERVED, ClubSessionFields, FieldsRefused, Problem
from .writes import insert_once

_C = ClubSession
FORM_STATUSES = frozenset({SessionStatus.DRAFT, SessionStatus.PUBLISHED})
"""What creating and editing may make of a session."""
COLUMNS = (_C.id, _C.series, _C.places_taken, *(getattr(_C, name) for name in NAMES))
"""What an edit looks at."""
ROOM_FOR_DATE = 20
"""What a slug made from a title leaves for the date and a number."""


class SlugTaken(Refusal):
    status = 409
    text = words("This address is taken. Choose another one, or leave it empty.")
    field = "slug"


class ChangedMeanwhile(Refusal):
    """Two people had the form open: the later one looks at what the earlier one did before undoing it."""

    status = 409
    text = words(
        "Somebody else changed this session while you had this page open. What you typed is still here and not saved. "
        "Look at the session in another tab, then save again if yours is right."
    )


class NoSuchTime(ValueError):
    """A time that the clocks skip when summer begins."""


def moment_at(day: date, at: time, time_zone: str) -> datetime:
    """The moment at which the clocks of a zone show this, in UTC. Of a time that comes twice, the first; raises NoSuchTime."""
    wall = datetime.combine(day, at).replace(tzinfo=None)
    moment = wall.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    if moment.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None) != wall:
        raise NoSuchTime(f"{wall} in {time_zone}")
    return moment


@retried
def create(fields: ClubSessionFields, actor: str) -> str:
    """Add a session and return its slug. Raises FieldsRefused or SlugTaken."""
    check_new(fields)
    with transaction() as db:
        return add_club_session(db, fields, actor)


def check_new(fields: ClubSessionFields) -> None:
    """Raise FieldsRefused for what no new session can be."""
    found = [*club_session_fields.problems(fields), *_new_times(fields, ("starts_at", "closes_at"))]
    if fields.status not in FORM_STATUSES:
        found.append(Problem("status", words("must be draft or published")))
    _refuse(found)


def add_club_session(
    db: Session, fields: ClubSessionFields, actor: str, *, series: str | None = None, copied_from: str | None = None
) -> str:
    """The same with fields that were checked, inside the caller's transaction; ``series`` is what it belongs to; it asks what the
    session ``copied_from`` asks."""
    for slug in [fields.slug] if fields.slug else _slugs(fields):
        if slug not in RESERVED and insert_once(db, ClubSession, _C.slug, **{**asdict(fields), "slug": slug, "series": series}):
            club_session_id = db.execute(select(_C.id).where(_C.slug == slug)).scalar_one()
            told = {**asdict(fields), "series": series, "copied_from": copied_from}
            made = {name: _json(value) for name, value in told.items() if value not in (None, "")}
            audit.record(db, actor, "session_created", "club_session", club_session_id, **{**made, "slug": slug})
            if copied_from is not None:
                questions.copy(db, db.execute(select(_C.id).where(_C.slug == copied_from)).scalar_one(), club_session_id)
            return slug
    raise SlugTaken


@retried
def edit(slug: str, fields: ClubSessionFields, actor: str, *, seen: str | None = None) -> str:
    """Change a session and return its slug, which may be another now; an empty one stays as it is.

    ``seen`` is the fingerprint of the record that the person was shown; None: change it, whatever it has become.
    Raises FieldsRefused, SlugTaken, ChangedMeanwhile or SessionNotFound.
    """
    with transaction() as db:
        listing_reviews.lock_orders(db, _C.slug == slug)
        before = locked(db, slug)
        if seen is not None and seen != desk_sessions.fingerprint(before):
            raise ChangedMeanwhile
        change(db, before, fields, actor)
        return fields.slug or str(before.slug)


def plan(slug: str, fields: ClubSessionFields, *, seen: str | None = None) -> dict[str, Any]:
    """What ``edit`` would change, by the names of the fields; changes nothing. Raises as ``edit`` does."""
    db = flask_db.session()
    before = db.execute(select(*COLUMNS).where(_C.slug == slug)).first()
    if before is None:
        raise SessionNotFound
    if seen is not None and seen != desk_sessions.fingerprint(before):
        raise ChangedMeanwhile
    return check(db, before, fields)


def change(db: Session, before: Row[Any], fields: ClubSessionFields, actor: str) -> dict[str, Any]:
    """Make a locked session so, inside the caller's transaction; what changed. Raises FieldsRefused or SlugTaken."""
    changes = check(db, before, fields)
    if changes:
        told = changed_sessions.is_told(before, changes, clock.now())
        _write(db, before, changes, told)
        if "starts_at" in changes:
            waitlist.shorten_offers(db, before.id, changes["starts_at"])
        if changes.get("status") is SessionStatus.PUBLISHED:
            listing_reviews.approve(db, before.id, actor)
        detail: dict[str, Any] = {name: [_json(getattr(before, name)), _json(value)] for name, value in changes.items()}
        if told and (people := changed_sessions.tell(db, before)):
            detail["told"] = people
        waitlist.deal(db, before.id, actor)  # more places, or published again: those who wait come first
        audit.record(db, actor, "session_edited", "club_session", before.id, **detail)
    return changes


def check(db: Session, before: Row[Any], fields: ClubSessionFields) -> dict[str, Any]:
    """What would change if the session became so; an empty slug stays as it is. Raises FieldsRefused or SlugTaken."""
    after = {**asdict(fields), "slug": fields.slug or before.slug}
    changes = {name: value for name, value in after.items() if value != getattr(before, name)}
    _refuse([*club_session_fields.problems(fields), *_new_times(fields, changes), *_unfit(db, before, changes)])
    return changes


def read(row: Row[Any]) -> ClubSessionFields:
    """The fields of a session that was selected with ``COLUMNS``."""
    return ClubSessionFields(**{name: getattr(row, name) for name in NAMES})


def locked(db: Session, slug: str) -> Row[Any]:
    """The session's ``COLUMNS`` with its row locked. Raises SessionNotFound."""
    row = db.execute(select(*COLUMNS).where(_C.slug == slug).with_for_update(key_share=True)).first()
    if row is None:
        raise SessionNotFound
    return row


def _write(db: Session, before: Row[Any], changes: Mapping[str, Any], told: bool) -> None:
    values: dict[str, Any] = {name: value for name, value in changes.items() if name != "capacity"}
    if WHEN_AND_WHERE & changes.keys():
        values["calendar_sequence"] = _C.calendar_sequence + 1
    if told:
        values["changed_at"] = clock.now()
    if values:
        db.execute(update(_C).where(_C.id == before.id).values(values).execution_options(synchronize_session=False))
    if "capacity" in changes:
        places.set_capacity(db, before.id, changes["capacity"])


def _new_times(fields: ClubSessionFields, changed: Iterable[str]) -> Iterator[Problem]:
    """What a person typing a time now cannot mean; a time that was so before may stay."""
    changed = set(changed)
    if "starts_at" in changed and fields.starts_at <= clock.now():
        yield Problem("starts_at", words("must be in the future"))
    if changed & {"closes_at", "starts_at"} and fields.closes_at is not None and fields.closes_at > fields.starts_at:
        yield Problem("closes_at", words("must not be after the session starts"))


def _unfit(db: Session, before: Row[Any], changes: Mapping[str, Any]) -> Iterator[Problem]:
    """What this session cannot become. Raises SlugTaken."""
    status, slug = changes.get("status"), changes.get("slug")
    if status is not None and not (status in FORM_STATUSES and may_become(SESSION_MOVES, before.status, status)):
        yield Problem("status", words("cannot become so by an edit"))
    if status is SessionStatus.DRAFT and is_wanted(db, before.id):
        yield Problem("status", words("cannot become a draft: people are registered"))
    booked = bool({"slug", "currency"} & changes.keys()) and _is_booked(db, before.id)
    if "currency" in changes and booked:
        yield Problem("currency", words("cannot change any more: people have booked in it"))
    if slug is not None and booked:
        yield Problem("slug", words("cannot change any more: people who booked have it in their e-mails and calendars"))
    elif slug is not None and (slug in RESERVED or db.execute(select(_C.id).where(_C.slug == slug)).first()):
        raise SlugTaken


def is_wanted(db: Session, club_session_id: int) -> bool:
    """Whether anybody has a place, waits for one or is paying for one."""
    someone = exists().where(Registration.club_session_id == club_session_id, Registration.status.in_(ACTIVE))
    return bool(db.execute(select(someone)).scalar_one())


def _is_booked(db: Session, club_session_id: int) -> bool:
    """Whether anybody ever booked, whatever became of it: their mails and payments name the session."""
    return bool(db.execute(select(exists().where(Registration.club_session_id == club_session_id))).scalar_one())


def _slugs(fields: ClubSessionFields) -> Iterator[str]:
    """From the title and the local date, numbered when that is taken."""
    plain = unicodedata.normalize("NFKD", fields.title).encode("ascii", "ignore").decode().lower()
    base = "-".join(re.findall(r"[a-z0-9]+", plain))[: LENGTHS["slug"] - ROOM_FOR_DATE].strip("-") or "session"
    dated = f"{base}-{fields.starts_at.astimezone(ZoneInfo(fields.time_zone)).date().isoformat()}"
    yield dated
    yield from (f"{dated}-{number}" for number in range(2, 1000))


def _refuse(found: list[Problem]) -> None:
    if found:
        raise FieldsRefused(found)


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
