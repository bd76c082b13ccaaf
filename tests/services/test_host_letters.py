"""Hosts are told that the club cancelled their session: the host and who said yes to helping, once each, and nobody else."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import update

from app import clock
from app.models import ClubSession, HostRole, ListingPurchase, OrderItem, OutgoingEmail, User
from app.rules.refusals import InvalidInput
from app.rules.statuses import SessionStatus
from app.services import audit, host_roles, paying_back, winding_up
from app.transaction import transaction
from tests.support.booking import at_once, begin, payments_of, work
from tests.support.factories import make_club_session, make_user
from tests.support.hosting import begin_listing, make_draft, make_host
from tests.support.rows import all_of, the
from tests.support.stripe import StripeSimulator

REASON = "The hall is closed."
FEE_KEPT = "The listing fee is not paid back by itself."


@pytest.fixture
def host(app: Flask, stripe_simulator: StripeSimulator) -> User:
    return make_host(email="hana@club.example")


def published(host: User, simulator: StripeSimulator) -> ClubSession:
    draft = make_draft(host, title="Pottery", location="Harbour Hall")
    simulator.pay(payments_of(begin_listing(host, draft))[-1].checkout_id or "")
    simulator.deliver()
    assert the(ClubSession, id=draft.id).status is SessionStatus.PUBLISHED
    return draft


def helper(host: User, club_session: ClubSession, email: str, *, accepts: bool = True) -> User:
    person = make_user(email=email, name="Kim Co")
    host_roles.invite(club_session.slug, email, host.id)
    if accepts:
        host_roles.accept(the(HostRole, email=email).token, person.id)
    return person


def cancel(club_session: ClubSession, actor: str = "user:99") -> None:
    winding_up.cancel_session(club_session.slug, actor, REASON)


def told() -> dict[str, str]:
    """What each host was told, by address."""
    work()
    return {mail.to: mail.text_body or "" for mail in all_of(OutgoingEmail, template="hosted_cancelled")}


def delete(person: User) -> None:
    with transaction() as db:
        db.execute(update(User).where(User.id == person.id).values(deleted_at=clock.now()))


def test_host_is_told_what_is_cancelled_why_and_that_the_fee_is_kept(host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator)
    cancel(session)
    said = told()
    assert list(said) == ["hana@club.example"]
    for words in ("Hello Hana Host", "which you host", "Pottery", "Harbour Hall", REASON, "the club tells everybody in it",
                  FEE_KEPT, f"/host/{session.slug}"):  # fmt: skip
        assert words in said["hana@club.example"]
    assert "Pottery" in (the(OutgoingEmail, template="hosted_cancelled").subject or "")


def test_co_hosts_who_said_yes_are_told_and_nothing_of_the_fee(host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator)
    helper(host, session, "kim@club.example")
    helper(host, session, "asked@club.example", accepts=False)
    cancel(session)
    said = told()
    assert set(said) == {"hana@club.example", "kim@club.example"}
    assert "which you help to host" in said["kim@club.example"] and FEE_KEPT not in said["kim@club.example"]


def test_cancelling_twice_at_once_tells_each_host_once(app: Flask, host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator)
    results = at_once(app, *[lambda: cancel(session)] * 2)
    assert sorted(type(result) for result in results if result is not None) == [InvalidInput]
    assert len(told()) == 1


def test_whoever_cancels_and_whoever_is_gone_get_no_letter(host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator)
    helper(host, session, "kim@club.example")
    delete(helper(host, session, "gone@club.example"))
    cancel(session, audit.by_user(host.id))
    assert set(told()) == {"kim@club.example"}


def test_no_letter_to_a_host_whose_account_is_deleted(host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator)
    delete(host)
    cancel(session)
    assert told() == {}


def test_fee_that_goes_back_is_not_called_kept(host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator)
    with transaction() as db:
        item = db.get_one(OrderItem, the(ListingPurchase).order_item_id)
        paying_back.owe_for_line(db, item, 1200, "staff", "user:99")
    cancel(session)
    assert FEE_KEPT not in told()["hana@club.example"]


def test_host_of_an_unpaid_draft_is_told_of_no_fee_and_of_nobody_in_it(host: User) -> None:
    cancel(make_draft(host))
    (said,) = told().values()
    assert FEE_KEPT not in said and "everybody in it" not in said and REASON in said


def test_sessions_of_the_club_have_no_host_to_tell(app: Flask) -> None:
    session = make_club_session(non_member_price_cents=None)
    begin(session, expected_price_cents=0)
    cancel(session)
    assert told() == {}
