"""What the desk opens on, the record, and who may see which of the desk's pages and press which of its buttons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock as app_clock
from app.models import AuditEntry, Case, Listing, Payment, Refund, Registration, StripeEvent
from app.rules.statuses import Entry, PaymentStatus, RegistrationStatus, ReviewState, Role, SessionStatus
from app.services import audit, cases
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session, make_user
from tests.support.hosting import make_draft, make_host
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, owe_mail, sign_in

_S = RegistrationStatus


def tasks(page: Page) -> list[str]:
    """What the to-do list says, item by item."""
    return [text_of(item) for found in page.tree.with_class("lines--act") for item in found.iter("li")]


def test_today_shows_the_sessions_of_the_week_with_places_money_and_who_waits(pages: PageClient, clock: FakeClock) -> None:
    sign_in(pages, Role.DESK)
    today = make_club_session(title="Badminton", starts_at=clock.now + timedelta(hours=4), waitlist_capacity=5)
    book(today, "Aroha", count=2, paid_cents=2400, refunded_cents=400)
    book(today, "Ben", _S.OFFERED)
    book(today, "Chloe", _S.WAITLISTED)
    make_club_session(title="Pottery", starts_at=clock.now + timedelta(days=6))
    make_club_session(title="In a week", starts_at=clock.now + timedelta(days=8))
    make_club_session(title="Called off", starts_at=clock.now + timedelta(days=1), status=SessionStatus.CANCELLED)
    page = pages.get("/admin/")
    rows = [text_of(row) for row in page.tree.with_class("row")]
    assert len(rows) == 2 and "Pottery" in rows[1]
    assert "2 registered · 1 kept · 1 waiting · 1 offer out · NZ$20.00 paid" in rows[0] and "3 of 10 places taken" in rows[0]
    assert tasks(page) == [] and "Nothing waits for you" in page.text
    assert page.text.index("On today") < page.text.index("Badminton") < page.text.index("The next six days")


def test_applications_and_listings_wait_for_the_committee_and_a_hosts_draft_for_its_host(
    pages: PageClient, clock: FakeClock
) -> None:
    sign_in(pages, Role.STAFF)
    soon = {"starts_at": clock.now + timedelta(days=2)}
    book(make_club_session(entry=Entry.APPLICATION, **soon), "Aroha", _S.UNDER_REVIEW, applied_at=clock.now)
    draft, paid = (make_draft(make_host(email=f"{name}@club.example"), title=f"By {name}", **soon) for name in ("ana", "ben"))
    assert len(tasks(pages.get("/admin/"))) == 1, "a draft that its host has not paid for is not the committee's to publish"
    with transaction() as db:
        db.get_one(Listing, paid.id).review = ReviewState.WAITING
    page = pages.get("/admin/")
    first, second = tasks(page)
    assert "1 application waits for an answer" in first and "1 session of a host waits for the committee" in second
    assert "Aroha" in pages.click("See who applied").text
    pages.get("/admin/")
    assert "By ben" in pages.click("Look at the listings").text and draft.title not in pages.page.text  # type: ignore[union-attr]


def test_what_waits_for_somebody_is_a_list_of_things_to_do(pages: PageClient, clock: FakeClock) -> None:
    session = make_club_session(starts_at=clock.now + timedelta(days=20))
    book(session, "Aroha", paid_cents=1200)
    make_club_session(title="Yoga", slug="yoga", starts_at=clock.now + timedelta(days=2), status=SessionStatus.DRAFT)
    owe_mail("lost@club.example", failed=True)
    owe_mail("late@club.example")
    with transaction() as db:
        cases.open_case(db, "one", "dispute_opened", cents=1200, dispute="dp_1")
        payment = db.get_one(Payment, the(Payment).id)
        payment.status, payment.expires_at, payment.next_check_at = PaymentStatus.OPEN, clock.now, clock.now
    clock.advance(minutes=16)
    book(session, "Ben", paid_cents=1200)
    with transaction() as db:
        db.get_one(Payment, all_of(Payment)[-1].id).paid_at = clock.now
    sign_in(pages, Role.STAFF)
    said = tasks(pages.get("/admin/"))
    expected = (
        "1 case waits for a decision", "1 e-mail could not be delivered", "1 payment is stuck", "Stripe’s messages do not come",
        "The work in the background is late Something has waited for 16 minutes: e-mails to send, payments to check",
        "“Yoga” is still a draft",
    )  # fmt: skip
    assert len(said) == len(expected)
    assert all(item.startswith(start) for item, start in zip(said, expected, strict=True)), said
    ways = {"Decide them": "Open cases", "See them in the outbox": "Outbox", "Publish or change “Yoga”": "Edit"}
    for link, leads_to in ways.items():
        pages.get("/admin/")
        assert pages.click(link).h1.startswith(leads_to)
    sign_in(pages, Role.DESK)
    page = pages.get("/admin/")
    assert len(tasks(page)) == len(expected) and "Decide them" not in page.links, "the desk is offered nothing it may not do"


def test_messages_that_come_are_no_worry(pages: PageClient, clock: FakeClock) -> None:
    book(make_club_session(), "Aroha", paid_cents=1200)
    with transaction() as db:
        db.get_one(Payment, the(Payment).id).paid_at = clock.now
        db.add(StripeEvent(id="evt_1", type="x", payload={}, attempts=1, processed_at=clock.now))
    sign_in(pages, Role.STAFF)
    assert tasks(pages.get("/admin/")) == []


def test_the_record_names_people_and_things_and_is_filtered_by_action_and_session(pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    session, other = (make_club_session(slug=slug, title=slug.title()) for slug in ("badminton", "pottery"))
    booked = book(session, "Aroha", paid_cents=1200, refunded_cents=500)
    registration, user = the(Registration, reference=booked.reference), make_user(name="Mere Tūhoe")
    with transaction() as db:
        by = audit.by_user(user.id)
        audit.record(db, by, "session_edited", "club_session", session.id)
        audit.record(db, by, "session_edited", "club_session", other.id)
        audit.record(db, audit.GUEST, "registered", "registration", registration.id, places=1)
        audit.record(db, audit.STRIPE, "payment_captured", "order", registration.order_id or 0, cents=1200)
        audit.record(db, audit.WORKER, "refund_succeeded", "refund", the(Refund).id, cents=500)
        audit.record(db, by, "mail_retried", "outgoing_email", owe_mail_inside(db))
        audit.record(db, "user:999999", "case_closed", "case", 7, resolution="kept: for the hall")
        audit.record(db, audit.COMMAND, "brand_new_deed", "registration", 999999)
    page = pages.get("/admin/audit")
    assert [text_of(row) for body in page.tree.all("tbody") for row in body.iter("tr")][0].startswith("Brand new deed")
    for said in ("Mere Tūhoe", "Payment arrived", "NZ$12.00", "Case 7", "A former account", "Kept: for the hall", "The operator"):
        assert said in page.text, said
    assert pages.click("Aroha").h1 == "Aroha"
    page = pages.get("/admin/audit?session=badminton")
    assert page.h1 == "Record of “Badminton”" and "4 entries" in page.text and "Pottery" not in page.text
    page = pages.submit("/admin/audit", action="session_edited")
    assert "1 entry" in page.text and "session=badminton" in page.url, "the session stays chosen"
    assert "2 entries" in pages.get("/admin/audit?action=session_edited").text
    assert "8 entries" in pages.get("/admin/audit?action=' OR 1").text
    assert pages.get("/admin/audit?session=chess").status == 404


def owe_mail_inside(db: Any) -> int:
    """A mail in the caller's transaction; its id."""
    from app.models import OutgoingEmail

    mail = OutgoingEmail(dedupe_key="x", to="aroha@club.example", template="confirmation", context={}, message_id="<x@club>",
                         next_attempt_at=app_clock.now())  # fmt: skip
    db.add(mail)
    db.flush()
    return int(mail.id)


