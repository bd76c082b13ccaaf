"""What tests of accounts share: cheap hashing, and the links that lie in a mailbox. Called by tests, in an app context."""

from __future__ import annotations

import re

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.models import OutgoingEmail, User
from app.services import sign_ins, users
from app.transaction import transaction

from .rows import all_of

CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


SHIPPED = users._hasher
"""What the site uses; see the test that holds it to today's recommendation."""


def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2 at the least cost it allows; the `app` fixture asks for it."""
    monkeypatch.setattr(users, "_hasher", CHEAP)
    users._hash_of_nothing.cache_clear()


def person_signed_in(user: User) -> sign_ins.SignedIn:
    """This person in a browser of theirs."""
    with transaction() as db:
        token = sign_ins.add(db, user.id, "Firefox")
    found = sign_ins.find(token)
    assert found is not None
    return found


def letters_to(email: str) -> list[OutgoingEmail]:
    """The mails owed or sent to this address, oldest first."""
    return all_of(OutgoingEmail, to=email)


def link_to(email: str) -> str:
    """The path that the newest mail to this address leads to."""
    return re.sub(r"^https?://[^/]+", "", str(letters_to(email)[-1].context["url"]))
