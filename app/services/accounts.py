"""How somebody gets an account, gets back into it, and signs in. Called by the account's pages.

Nothing here tells whether an address has an account: for a known and an unknown address the same statements run, one mail goes
to that address, and the page says the same. An account is made only when the link in the mail is used, so whoever types a
stranger's address makes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import User
from ..models.account_tokens import TokenPurpose
from ..rules.refusals import InvalidInput, Refusal, words
from ..transaction import retried, transaction
from . import account_letters, account_tokens, audit, sign_ins, two_factor, users

GAP = timedelta(minutes=5)
"""How long after a link the next may go to the same mailbox; doubled by each link that lies there unused…"""
LONGEST_GAP = timedelta(hours=4)
"""…up to this, which is far less than a link is good for: there is always one that works, whoever asks how often."""


class LinkOver(Refusal):
    """A one-time link that was used, has run out or never was."""

    status = 404
    text = words("This link has been used or has run out. Ask for a new one.")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link in a mail leads to: whose address it proves, and whether there is an account already."""

    email: str
    name: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What a right password led to: signed in (what the cookie is to carry), or a code still asked for."""

    sign_in_token: str | None
    step_token: str | None


@retried
def ask_to_join(email: str) -> None:
    """Send a link to this address: to make an account, or, when there is one, to get into it."""
    with transaction() as db:
        _send_link(db, email, "confirm_address", known="exists", unknown="join")


@retried
def ask_new_password(email: str) -> None:
    """Send a link to this address: to choose a new password, or, when there is no account, to make one."""
    with transaction() as db:
        _send_link(db, email, "reset_password", known="reset", unknown="no_account")


def _send_link(db: Session, email: str, template: str, *, known: str, unknown: str) -> None:
    user = db.execute(select(User.id, User.name).where(User.email == email)).one_or_none()
    purpose = TokenPurpose.SIGN_UP if user is None else TokenPurpose.NEW_PASSWORD
    lying, newest = account_tokens.newest(db, purpose, email)
    if newest is not None and clock.now() - newest < min(GAP * 2 ** (lying - 1), LONGEST_GAP):
        return
    url = account_tokens.link(db, purpose, email, user_id=None if user is None else user.id)
    name, wanted = ("", unknown) if user is None else (user.name, known)
    account_letters.owe(db, template, email, wanted=wanted, url=url, name=name)


def link(token: str) -> Link | None:
    """What this link is for, or None when it is good no more. Changes nothing: mail scanners follow links."""
    db = flask_db.session()
    if held := account_tokens.find(db, TokenPurpose.SIGN_UP, token):
        return Link(held.email, "", is_new=True)
    if held := account_tokens.find(db, TokenPurpose.NEW_PASSWORD, token):
        return Link(held.email, db.execute(select(User.name).where(User.id == held.user_id)).scalar_one(), is_new=False)
    return None


def join(token: str, name: str, password: str) -> None:
    """Make the account that the link is for. Raises LinkOver, or InvalidInput for a name or password that cannot be used."""
    hashed = users.hash_password(password)  # slow on purpose: not while a transaction is open
    _join(token, users.usable_name(name), hashed)


@retried
def _join(token: str, name: str, hashed: str) -> None:
    with transaction() as db:
        held = account_tokens.find(db, TokenPurpose.SIGN_UP, token)
        if held is None:
            raise LinkOver
        account_tokens.use_up(db, held, TokenPurpose.SIGN_UP)
        user_id = db.execute(select(User.id).where(User.email == held.email)).scalar_one_or_none()
        if user_id is None:
            user_id = users.add_without_password(db, held.email, name, audit.GUEST)
        _set_password(db, user_id, held.email, hashed)


def set_password(token: str, password: str) -> None:
    """Choose a password by a link, which proves the address too; every browser is signed out. Raises LinkOver, InvalidInput."""
    _set_by_link(token, users.hash_password(password))


@retried
def _set_by_link(token: str, hashed: str) -> None:
    with transaction() as db:
        held = account_tokens.find(db, TokenPurpose.NEW_PASSWORD, token)
        user = None if held is None else db.execute(select(User.id, User.email).where(User.id == held.user_id)).one_or_none()
        if held is None or user is None or user.email != held.email:
            raise LinkOver  # a link to an address that is no longer theirs proves nothing
        account_tokens.use_up(db, held, TokenPurpose.NEW_PASSWORD)
        _set_password(db, user.id, user.email, hashed)
        name = db.execute(select(User.name).where(User.id == user.id)).scalar_one()
        url = account_letters.site("/account/forgotten-password")
        account_letters.owe(db, "password_set", user.email, wanted="password", url=url, name=name)


def _set_password(db: Session, user_id: int, email: str, hashed: str) -> None:
    """The link came to this address, so it is confirmed, and what was booked under it as a guest is theirs from now on."""
    confirmed = {"password_hash": hashed, "email_verified_at": clock.now()}
    db.execute(update(User).where(User.id == user_id).values(confirmed))
    sign_ins.end_all(db, user_id)
    sign_ins.link_bookings(db, user_id)
    audit.record(db, audit.by_user(user_id), "password_set", "user", user_id)


def sign_in(email: str | None, password: str | None, device: str, replaces: str | None) -> Entry | None:
    """Sign in with address and password; None when they do not fit together. One password is checked, whoever it is."""
    person = users.authenticate(email, password)
    return None if person is None else enter(person.id, device, replaces)


@retried
def enter(user_id: int, device: str, replaces: str | None) -> Entry:
    """Sign in somebody who has proved who they are, or ask for a code first when they have switched codes on."""
    with transaction() as db:
        if two_factor.is_on(db, user_id):
            email = db.execute(select(User.email).where(User.id == user_id)).scalar_one()
            step = account_tokens.issue(db, TokenPurpose.SECOND_STEP, email, user_id=user_id, valid_for=account_tokens.STEP)
            return Entry(None, step)
        return Entry(sign_ins.add(db, user_id, device, replaces=replaces), None)


@retried
def enter_with_code(step_token: str, code: str, device: str, replaces: str | None) -> str:
    """Sign in with the code that was asked for; returns what the cookie is to carry. Raises LinkOver when it took too long,
    InvalidInput for a wrong code, which may be tried again."""
    with transaction() as db:
        held = account_tokens.find(db, TokenPurpose.SECOND_STEP, step_token)
        if held is None or held.user_id is None:
            raise LinkOver
        if two_factor.check(db, held.user_id, code):
            account_tokens.use_up(db, held, TokenPurpose.SECOND_STEP)
            return sign_ins.add(db, held.user_id, device, replaces=replaces, second_factor_at=clock.now())
    raise InvalidInput("code", words("That code is not right. Wait for the next one in your app and enter it."))