def test_the_record_is_paged_in_a_fixed_number_of_statements(pages: PageClient, statements: Any) -> None:
    sign_in(pages, Role.STAFF)
    session = make_club_session(slug="badminton")

    def cost(path: str) -> int:
        with statements() as seen:
            assert pages.get(path).status == 200
        return len(seen)

    with transaction() as db:
        audit.record(db, audit.COMMAND, "session_imported", "club_session", session.id)
    before = cost("/admin/audit"), cost("/admin/audit?session=badminton"), cost("/admin/")
    with transaction() as db:
        for _ in range(120):
            audit.record(db, "user:1", "session_imported", "club_session", session.id)
    for number in range(3):
        book(make_club_session(starts_at=app_clock.now() + timedelta(hours=number + 1)), "Aroha")
    after = cost("/admin/audit?page=2"), cost("/admin/audit?session=badminton"), cost("/admin/")
    assert after == before and max(after) <= 9, (before, after)
    assert "51 to 100" in pages.get("/admin/audit?page=2").text and count_of(AuditEntry) == 121


@pytest.fixture
def addresses(app: Flask) -> dict[str, tuple[str, ...]]:
    """The desk's addresses with something at the end of each: pages of the desk, pages of staff, what only takes a POST."""
    book(make_club_session(slug="badminton"), "Aroha", paid_cents=1200)
    with transaction() as db:
        cases.open_case(db, "one", "dispute_opened", cents=1200, dispute="dp_1")
    booking, case = f"/admin/registrations/{the(Registration).token}", f"/admin/cases/{the(Case).id}"
    both = (f"{booking}/refund", f"{booking}/cancel", "/admin/sessions/badminton/cancel", f"{case}/close")
    only_post = (f"{booking}/send-again", "/admin/money/compare")
    unfit = tuple(f"{case}/{word}" for word in ("give-back", "keep", "try-again", "paid-by-hand"))
    staff = ("/admin/money", "/admin/cases", case, booking, "/admin/audit", *both)
    return {"desk": ("/admin/",), "staff": staff, "post": both + only_post + unfit}


