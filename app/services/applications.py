"""What the committee decides about applications: accept, put in reserve or decline, one or many. Called by the desk.

One decision is one transaction: everybody named is told, or nobody is. Accepting takes the places and offers them until a
deadline, never more than there are unless the committee ticks that it overbooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Registration
from ..rules.capacity import overbooked_after
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import REGISTRATION_MOVES, UNDECIDED, OrderStatus, RegistrationStatus, SessionStatus, may_become
from ..transaction import retried, transaction
from . import application_letters, audit, orders, places, reserves, waitlist


class Verdict(StrEnum):
    ACCEPT = "accept"
    RESERVE = "reserve"
    DECLINE = "decline"


BECOMES = {
    Verdict.ACCEPT: RegistrationStatus.OFFERED,
    Verdict.RESERVE: RegistrationStatus.IN_RESERVE,
    Verdict.DECLINE: RegistrationStatus.DECLINED,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided about whom. ``until``: the deadline of an offer, None for the published rule; ``overbook``: knowingly.

    ``overbook_to``: how far past its capacity the session may be afterwards, as the check said; None: as far as it takes.
    """

    verdict: Verdict
    tokens: tuple[str, ...]
    message: str = ""
    until: datetime | None = None
    overbook: bool = False
    overbook_to: int | None = None


class NobodyChosen(Refusal):
    text = words("Choose at least one application.")
    field = "chosen"


class DecidedMeanwhile(Refusal):
    """Somebody else was faster, or an applicant withdrew."""

    status = 409
    text = words("Somebody else decided about one of these, or it was withdrawn meanwhile. Nothing was changed: choose again.")


class MoreThanThereAre(Refusal):
    status = 409
    text = words("That takes %(wanted)s places, and %(left)s are left. Choose fewer, or tick that you overbook.")
    field = "overbook"


class NotUnderWay(Refusal):
    status = 409
    text = words("This session is not published, or it has begun: nobody can be given a place now.")


@retried
def decide(slug: str, decision: Decision, actor: str, *, once: str) -> int:
    """Carry a decision out and owe everybody the mail that says so; how many are told (0: this very form was sent before).

    Raises SessionNotFound, NobodyChosen, DecidedMeanwhile, NotUnderWay, MoreThanThereAre, InvalidInput (a bad deadline).
    """
    now = clock.now()
    with transaction() as db:
        club_session, applied = _locked(db, slug, decision.tokens)
        if audit.done_before(db, "club_session", club_session.id, once):
            return 0
        if not applied:
            raise NobodyChosen
        becomes = BECOMES[decision.verdict]
        if not all(r.status in UNDECIDED and may_become(REGISTRATION_MOVES, r.status, becomes) for r in applied):
            raise DecidedMeanwhile
        overbooked = _take(db, club_session, applied, decision, now) if decision.verdict is Verdict.ACCEPT else False
        for registration in applied:
            _tell(db, club_session, registration, decision, actor, now)
        detail = {"applications": len(applied), "places": sum(r.places for r in applied), "overbooked": overbooked, "once": once}
        audit.record(db, actor, f"applications_{becomes}", "club_session", club_session.id, **detail)
        return len(applied)


def _take(db: Session, club_session: ClubSession, applied: list[Registration], decision: Decision, now: datetime) -> bool:
    """Take the places of all of them, or refuse; whether that overbooks."""
    if club_session.status is not SessionStatus.PUBLISHED or now >= club_session.starts_at:
        raise NotUnderWay
    if decision.until is not None and not now < decision.until <= club_session.starts_at:
        raise InvalidInput("until", words("Enter a time to come, not after the session starts."))
    wanted = sum(registration.places for registration in applied)
    if places.take(db, club_session.id, wanted):
        return False
    over = overbooked_after(club_session.capacity, club_session.places_taken + wanted)
    if not decision.overbook or (decision.overbook_to is not None and over > decision.overbook_to):
        left = 0 if club_session.waitlist_taken else max(0, club_session.capacity - club_session.places_taken)
        raise MoreThanThereAre(wanted=wanted, left=left)
    places.take_past_capacity(db, club_session.id, wanted)
    return True


def _tell(
    db: Session, club_session: ClubSession, registration: Registration, decision: Decision, actor: str, now: datetime
) -> None:
    """Move one application and owe its mail."""
    match decision.verdict:
        case Verdict.ACCEPT:
            reserves.offer(db, club_session, registration, actor, now, until=decision.until, message=decision.message)
        case Verdict.RESERVE:
            reserves.move(db, registration, RegistrationStatus.IN_RESERVE, actor, reserved_at=now)
            application_letters.answered(db, "in_reserve", registration, decision.message)
        case Verdict.DECLINE:
            reserves.move(db, registration, RegistrationStatus.DECLINED, actor)
            waitlist.end_order_without_place(db, registration.order_id, OrderStatus.CANCELLED, actor)
            application_letters.answered(db, "declined", registration, decision.message)


def _locked(db: Session, slug: str, tokens: tuple[str, ...]) -> tuple[ClubSession, list[Registration]]:
    """The session and the applications named, those who applied first at the head; locked as every service locks them."""
    named = (Registration.token.in_(tokens), ClubSession.slug == slug, Registration.applied_at.is_not(None))
    rows = db.execute(
        select(Registration.id, Registration.order_id)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(*named)
        .order_by(Registration.order_id)
    ).all()
    for row in rows:
        if row.order_id is not None:
            orders.lock(db, row.order_id)
    fresh = {"populate_existing": True}
    statement = select(ClubSession).where(ClubSession.slug == slug).with_for_update(key_share=True).execution_options(**fresh)
    club_session = db.execute(statement).scalar_one_or_none()
    if club_session is None:
        raise SessionNotFound
    those = select(Registration).where(Registration.id.in_([row.id for row in rows]))
    in_order = those.order_by(Registration.applied_at, Registration.id).execution_options(**fresh)
    return club_session, list(db.execute(in_order).scalars())
