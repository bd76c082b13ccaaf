"""What people change about their own account: name, password, address, calendar address, and its end. Called by their pages.

Whatever could be used to take an account over asks for the password again (or, without one, for a fresh sign-in), signs the
other browsers out, and is told to the address that the account had before.
"""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import AccountIdentity, AccountToken, ClubSession, Order, OutgoingEmail, Registration, User
from ..models.account_tokens import TokenPurpose
from ..models.columns import new_token
from ..queries.my_page import belongs_to
from ..rules.addresses import normalise_email
from ..rules.refusals import InvalidInput, Refusal, words
from ..rules.statuses import ACTIVE, OrderStatus
from ..transaction import retried, transaction
from . import account_letters, account_tokens, audit, forgetting, people_rights, sign_ins, two_factor, users
from .accounts import LinkOver
from .people_rights import LastAdmin
from .sign_ins import SignedIn

MOST_LINKS = 3
"""Links to new addresses that may wait unused at once: a mailbox is not a place to fill."""


class ProveIt(Refusal):
    """Somebody without a password who signed in a while ago asks for something that needs proof."""

    status = 403
    text = words("Sign out, sign in again, and do this within 15 minutes.")


class StillBooked(Refusal):
    """An account cannot go while something of its owner's is still to happen."""

    status = 409
    text = words("You still have bookings to come, or something to pay. Cancel them first, then delete your account.")


@retried
def rename(person: SignedIn, name: str) -> None:
    """Change the name. Bookings keep the name they were made under. Raises InvalidInput."""
    usable = users.usable_name(name)
    with transaction() as db:
        db.execute(update(User).where(User.id == person.id).values(name=usable))
        audit.record(db, audit.by_user(person.id), "renamed", "user", person.id)


def change_password(person: SignedIn, current: str, new: str, device: str) -> str:
    """Change the password, or choose a first one; every browser is signed out and this one in again (returned: its cookie).

    Raises InvalidInput for a wrong or unusable password, ProveIt.
    """
    _prove(person, current)
    return _change_password(person, users.hash_password(new), device)


@retried
def _change_password(person: SignedIn, hashed: str, device: str) -> str:
    with transaction() as db:
        db.execute(update(User).where(User.id == person.id).values(password_hash=hashed))
        db.execute(delete(AccountToken).where(AccountToken.user_id == person.id))
        sign_ins.end_all(db, person.id)
        url = account_letters.site("/account/forgotten-password")
        account_letters.owe(db, "password_set", person.email, wanted="password", url=url, name=person.name)
        audit.record(db, audit.by_user(person.id), "password_set", "user", person.id)
        return sign_ins.add(db, person.id, device, second_factor_at=person.second_factor_at)


def ask_new_address(person: SignedIn, current: str, email: str) -> None:
    """Send a link to the new address; nothing changes until it is used. Raises InvalidInput, ProveIt.

    An address that has an account is sent a mail that says so, and the page says the same as ever.
    """
    address = normalise_email(email)
    if address is None:
        raise InvalidInput("email", words("Enter an e-mail address like name@example.com."))
    if address == person.email:
        raise InvalidInput("email", words("That is the address your account has now."))
    _prove(person, current)
    _ask_new_address(person, address)


@retried
def _ask_new_address(person: SignedIn, address: str) -> None:
    with transaction() as db:
        waiting = (AccountToken.user_id == person.id, AccountToken.purpose == TokenPurpose.CHANGE_EMAIL)
        unused = select(func.count()).select_from(AccountToken).where(*waiting, AccountToken.expires_at > clock.now())
        if db.execute(unused).scalar_one() >= MOST_LINKS:
            raise InvalidInput("email", words("Links we have sent are waiting unused. Use the newest, or try again tomorrow."))
        taken = db.execute(select(User.id).where(User.email == address)).first() is not None
        url = account_tokens.link(db, TokenPurpose.CHANGE_EMAIL, address, user_id=person.id)
        shown = account_letters.site("/account/sign-in") if taken else url
        wanted = "taken" if taken else "new_address"
        account_letters.owe(db, "confirm_address", address, wanted=wanted, url=shown, name="" if taken else person.name)


