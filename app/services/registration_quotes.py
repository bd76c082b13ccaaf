"""What places in a club session cost somebody now, and whether registration is open for them. Called by the item handler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ..models import ClubSession, Order, OrderItem, Payment, Registration
from ..queries import club_sessions, questions
from ..rules import capacity, pricing
from ..rules import questions as question_rules
from ..rules.questions import AsksFirst
from ..rules.refusals import InvalidInput, SessionNotFound, words
from ..rules.statuses import ACTIVE
from ..transaction import connection_of
from . import order_lines, resale, together
from .items import Buyer, Quoted, Wanted
from .loose_rows import loose


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedPlaces(Quoted):
    """Places in a club session at the price of this moment."""

    club_session: ClubSession
    quote: pricing.Quote
    as_member: bool
    answers: dict[str, dict[str, Any]]
    may_replace: bool
    """Somebody waits to be replaced there; so it was when the session had this number in people's calendars."""


_COLUMNS = tuple(ClubSession.__table__.c)
_NAMES = tuple(column.key for column in _COLUMNS)
_WANTED = select(*_COLUMNS, questions.ANY, resale.ASKED_OF_SESSION).where(ClubSession.slug == bindparam("slug"))
_NUMBERED = (Order, Registration, OrderItem, Payment)
_WANTED_WITH_NUMBERS = _WANTED.add_columns(*together.drawn(*_NUMBERED))
_AGAIN = select(*_COLUMNS).where(ClubSession.id == bindparam("club_session_id"))


def quote(db: Session, wanted: Wanted, buyer: Buyer, now: datetime) -> QuotedPlaces:
    """Whether registration is open for this buyer, and what the places cost. Says nothing of whether they are free."""
    club_session, asks, may_replace, numbers = _read(db, wanted)
    window = capacity.Window(
        club_session.status, club_session.entry, club_session.starts_at,
        club_session.opens_at, club_session.members_open_at, club_session.closes_at,
    )  # fmt: skip
    capacity.check_open(window, now, is_member=buyer.standing.is_member, asked=wanted.asked)
    capacity.check_places(wanted.quantity, club_session.max_places)
    if asks and wanted.in_basket:
        raise AsksFirst
    answers = _answers(db, club_session.id, wanted.answers) if asks else {}
    if buyer.standing.is_member and _own_place_taken(db, club_session.id, buyer):
        raise InvalidInput(None, words("You have booked your own place here already, under the address that you had before."))
    prices, member = club_sessions.prices(club_session), buyer.pays_as_member
    quote = pricing.quote(prices, wanted.quantity, is_member=member, is_student=buyer.standing.is_student, now=now)
    return QuotedPlaces(
        wanted, club_session.title, quote.currency, order_lines.of_quote(club_session.title, quote), club_session.id,
        takes_promotions=club_session.allow_promotion_codes,
        keeps=True, numbers=numbers, starts_at=club_session.starts_at, time_zone=club_session.time_zone,
        club_session=club_session, quote=quote, as_member=member, answers=answers,
        may_replace=may_replace,
    )  # fmt: skip


def _read(db: Session, wanted: Wanted) -> tuple[ClubSession, bool, bool, together.Numbers]:
    """The session, whether it asks anything, whether somebody waits to be replaced, and ids for the rows if they are drawn."""
    connection = connection_of(db)
    draws = wanted.draws and connection.dialect.name == "postgresql"
    row = connection.execute(_WANTED_WITH_NUMBERS if draws else _WANTED, {"slug": wanted.slug}).first()
    if row is None:
        raise SessionNotFound
    asks, may_replace, *numbers = row[len(_NAMES) :]
    return _loose(row[: len(_NAMES)]), asks, may_replace, dict(zip(_NUMBERED, numbers, strict=False))


def again(db: Session, club_session_id: int) -> ClubSession:
    """The session as it is now."""
    return _loose(connection_of(db).execute(_AGAIN, {"club_session_id": club_session_id}).one())


def _loose(values: Iterable[Any]) -> ClubSession:
    return loose(ClubSession, dict(zip(_NAMES, values, strict=True)))


def booked(db: Session, slug: str, buyer: Buyer) -> int | None:
    """The order of this address's active registration in the session."""
    active = (ClubSession.slug == slug, Registration.email == buyer.email, Registration.status.in_(ACTIVE))
    order_id = select(Registration.order_id).join(ClubSession, ClubSession.id == Registration.club_session_id)
    return db.execute(order_id.where(*active)).scalar_one_or_none()


def counters(club_session: ClubSession) -> capacity.Counters:
    """The numbers of a club session as the rules know them."""
    return capacity.Counters(
        club_session.capacity, club_session.places_taken, club_session.overbooked,
        club_session.waitlist_capacity, club_session.waitlist_taken,
    )  # fmt: skip


def _answers(db: Session, club_session_id: int, given: Mapping[str, object] | None) -> dict[str, dict[str, Any]]:
    """The answers as they are kept. Raises AnswerRefused; None given: nobody was asked."""
    return {} if given is None else question_rules.frozen(questions.of_session(db, club_session_id), given)


def _own_place_taken(db: Session, club_session_id: int, buyer: Buyer) -> bool:
    """Whether this member has their place at member price here already, under an address that was theirs before."""
    if buyer.email is None:
        return False
    mine = (Registration.club_session_id == club_session_id, Registration.user_id == buyer.user_id)
    before = (Registration.email != buyer.email, Registration.is_member, Registration.status.in_(ACTIVE))
    taken = select(Registration.id).where(*mine, *before)
    return db.execute(taken.limit(1)).first() is not None
