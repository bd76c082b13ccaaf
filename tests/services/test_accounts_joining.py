"""Making an account and getting back into one: nothing is told, nothing is half made, and a link is good once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AccountToken, AuditEntry, OutgoingEmail, Registration, SignIn, User
from app.rules.refusals import InvalidInput
from app.services import account_letters, account_tokens, accounts, accounts_changing, outbox, sign_ins, users
from app.transaction import transaction
from tests.support.accounts import CHEAP, letters_to, link_to
from tests.support.booking import at_once, begin
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_free_club_session, make_user
from tests.support.rows import all_of, count_of, the

NEW = "another long password"


def token_to(email: str) -> str:
    return link_to(email).rpartition("/")[2]


def test_typing_an_address_makes_nothing(app: Flask) -> None:
    accounts.ask_to_join("aroha@example.org")
    assert count_of(User) == 0
    assert [m.template for m in letters_to("aroha@example.org")] == ["confirm_address"]


def test_account_is_made_by_the_link_with_its_address_confirmed(app: Flask) -> None:
    accounts.ask_to_join("aroha@example.org")
    accounts.join(token_to("aroha@example.org"), " Aroha ", NEW)
    user = the(User)
    assert (user.email, user.name) == ("aroha@example.org", "Aroha") and user.email_verified_at is not None
    assert accounts.sign_in("aroha@example.org", NEW, "Firefox", None) is not None
    assert [e.action for e in all_of(AuditEntry)] == ["user_created", "password_set"]
    assert count_of(AccountToken) == 0


def test_only_the_hash_of_a_link_is_kept(app: Flask) -> None:
    accounts.ask_to_join("aroha@example.org")
    token = token_to("aroha@example.org")
    assert the(AccountToken).token_hash == account_tokens.fingerprint(token) != token


def test_link_is_wiped_from_the_outbox_once_its_mail_is_sent(app: Flask, smtp_server: Any) -> None:
    accounts.ask_new_password("aroha@example.org")
    link = link_to("aroha@example.org")
    assert outbox.send_due() == 1
    text = smtp_server.messages[0].get_body(("plain",)).get_content()
    assert link in text and "has no account" in text
    mail = the(OutgoingEmail)
    assert (mail.context, mail.text_body, mail.html_body) == ({}, None, None) and mail.sent_at is not None


@pytest.mark.parametrize("ask", [accounts.ask_to_join, accounts.ask_new_password])
def test_same_work_is_done_for_known_and_unknown_addresses(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]], ask: Callable[[str], None]
) -> None:
    make_user(email="ana@example.org")
    ask("warm-up@example.org")
    work = []
    for email in ("ana@example.org", "abc@example.org"):
        with statements() as seen:
            ask(email)
        work.append(seen)
    assert work[0] == work[1] and len(work[0]) >= 4
    assert {len(letters_to(email)) for email in ("ana@example.org", "abc@example.org")} == {1}


def test_a_shortcut_for_unknown_addresses_would_show(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twin of the test above: the usual mistake, no mail to an address without an account, is seen by it."""
    make_user(email="ana@example.org")
    owe = account_letters.owe

    def careless(*args: Any, **facts: Any) -> None:
        if facts["wanted"] != "no_account":
            owe(*args, **facts)

    monkeypatch.setattr(account_letters, "owe", careless)
    accounts.ask_new_password("warm-up@example.org")
    work = []
    for email in ("ana@example.org", "abc@example.org"):
        with statements() as seen:
            accounts.ask_new_password(email)
        work.append(seen)
    assert work[0] != work[1]


def test_asking_all_day_fills_no_mailbox_and_a_link_in_it_always_works(app: Flask, clock: FakeClock) -> None:
    """A stranger who asks all day can neither fill a mailbox nor keep its owner from getting in."""
    make_user(email="ana@example.org")
    for _ in range(24 * 12):
        accounts.ask_new_password("ana@example.org")
        assert accounts.link(token_to("ana@example.org")) is not None
        clock.advance(minutes=5)
    assert 5 <= len(letters_to("ana@example.org")) <= 12


def test_after_a_link_was_used_the_next_is_sent_at_once(app: Flask) -> None:
    make_user(email="ana@example.org")
    accounts.ask_new_password("ana@example.org")
    accounts.set_password(token_to("ana@example.org"), NEW)
    accounts.ask_new_password("ana@example.org")
    assert [m.template for m in letters_to("ana@example.org")] == ["reset_password", "password_set", "reset_password"]


def test_link_that_has_run_out_is_no_link(app: Flask, clock: FakeClock) -> None:
    accounts.ask_to_join("aroha@example.org")
    token = token_to("aroha@example.org")
    clock.advance(hours=24)
    assert accounts.link(token) is None
    with pytest.raises(accounts.LinkOver):
        accounts.join(token, "Aroha", NEW)
    assert count_of(User) == 0