def new_address(person: SignedIn, token: str) -> str | None:
    """The address this link would give this person's account, or None when it is not good (any more). Changes nothing."""
    held = account_tokens.find(flask_db.session(), TokenPurpose.CHANGE_EMAIL, token)
    return None if held is None or held.user_id != person.id else held.email


@retried
def confirm_new_address(person: SignedIn, token: str) -> None:
    """Make the address of this link the account's, tell the old one, and sign out every other browser.

    Only the person who asked may: else a stranger's link, opened by mistake, would prove the reader's address for the stranger.
    Raises LinkOver, also when somebody else has that address by now.
    """
    with transaction() as db:
        held = account_tokens.find(db, TokenPurpose.CHANGE_EMAIL, token)
        if held is None or held.user_id != person.id or db.execute(select(User.id).where(User.email == held.email)).first():
            raise LinkOver
        db.execute(delete(AccountToken).where(AccountToken.user_id == person.id))
        db.execute(update(User).where(User.id == person.id).values(email=held.email, email_verified_at=clock.now()))
        sign_ins.end_all(db, person.id, but=person.sign_in_id)
        sign_ins.link_bookings(db, person.id)
        url = account_letters.site("/account/forgotten-password")
        old, facts = person.email, {"name": person.name, "new_address": held.email}
        done = (OutgoingEmail.to == old, OutgoingEmail.order_id.is_(None), OutgoingEmail.sent_at.is_not(None))
        db.execute(delete(OutgoingEmail).where(*done))  # an address that is no longer theirs is not kept for nothing
        account_letters.owe(db, "address_changed", old, wanted="address", url=url, about=str(person.id), **facts)
        audit.record(db, audit.by_user(person.id), "address_changed", "user", person.id)


@retried
def new_calendar_address(person: SignedIn) -> None:
    """Give the calendar feed another secret address; the old one answers nobody any more."""
    with transaction() as db:
        db.execute(update(User).where(User.id == person.id).values(calendar_token=new_token()))
        audit.record(db, audit.by_user(person.id), "calendar_address_made", "user", person.id)


def delete_account(person: SignedIn, current: str) -> None:
    """End the account. What the books need stays, without a name. Raises InvalidInput, ProveIt, StillBooked, LastAdmin."""
    _prove(person, current)
    _delete(person)


@retried
def _delete(person: SignedIn) -> None:
    with transaction() as db:
        _refuse_while_needed(db, person)
        _forget_proofs(db, person.id)
        forgetting.forget_account(db, person.id, person.email)


def _refuse_while_needed(db: Session, person: SignedIn) -> None:
    to_come = (
        select(Registration.id)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(belongs_to(Registration, person.id, person.email), Registration.status.in_(ACTIVE))
        .where(ClubSession.ends_at > clock.now())
    )
    to_pay = select(Order.id).where(belongs_to(Order, person.id, person.email), Order.status == OrderStatus.PENDING)
    if db.execute(to_come).first() or db.execute(to_pay).first():
        raise StillBooked
    if people_rights.locked_admins(db) == {person.id}:
        raise LastAdmin


def _forget_proofs(db: Session, user_id: int) -> None:
    """Nothing may be left that could sign somebody in as them."""
    sign_ins.end_all(db, user_id)
    two_factor.remove(db, user_id)
    db.execute(delete(AccountIdentity).where(AccountIdentity.user_id == user_id))


def _prove(person: SignedIn, current: str) -> None:
    """The password again; for somebody who has none, a sign-in of a moment ago."""
    if person.has_password:
        if not users.has_password(person.id, current):
            raise InvalidInput("current_password", words("That is not your password. Enter it again."))
    elif not person.is_fresh(clock.now()):
        raise ProveIt
