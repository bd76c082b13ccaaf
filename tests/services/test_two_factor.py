"""Codes as a second proof: each is good once, guessing is made to wait, and paper works when the phone is lost."""

from __future__ import annotations

import re

import pyotp
import pytest
from flask import Flask

from app.models import AuditEntry, RecoveryCode, SecondFactor, SignIn, User
from app.rules.refusals import InvalidInput
from app.services import accounts, sign_ins, two_factor
from app.transaction import transaction
from tests.support.booking import at_once
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_user
from tests.support.rows import all_of, count_of, the


@pytest.fixture
def ana(app: Flask) -> User:
    return make_user(email="ana@example.org", password=PASSWORD)


def here(user: User) -> sign_ins.SignedIn:
    """The person in a browser of their own."""
    with transaction() as db:
        token = sign_ins.add(db, user.id, "Firefox")
    found = sign_ins.find(token)
    assert found is not None
    return found


def code_now(clock: FakeClock, *, steps: int = 0) -> str:
    """What the phone shows, its clock off by so many steps."""
    return pyotp.TOTP(the(SecondFactor).secret).at(int(clock().timestamp()) + 30 * steps)


def switched_on(user: User, clock: FakeClock) -> list[str]:
    person = here(user)
    two_factor.set_up(person)
    codes = two_factor.switch_on(person, code_now(clock))
    clock.advance(seconds=60)  # the next code: this one has been used
    return codes


def check(user: User, code: str) -> bool:
    with transaction() as db:
        return two_factor.check(db, user.id, code)


def test_setting_up_asks_for_nothing_until_a_code_was_right(ana: User, clock: FakeClock) -> None:
    person = here(ana)
    setup = two_factor.set_up(person)
    assert setup.uri.startswith("otpauth://totp/Harbour%20Social%20Club:ana%40example.org?secret=" + setup.secret)
    assert two_factor.set_up(person) == setup  # opening the page again shows the same picture
    with pytest.raises(InvalidInput):
        two_factor.switch_on(person, "000000" if code_now(clock) != "000000" else "111111")
    entry = accounts.sign_in("ana@example.org", PASSWORD, "Firefox", None)
    assert entry is not None and entry.sign_in_token is not None


def test_switched_on_a_password_alone_signs_nobody_in(ana: User, clock: FakeClock) -> None:
    switched_on(ana, clock)
    before = count_of(SignIn)
    entry = accounts.sign_in("ana@example.org", PASSWORD, "Firefox", None)
    assert entry is not None and entry.sign_in_token is None and entry.step_token is not None
    assert count_of(SignIn) == before
    with pytest.raises(InvalidInput):
        accounts.enter_with_code(entry.step_token, "12345", "Firefox", None)
    token = accounts.enter_with_code(entry.step_token, code_now(clock), "Firefox", None)
    person = sign_ins.find(token)
    assert person is not None and not person.owes_code(clock())
    clock.advance(minutes=1)
    with pytest.raises(accounts.LinkOver):
        accounts.enter_with_code(entry.step_token, code_now(clock), "Firefox", None)


def test_right_password_waits_ten_minutes_for_its_code(ana: User, clock: FakeClock) -> None:
    switched_on(ana, clock)
    entry = accounts.sign_in("ana@example.org", PASSWORD, "Firefox", None)
    assert entry is not None and entry.step_token is not None
    clock.advance(minutes=10)
    with pytest.raises(accounts.LinkOver):
        accounts.enter_with_code(entry.step_token, code_now(clock), "Firefox", None)


def test_code_is_good_once(ana: User, clock: FakeClock) -> None:
    switched_on(ana, clock)
    code = code_now(clock)
    assert check(ana, code) and not check(ana, code)
    assert not check(ana, code_now(clock, steps=-1))  # nor is one from before it


def test_code_used_twice_at_once_is_taken_once(app: Flask, ana: User, clock: FakeClock) -> None:
    switched_on(ana, clock)
    code = code_now(clock)
    assert sorted(at_once(app, *[lambda: check(ana, code)] * 4)) == [False, False, False, True]


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_phones_clock_may_be_off_by_half_a_minute(ana: User, clock: FakeClock, steps: int, right: bool) -> None:
    switched_on(ana, clock)
    clock.advance(minutes=5)
    assert check(ana, code_now(clock, steps=steps)) is right


def test_guessing_is_made_to_wait_and_paper_still_works(ana: User, clock: FakeClock) -> None:
    paper = switched_on(ana, clock)
    for _ in range(two_factor.MOST_TRIES):
        assert not check(ana, "nonsense")
    assert not check(ana, code_now(clock))
    assert check(ana, paper[0])
    clock.advance(minutes=15, seconds=1)
    assert check(ana, code_now(clock))


def test_code_on_paper_is_good_once_however_it_is_typed(ana: User, clock: FakeClock) -> None:
    paper = switched_on(ana, clock)
    assert len(set(paper)) == 10 and all(re.fullmatch(r"(\w{4}-){3}\w{4}", code) for code in paper)
    assert check(ana, paper[3].lower().replace("-", " ")) and not check(ana, paper[3])
    assert two_factor.recovery_codes_left(ana.id) == 9
    assert not any(code.replace("-", "") in row.code_hash for row in all_of(RecoveryCode) for code in paper)


def test_new_codes_on_paper_end_the_old_ones(ana: User, clock: FakeClock) -> None:
    old = switched_on(ana, clock)
    new = two_factor.new_recovery_codes(here(ana), code_now(clock))
    assert not check(ana, old[0]) and check(ana, new[0])


def test_code_of_somebody_else_is_no_code(ana: User, clock: FakeClock) -> None:
    paper = switched_on(ana, clock)
    assert not check(make_user(), paper[0]) and check(ana, paper[0])


def test_fresh_proof_is_owed_after_a_while_and_given_by_a_code(ana: User, clock: FakeClock) -> None:
    assert not here(ana).owes_code(clock())
    switched_on(ana, clock)
    person = here(ana)
    assert person.owes_code(clock())
    two_factor.confirm(person, code_now(clock))
    person = sign_ins.find(person.sign_in_token)  # type: ignore[assignment]
    assert not person.owes_code(clock())
    clock.advance(minutes=15, seconds=1)
    assert person.owes_code(clock())


def test_switching_off_takes_a_code_and_forgets_everything(ana: User, clock: FakeClock) -> None:
    switched_on(ana, clock)
    with pytest.raises(InvalidInput):
        two_factor.switch_off(here(ana), "000000x")
    assert count_of(SecondFactor) == 1
    two_factor.switch_off(here(ana), code_now(clock))
    assert count_of(SecondFactor) == count_of(RecoveryCode) == 0
    actions = [e.action for e in all_of(AuditEntry)]
    assert actions == ["second_factor_on", "second_factor_off"]
