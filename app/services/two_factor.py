"""Codes from an authenticator app as a second proof, and codes on paper for when the phone is lost (RFC 6238).

Called by signing in and by the account's pages. A code is good once; wrong ones are counted, and too many make everybody wait,
which only somebody who knows the password can bring about; codes on paper go on working meanwhile.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..extensions import db as flask_db
from ..models import RecoveryCode, SecondFactor, SignIn
from ..models.columns import REFERENCE_ALPHABET
from ..rules.refusals import InvalidInput, words
from ..transaction import retried, transaction
from . import audit
from .sign_ins import SignedIn
from .writes import changed

STEP_SECONDS = 30
DRIFT = (0, -1, 1)
"""Steps that a phone's clock may be off by."""
MOST_TRIES = 10
TRIES_PER = timedelta(minutes=15)
CODES, GROUPS, GROUP = 10, 4, 4
"""Ten codes of 16 letters and digits: 78 bits each."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the authenticator app is shown: ``uri`` as a QR code, ``secret`` for typing."""

    uri: str
    secret: str


@retried
def set_up(person: SignedIn) -> Setup:
    """The secret to put into the app; the same until codes are switched on. Raises InvalidInput when they are on already."""
    with transaction() as db:
        row = _factor(db, person.id)
        if row is None:
            row = SecondFactor(user_id=person.id, secret=pyotp.random_base32(), last_step=0, tries=0)
            db.add(row)
        elif row.switched_on_at is not None:
            raise InvalidInput(None, words("Codes are switched on already."))
        uri = pyotp.TOTP(row.secret).provisioning_uri(name=person.email, issuer_name=current_settings().site_name)
        return Setup(uri, row.secret)


@retried
def switch_on(person: SignedIn, code: str) -> list[str]:
    """Ask for codes from now on; returns the recovery codes, shown this once. Raises InvalidInput for a wrong code."""
    with transaction() as db:
        row = _factor(db, person.id)
        if row is None or row.switched_on_at is not None:
            raise InvalidInput(None, words("Open the page again and start from the top."))
        if (step := _step(row, code)) is not None:
            now = clock.now()
            row.switched_on_at, row.last_step, row.tries = now, step, 0
            db.execute(update(SignIn).where(SignIn.id == person.sign_in_id).values(second_factor_at=now))
            audit.record(db, audit.by_user(person.id), "second_factor_on", "user", person.id)
            return _new_codes(db, person.id)
    raise _wrong()


@retried
def switch_off(person: SignedIn, code: str) -> None:
    """Ask for codes no more. Raises InvalidInput for a wrong code."""
    with transaction() as db:
        right = check(db, person.id, code)
        if right:
            remove(db, person.id)
            audit.record(db, audit.by_user(person.id), "second_factor_off", "user", person.id)
    if not right:
        raise _wrong()


def remove(db: Session, user_id: int) -> None:
    """Inside the caller's transaction: forget the secret and every recovery code."""
    db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))


@retried
def confirm(person: SignedIn, code: str) -> None:
    """Give a code in a browser that is signed in already, for what is worth one. Raises InvalidInput for a wrong code."""
    with transaction() as db:
        right = check(db, person.id, code)
        if right:
            db.execute(update(SignIn).where(SignIn.id == person.sign_in_id).values(second_factor_at=clock.now()))
    if not right:
        raise _wrong()


@retried
def new_recovery_codes(person: SignedIn, code: str) -> list[str]:
    """Ten new codes for paper; the old ones are good no more. Raises InvalidInput for a wrong code."""
    with transaction() as db:
        if check(db, person.id, code):
            audit.record(db, audit.by_user(person.id), "recovery_codes_made", "user", person.id)
            return _new_codes(db, person.id)
    raise _wrong()


def check(db: Session, user_id: int, code: str) -> bool:
    """Whether this code is right, inside the caller's transaction, which must be committed either way: a code is used up by
    it, and a wrong one is counted."""
    row = _factor(db, user_id)
    if row is None or row.switched_on_at is None:
        return False
    if _use_recovery_code(db, user_id, code):
        return True
    now = clock.now()
    if row.tries_from is None or now - row.tries_from > TRIES_PER:
        row.tries, row.tries_from = 0, now
    if row.tries >= MOST_TRIES:
        return False
    step = _step(row, code)
    if step is None:
        row.tries += 1
        return False
    row.last_step, row.tries = step, 0
    return True


def is_on(db: Session, user_id: int) -> bool:
    """Whether this person is asked for codes."""
    on = select(SecondFactor.id).where(SecondFactor.user_id == user_id, SecondFactor.switched_on_at.is_not(None))
    return db.execute(on).first() is not None


def recovery_codes_left(user_id: int) -> int:
    """How many codes on paper are still good."""
    left = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return flask_db.session.execute(left).scalar_one()


def _factor(db: Session, user_id: int) -> SecondFactor | None:
    mine = select(SecondFactor).where(SecondFactor.user_id == user_id)
    return db.execute(mine.with_for_update().execution_options(populate_existing=True)).scalar_one_or_none()


def _step(row: SecondFactor, code: str) -> int | None:
    """The step this code is right for, None for a wrong one or one that was taken before."""
    given = "".join(code.split())
    now = int(clock.now().timestamp())
    for drift in DRIFT:
        step = now // STEP_SECONDS + drift
        expected = pyotp.TOTP(row.secret).at(step * STEP_SECONDS)
        if step > row.last_step and secrets.compare_digest(expected.encode(), given.encode()):
            return step
    return None


def _use_recovery_code(db: Session, user_id: int, code: str) -> bool:
    mine = (RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(code), RecoveryCode.used_at.is_(None))
    used = changed(db, update(RecoveryCode).where(*mine).values(used_at=clock.now()))
    if used:
        audit.record(db, audit.by_user(user_id), "recovery_code_used", "user", user_id)
    return used


def _new_codes(db: Session, user_id: int) -> list[str]:
    db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = ["-".join(_group() for _ in range(GROUPS)) for _ in range(CODES)]
    db.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(code)) for code in codes)
    return codes


def _group() -> str:
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(GROUP))


def _hash(code: str) -> str:
    """What is stored of a recovery code, however it is typed."""
    return hashlib.sha256("".join(c for c in code.upper() if c.isalnum()).encode()).hexdigest()


def _wrong() -> InvalidInput:
    return InvalidInput("code", words("That code is not right. Wait for the next one in your app and enter it."))
