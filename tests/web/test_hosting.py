"""Hosting in a browser: draft, pay, published; co-hosts and the door; the committee's look; and that others find nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import ClubSession, HostRole, Listing, Order, OutgoingEmail, Registration, User
from app.rules.statuses import Role
from app.services import host_roles
from tests.support.booking import begin, mails, payments_of, work
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.hosting import begin_listing, make_draft
from tests.support.pages import Page, PageClient
from tests.support.queries import recorded
from tests.support.rows import all_of, the
from tests.support.stripe import StripeSimulator
from tests.web.desk import sign_in

POTTERY = {
    "title": "Pottery", "starts_day": "2026-05-02", "starts_time": "10:00", "ends_time": "12:00", "capacity": "8",
    "non_member_price": "20",
}  # fmt: skip


@pytest.fixture
def host(app: Flask, stripe_simulator: StripeSimulator) -> User:
    return make_user(email="hana@club.example", name="Hana Host", password=PASSWORD)


@pytest.fixture
def reviewed(app: Flask) -> None:
    app.extensions["muster_settings"] = replace(app.extensions["muster_settings"], listing_review=True)


def become(pages: PageClient, email: str) -> Page:
    if pages.page is not None and any("/account/sign-out" in form.action for form in pages.page.forms):
        pages.submit("/account/sign-out")
    return pages.sign_in(email, PASSWORD)


def published(host: User, simulator: Any, **changes: Any) -> ClubSession:
    draft = make_draft(host, slug="pottery", title="Pottery", **changes)
    token = begin_listing(host, draft)
    simulator.pay(payments_of(token)[0].checkout_id)
    simulator.deliver()
    return draft


def test_session_is_drafted_paid_and_published(pages: PageClient, host: User, stripe_simulator: StripeSimulator) -> None:
    become(pages, host.email)
    pages.get("/host")
    pages.click("Draft a session")
    page = pages.submit("/host/new", **POTTERY)
    assert page.h1 == "Pottery" and "The draft is saved" in page.text and "Pay NZ$12.00 and publish" in page.text
    slug = the(ClubSession).slug
    assert pages.get(f"/sessions/{slug}").status == 404
    pages.get(f"/host/{slug}")
    assert pages.submit(f"/host/{slug}/pay").left_for is not None
    token = the(Order).token
    assert pages.get(f"/orders/{token}").h1 == "Pay to publish your session"
    cancelled = pages.get(f"/orders/{token}/cancelled")
    assert cancelled.h1 == "You have not paid yet" and "You can pay until" in cancelled.text
    checkout_id = payments_of(token)[0].checkout_id
    stripe_simulator.pay(checkout_id or "")
    page = pages.get(f"/orders/{token}/success?session_id={checkout_id}")
    assert page.h1 == "The listing fee is paid" and "Published" in page.text
    assert pages.get(f"/sessions/{slug}").h1 == "Pottery"
    assert "NZ$12.00, paid" in pages.get(f"/host/{slug}").text


def test_mistakes_come_back_with_all_that_was_typed(pages: PageClient, host: User) -> None:
    become(pages, host.email)
    pages.get("/host/new")
    page = pages.submit("/host/new", **{**POTTERY, "capacity": "many"})
    assert page.status == 422 and page.form("/host/new")["title"] == "Pottery" and all_of(ClubSession) == []


def test_a_hosts_price_is_one_that_can_be_paid_whatever_currency_is_sent(pages: PageClient, host: User) -> None:
    become(pages, host.email)
    form = pages.get("/host/new").form("/host/new")
    assert "currency" not in form.values
    typed = {**{name: form[name] for name in form.values}, **POTTERY, "non_member_price": "0.10", "currency": "CZK"}
    page = pages.post("/host/new", typed)
    assert page.status == 422 and page.form("/host/new")["non_member_price"] == "0.10" and all_of(ClubSession) == []
    pages.post("/host/new", {**typed, "non_member_price": "20", "currency": "JPY"})
    session = the(ClubSession)
    assert (session.currency, session.non_member_price_cents) == ("NZD", 2000)
    form = pages.get(f"/host/{session.slug}/edit").form("/edit")
    typed = {**{name: form[name] for name in form.values}, "non_member_price": "0.10", "currency": "CZK"}
    assert pages.post(f"/host/{session.slug}/edit", typed).status == 422
    pages.post(f"/host/{session.slug}/edit", {**typed, "non_member_price": "21", "currency": "JPY"})
    session = the(ClubSession)
    assert (session.currency, session.non_member_price_cents) == ("NZD", 2100)


def test_host_edits_and_two_at_once_are_told(pages: PageClient, host: User) -> None:
    draft = make_draft(host, slug="pottery", title="Pottery")
    become(pages, host.email)
    pages.get("/host/pottery/edit")
    stale = pages.page and pages.page.form("/host/pottery/edit")
    assert "Clay" in pages.submit("/host/pottery/edit", title="Clay").text
    assert pages.submit(stale or 0, title="Bricks").status == 409
    assert the(ClubSession, id=draft.id).title == "Clay"


def test_others_find_nothing(pages: PageClient, host: User, stripe_simulator: StripeSimulator) -> None:
    published(host, stripe_simulator)
    make_user(email="other@club.example", password=PASSWORD)
    become(pages, "other@club.example")
    for path in ("", "/edit", "/registrations"):
        assert pages.get(f"/host/pottery{path}").status == 404
    assert "Pottery" not in pages.get("/host").text


def test_co_host_is_invited_says_yes_and_ticks_in(pages: PageClient, host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator, non_member_price_cents=None, member_price_cents=None)
    begin(session, name="Ana Lee", expected_price_cents=0)
    make_user(email="kim@club.example", name="Kim Co", password=PASSWORD)
    become(pages, host.email)
    pages.get("/host/pottery")
    for email in ("kim@club.example", "nobody@club.example"):
        assert "If " + email in pages.submit(-1, email=email).text
    assert [mail.to for mail in all_of(OutgoingEmail) if mail.template == "co_host"] == ["kim@club.example"]
    become(pages, "kim@club.example")
    assert pages.get("/host/pottery").status == 404
    role = the(HostRole, email="kim@club.example")
    page = pages.get(f"/host/invitations/{role.token}")
    assert page.h1 == "Help host “Pottery”?" and the(HostRole, id=role.id).accepted_at is None
    assert pages.submit(f"/host/invitations/{role.token}").h1 == "Pottery"
    pages.click("Registrations: 1 of 10")
    page = pages.submit("/host/pottery/tick-in")
    assert "Ana Lee is in." in page.text and the(Registration).checked_in_at is not None
    pages.get("/host/pottery/registrations?show=in")
    assert "Ana Lee is not in." in pages.submit("/host/pottery/undo").text
    pages.submit("/account/sign-out")
    become(pages, host.email)
    pages.get("/host/pottery")
    pages.submit(f"/host/pottery/co-hosts/{role.id}/remove")
    become(pages, "kim@club.example")
    assert pages.get("/host/pottery").status == 404


def test_nobody_finds_out_an_address_by_searching(pages: PageClient, host: User, stripe_simulator: StripeSimulator) -> None:
    session = published(host, stripe_simulator, non_member_price_cents=None, member_price_cents=None)
    begin(session, name="Ana Lee", email="secret.mail@private.example", expected_price_cents=0)
    become(pages, host.email)
    found = {text: "Ana Lee" in pages.get(f"/host/pottery/registrations?q={text}").text for text in (
        "ana", the(Registration).reference, "secret.m", "@private.example", "ana+private")}  # fmt: skip
    assert [text for text, there in found.items() if there] == ["ana", the(Registration).reference]
    assert "private" not in pages.get("/host/pottery/registrations").html
    sign_in(pages, Role.DESK)
    page = pages.get("/admin/sessions/pottery/door?q=@private.example")
    assert "Ana Lee" in page.text and "Name, e-mail or code" in page.text, "the twin: the committee is shown addresses anyway"


@pytest.mark.parametrize("typed", ["kim@club,example", "", "Hana@Club.example", "k" * 300 + "@club.example"])
def test_an_address_that_cannot_be_invited_is_told_and_kept(pages: PageClient, host: User, typed: str) -> None:
    make_draft(host, slug="pottery")
    become(pages, host.email)
    pages.get("/host/pottery")
    page = pages.submit("/co-hosts", email=typed)
    assert page.status == 422 and page.form("/co-hosts")["email"] == typed and all_of(HostRole) == []
    assert page.errors in ([["Enter an e-mail address in the correct format, like name@example.com"],
                            ["This is your own address: you are the host already."]])  # fmt: skip
    assert "If kim@club.example" in pages.submit("/co-hosts", email="kim@club.example").text


def test_invitation_is_for_nobody_else(pages: PageClient, host: User) -> None:
    draft = make_draft(host, slug="pottery")
    become(pages, host.email)
    pages.get("/host/pottery")
    pages.submit("/host/pottery/co-hosts", email="kim@club.example")
    assert "10 co-hosts" not in pages.get("/host/pottery").text
    role = the(HostRole, club_session_id=draft.id)
    assert pages.get(f"/host/invitations/{role.token}").status == 404


def test_whoever_is_asked_after_somebody_was_removed_is_written_to(host: User) -> None:
    make_draft(host, slug="pottery")
    for email in ("kim@club.example", "lee@club.example"):
        make_user(email=email)
        host_roles.invite("pottery", email, host.id)
        host_roles.remove("pottery", the(HostRole).id, host.id)
    assert [mail.to for mail in all_of(OutgoingEmail) if mail.template == "co_host"] == ["kim@club.example", "lee@club.example"]


def test_who_makes_an_account_after_they_were_asked_is_written_to_once_when_asked_again(host: User) -> None:
    make_draft(host, slug="pottery")
    host_roles.invite("pottery", "kim@club.example", host.id)
    assert mails() == []
    make_user(email="kim@club.example")
    for _ in range(2):
        host_roles.invite("pottery", "kim@club.example", host.id)
    assert mails() == ["co_host"] and the(HostRole).email == "kim@club.example"


def test_lists_of_hosts_take_the_same_statements_however_much_they_hold(pages: PageClient, host: User) -> None:
    make_draft(host, slug="pottery")
    become(pages, host.email)
    paths = ("/host", "/host/pottery", "/host/pottery/registrations")
    few = [_statements(pages, path) for path in paths]
    for number in range(6):
        make_draft(host)
        host_roles.invite("pottery", f"helper{number}@club.example", host.id)
    assert [_statements(pages, path) for path in paths] == few


def _statements(pages: PageClient, path: str) -> int:
    with recorded(db.engine) as seen:
        pages.get(path)
    return len(seen)


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_committee_looks_at_what_was_paid(
    pages: PageClient, host: User, reviewed: None, stripe_simulator: StripeSimulator, word: str
) -> None:
    session = published(host, stripe_simulator)
    assert pages.get("/sessions/pottery").status == 404
    sign_in(pages, Role.STAFF)
    assert "Pottery" in pages.get("/admin/listings").text
    if word == "approve":
        assert "It is published" in pages.submit("/admin/listings/pottery/approve").text
        assert pages.get("/sessions/pottery").status == 200
        return
    pages.click("Reject")
    check = pages.submit(-1, button="Continue", reason="Twice on that day")
    assert "NZ$12.00" in check.text and "with the reason" in check.text
    assert "The host is told. NZ$12.00 goes back." in pages.submit(-1, button="Reject and refund").text
    become(pages, host.email)
    page = pages.get("/host/pottery")
    assert "“Twice on that day”" in page.text and "Pay NZ$12.00 and publish" in page.text
    assert the(Listing, club_session_id=session.id).review.value == "rejected"


def test_mails_of_hosting_can_be_read(host: User, reviewed: None, stripe_simulator: StripeSimulator) -> None:
    published(host, stripe_simulator)
    work()
    mail = the(OutgoingEmail, template="listing_in_review")
    assert mails() == ["listing_in_review"] and "NZ$12.00" in (mail.text_body or "") and "/host/pottery" in (mail.text_body or "")


def test_desk_reads_what_becomes_of_the_host_and_the_fee_before_it_cancels(
    pages: PageClient, host: User, reviewed: None, stripe_simulator: StripeSimulator
) -> None:
    published(host, stripe_simulator)
    make_club_session(slug="badminton")
    sign_in(pages, Role.STAFF)
    assert "Its host and those who help are told too" not in pages.get("/admin/sessions/badminton/cancel").text
    pages.get("/admin/sessions/pottery/cancel")
    page = pages.submit("/cancel", button="Continue", reason="The hall is closed.")
    assert "Its host and those who help are told too" in page.text and "its listing fee goes back" in page.text
    assert "The session is cancelled." in pages.submit("/cancel", button="Cancel the session").text
    assert "Pottery" not in pages.get("/admin/listings").text
    become(pages, host.email)
    assert "Cancelled" in pages.get("/host/pottery").text
    assert mails() == ["listing_in_review", "listing_rejected"]
