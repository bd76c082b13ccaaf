"""What only a person can decide: one case to a cause, closed once, and listed in words."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, Case
from app.queries import open_cases
from app.rules.refusals import InvalidInput
from app.services import cases
from app.transaction import transaction
from tests.support.booking import at_once, begin, order_of
from tests.support.clock import FakeClock
from tests.support.factories import make_free_club_session
from tests.support.rows import all_of, count_of, the


def opened(key: str = "mail:1", **detail: Any) -> Case:
    with transaction() as db:
        cases.open_case(db, key, "mail_failed", **detail)
    return the(Case, dedupe_key=key)


def test_same_cause_is_one_case(app: Flask) -> None:
    opened()
    opened()
    assert count_of(Case) == 1


def test_case_is_closed_by_one_of_two_at_once(app: Flask, clock: FakeClock) -> None:
    case = opened()
    ended = at_once(app, *[lambda: cases.close(case.id, "told by phone", "user:1")] * 3)
    assert sorted(type(end).__name__ for end in ended) == ["InvalidInput", "InvalidInput", "NoneType"]
    assert (the(Case).closed_at, the(Case).resolution) == (clock.now, "told by phone")
    assert the(AuditEntry, action="case_closed").actor == "user:1"


@pytest.mark.databases("sqlite")
def test_unknown_case_cannot_be_closed(app: Flask) -> None:
    with pytest.raises(InvalidInput):
        cases.close(7, "done", "user:1")


@pytest.mark.databases("sqlite")
def test_what_was_put_right_by_itself_closes_and_stays_closed(app: Flask) -> None:
    opened()
    with transaction() as db:
        cases.close_by_key(db, "mail:1", "sent")
        cases.close_by_key(db, "mail:1", "sent again")
        cases.close_by_key(db, "mail:2", "never opened")
    assert the(Case).resolution == "sent"


@pytest.mark.databases("sqlite")
def test_open_cases_are_listed_oldest_first_with_their_facts(app: Flask) -> None:
    order = order_of(begin(make_free_club_session(), expected_price_cents=0))
    opened("mail:1", order_id=order.id, email=7)
    opened("mail:2")
    first, second = all_of(Case)
    facts, plain = f"case {first.id}: mail failed, order {order.reference}, email 7", f"case {second.id}: mail failed"
    assert open_cases.lines() == [facts, plain]
    cases.close(first.id, "done", "user:1")
    assert open_cases.lines() == [plain]
