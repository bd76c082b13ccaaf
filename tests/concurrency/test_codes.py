"""The last use of a code, wanted by many at once: it goes once. The twin counts by looking first, and sells it twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from unittest.mock import patch

from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models import Order, Payment, Voucher, VoucherUse
from app.rules.vouchers import VoucherKind
from app.services import ending, health_check, vouchers
from tests.concurrency import guards
from tests.concurrency.racing import Meeting, all_is_well, buy, race, refusals, values
from tests.support.factories import make_club_session, make_voucher
from tests.support.rows import all_of, count_of, the

FREE = {"code": "SUMMER", "expected_price_cents": 1200, "expected_total_cents": 0}


def test_last_use_goes_to_one_of_many(app: Flask) -> None:
    make_voucher(kind=VoucherKind.FREE, percent=None, max_uses=3)
    sessions = [make_club_session(capacity=50) for _ in range(2)]
    outcomes = race(app, [buy(sessions[n % 2].slug, n, **FREE) for n in range(10)])
    assert len(values(outcomes)) == 3 and refusals(outcomes) == {"VoucherRefused": 7}
    assert (the(Voucher).uses, count_of(VoucherUse)) == (3, 3)
    all_is_well()


def test_one_person_at_once_in_several_sessions_uses_it_once(app: Flask) -> None:
    make_voucher(kind=VoucherKind.FREE, percent=None, max_uses_each=1)
    sessions = [make_club_session() for _ in range(5)]
    outcomes = race(app, [buy(s.slug, n, email="ana@example.org", **FREE) for n, s in enumerate(sessions)])
    assert len(values(outcomes)) == 1 and refusals(outcomes) == {"VoucherRefused": 4}
    all_is_well()


def test_giving_up_and_buying_at_once_keep_the_count(app: Flask) -> None:
    make_voucher(max_uses=4)
    session = make_club_session(capacity=50)
    held = {"code": "SUMMER", "expected_price_cents": 1200, "expected_total_cents": 900}
    leaving = [buy(session.slug, 100 + n, **held)().order_token for n in range(4)]
    gives_up = [lambda token=token: ends(token) for token in leaving]
    values(race(app, [*gives_up, *(buy(session.slug, n, **held) for n in range(6))]))
    live = [use for use in all_of(VoucherUse) if use.returned_at is None]
    assert the(Voucher).uses == len(live) <= 4
    all_is_well()


def ends(token: str) -> None:
    """Its Checkout was never opened: the hold ends by the road of one that Stripe refused."""
    order = the(Order, token=token)
    ending.abandon(the(Payment, order_id=order.id).id, "not opened", certain=True)


def test_last_use_is_sold_twice_by_looking_first(app: Flask) -> None:
    """The twin: both read that one is left before either counts; each writes what it read and one more."""
    make_voucher(kind=VoucherKind.FREE, percent=None, max_uses=1)
    sessions = [make_club_session() for _ in range(2)]
    meeting, look = Meeting(2), vouchers.apply

    def look_and_wait(*asked: Any, **more: Any) -> vouchers.Applied:
        seen = look(*asked, **more)
        meeting.wait()
        return seen

    def count_without_a_guard(db: Session, voucher_id: int, _now: datetime | None) -> bool:
        db.execute(update(Voucher).where(Voucher.id == voucher_id).values(uses=1))
        return True

    with guards.drivers_own_transactions(), patch.multiple(vouchers, apply=look_and_wait, _count=count_without_a_guard):
        outcomes = race(app, [buy(s.slug, n, **FREE) for n, s in enumerate(sessions)])
    values(outcomes)
    assert count_of(VoucherUse) == 2 and the(Voucher).uses == 1
    assert any(finding.startswith("Code SUMMER") for finding in health_check.findings()), "the doctor sees it"
