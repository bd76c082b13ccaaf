"""Fills an empty club so that there is something to look at: sessions for six weeks, people, bookings. Called by `flask demo`.

Everybody and everything is made up, under domains that exist for examples, and nobody is written to. The bookings are real rows
(``sample_bookings``), and something waits for the committee (``sample_waiting``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count, cycle
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import ClubSession, Membership, MembershipPlan, User
from ..rules.statuses import Entry, RegistrationStatus, Role, SessionStatus
from ..transaction import retried, transaction
from . import audit, sample_products, sample_waiting, users
from .sample_bookings import book
from .sample_sessions import HOSTED, SAMPLES, Sample

DEMO_PASSWORD = "harbour-demo-only"  # noqa: S105 - printed by the demo, which serves this machine alone
STAFF_EMAIL = "admin@muster.example"
DOOR_EMAIL = "desk@muster.example"
HOST_EMAIL = "host@muster.example"
MEMBER_EMAIL = "member@muster.example"
PEOPLE = (
    (STAFF_EMAIL, "Sam Staff", Role.ADMIN),
    (DOOR_EMAIL, "Dana Door", Role.DESK),
    (HOST_EMAIL, "Hana Host", Role.NONE),
    (MEMBER_EMAIL, "Mia Member", Role.NONE),
)
ZONE = ZoneInfo("Pacific/Auckland")
FIRST_NAMES = (
    "Aroha", "Ben", "Chloe", "Daniel", "Emi", "Fetu", "Grace", "Hemi", "Isla", "Jack", "Kiri", "Liam", "Mere", "Noah", "Olivia",
    "Priya", "Quentin", "Rangi", "Sina", "Tane", "Una", "Vikram", "Wiremu", "Xin", "Yasmin", "Zoe",
)  # fmt: skip


def fill(now: datetime) -> int:
    """Add the sample club unless there are sessions to come already; returns how many were added (0: nothing changed)."""
    if added := _fill(now, [users.hash_password(DEMO_PASSWORD) for _ in PEOPLE]):
        sample_products.fill()
    return added


@retried
def _fill(now: datetime, passwords: list[str]) -> int:
    with transaction() as db:
        coming = select(ClubSession.id).where(ClubSession.status == SessionStatus.PUBLISHED, ClubSession.starts_at > now)
        if db.execute(coming.limit(1)).first() is not None:
            return 0
        ids = [_person(db, *person, password) for person, password in zip(PEOPLE, passwords, strict=True)]
        host_id, member_id = ids[-2:]
        _membership(db, member_id, now)
        taken = set(db.execute(select(ClubSession.slug)).scalars())
        people = _people()
        sessions = [_session(db, sample, now, taken) for sample in SAMPLES]
        for session_id, sample in zip(sessions, SAMPLES, strict=True):
            _bookings(db, session_id, sample, people, now)
            if sample.entry is Entry.APPLICATION:
                sample_waiting.applications(db, session_id, sample, people, now)
        _members_booking(db, sessions, member_id, now)
        draft = _session(db, HOSTED, now, taken)
        sample_waiting.listing(db, draft, HOSTED.title, (HOST_EMAIL, host_id), now)
        return len(sessions) + 1


def _person(db: Session, email: str, name: str, role: Role, password_hash: str) -> int:
    """Their id; they stay as they are when they are there already."""
    known = db.execute(select(User.id).where(User.email == email)).scalar_one_or_none()
    return known or users.add_user(db, email, name, role, password_hash, audit.COMMAND)


def _membership(db: Session, user_id: int, now: datetime) -> None:
    """A plan to look at, and a membership that holds for most of a year."""
    today = now.astimezone(ZONE).date()
    plan_id = db.execute(select(MembershipPlan.id).where(MembershipPlan.slug == "annual")).scalar_one_or_none()
    if plan_id is None:
        values = {
            "slug": "annual", "name": "Annual membership", "description": "Member prices, early booking, a vote at the AGM.",
            "price_cents": 6000, "student_price_cents": 4000, "currency": current_settings().currency, "length_months": 12,
        }  # fmt: skip
        plan_id = db.execute(insert(MembershipPlan).values(values).returning(MembershipPlan.id)).scalar_one()
    if db.execute(select(Membership.id).where(Membership.user_id == user_id, Membership.ends_on >= today)).first() is None:
        span = {"starts_on": today - timedelta(days=60), "ends_on": today + timedelta(days=304)}
        db.execute(insert(Membership).values(user_id=user_id, plan_id=plan_id, **span))


def _session(db: Session, sample: Sample, now: datetime, taken: set[str]) -> int:
    starts_at = _start(sample, now)
    slug = _slug(sample.title, starts_at, taken)
    values = {
        "slug": slug,
        "title": sample.title,
        "summary": sample.summary,
        "description": sample.description,
        "location": sample.location,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=sample.minutes),
        "time_zone": ZONE.key,
        "capacity": sample.capacity,
        "waitlist_capacity": sample.waitlist,
        "member_price_cents": sample.member_price,
        "non_member_price_cents": sample.price,
        "currency": current_settings().currency,
        "status": sample.status,
        "entry": sample.entry,
        "max_places": sample.max_places,
        "opens_at": _before(starts_at, sample.opens_hours_before),
        "members_open_at": _before(starts_at, sample.members_open_hours_before),
        "closes_at": _before(starts_at, sample.closes_hours_before),
        "refund_until": _before(starts_at, sample.refund_hours_before),
        "series": sample.series,
    }
    session_id = int(db.execute(insert(ClubSession).values(values).returning(ClubSession.id)).scalar_one())
    audit.record(db, audit.COMMAND, "session_sampled", "club_session", session_id, slug=slug)
    return session_id


def _start(sample: Sample, now: datetime) -> datetime:
    """The weekday of that week, by the clock on the wall of the hall, whatever summer time does."""
    today = now.astimezone(ZONE).date()
    ahead = (sample.weekday - today.weekday() - 1) % 7 + 1
    day: date = today + timedelta(days=ahead + 7 * sample.week - (7 if sample.week < 0 and ahead == 7 else 0))
    return datetime.combine(day, time.fromisoformat(sample.at), ZONE)


def _before(starts_at: datetime, hours: int | None) -> datetime | None:
    return None if hours is None else starts_at - timedelta(hours=hours)


def _slug(title: str, starts_at: datetime, taken: set[str]) -> str:
    name = "-".join("".join(c if c.isalnum() else " " for c in title.lower().replace("'", "")).split())
    base = slug = f"{name}-{starts_at.astimezone(ZONE):%Y-%m-%d}"
    for number in count(2):
        if slug not in taken:
            break
        slug = f"{base}-{number}"
    taken.add(slug)
    return slug


def _people() -> Iterator[tuple[str, str]]:
    """Names and addresses without end, each address once."""
    return ((f"{name} Example", f"{name.lower()}.{number}@example.org") for number, name in enumerate(cycle(FIRST_NAMES), 1))


def _bookings(db: Session, session_id: int, sample: Sample, people: Iterator[tuple[str, str]], now: datetime) -> None:
    """Parties of one, two, three… until the places are taken; then those who wait, one place each. All before it closed."""
    starts_at = _start(sample, now)
    last = min(now, _before(starts_at, sample.closes_hours_before) or starts_at)
    sizes = cycle(range(1, sample.max_places + 1))
    left = sample.taken
    while left:
        party = min(next(sizes), left)
        left -= party
        book(db, session_id, sample, next(people), party, RegistrationStatus.REGISTERED, last - timedelta(hours=3 * left + 5))
    for number in range(sample.waiting):
        book(db, session_id, sample, next(people), 1, RegistrationStatus.WAITLISTED, last - timedelta(minutes=200 - number))


def _members_booking(db: Session, sessions: list[int], member_id: int, now: datetime) -> None:
    """The member has a place of their own, at the member's price, in the first badminton evening with room."""
    free = next(
        (session_id, sample)
        for session_id, sample in zip(sessions, SAMPLES, strict=True)
        if sample.series and sample.capacity - sample.taken > 3
    )
    person = ("Mia Member", MEMBER_EMAIL)
    book(db, *free, person, 1, RegistrationStatus.REGISTERED, now - timedelta(hours=2), member_id=member_id)
