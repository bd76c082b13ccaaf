"""What waits for the committee of the sample club: people who applied, and a session that its host has paid for.

Called by sample_data, inside its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..integrations.payments import CheckoutLine
from ..models import ClubSession, Listing, ListingPurchase, Question
from ..rules import questions as rules
from ..rules.questions import Question as Asked
from ..rules.statuses import ItemKind, QuestionKind, RegistrationStatus, ReviewState
from . import audit, orders
from .sample_bookings import book, pay_in_cash
from .sample_sessions import Sample

_S = RegistrationStatus
LEVELS = ("Less than a year", "One to three years", "Longer")
ASKED = (
    Asked("yearsplayed", QuestionKind.CHOICE, "How long have you played?", "", LEVELS, True),
    Asked("whathopes", QuestionKind.TEXT, "What do you hope for?", "A sentence or two.", (), False),
)
APPLIED = (
    (_S.REGISTERED, LEVELS[2], "To play in the autumn league."),
    (_S.DECLINED, LEVELS[0], "To try it."),
    (_S.IN_RESERVE, LEVELS[1], "A partner for doubles."),
    (_S.UNDER_REVIEW, LEVELS[1], "To train on a fixed evening, and to get a serve that somebody fears."),
    (_S.UNDER_REVIEW, LEVELS[2], "To come back after two years away."),
    (_S.UNDER_REVIEW, LEVELS[0], ""),
)
"""How each stands, and what they answered."""


def applications(db: Session, session_id: int, sample: Sample, people: Iterator[tuple[str, str]], now: datetime) -> None:
    """What the session asks, and who applied on the last days: some have their answer, some wait for it."""
    for position, asked in enumerate(ASKED, start=1):
        values = {"kind": asked.kind, "words": asked.words, "hint": asked.hint, "choices": list(asked.choices)}
        row = insert(Question).values(club_session_id=session_id, key=asked.key, position=position, **values)
        db.execute(row.values(required=asked.required))
    for number, (status, played, hopes) in enumerate(APPLIED):
        at = now - timedelta(hours=9 * (len(APPLIED) - number))
        facts: dict[str, Any] = {"applied_at": at, "reserved_at": at if status is _S.IN_RESERVE else None}
        given = rules.frozen(ASKED, {asked.key: said for asked, said in zip(ASKED, (played, hopes), strict=True)})
        book(db, session_id, sample, next(people), 1, status, at, answers=given, **facts)


def listing(db: Session, session_id: int, title: str, host: tuple[str, int], now: datetime) -> None:
    """Its host has paid the fee, and the committee has not looked at it yet."""
    email, user_id = host
    with clock.reading(lambda: now - timedelta(hours=5)):
        at, settings = clock.now(), current_settings()
        hosted = update(ClubSession).where(ClubSession.id == session_id).values(host_user_id=user_id)
        db.execute(hosted.execution_options(synchronize_session=False))
        db.execute(insert(Listing).values(club_session_id=session_id, review=ReviewState.WAITING))
        fee, line = settings.listing_fee_cents, CheckoutLine(f"Listing of “{title}”", settings.listing_fee_cents, 1)
        buyer = orders.Buyer("Hana Host", email, attempt=f"sample-listing-{session_id}", user_id=user_id)
        order = orders.create_order(db, buyer, fee, settings.currency, pays_now=False, done=True, now=at)
        item_id = orders.add_item(db, order.id, ItemKind.LISTING, line).id
        paid = {"paid_at": at, "amount_paid_cents": fee}
        db.execute(insert(ListingPurchase).values(order_item_id=item_id, club_session_id=session_id, **paid))
        audit.record(db, audit.COMMAND, "listing_in_review", "club_session", session_id)
        if fee:
            pay_in_cash(db, order.id, item_id, ItemKind.LISTING, fee, at, club_session_id=None)
