"""Fills an empty club so that there is something to look at: sessions for six weeks, people, bookings. Called by `flask demo`.

Everybody and everything is made up, under domains that exist for examples. The bookings are real rows: places taken by the one
statement that takes them, orders paid at the desk in cash and booked, so that every check finds them in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count, cycle
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..integrations.payments import CheckoutLine
from ..models import ClubSession, Membership, MembershipPlan, Payment, Registration, User
from ..models.columns import new_reference
from ..rules.statuses import ItemKind, PaymentState, PaymentStatus, RegistrationStatus, Role, SessionStatus
from ..transaction import retried, transaction
from . import audit, ledger, orders, places, users
from .sample_sessions import SAMPLES, Sample

DEMO_PASSWORD = "harbour-demo-only"  # noqa: S105 - printed by the demo, which serves this machine alone
STAFF_EMAIL = "admin@muster.example"
MEMBER_EMAIL = "member@muster.example"
ZONE = ZoneInfo("Pacific/Auckland")
"""Ledger account of what was paid at the desk: no money that Stripe would know of."""
FIRST_NAMES = (
    "Aroha", "Ben", "Chloe", "Daniel", "Emi", "Fetu", "Grace", "Hemi", "Isla", "Jack", "Kiri", "Liam", "Mere", "Noah", "Olivia",
    "Priya", "Quentin", "Rangi", "Sina", "Tane", "Una", "Vikram", "Wiremu", "Xin", "Yasmin", "Zoe",
)  # fmt: skip


def fill(now: datetime) -> int:
    """Add the sample club unless there are sessions to come already; returns how many were added (0: nothing changed)."""
    passwords = [users.hash_password(DEMO_PASSWORD) for _ in range(2)]
    return _fill(now, *passwords)


@retried
def _fill(now: datetime, staff_password: str, member_password: str) -> int:
    with transaction() as db:
        coming = select(ClubSession.id).where(ClubSession.status == SessionStatus.PUBLISHED, ClubSession.starts_at > now)
        if db.execute(coming.limit(1)).first() is not None:
            return 0
        _person(db, STAFF_EMAIL, "Sam Staff", Role.ADMIN, staff_password)
        member_id = _person(db, MEMBER_EMAIL, "Mia Member", Role.NONE, member_password)
        _membership(db, member_id, now)
        taken = set(db.execute(select(ClubSession.slug)).scalars())
        people = _people()
        sessions = [_session(db, sample, now, taken) for sample in SAMPLES]
        for session_id, sample in zip(sessions, SAMPLES, strict=True):
            _bookings(db, session_id, sample, people, now)
        _members_booking(db, sessions, member_id, now)
        return len(sessions)


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
        _book(db, session_id, sample, next(people), party, RegistrationStatus.REGISTERED, last - timedelta(hours=3 * left + 5))
    for number in range(sample.waiting):
        _book(db, session_id, sample, next(people), 1, RegistrationStatus.WAITLISTED, last - timedelta(minutes=200 - number))


def _book(
    db: Session,
    session_id: int,
    sample: Sample,
    person: tuple[str, str],
    party: int,
    status: RegistrationStatus,
    at: datetime,
    *,
    member_id: int | None = None,
) -> None:
    """One booking with its order, as registering and paying at the desk would have left it at that time."""
    with clock.reading(lambda: at):
        _book_now(db, session_id, sample, person, party, status, member_id)


def _book_now(
    db: Session,
    session_id: int,
    sample: Sample,
    person: tuple[str, str],
    party: int,
    status: RegistrationStatus,
    member_id: int | None,
) -> None:
    now = clock.now()
    waits = status is RegistrationStatus.WAITLISTED
    took = places.join_waitlist(db, session_id, party) if waits else places.take(db, session_id, party)
    if not took:
        raise AssertionError(f"the sample session {sample.title!r} has no room for its sample bookings")
    unit = (sample.member_price if member_id and sample.member_price is not None else sample.price) or 0
    paid = unit > 0 and not waits
    currency, reference = current_settings().currency, new_reference()
    buyer = orders.Buyer(*person, attempt=f"sample-{session_id}-{person[1]}", user_id=member_id)
    order = orders.create_order(db, buyer, unit * party, currency, pays_now=False, done=not waits, now=now)
    values = {
        "reference": reference,
        "club_session_id": session_id,
        "user_id": member_id,
        "order_id": order.id,
        "name": person[0],
        "email": person[1],
        "places": party,
        "status": status,
        "payment_status": PaymentState.PAID if paid else PaymentState.PENDING if unit else PaymentState.FREE,
        "price_cents": unit * party,
        "amount_paid_cents": unit * party if paid else 0,
        "waitlisted_at": now if waits else None,
    }
    registration_id = int(db.execute(insert(Registration).values(values).returning(Registration.id)).scalar_one())
    line = CheckoutLine(sample.title, unit, party)
    item_id = orders.add_item(db, order.id, ItemKind.REGISTRATION, line, registration_id=registration_id)
    audit.record(db, audit.COMMAND, status, "registration", registration_id, places=party, reference=reference)
    if paid:
        _paid_in_cash(db, order.id, item_id, session_id, unit * party, now)


def _paid_in_cash(db: Session, order_id: int, item_id: int, session_id: int, cents: int, now: datetime) -> None:
    values = {
        "order_id": order_id,
        "provider": "cash",
        "idempotency_key": f"sample-{order_id}",
        "params": {},
        "amount_cents": cents,
        "captured_cents": cents,
        "currency": current_settings().currency,
        "status": PaymentStatus.SUCCEEDED,
        "expires_at": now,
        "paid_at": now,
    }
    payment_id = int(db.execute(insert(Payment).values(values).returning(Payment.id)).scalar_one())
    ledger.book(
        db, f"payment:{payment_id}:item:{item_id}", ledger.CASH, ledger.revenue(ItemKind.REGISTRATION), cents,
        current_settings().currency, payment_id=payment_id, club_session_id=session_id,
    )  # fmt: skip


def _members_booking(db: Session, sessions: list[int], member_id: int, now: datetime) -> None:
    """The member has a place of their own, at the member's price, in the first badminton evening with room."""
    free = next(
        (session_id, sample)
        for session_id, sample in zip(sessions, SAMPLES, strict=True)
        if sample.series and sample.capacity - sample.taken > 3
    )
    person = ("Mia Member", MEMBER_EMAIL)
    _book(db, *free, person, 1, RegistrationStatus.REGISTERED, now - timedelta(hours=2), member_id=member_id)