def test_each_role_sees_and_does_its_own_and_no_more(pages: PageClient, addresses: dict[str, tuple[str, ...]]) -> None:
    for role in (Role.NONE, Role.DESK, Role.STAFF, Role.ADMIN):
        sign_in(pages, role)
        csrf = pages.page.form("sign-out")["csrf_token"]  # type: ignore[union-attr]
        for path in addresses["desk"]:
            assert pages.get(path).status == (403 if role is Role.NONE else 200), (role, path)
        for path in addresses["staff"]:
            page = pages.get(path)
            assert page.status == (200 if role in (Role.STAFF, Role.ADMIN) else 403), (role, path)
            assert page.status == 403 or page.headers["Cache-Control"] == "no-store"
        for path in addresses["post"] if role in (Role.NONE, Role.DESK) else ():
            sent = {"csrf_token": csrf, "step": "do", "reason": "Mine", "amount": "1"}
            assert pages.post(path, sent).status == 403, (role, path)
    assert count_of(Refund) == 0 and the(Case).closed_at is None and the(Registration).status is _S.REGISTERED


def test_no_deed_is_done_without_its_token(pages: PageClient, addresses: dict[str, tuple[str, ...]]) -> None:
    sign_in(pages, Role.ADMIN)
    for path in addresses["post"]:
        assert pages.post(path, {"step": "do", "reason": "Mine", "amount": "1"}).status == 400, path
    assert count_of(Refund) == 0 and the(Case).closed_at is None and the(Registration).status is _S.REGISTERED


def test_the_menu_offers_each_role_its_own(pages: PageClient) -> None:
    sign_in(pages, Role.DESK)
    assert {"Today", "Sessions"} <= set(pages.get("/admin/").links) and "Money" not in pages.page.links  # type: ignore[union-attr]
    sign_in(pages, Role.STAFF)
    assert {"Money", "Open cases", "Inbox", "Outbox", "Record"} <= set(pages.get("/admin/").links)
