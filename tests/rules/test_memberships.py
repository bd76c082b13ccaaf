"""How long a membership lasts, when it may be bought again, what it costs and when its end is announced."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import memberships as rules
from app.rules.memberships import AlreadyMember, PlanNotOnSale, Price, Span, Terms

TODAY = date(2026, 3, 3)
DAYS = st.dates(date(2000, 1, 1), date(2080, 12, 31))
YEAR = Terms(12, None)
FIXED = Terms(None, date(2026, 12, 31))


@pytest.mark.parametrize(
    ("starts_on", "months", "last"),
    [
        (date(2026, 3, 3), 12, date(2027, 3, 2)),
        (date(2026, 1, 1), 12, date(2026, 12, 31)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 14)),
        (date(2026, 3, 1), 1, date(2026, 3, 31)),
    ],
)
def test_last_day_of_some_months(starts_on: date, months: int, last: date) -> None:
    assert rules.last_day(starts_on, months) == last


def test_no_months_are_no_membership() -> None:
    with pytest.raises(ValueError, match="0 months"):
        rules.last_day(TODAY, 0)


@given(DAYS, st.integers(1, 120))
def test_months_have_their_days_and_later_never_ends_earlier(starts_on: date, months: int) -> None:
    last = rules.last_day(starts_on, months)
    assert 28 * months - 1 <= (last - starts_on).days <= 31 * months
    assert rules.last_day(starts_on, months + 1) > last
    assert rules.last_day(starts_on + timedelta(days=1), months) >= last


@pytest.mark.parametrize(
    ("terms", "runs_to", "span"),
    [
        (YEAR, None, Span(TODAY, date(2027, 3, 2))),
        (YEAR, TODAY, Span(date(2026, 3, 4), date(2027, 3, 3))),  # the last day is still the old one's
        (YEAR, TODAY + timedelta(days=60), Span(date(2026, 5, 3), date(2027, 5, 2))),
        (FIXED, None, Span(TODAY, date(2026, 12, 31))),
        (FIXED, date(2026, 6, 30), Span(date(2026, 7, 1), date(2026, 12, 31))),
        (Terms(1, None), TODAY + timedelta(days=14), Span(date(2026, 3, 18), date(2026, 4, 17))),
    ],
)
def test_span_begins_where_the_current_one_ends(terms: Terms, runs_to: date | None, span: Span) -> None:
    assert rules.next_span(terms, TODAY, runs_to) == span


@pytest.mark.parametrize(
    ("terms", "runs_to"),
    [
        (YEAR, TODAY + timedelta(days=61)),
        (YEAR, date(2027, 3, 2)),
        (Terms(1, None), TODAY + timedelta(days=30)),  # just bought
        (FIXED, date(2026, 12, 31)),
        (FIXED, date(2027, 6, 30)),
    ],
)
def test_same_span_twice_is_refused_with_the_date_it_runs_to(terms: Terms, runs_to: date) -> None:
    with pytest.raises(AlreadyMember) as refused:
        rules.next_span(terms, TODAY, runs_to)
    assert refused.value.runs_to == runs_to


def test_plan_whose_end_has_passed_cannot_be_had() -> None:
    with pytest.raises(PlanNotOnSale):
        rules.next_span(Terms(None, TODAY - timedelta(days=1)), TODAY, None)


@given(DAYS, st.integers(1, 36), st.none() | st.integers(0, 800))
def test_who_just_bought_cannot_buy_the_same_again(today: date, months: int, left: int | None) -> None:
    terms, runs_to = Terms(months, None), None if left is None else today + timedelta(days=left)
    try:
        span = rules.next_span(terms, today, runs_to)
    except AlreadyMember:
        assert runs_to is not None
        return
    assert span.starts_on == (today if runs_to is None else runs_to + timedelta(days=1)) <= span.ends_on
    with pytest.raises(AlreadyMember):
        rules.next_span(terms, today, span.ends_on)


@pytest.mark.parametrize(
    ("student", "is_student", "price"),
    [
        (1200, False, Price(1500, False, 0)),
        (1200, True, Price(1200, True, 300)),
        (None, True, Price(1500, False, 0)),
        (1500, True, Price(1500, False, 0)),
        (1900, True, Price(1500, False, 0)),
        (0, True, Price(0, True, 1500)),
    ],
)
def test_price_of_a_plan(student: int | None, is_student: bool, price: Price) -> None:
    assert rules.price(1500, student, is_student=is_student) == price


@pytest.mark.parametrize(
    ("email", "student"),
    [
        ("a@uni.example", True),
        ("a@cs.uni.example", True),
        ("a@UNI.example", True),
        ("a@evil-uni.example", False),
        ("a@uni.example.org", False),
        ("uni.example@evil.org", False),
    ],
)
def test_student_address(email: str, student: bool) -> None:
    assert rules.is_student_address(email, ["uni.example"]) is student
    assert not rules.is_student_address(email, [])


def test_plan_is_on_sale_from_the_first_moment_up_to_the_last() -> None:
    now, second = datetime(2026, 3, 3, tzinfo=UTC), timedelta(seconds=1)
    assert rules.on_sale(now, None, None) and rules.on_sale(now, now, now + second)
    assert not rules.on_sale(now, now + second, None) and not rules.on_sale(now, None, now)


@pytest.mark.parametrize(
    ("left", "reminded", "due"),
    [
        (31, None, None), (30, None, 30), (8, None, 30), (7, None, 7), (0, None, 7), (-1, None, None),
        (30, 30, None), (8, 30, None), (7, 30, 7), (3, 30, 7), (7, 7, None), (0, 7, None),
    ],
)  # fmt: skip
def test_reminders_are_due_30_and_7_days_before_once_each(left: int, reminded: int | None, due: int | None) -> None:
    assert rules.reminder_due(TODAY + timedelta(days=left), TODAY, reminded) == due
