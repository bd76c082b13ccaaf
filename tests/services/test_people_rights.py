"""Roles and student approval: with a reason, on the record, told to the person; and never a club without an administrator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import AuditEntry, OutgoingEmail, SignIn, User
from app.queries import memberships
from app.rules.refusals import InvalidInput, Refusal
from app.rules.statuses import Role
from app.services import accounts_changing, audit, people_rights, sign_ins
from app.services import memberships as member_services
from app.services.sign_ins import SignedIn
from app.transaction import transaction
from tests.support.booking import work
from tests.support.factories import PASSWORD, make_user
from tests.support.rows import all_of, count_of, the


def change(person: User, role: Role, by: User | None = None, once: str = "k" * 16, reason: str = "elected") -> bool:
    actor = audit.by_user(by.id) if by else audit.COMMAND
    return people_rights.change_role(person.id, role, reason, actor, once=once)


def signed_in(person: User) -> SignedIn:
    with transaction() as db:
        token = sign_ins.add(db, person.id, "Firefox")
    found = sign_ins.find(token)
    assert found is not None
    return found


def test_role_is_given_recorded_and_told_and_every_browser_signed_out(app: Flask) -> None:
    admin, person = make_user(role=Role.ADMIN), make_user()
    before = signed_in(person)
    assert change(person, Role.STAFF, admin)
    assert the(User, id=person.id).role is Role.STAFF and sign_ins.find(before.sign_in_token) is None
    entry = the(AuditEntry, action="role_changed")
    assert (entry.actor, entry.subject_id) == (f"user:{admin.id}", person.id)
    assert {k: entry.detail[k] for k in ("role", "was", "reason", "devices")} == {
        "role": "staff", "was": "none", "reason": "elected", "devices": 1,
    }  # fmt: skip
    assert [(m.to, m.context["wanted"]) for m in all_of(OutgoingEmail)] == [(person.email, "staff")]
    assert "elected" not in str(the(OutgoingEmail).context)


def test_same_form_sent_again_does_nothing_though_the_role_is_another_by_now(app: Flask) -> None:
    admin, person = make_user(role=Role.ADMIN), make_user()
    assert change(person, Role.DESK, admin, once="a" * 16)
    assert change(person, Role.NONE, admin, once="b" * 16)
    assert not change(person, Role.DESK, admin, once="a" * 16)
    assert the(User, id=person.id).role is Role.NONE and count_of(OutgoingEmail) == 2


def test_what_may_not_be(app: Flask) -> None:
    admin, person, stranger = make_user(role=Role.ADMIN), make_user(), make_user(email_verified_at=None)
    for refusal, act in (
        (people_rights.OwnRole, lambda: change(admin, Role.STAFF, admin)),
        (people_rights.NoAdminAnyMore, lambda: change(admin, Role.NONE, person)),
        (people_rights.NotConfirmed, lambda: change(stranger, Role.DESK, admin)),
        (people_rights.LastAdmin, lambda: change(admin, Role.STAFF)),
        (InvalidInput, lambda: change(person, Role.DESK, admin, reason=" ")),
        (InvalidInput, lambda: people_rights.change_role(10**6, Role.DESK, "why", audit.COMMAND, once="k" * 16)),
    ):
        with pytest.raises(refusal):
            act()
    assert {u.role for u in all_of(User) if u.id != admin.id} == {Role.NONE} and count_of(AuditEntry) == 0


@pytest.mark.parametrize("deed", ["take", "leave", "both leave"])
def test_two_administrators_who_end_each_other_at_once_leave_one(app: Flask, deed: str) -> None:
    one, two = (make_user(role=Role.ADMIN, password=PASSWORD) for _ in range(2))
    leaving = {person.id: signed_in(person) for person in (one, two)}

    def leave(person: User) -> None:
        accounts_changing._delete(leaving[person.id])

    acts = {
        "take": (lambda: change(two, Role.NONE, one), lambda: change(one, Role.NONE, two)),
        "leave": (lambda: change(two, Role.NONE, one), lambda: leave(one)),
        "both leave": (lambda: leave(one), lambda: leave(two)),
    }[deed]

    def do(act: Any) -> str:
        with app.app_context():
            try:
                act()
            except Refusal as refusal:
                return type(refusal).__name__
            return "done"

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(do, acts))
    assert sorted(outcomes)[1:] == ["done"] and count_of(User, role=Role.ADMIN) == 1


def test_student_is_approved_and_no_more_each_with_its_reason(app: Flask) -> None:
    person = make_user()

    def student() -> bool:
        with transaction() as db:
            return memberships.standing(db, person.id, None, clock.now()).is_student

    assert people_rights.approve_student(person.id, True, "showed a card", "user:9", once="a" * 16) and student()
    assert not people_rights.approve_student(person.id, True, "showed a card", "user:9", once="a" * 16)
    assert people_rights.approve_student(person.id, False, "finished", "user:9", once="b" * 16) and not student()
    assert not people_rights.approve_student(person.id, True, "showed a card", "user:9", once="a" * 16) and not student()
    assert [(e.action, e.detail["reason"]) for e in all_of(AuditEntry)] == [
        ("student_approved", "showed a card"), ("student_withdrawn", "finished"),
    ]  # fmt: skip
    assert [m.context["wanted"] for m in all_of(OutgoingEmail)] == ["approved", "withdrawn"]
    with pytest.raises(InvalidInput):
        people_rights.approve_student(person.id, True, "", "user:9", once="c" * 16)
    assert count_of(SignIn) == 0


@pytest.mark.databases("sqlite")
def test_letters_say_in_both_forms_what_was_done_and_not_why(app: Flask) -> None:
    person, today = make_user(name="Mere <Tūhoe>"), clock.now().date() + timedelta(days=1)
    for number, role in enumerate((Role.DESK, Role.STAFF, Role.ADMIN)):
        assert change(person, role, once=f"{number:016}", reason="a secret")
    make_user(role=Role.ADMIN)
    assert change(person, Role.NONE, once="9" * 16, reason="a secret")
    for number, approved in enumerate((True, False)):
        people_rights.approve_student(person.id, approved, "a secret", "user:9", once=f"a{number:015}")
    given = member_services.grant(person.email, today + timedelta(days=30), "a secret", "user:9")
    member_services.extend(given, today + timedelta(days=60), "a secret", "user:9")
    member_services.revoke(given, "a secret", "user:9")
    work()
    letters = [(m.subject, m.text_body, m.html_body) for m in all_of(OutgoingEmail)]
    wanted = (
        "tick people in at the door", "look after sessions", "you are now an administrator", "no longer one of the committee",
        "noted that you are a student", "no longer has you as a student", "The club has given you a membership. It begins on",
        "changed the last day of your membership to", "has ended your membership",
    )  # fmt: skip
    for (subject, text, html), words in zip(letters, wanted, strict=True):
        assert subject and text and html and "a secret" not in text + html
        assert words.lower() in text.lower() and words.lower() in html.lower()
        assert "Hello Mere <Tūhoe>," in text and "Hello Mere &lt;T" in html
