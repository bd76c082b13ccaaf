"""Deleting an account: what the books need stays, and nothing in any table tells whose it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Text, cast, select

from app.extensions import Base, db
from app.models import (
    AccountIdentity,
    LedgerEntry,
    Membership,
    Order,
    OutgoingEmail,
    Payment,
    RecoveryCode,
    Registration,
    SecondFactor,
    SignIn,
    StripeEvent,
    User,
)
from app.queries import announcements as announced
from app.queries import my_data
from app.rules.announcements import Group
from app.rules.refusals import InvalidInput
from app.rules.statuses import Role
from app.services import accounts, accounts_changing, announcements, people_rights, sign_ins, two_factor
from app.services.announcements import Message
from app.transaction import transaction
from tests.support.accounts import link_to, person_signed_in
from tests.support.booking import begin, work
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session, make_membership, make_user
from tests.support.rows import all_of, count_of, the


def mentions(*words: str) -> list[str]:
    """Every column of every table in which one of these words stands."""
    found = []
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            texts = db.session.execute(select(cast(column, Text)).select_from(table)).scalars().all()
            found += [f"{table.name}.{column.name}: {t}" for t in texts if t and any(w.lower() in t.lower() for w in words)]
    db.session.rollback()
    return found


def test_account_goes_and_the_books_stay(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    user = make_user(email="aroha@example.org", name="Aroha Ngata", password=PASSWORD)
    make_membership(user)
    club_session = make_club_session()
    begin(club_session, email="aroha@example.org", name="Aroha Ngata", user_id=user.id, expected_price_cents=800)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    with transaction() as session:
        session.add(AccountIdentity(user_id=user.id, issuer="https://id.example", subject="42"))
    accounts.ask_new_password("aroha@example.org")
    person = person_signed_in(user)
    two_factor.set_up(person)
    clock.advance(days=8)
    person = person_signed_in(user)
    books = [(e.entry_key, e.amount_cents) for e in all_of(LedgerEntry)]
    assert mentions("aroha", "ngata")
    accounts_changing.delete_account(person, PASSWORD)
    assert mentions("aroha", "ngata") == []
    assert [(e.entry_key, e.amount_cents) for e in all_of(LedgerEntry)] == books != []
    assert (the(Registration).amount_paid_cents, the(Order).total_cents, the(Order).status.value) == (800, 800, "paid")
    assert count_of(Membership) == 1
    for model in (SignIn, AccountIdentity, SecondFactor, RecoveryCode):
        assert count_of(model) == 0
    gone = the(User)
    assert gone.deleted_at is not None and gone.password_hash is None and gone.role is Role.NONE
    assert sign_ins.find(person.sign_in_token) is None
    assert accounts.sign_in("aroha@example.org", PASSWORD, "Firefox", None) is None


def test_nothing_that_stripe_told_or_that_was_mailed_names_them_and_what_is_not_acted_on_yet_still_can_be(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    user = make_user(email="aroha@example.org", name="Aroha Ngata", password=PASSWORD)
    make_user(email="bob@example.org")
    for email in ("aroha@example.org", "bob@example.org"):
        begin(make_club_session(), email=email, name=email.partition("@")[0])
        stripe_simulator.pay()
    stripe_simulator.deliver()
    bobs = len([row for row in all_of(StripeEvent) if "bob@" in str(row.payload)])
    refund = {"id": "re_1", "object": "refund", "payment_intent": the(Payment, order_id=the(Order, email=user.email).id)
              .payment_intent_id, "billing_details": {"name": "A. Ngata"}}  # fmt: skip
    with transaction() as session:
        payload = {"id": "evt_1", "object": "event", "data": {"object": refund}}
        session.add(StripeEvent(id="evt_1", type="refund.updated", payload=payload))
        sign_ins.link_bookings(session, user.id)
    clock.advance(days=8)
    person = person_signed_in(user)
    accounts_changing.delete_account(person, PASSWORD)
    assert mentions("aroha", "ngata") == []
    assert len([row for row in all_of(StripeEvent) if "bob@" in str(row.payload)]) == bobs > 0
    kept = the(StripeEvent, id="evt_1").payload
    assert kept["data"]["object"] == {**refund, "billing_details": None}


def test_nothing_is_mailed_to_whom_nobody_knows_any_more(app: Flask, clock: FakeClock) -> None:
    user = make_user(email="aroha@example.org", name="Aroha Ngata", password=PASSWORD)
    make_membership(user, ends_on=clock.now.date() + timedelta(days=40))
    session = make_free_club_session(starts_at=clock.now + timedelta(days=2), ends_at=clock.now + timedelta(days=2, hours=2))
    for whose in ({"email": user.email, "name": user.name, "user_id": user.id}, {"email": "bob@example.org"}):
        begin(session, expected_price_cents=0, **whose)
    clock.advance(days=3)
    accounts_changing.delete_account(person_signed_in(user), PASSWORD)
    assert announced.reach(session.slug, list(Group)) == announced.Reach(1, 1)
    announcements.send(session.slug, list(Group), Message("Thanks", "You were great."), "user:1", once="o" * 20)
    clock.advance(days=12)
    work()
    to = {mail.to for mail in all_of(OutgoingEmail)}
    assert to == {"bob@example.org"}


def test_address_they_had_before_is_forgotten_too(app: Flask, clock: FakeClock) -> None:
    user = make_user(email="aroha@old.example", name="Aroha Ngata", password=PASSWORD)
    accounts.ask_new_password("aroha@old.example")
    work()
    accounts_changing.ask_new_address(person_signed_in(user), PASSWORD, "aroha@new.example")
    token = link_to("aroha@new.example").rpartition("/")[2]
    accounts_changing.confirm_new_address(person_signed_in(user), token)
    assert mentions("aroha@old.example")
    accounts_changing.delete_account(person_signed_in(the(User)), PASSWORD)
    assert mentions("aroha", "ngata") == []


def test_account_with_something_to_come_stays_until_that_is_cancelled(app: Flask, stripe_simulator: Any) -> None:
    user = make_user(email="ana@example.org", password=PASSWORD)
    begin(make_club_session(), email="ana@example.org", user_id=user.id)
    with pytest.raises(accounts_changing.StillBooked):
        accounts_changing.delete_account(person_signed_in(user), PASSWORD)
    assert the(User).deleted_at is None


def test_booking_that_somebody_else_made_for_this_address_is_theirs(app: Flask, clock: FakeClock, stripe_simulator: Any) -> None:
    host, ana = make_user(email="host@example.org"), make_user(email="ana@example.org", password=PASSWORD)
    begin(make_club_session(), email="ana@example.org", name="Ana", user_id=host.id)
    accounts_changing.delete_account(person_signed_in(ana), PASSWORD)
    assert the(Registration).email == "ana@example.org" and the(Registration).user_id == host.id


def test_last_administrator_stays(app: Flask) -> None:
    admin = make_user(role=Role.ADMIN, password=PASSWORD)
    with pytest.raises(people_rights.LastAdmin):
        accounts_changing.delete_account(person_signed_in(admin), PASSWORD)
    make_user(role=Role.ADMIN)
    accounts_changing.delete_account(person_signed_in(admin), PASSWORD)
    assert count_of(User, role=Role.ADMIN) == 1


def test_wrong_password_deletes_nothing(app: Flask) -> None:
    user = make_user(password=PASSWORD)
    with pytest.raises(InvalidInput):
        accounts_changing.delete_account(person_signed_in(user), "not the password")
    assert the(User).deleted_at is None


def test_export_tells_of_my_things_alone(app: Flask, stripe_simulator: Any) -> None:
    ana, bob = make_user(email="ana@example.org"), make_user(email="bob@example.org")
    club_session = make_club_session()
    begin(club_session, email="ana@example.org", name="Ana", user_id=ana.id)
    begin(club_session, email="bob@example.org", name="Bob", user_id=bob.id)
    begin(club_session, email="carl@example.org", name="Carl")
    make_membership(ana)
    data = my_data.everything(ana.id)
    assert [r["name"] for r in data["registrations"]] == ["Ana"] and [o["email"] for o in data["orders"]] == ["ana@example.org"]
    assert len(data["items"]) == len(data["payments"]) == len(data["memberships"]) == 1 and data["refunds"] == []
    assert not any(word in str(data) for word in ("bob@", "carl@"))


def test_export_tells_of_mails_about_my_bookings_that_went_to_the_address_i_had(app: Flask) -> None:
    user = make_user(email="ana@example.org", password=PASSWORD)
    begin(make_free_club_session(), email=user.email, name=user.name, user_id=user.id, expected_price_cents=0)
    work()
    accounts_changing.ask_new_address(person_signed_in(user), PASSWORD, "ana@new.example.org")
    accounts_changing.confirm_new_address(person_signed_in(user), link_to("ana@new.example.org").rpartition("/")[2])
    assert "confirmation" in [mail["template"] for mail in my_data.everything(user.id)["mails"]]
