"""What the list, the session page, the form and the calendar show of club sessions: one statement each. Called by blueprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, or_, select

from ..extensions import db
from ..models import ClubSession
from ..rules import capacity, money, pricing, refunds
from ..rules.statuses import Entry, SessionStatus, WaitlistPayment
from . import questions, raw_rows
from .memberships import VISITOR, Standing
from .raw_rows import Facts, RawRows

_C = ClubSession
_COLUMNS = (
    _C.id, _C.slug, _C.title, _C.summary, _C.location, _C.starts_at, _C.ends_at, _C.time_zone, _C.capacity, _C.places_taken,
    _C.overbooked, _C.waitlist_capacity, _C.waitlist_taken, _C.member_price_cents, _C.non_member_price_cents,
    _C.student_price_cents, _C.early_price_until, _C.early_member_price_cents, _C.early_non_member_price_cents, _C.currency,
    _C.status, _C.entry, _C.waitlist_payment, _C.opens_at, _C.members_open_at, _C.closes_at, _C.max_places, _C.refund_until,
    _C.refund_policy, _C.refund_percent, _C.refund_fee_cents, _C.calendar_sequence, _C.updated_at,
    _C.waitlist_members_first, _C.allow_promotion_codes,
)  # fmt: skip
_ROWS = RawRows(_COLUMNS)
LIST_LIMIT = 200


@dataclass(frozen=True, slots=True)
class SessionView:
    """One club session as pages show it, at the moment it was read, for whoever looks."""

    id: int
    slug: str
    title: str
    summary: str
    description: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    counters: capacity.Counters
    prices: pricing.Prices
    window: capacity.Window
    waitlist_payment: WaitlistPayment
    max_places: int
    refund_terms: refunds.Terms
    calendar_sequence: int
    updated_at: datetime
    state: capacity.State
    quote: pricing.Quote
    """The price of one place for this viewer."""
    opens_at: datetime | None
    """When registration opens for this viewer."""
    waitlist_members_first: bool = False
    allow_promotion_codes: bool = False
    member_quote: pricing.Quote | None = None
    """The price of one place for this viewer as a member."""
    asks: bool = False
    """Whether it has questions of its own."""

    @property
    def for_members(self) -> pricing.Quote:
        """The price of one place for this viewer, were they a member."""
        return self.member_quote or pricing.quote(self.prices, is_member=True)

    @property
    def status(self) -> SessionStatus:
        return self.window.status

    @property
    def places_left(self) -> int:
        return self.counters.places_left

    @property
    def waitlist_left(self) -> int:
        return self.counters.waitlist_left

    @property
    def starts_on(self) -> date:
        """The day it starts, in its own zone: what the list is grouped by."""
        return self.starts_at.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def turning_points(self) -> list[datetime]:
        """The moments at which time alone changes what is said of it."""
        window, prices = self.window, self.prices
        moments = [window.opens_at, window.members_open_at, window.closes_at, self.starts_at, self.ends_at]
        return [moment for moment in (*moments, prices.early_until, self.refund_terms.until) if moment is not None]

    @property
    def bookable(self) -> bool:
        """Whether the form would be shown: a place or a waitlist spot may be had now, or applied for."""
        return self.state in (capacity.State.OPEN, capacity.State.WAITLIST)

    @property
    def uncounted(self) -> SessionView:
        """The same however much is taken: what a page that shows no numbers is made from, and kept under while they run."""
        return replace(self, counters=capacity.Counters(0, 0, 0, None, 0), updated_at=self.starts_at)

    @property
    def by_application(self) -> bool:
        """Whether the committee chooses among those who apply."""
        return self.window.entry is Entry.APPLICATION


@dataclass(frozen=True, slots=True)
class Day:
    """Sessions of one local date, in order of start."""

    on: date
    sessions: Sequence[SessionView]


_UPCOMING = (
    _ROWS.statement.where(_C.status == SessionStatus.PUBLISHED, _C.ends_at > bindparam("now"))
    .order_by(_C.starts_at, _C.id)
    .limit(LIST_LIMIT)
)


def upcoming_facts(now: datetime) -> Facts:
    """What the list of sessions to come is made from, as the database gave it: equal facts make an equal list. One statement."""
    return raw_rows.read(_UPCOMING, {"now": now})


def upcoming_of(facts: Facts, now: datetime, *, standing: Standing = VISITOR) -> list[Day]:
    """The list that these facts make, by day. No statement."""
    views = [_view(row, "", now, standing) for row in _ROWS.typed(facts, db.engine.dialect)]
    return [Day(on, list(group)) for on, group in groupby(views, key=lambda v: v.starts_on)]


def upcoming(now: datetime, *, standing: Standing = VISITOR) -> list[Day]:
    """Published sessions that have not ended, by day. One statement."""
    return upcoming_of(upcoming_facts(now), now, standing=standing)


def out_of_the_way(now: datetime, *, standing: Standing = VISITOR) -> list[Day]:
    """Past and cancelled sessions, newest first. One statement."""
    gone = or_(
        _C.status.in_([SessionStatus.CANCELLED, SessionStatus.COMPLETED]),
        (_C.status == SessionStatus.PUBLISHED) & (_C.ends_at <= now),
    )
    rows = db.session.execute(select(*_COLUMNS).where(gone).order_by(_C.starts_at.desc(), _C.id).limit(LIST_LIMIT)).all()
    views = [_view(row, "", now, standing) for row in rows]
    return [Day(on, list(group)) for on, group in groupby(views, key=lambda v: v.starts_on)]


_PAGE_MORE = (_C.description, questions.ANY.label("asks"))
_PAGE = _ROWS.statement.add_columns(*_PAGE_MORE).where(_C.slug == bindparam("slug"), _C.status != SessionStatus.DRAFT)


def page_facts(slug: str) -> Facts:
    """What a session's page is made from, as the database gave it; nothing for an unknown or draft session. One statement."""
    return raw_rows.read_and_keep(_PAGE, {"slug": slug})


