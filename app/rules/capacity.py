"""Who may have a place, and how many are left. Called by the services that register and by the pages that show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .refusals import (
    ByApplicationOnly,
    NoApplicationNeeded,
    NotEnoughPlaces,
    NotYetOpen,
    RegistrationClosed,
    SessionCancelled,
    SessionFull,
    SessionNotFound,
    TooManyPlaces,
    WaitlistNotAccepted,
)
from .statuses import Entry, SessionStatus


@dataclass(frozen=True, slots=True)
class Counters:
    """The four numbers of a club session. ``waitlist_capacity`` None: no waitlist."""

    capacity: int
    places_taken: int
    overbooked: int
    waitlist_capacity: int | None
    waitlist_taken: int

    @property
    def places_left(self) -> int:
        """Places that anyone may take now: none while somebody waits (promise 9)."""
        return 0 if self.waitlist_taken else max(0, self.capacity - self.places_taken)

    @property
    def waitlist_left(self) -> int:
        return max(0, (self.waitlist_capacity or 0) - self.waitlist_taken)

    @property
    def waitlist_open(self) -> bool:
        """True when a newcomer can only wait, and may."""
        return self.places_left == 0 and self.waitlist_left > 0


@dataclass(frozen=True, slots=True)
class Window:
    """When and whether a club session takes registrations. Times are aware UTC."""

    status: SessionStatus
    entry: Entry
    starts_at: datetime
    opens_at: datetime | None
    members_open_at: datetime | None
    closes_at: datetime | None

    def opens_for(self, is_member: bool) -> datetime | None:
        """The moment registration opens for this person; None: it always was."""
        if is_member and self.members_open_at is not None:
            return self.members_open_at if self.opens_at is None else min(self.members_open_at, self.opens_at)
        return self.opens_at

    @property
    def ends_at(self) -> datetime:
        """The moment registration ends: ``closes_at``, or the start of the session if that is earlier or unset."""
        return self.starts_at if self.closes_at is None else min(self.closes_at, self.starts_at)


class State(StrEnum):
    """What a visitor sees of a club session in one word."""

    NOT_YET_OPEN = "not_yet_open"
    OPEN = "open"
    WAITLIST = "waitlist"
    FULL = "full"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    PAST = "past"


def check_open(window: Window, now: datetime, *, is_member: bool, asked: Entry | None = None) -> None:
    """Raise the Refusal that tells why nobody can register (or apply) now; return when they can.

    ``asked``: what the page offered, to register or to apply; None: whichever this session takes.
    """
    match window.status:
        case SessionStatus.DRAFT:
            raise SessionNotFound
        case SessionStatus.CANCELLED:
            raise SessionCancelled
        case SessionStatus.COMPLETED:
            raise RegistrationClosed
    if now >= window.ends_at:
        raise RegistrationClosed
    opens_at = window.opens_for(is_member)
    if opens_at is not None and now < opens_at:
        raise NotYetOpen(opens_at=opens_at)
    if asked not in (None, window.entry):
        raise ByApplicationOnly if window.entry is Entry.APPLICATION else NoApplicationNeeded


def describe(window: Window, counters: Counters, now: datetime, *, is_member: bool = False) -> State:
    """One word for the list and the session page."""
    if window.status is SessionStatus.CANCELLED:
        return State.CANCELLED
    if window.status is SessionStatus.COMPLETED or now >= window.starts_at:
        return State.PAST
    if now >= window.ends_at:
        return State.CLOSED
    opens_at = window.opens_for(is_member)
    if opens_at is not None and now < opens_at:
        return State.NOT_YET_OPEN
    if counters.places_left or window.entry is Entry.APPLICATION:  # the committee chooses among all who apply in time
        return State.OPEN
    return State.WAITLIST if counters.waitlist_open else State.FULL


class Decision(StrEnum):
    PLACE = "place"
    WAITLIST = "waitlist"
    REVIEW = "review"
    """The committee decides: neither a place nor a spot is taken."""


def check_places(places: int, max_places: int) -> None:
    """Raise TooManyPlaces unless 1 ≤ places ≤ max_places."""
    if not 1 <= places <= max_places:
        raise TooManyPlaces(max_places=max_places)


def decide_entry(counters: Counters, places: int, *, accept_waitlist: bool) -> Decision:
    """A place when enough are free and nobody waits, else the waitlist if there is room and the person agrees."""
    if counters.places_left >= places:
        return Decision.PLACE
    if counters.places_left:
        raise NotEnoughPlaces(left=counters.places_left)
    if counters.waitlist_left < places:
        raise SessionFull
    if not accept_waitlist:
        raise WaitlistNotAccepted
    return Decision.WAITLIST


def overbooked_after(capacity: int, places_taken: int) -> int:
    """How far past capacity a club session is: what the staff's override or a lowered capacity leaves."""
    return max(0, places_taken - capacity)
