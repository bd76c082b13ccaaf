"""Every status may become what DESIGN §5 draws and nothing else: each pair of each table, allowed and forbidden."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from app.rules import statuses
from app.rules.statuses import ACTIVE, ENDED, TAKEN, UNSETTLED, WAITING, PaymentStatus, RegistrationStatus, may_become, sources

# Written out by hand from the drawing in DESIGN §5 and the flows in §6, not read from the code.
REGISTRATION = {
    "held": "registered expired cancelled",
    "waitlisted": "offered registered cancelled expired",
    "offered": "registered held cancelled expired declined waitlisted",
    "registered": "cancelled",
    "under_review": "in_reserve offered declined cancelled expired",
    "in_reserve": "offered declined cancelled expired",
    "cancelled": "",
    "expired": "registered",
    "declined": "",
}
ORDER = {"pending": "paid expired cancelled", "paid": "cancelled", "expired": "paid", "cancelled": ""}
PAYMENT = {
    "created": "open processing succeeded failed expired",
    "open": "processing succeeded failed expired",
    "processing": "succeeded failed",
    "succeeded": "",
    "failed": "succeeded",
    "expired": "succeeded",
}
REFUND = {"requested": "pending succeeded failed", "pending": "succeeded failed", "succeeded": "failed", "failed": ""}
SESSION = {"draft": "published cancelled", "published": "draft cancelled completed", "cancelled": "", "completed": ""}
TABLES: list[tuple[str, Mapping[Any, frozenset[Any]], type[StrEnum], dict[str, str]]] = [
    ("registration", statuses.REGISTRATION_MOVES, statuses.RegistrationStatus, REGISTRATION),
    ("order", statuses.ORDER_MOVES, statuses.OrderStatus, ORDER),
    ("payment", statuses.PAYMENT_MOVES, statuses.PaymentStatus, PAYMENT),
    ("refund", statuses.REFUND_MOVES, statuses.RefundStatus, REFUND),
    ("session", statuses.SESSION_MOVES, statuses.SessionStatus, SESSION),
]
PAIRS = [
    pytest.param(moves, now, then, str(then) in drawn[now].split(), id=f"{name}-{now}-{then}")
    for name, moves, kind, drawn in TABLES
    for now in kind
    for then in kind
]


@pytest.mark.parametrize(("moves", "now", "then", "allowed"), PAIRS)
def test_move_is_allowed_as_drawn(moves: Any, now: Any, then: Any, allowed: bool) -> None:
    assert may_become(moves, now, then) is allowed
    assert (now in sources(moves, then)) is allowed


@pytest.mark.parametrize(("name", "moves", "kind", "drawn"), TABLES, ids=[table[0] for table in TABLES])
def test_every_status_is_in_its_table_and_stays_are_no_moves(name: str, moves: Any, kind: Any, drawn: dict[str, str]) -> None:
    assert set(moves) == set(kind) and {str(status) for status in kind} == set(drawn)
    assert not any(may_become(moves, status, status) for status in kind)


def test_statuses_count_where_design_says() -> None:
    assert {"held", "offered", "registered"} == TAKEN
    assert {"waitlisted"} == WAITING
    assert {"cancelled", "expired", "declined"} == ENDED
    assert set(RegistrationStatus) == ACTIVE | ENDED and not ACTIVE & ENDED
    assert {"created", "open", "processing"} == UNSETTLED


def test_ended_registration_comes_back_by_a_late_payment_alone() -> None:
    back = {(a, b) for a in ENDED for b in RegistrationStatus if may_become(statuses.REGISTRATION_MOVES, a, b)}
    assert back == {(RegistrationStatus.EXPIRED, RegistrationStatus.REGISTERED)}


def test_money_that_arrived_is_never_unlearned() -> None:
    assert statuses.PAYMENT_MOVES[PaymentStatus.SUCCEEDED] == frozenset()
    late = {s for s in PaymentStatus if s is not PaymentStatus.SUCCEEDED}
    assert set(sources(statuses.PAYMENT_MOVES, PaymentStatus.SUCCEEDED)) == late