def lately_page_facts(slug: str) -> Facts:
    """The same as of a tenth of a second ago at most: for a form whose every answer is judged by what is read afterwards."""
    return raw_rows.read_lately(_PAGE, {"slug": slug})


def page_of(facts: Facts, now: datetime, *, standing: Standing = VISITOR) -> SessionView | None:
    """Everything the session page says, from its facts. No statement."""
    for *raw, description, asks in facts:
        for row in _ROWS.typed((tuple(raw),), db.engine.dialect):
            return _view(row, description, now, standing, asks=bool(asks))
    return None


def page(slug: str, now: datetime, *, standing: Standing = VISITOR) -> SessionView | None:
    """Everything the session page says, or None for an unknown or draft session. One statement."""
    return page_of(page_facts(slug), now, standing=standing)


def preview(slug: str, now: datetime) -> SessionView | None:
    """A draft's page as any visitor will see it once it is published, or None when there is no such draft. One statement."""
    draft = _ROWS.statement.add_columns(*_PAGE_MORE).where(_C.slug == slug, _C.status == SessionStatus.DRAFT)
    return page_of(raw_rows.read(draft, {}), now)


def prices(row: Any) -> pricing.Prices:
    """Every price of a club session, as the rules know them."""
    return pricing.Prices(
        member_cents=row.member_price_cents,
        non_member_cents=row.non_member_price_cents,
        currency=row.currency,
        student_cents=row.student_price_cents,
        early_until=row.early_price_until,
        early_member_cents=row.early_member_price_cents,
        early_non_member_cents=row.early_non_member_price_cents,
    )


def _view(row: Any, description: str, now: datetime, standing: Standing, *, asks: bool = False) -> SessionView:
    counters = capacity.Counters(row.capacity, row.places_taken, row.overbooked, row.waitlist_capacity, row.waitlist_taken)
    window = capacity.Window(row.status, row.entry, row.starts_at, row.opens_at, row.members_open_at, row.closes_at)
    priced = prices(row)
    return SessionView(
        id=row.id,
        slug=row.slug,
        title=row.title,
        summary=row.summary,
        description=description,
        location=row.location,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=row.time_zone,
        counters=counters,
        prices=priced,
        window=window,
        waitlist_payment=row.waitlist_payment,
        max_places=row.max_places,
        refund_terms=refunds.Terms(
            row.refund_policy, row.refund_until, row.refund_percent, row.refund_fee_cents, money.step(row.currency)
        ),
        calendar_sequence=row.calendar_sequence,
        updated_at=row.updated_at,
        state=capacity.describe(window, counters, now, is_member=standing.is_member),
        quote=pricing.quote(priced, is_member=standing.is_member, is_student=standing.is_student, now=now),
        opens_at=window.opens_for(standing.is_member),
        waitlist_members_first=row.waitlist_members_first,
        allow_promotion_codes=row.allow_promotion_codes,
        member_quote=pricing.quote(priced, is_member=True, is_student=standing.is_student, now=now),
        asks=asks,
    )