def test_link_used_by_two_at_once_makes_one_account_with_one_password(app: Flask) -> None:
    accounts.ask_to_join("aroha@example.org")
    token = token_to("aroha@example.org")
    results = at_once(app, *(lambda n=n: accounts.join(token, "Aroha", f"password number {n}") for n in range(4)))  # type: ignore[misc]
    assert sum(result is None for result in results) == 1
    assert all(result is None or isinstance(result, accounts.LinkOver) for result in results)
    winner = next(n for n, result in enumerate(results) if result is None)
    assert count_of(User) == 1 and users.authenticate("aroha@example.org", f"password number {winner}") is not None


@pytest.mark.parametrize(("name", "password", "field"), [("  ", NEW, "name"), ("Aroha", "short", "password")])
def test_what_cannot_be_used_leaves_the_link_good(app: Flask, name: str, password: str, field: str) -> None:
    accounts.ask_to_join("aroha@example.org")
    with pytest.raises(InvalidInput) as refused:
        accounts.join(token_to("aroha@example.org"), name, password)
    assert refused.value.field == field
    assert accounts.link(token_to("aroha@example.org")) == accounts.Link("aroha@example.org", "", is_new=True)


def test_link_of_a_purchase_sets_the_password_confirms_the_address_and_links_bookings(app: Flask) -> None:
    """What `memberships` calls when an account is made by a payment."""
    begin(make_free_club_session(), email="ana@example.org", expected_price_cents=0)
    with transaction() as db:
        user_id = users.add_without_password(db, "ana@example.org", "Ana", "stripe")
        sign_ins.link_bookings(db, user_id)
        url = account_tokens.new_password_link(db, user_id)
    assert url.startswith("http://muster.test/account/new-password/")
    assert the(User).email_verified_at is None and the(Registration).user_id is None
    accounts.set_password(url.rpartition("/")[2], NEW)
    assert the(User).email_verified_at is not None and the(Registration).user_id == user_id


def test_link_to_an_address_that_is_no_longer_theirs_proves_nothing(app: Flask) -> None:
    user = make_user(email="ana@example.org")
    accounts.ask_new_password("ana@example.org")
    token = token_to("ana@example.org")
    with transaction() as db:
        db.execute(update(User).where(User.id == user.id).values(email="ana@new.example"))
    with pytest.raises(accounts.LinkOver):
        accounts.set_password(token, NEW)


def test_new_password_link_needs_somebody(app: Flask) -> None:
    with pytest.raises(LookupError), transaction() as db:
        account_tokens.new_password_link(db, 4711)


def test_every_sign_in_is_a_new_row_and_replaces_the_browsers_own(app: Flask) -> None:
    make_user(email="ana@example.org", password=PASSWORD)
    first = accounts.sign_in("ana@example.org", PASSWORD, "Firefox", None)
    assert first is not None and first.sign_in_token is not None
    second = accounts.sign_in("ana@example.org", PASSWORD, "Firefox", first.sign_in_token)
    assert second is not None and second.sign_in_token is not None and count_of(SignIn) == 1
    assert sign_ins.find(first.sign_in_token) is None and sign_ins.find(second.sign_in_token) is not None
    assert the(SignIn).token_hash != second.sign_in_token


def test_sign_in_ends_by_itself(app: Flask, clock: FakeClock) -> None:
    make_user(email="ana@example.org", password=PASSWORD)
    entry = accounts.sign_in("ana@example.org", PASSWORD, "Firefox", None)
    assert entry is not None and entry.sign_in_token is not None
    clock.advance(days=29, hours=23, minutes=59, seconds=59)
    assert sign_ins.find(entry.sign_in_token) is not None
    clock.advance(seconds=1)
    assert sign_ins.find(entry.sign_in_token) is None


def test_proof_of_a_moment_ago_is_asked_of_who_has_no_password(app: Flask, clock: FakeClock) -> None:
    user = make_user(email="ana@example.org", password=None)
    with transaction() as db:
        token = sign_ins.add(db, user.id, "Firefox")
    person = sign_ins.find(token)
    assert person is not None and not person.has_password
    accounts_changing.ask_new_address(person, "", "ana@new.example")
    clock.advance(minutes=15, seconds=1)
    with pytest.raises(accounts_changing.ProveIt):
        accounts_changing.change_password(person, "", NEW, "Firefox")


def test_wrong_password_costs_one_check_for_whoever_it_is(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="ana@example.org", password=PASSWORD)
    make_user(email="no-password@example.org")
    checks: list[str] = []
    real = CHEAP.verify_and_update
    monkeypatch.setattr(CHEAP, "verify_and_update", lambda given, hashed: (checks.append(hashed), real(given, hashed))[1])
    for email in ("ana@example.org", "no-password@example.org", "unknown@example.org"):
        checks.clear()
        assert accounts.sign_in(email, "wrong password", "Firefox", None) is None
        assert len(checks) == 1
