"""Who may have a place, and what a visitor is told, at every border: full, waiting, not yet open, closed, started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import capacity
from app.rules.capacity import Counters, Decision, State, Window
from app.rules.refusals import (
    ByApplicationOnly,
    NoApplicationNeeded,
    NotEnoughPlaces,
    NotYetOpen,
    Refusal,
    RegistrationClosed,
    SessionCancelled,
    SessionFull,
    SessionNotFound,
    TooManyPlaces,
    WaitlistNotAccepted,
)
from app.rules.statuses import Entry, SessionStatus

NOW = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


def counters(**changes: Any) -> Counters:
    values: dict[str, Any] = dict(capacity=10, places_taken=0, overbooked=0, waitlist_capacity=None, waitlist_taken=0)
    return Counters(**values | changes)


def window(**changes: Any) -> Window:
    values: dict[str, Any] = dict(
        status=SessionStatus.PUBLISHED, entry=Entry.OPEN, starts_at=NOW + 24 * HOUR,
        opens_at=None, members_open_at=None, closes_at=None,
    )  # fmt: skip
    return Window(**values | changes)


@pytest.mark.parametrize(
    ("changes", "left", "waitlist_left", "waitlist_open"),
    [
        ({}, 10, 0, False),
        ({"places_taken": 9}, 1, 0, False),
        ({"places_taken": 10}, 0, 0, False),
        ({"places_taken": 10, "waitlist_capacity": 2}, 0, 2, True),
        ({"places_taken": 10, "waitlist_capacity": 2, "waitlist_taken": 2}, 0, 0, False),
        ({"places_taken": 9, "waitlist_capacity": 2, "waitlist_taken": 1}, 0, 1, True),  # promise 9: somebody waits for it
        ({"places_taken": 12, "overbooked": 2}, 0, 0, False),
        ({"places_taken": 10, "waitlist_capacity": 1, "waitlist_taken": 3}, 0, 0, False),  # the waitlist was made shorter
        ({"capacity": 0}, 0, 0, False),
    ],
)
def test_what_is_left(changes: dict[str, int], left: int, waitlist_left: int, waitlist_open: bool) -> None:
    c = counters(**changes)
    assert (c.places_left, c.waitlist_left, c.waitlist_open) == (left, waitlist_left, waitlist_open)


@pytest.mark.parametrize(
    ("changes", "places", "accept", "decided"),
    [
        ({}, 1, False, Decision.PLACE),
        ({"places_taken": 8}, 2, False, Decision.PLACE),
        ({"places_taken": 9}, 2, True, NotEnoughPlaces),
        ({"places_taken": 10}, 1, True, SessionFull),
        ({"places_taken": 10, "waitlist_capacity": 2}, 1, False, WaitlistNotAccepted),
        ({"places_taken": 10, "waitlist_capacity": 2}, 2, True, Decision.WAITLIST),
        ({"places_taken": 10, "waitlist_capacity": 2}, 3, True, SessionFull),
        ({"places_taken": 10, "waitlist_capacity": 2, "waitlist_taken": 2}, 1, True, SessionFull),
        ({"places_taken": 5, "waitlist_capacity": 2, "waitlist_taken": 1}, 1, True, Decision.WAITLIST),
        ({"places_taken": 5, "waitlist_capacity": 2, "waitlist_taken": 2}, 1, True, SessionFull),
    ],
)
def test_entry_is_decided(changes: dict[str, int], places: int, accept: bool, decided: Any) -> None:
    if isinstance(decided, Decision):
        assert capacity.decide_entry(counters(**changes), places, accept_waitlist=accept) is decided
    else:
        with pytest.raises(decided):
            capacity.decide_entry(counters(**changes), places, accept_waitlist=accept)


@given(
    st.builds(Counters, capacity=st.integers(0, 30), places_taken=st.integers(0, 40), overbooked=st.integers(0, 10),
              waitlist_capacity=st.none() | st.integers(0, 10), waitlist_taken=st.integers(0, 10)),
    st.integers(1, 12), st.booleans(),
)  # fmt: skip
def test_no_decision_goes_past_capacity_or_past_who_waits(c: Counters, places: int, accept: bool) -> None:
    try:
        decision = capacity.decide_entry(c, places, accept_waitlist=accept)
    except Refusal:
        return
    if decision is Decision.PLACE:
        assert c.places_taken + places <= c.capacity and c.waitlist_taken == 0
    else:
        assert accept and c.waitlist_taken + places <= (c.waitlist_capacity or 0)


@pytest.mark.parametrize(
    ("changes", "is_member", "refusal"),
    [
        ({}, False, None),
        ({"status": SessionStatus.DRAFT}, False, SessionNotFound),
        ({"status": SessionStatus.CANCELLED}, False, SessionCancelled),
        ({"status": SessionStatus.COMPLETED}, False, RegistrationClosed),
        ({"starts_at": NOW}, False, RegistrationClosed),
        ({"starts_at": NOW + MOMENT}, False, None),
        ({"closes_at": NOW}, False, RegistrationClosed),
        ({"closes_at": NOW + MOMENT}, False, None),
        ({"closes_at": NOW + 48 * HOUR, "starts_at": NOW}, False, RegistrationClosed),  # never after the start
        ({"opens_at": NOW + MOMENT}, False, NotYetOpen),
        ({"opens_at": NOW}, False, None),
        ({"opens_at": NOW + HOUR, "members_open_at": NOW}, False, NotYetOpen),
        ({"opens_at": NOW + HOUR, "members_open_at": NOW}, True, None),
        ({"opens_at": NOW, "members_open_at": NOW + HOUR}, True, None),  # members never later than others
        ({"members_open_at": NOW + HOUR}, True, NotYetOpen),
        ({"entry": Entry.APPLICATION}, False, None),
        ({"entry": Entry.APPLICATION, "opens_at": NOW + HOUR}, False, NotYetOpen),
    ],
)
def test_registration_is_open(changes: dict[str, Any], is_member: bool, refusal: type[Refusal] | None) -> None:
    if refusal is None:
        capacity.check_open(window(**changes), NOW, is_member=is_member)
    else:
        with pytest.raises(refusal):
            capacity.check_open(window(**changes), NOW, is_member=is_member)


@pytest.mark.parametrize("entry", Entry)
def test_page_that_offered_something_else_asks_again(entry: Entry) -> None:
    other = next(one for one in Entry if one is not entry)
    capacity.check_open(window(entry=entry), NOW, is_member=False, asked=entry)
    with pytest.raises(ByApplicationOnly if entry is Entry.APPLICATION else NoApplicationNeeded):
        capacity.check_open(window(entry=entry), NOW, is_member=False, asked=other)


@pytest.mark.parametrize(
    ("shape", "count", "state"),
    [
        ({}, {}, State.OPEN),
        ({}, {"places_taken": 10}, State.FULL),
        ({}, {"places_taken": 10, "waitlist_capacity": 3}, State.WAITLIST),
        ({"status": SessionStatus.CANCELLED, "starts_at": NOW - HOUR}, {}, State.CANCELLED),
        ({"status": SessionStatus.COMPLETED}, {}, State.PAST),
        ({"starts_at": NOW}, {}, State.PAST),
        ({"closes_at": NOW}, {}, State.CLOSED),
        ({"entry": Entry.APPLICATION}, {"places_taken": 10}, State.OPEN),  # the committee chooses among all who apply in time
        ({"opens_at": NOW + HOUR}, {"places_taken": 10}, State.NOT_YET_OPEN),
    ],
)
def test_one_word_says_how_it_stands(shape: dict[str, Any], count: dict[str, int], state: State) -> None:
    assert capacity.describe(window(**shape), counters(**count), NOW) is state


@pytest.mark.parametrize(("places", "fine"), [(0, False), (-1, False), (1, True), (4, True), (5, False)])
def test_number_of_places_is_within_bounds(places: int, fine: bool) -> None:
    if fine:
        capacity.check_places(places, 4)
    else:
        with pytest.raises(TooManyPlaces) as refused:
            capacity.check_places(places, 4)
        assert refused.value.params == {"max_places": 4}


@given(st.integers(0, 50), st.integers(0, 80))
def test_overbooked_is_what_does_not_fit(places: int, taken: int) -> None:
    over = capacity.overbooked_after(places, taken)
    assert over >= 0 and taken <= places + over and (over == 0 or taken == places + over)
