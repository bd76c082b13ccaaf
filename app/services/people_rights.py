"""What the club lets somebody do: their role, and student prices without a student's address. Called by the desk.

Each is one transaction with a reason on the record and a letter to the person; a form's one-time key is used once. There is
always somebody who may give roles: whoever takes one away is an administrator then and keeps their own.
"""

from __future__ import annotations

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from ..models import User
from ..rules.refusals import InvalidInput, Refusal, words
from ..rules.statuses import Role
from ..transaction import retried, transaction
from . import account_letters, audit, sign_ins
from .writes import changed

NOBODY = words("There is no such account any more.")


class LastAdmin(Refusal):
    status = 409
    text = words("The club needs an administrator: give somebody else that role first.")


class OwnRole(Refusal):
    status = 409
    text = words("Nobody changes their own role. Ask another administrator to do it.")


class NoAdminAnyMore(Refusal):
    """Somebody took the role of whoever is at the form away while they filled it in."""

    status = 403
    text = words("You are no administrator any more.")


class NotConfirmed(Refusal):
    """Whoever typed an address at the till has not shown that it is theirs: nothing of the desk is opened to it."""

    status = 409
    text = words("They have not confirmed their e-mail address yet. Ask them to sign in once, then try again.")


@retried
def change_role(user_id: int, role: Role, reason: str, actor: str, *, once: str) -> bool:
    """Give somebody another role and sign them out everywhere; False when they have it already, or this form was sent before.

    Raises LastAdmin, OwnRole, NoAdminAnyMore, NotConfirmed, InvalidInput.
    """
    reason = said(reason)
    with transaction() as db:
        admins, person = locked_admins(db), _locked(db, user_id)
        if actor == audit.by_user(user_id):
            raise OwnRole
        if actor != audit.COMMAND and actor not in {audit.by_user(admin) for admin in admins}:
            raise NoAdminAnyMore
        if person.role is role or audit.done_before(db, "user", user_id, once):
            return False
        _check(person, role, admins)
        db.execute(update(User).where(User.id == user_id).values(role=role))
        devices = sign_ins.end_all(db, user_id)
        detail = {"role": role.value, "was": person.role.value, "devices": devices, "reason": reason, "once": once}
        audit.record(db, actor, "role_changed", "user", user_id, **detail)
        url = account_letters.site("/account/sign-in")
        account_letters.owe(db, "role_changed", person.email, wanted=role.value, url=url, name=person.name)
        return True


def _check(person: Row[int, str, str, Role, bool], role: Role, admins: set[int]) -> None:
    if role is not Role.NONE and not person.confirmed:
        raise NotConfirmed
    if admins == {person.id}:
        raise LastAdmin


@retried
def approve_student(user_id: int, is_student: bool, reason: str, actor: str, *, once: str) -> bool:
    """Let somebody have student prices without a student's address, or no longer; what they booked keeps its price.

    False when it is so already, or this form was sent before. Raises InvalidInput.
    """
    reason = said(reason)
    with transaction() as db:
        person = _locked(db, user_id)
        if audit.done_before(db, "user", user_id, once):
            return False
        guarded = update(User).where(User.id == user_id, User.is_student != is_student)
        if not changed(db, guarded.values(is_student=is_student)):
            return False
        action = "student_approved" if is_student else "student_withdrawn"
        audit.record(db, actor, action, "user", user_id, reason=reason, once=once)
        wanted, url = "approved" if is_student else "withdrawn", account_letters.site("/membership")
        account_letters.owe(db, "student_prices", person.email, wanted=wanted, url=url, name=person.name)
        return True


def locked_admins(db: Session) -> set[int]:
    """Who is an administrator, locked until the transaction ends, so that two who leave at once do not leave nobody."""
    admins = select(User.id).where(User.role == Role.ADMIN, User.deleted_at.is_(None)).order_by(User.id).with_for_update()
    return set(db.execute(admins).scalars())


def said(reason: str) -> str:
    """The reason as it is kept. Raises InvalidInput when there is none."""
    if not reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
    return reason.strip()


def _locked(db: Session, user_id: int) -> Row[int, str, str, Role, bool]:
    statement = (
        select(User.id, User.email, User.name, User.role, User.email_verified_at.is_not(None).label("confirmed"))
        .where(User.id == user_id, User.deleted_at.is_(None))
        .with_for_update()
    )
    person = db.execute(statement).one_or_none()
    if person is None:
        raise InvalidInput(None, NOBODY)
    return person
