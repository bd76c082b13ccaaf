"""People who can sign in: added with an audit entry, and nothing tells whether an address is known."""

from __future__ import annotations

from typing import Any

import argon2
import pytest
from flask import Flask
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.models import AuditEntry, User
from app.rules.refusals import InvalidInput
from app.rules.statuses import Role
from app.services import users
from app.transaction import transaction
from tests.support.accounts import CHEAP, SHIPPED
from tests.support.rows import count_of, the

PASSWORD = "a long enough one"


def test_the_site_hashes_with_argon2_as_recommended() -> None:
    """The tests hash cheaply; this holds what ships to RFC 9106's second choice: 3 passes over 64 MiB."""
    assert argon2.extract_parameters(SHIPPED.hash(PASSWORD)) == argon2.profiles.RFC_9106_LOW_MEMORY
    assert SHIPPED.verify(PASSWORD, SHIPPED.hash(PASSWORD)) and not SHIPPED.verify("another one", SHIPPED.hash(PASSWORD))


def test_somebody_added_can_sign_in(app: Flask) -> None:
    user_id = users.create_user("  Aroha@Example.org ", " Aroha ", Role.STAFF, PASSWORD)
    person = users.authenticate(" AROHA@example.org ", PASSWORD)
    assert person is not None
    assert (person.id, person.name, person.email, person.role) == (user_id, "Aroha", "aroha@example.org", Role.STAFF)
    stored = the(User)
    assert stored.password_hash is not None and stored.password_hash.startswith("$argon2id$")


def test_adding_somebody_is_on_the_record_without_their_address(app: Flask) -> None:
    user_id = users.create_user("aroha@example.org", "Aroha", Role.ADMIN, PASSWORD)
    entry = the(AuditEntry, action="user_created")
    assert (entry.actor, entry.subject_kind, entry.subject_id, entry.detail) == ("command", "user", user_id, {"role": "admin"})


@pytest.mark.parametrize(("change", "field"), [
    ({"email": "aroha@example.org, b@example.org"}, "email"),
    ({"email": "TAKEN@example.org"}, "email"),
    ({"name": "   "}, "name"),
    ({"password": "ninechars"}, "password"),
    ({"password": "x" * 201}, "password"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_field(app: Flask, change: dict[str, Any], field: str) -> None:
    users.create_user("taken@example.org", "Taken", Role.NONE, PASSWORD)
    values = {"email": "new@example.org", "name": "New", "role": Role.NONE, "password": PASSWORD} | change
    with pytest.raises(InvalidInput) as refused:
        users.create_user(**values)
    assert refused.value.field == field
    assert count_of(User) == 1 and count_of(AuditEntry) == 1


@pytest.mark.parametrize(("email", "password"), [
    ("aroha@example.org", "wrong password"), ("unknown@example.org", PASSWORD), ("guest@example.org", PASSWORD),
    ("", ""), (None, None), ("aroha@example.org", PASSWORD + "x" * 300),
])  # fmt: skip
def test_a_wrong_pair_signs_nobody_in_and_costs_one_check_whoever_it_is(
    app: Flask, monkeypatch: pytest.MonkeyPatch, email: str | None, password: str | None
) -> None:
    users.create_user("aroha@example.org", "Aroha", Role.NONE, PASSWORD)
    with transaction() as db:
        db.add(User(email="guest@example.org", name="No password", role=Role.NONE))
    checks: list[str] = []
    real = CHEAP.verify_and_update

    def counted(given: str, hashed: str) -> tuple[bool, str | None]:
        checks.append(hashed)
        return real(given, hashed)

    monkeypatch.setattr(CHEAP, "verify_and_update", counted)
    assert users.authenticate(email, password) is None
    assert len(checks) == 1 and checks[0].split("$")[1:4] == users._hash_of_nothing().split("$")[1:4]


def test_the_same_letters_from_another_keyboard_are_the_same_password(app: Flask) -> None:
    users.create_user("aroha@example.org", "Aroha", Role.NONE, "Ngā mihi nui")
    assert users.authenticate("aroha@example.org", "Nga\u0304 mihi nui") is not None


def test_a_password_hashed_with_less_care_is_hashed_again_on_signing_in(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    users.create_user("aroha@example.org", "Aroha", Role.NONE, PASSWORD)
    before = the(User).password_hash
    monkeypatch.setattr(users, "_hasher", PasswordHash((Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1),)))
    assert users.authenticate("aroha@example.org", "wrong password") is None
    assert the(User).password_hash == before
    assert users.authenticate("aroha@example.org", PASSWORD) is not None
    after = the(User).password_hash
    assert after != before and users.authenticate("aroha@example.org", PASSWORD) is not None
    assert the(User).password_hash == after
