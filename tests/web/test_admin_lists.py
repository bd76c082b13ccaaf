"""What the desk's lists say: sessions with places and money, registrations found and paged, the inbox and the outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from app.models import AuditEntry, ClubSession, OutgoingEmail, Registration, StripeEvent
from app.models.columns import new_reference, new_token
from app.rules.statuses import PaymentState, RegistrationStatus, Role, SessionStatus
from app.services import outbox
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import Page, PageClient
from tests.support.rows import the
from tests.web.desk import book, owe_mail, sign_in

_S = RegistrationStatus


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


def many(session: ClubSession, number: int) -> None:
    """Put this many registered people into a session at once."""
    rows = [
        {
            "token": new_token(), "reference": new_reference(), "club_session_id": session.id, "name": f"Person {n:04}",
            "email": f"person{n}@club.example", "places": 1, "status": _S.REGISTERED, "payment_status": PaymentState.FREE,
            "price_cents": 0, "created_at": session.created_at + timedelta(seconds=n),
        }
        for n in range(number)
    ]  # fmt: skip
    with transaction() as db:
        db.execute(insert(Registration), rows)


def rows_of(page: Page) -> list[str]:
    """What each row of the page's table says."""
    return [text_of(row) for body in page.tree.all("tbody") for row in body.iter("tr")]


def test_a_session_in_the_list_shows_its_places_people_and_money(pages: PageClient) -> None:
    session = make_club_session(slug="badminton", title="Badminton", capacity=10, waitlist_capacity=5)
    book(session, "Aroha", count=2, paid_cents=2400)
    book(session, "Ben", paid_cents=1200, refunded_cents=500)
    book(session, "Chloe", _S.HELD, count=3)
    book(session, "Emi", _S.OFFERED)
    book(session, "Dan", _S.WAITLISTED, count=2)
    book(session, "Eve", _S.CANCELLED, paid_cents=1200, refunded_cents=1200)
    (row,) = [text_of(li) for li in pages.get("/admin/sessions").tree.with_class("row")]
    assert "7 of 10 places taken" in row
    assert "3 registered · 4 kept · 2 waiting · NZ$31.00 paid" in row
    page = pages.click("Badminton")
    figures = {text_of(group.find("dt")): text_of(group.find("dd")) for group in page.tree.all("dl")[0]}
    assert figures == {
        "Places taken": "7 of 10", "Registered": "3", "Kept": "4paying or deciding", "Waiting": "2of 5 spots",
        "Money paid": "NZ$31.00 after refunds of NZ$17.00",
    }  # fmt: skip


def test_drafts_and_sessions_to_come_are_listed_by_day_and_the_others_are_out_of_the_way(
    pages: PageClient, clock: FakeClock
) -> None:
    make_club_session(title="Running now", starts_at=clock.now - timedelta(hours=1))
    make_club_session(title="A draft", status=SessionStatus.DRAFT)
    make_club_session(title="Over", starts_at=clock.now - timedelta(days=2))
    make_club_session(title="An old draft", starts_at=clock.now - timedelta(days=3), status=SessionStatus.DRAFT)
    make_club_session(title="Called off", status=SessionStatus.CANCELLED)
    page = pages.get("/admin/sessions")
    assert [text_of(h) for h in page.tree.all("h2", "h3")] == ["Tuesday 3 March", "Running now", "Tuesday 10 March", "A draft"]
    page = pages.click("Past and cancelled")
    assert [text_of(h) for h in page.tree.all("h3")] == ["Called off", "Over", "An old draft"]


def test_long_lists_of_sessions_have_pages(pages: PageClient, clock: FakeClock) -> None:
    for n in range(51):
        make_club_session(title=f"Session {n:02}", starts_at=clock.now + timedelta(days=n + 1))
    assert len(pages.get("/admin/sessions").tree.with_class("row")) == 50
    page = pages.click("Next")
    assert [text_of(h) for h in page.tree.all("h3")] == ["Session 50"]


def test_empty_lists_say_what_comes_next(pages: PageClient) -> None:
    assert "Nothing is planned" in pages.get("/admin/sessions").text
    assert "Nothing here yet" in pages.get("/admin/sessions?show=past").text
    assert "Stripe has told us nothing yet" in pages.get("/admin/inbox").text
    assert "No e-mails here" in pages.get("/admin/outbox").text
    make_club_session(slug="badminton")
    assert "Nobody has registered yet" in pages.get("/admin/sessions/badminton").text


def test_registrations_come_in_the_order_that_matters(pages: PageClient, clock: FakeClock) -> None:
    session = make_club_session(slug="badminton", waitlist_capacity=5)
    for name, status in (("Last", _S.CANCELLED), ("Waits first", _S.WAITLISTED), ("Waits", _S.WAITLISTED), ("Pays", _S.HELD),
                         ("Offered", _S.OFFERED), ("In", _S.REGISTERED)):  # fmt: skip
        book(session, name, status, email=f"{name.replace(' ', '')}@club.example".lower())
        clock.advance(minutes=1)
    names = [row.partition("@")[0].rpartition(" ")[0] for row in rows_of(pages.get("/admin/sessions/badminton"))]
    assert names == ["In", "Pays", "Offered", "Waits first", "Waits", "Last"]


def test_a_registration_shows_status_payment_and_what_went_back(pages: PageClient) -> None:
    session = make_club_session(slug="badminton")
    booking = book(session, "Aroha", count=2, paid_cents=2400, refunded_cents=1200, checkout_id="cs_test_1",
                   payment_status=PaymentState.PARTIALLY_REFUNDED)  # fmt: skip
    (row,) = rows_of(pages.get("/admin/sessions/badminton"))
    told = "Aroha|aroha@club.example|2|Registered|Partly refunded|NZ$24.00|NZ$12.00 back|Tue 3 Mar, 10:00 am|cs_test_1"
    for words in (*told.split("|"), booking.reference):
        assert words in row, row


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("aroha", ["Aroha Ngata"]),
        ("NGATA", ["Aroha Ngata", "Ben Ngata"]),
        ("ngata ben", ["Ben Ngata"]),
        ("chloe@other.example", ["Chloe 100%"]),
        ("100%", ["Chloe 100%"]),
        ("%", ["Chloe 100%"]),
        ("_", []),
        ("reference", ["Aroha Ngata"]),
        ("nobody", []),
        ("", ["Aroha Ngata", "Ben Ngata", "Chloe 100%"]),
    ],
)
def test_registrations_are_found_by_name_mail_and_reference(pages: PageClient, typed: str, found: list[str]) -> None:
    session = make_club_session(slug="badminton")
    reference = book(session, "Aroha Ngata").reference
    book(session, "Ben Ngata")
    book(session, "Chloe 100%", email="chloe@other.example")
    book(make_club_session(slug="tennis"), "Aroha Ngata")
    pages.get("/admin/sessions/badminton")
    page = pages.submit("/admin/sessions/badminton", button="Search", q=reference.lower() if typed == "reference" else typed)
    assert [name for name in ("Aroha Ngata", "Ben Ngata", "Chloe 100%") if any(name in row for row in rows_of(page))] == found
    assert len(rows_of(page)) == len(found)
    if not found:
        assert "Nobody fits that search" in page.text and len(rows_of(pages.click("Show everybody"))) == 3


def test_registrations_are_filtered_by_status_and_the_choice_is_kept(pages: PageClient) -> None:
    session = make_club_session(slug="badminton", waitlist_capacity=5)
    book(session, "Aroha")
    book(session, "Ben", _S.WAITLISTED)
    pages.get("/admin/sessions/badminton")
    page = pages.submit("/admin/sessions/badminton", button="Search", status="waitlisted", q="b")
    assert len(rows_of(page)) == 1 and "Ben" in rows_of(page)[0]
    form = page.form("/admin/sessions/badminton")
    assert (form["status"], form["q"]) == ("waitlisted", "b")
    assert len(rows_of(pages.get("/admin/sessions/badminton?status=nonsense"))) == 2


def test_a_thousand_registrations_take_as_few_statements_as_none(pages: PageClient, statements: Any) -> None:
    make_free_club_session(slug="empty")
    session = make_free_club_session(slug="badminton", capacity=2000)
    booked = book(session, "Somebody", paid_cents=1200, checkout_id="cs_test_1")
    many(session, 1000)
    costs = {}
    for name, path in (("few", "/admin/sessions/empty"), ("many", "/admin/sessions/badminton"),
                       ("found", f"/admin/sessions/badminton?q={booked.reference}")):  # fmt: skip
        with statements() as seen:
            assert pages.get(path).status == 200
        costs[name] = len(seen)
    assert costs["few"] == costs["many"] == costs["found"] <= 8, costs
    with statements() as seen:
        assert len(pages.get("/admin/sessions").tree.with_class("row")) == 2
    assert len(seen) <= 5


def test_a_thousand_registrations_are_paged_by_links_that_keep_the_filter(pages: PageClient) -> None:
    session = make_free_club_session(slug="badminton", capacity=2000)
    many(session, 1000)
    page = pages.get("/admin/sessions/badminton?status=registered&q=person")
    assert "1000 bookings found" in page.text.replace(",", "") and "1 to 50" in page.text
    assert len(rows_of(page)) == 50
    assert {"1", "2", "20", "Next"} <= set(page.links) and "3" not in page.links
    page = pages.click("20")
    assert "status=registered" in page.url and "q=person" in page.url and "951 to 1000" in page.text
    assert "Person 0999" in rows_of(page)[-1] and "Next" not in page.links
    assert len(rows_of(pages.click("Previous"))) == 50
    assert rows_of(pages.get("/admin/sessions/badminton?page=999")) == rows_of(pages.get("/admin/sessions/badminton?page=20"))
    for strange in ("0", "-1", "x", "99999999999999999999"):
        assert pages.get(f"/admin/sessions/badminton?page={strange}").status == 200


def test_a_page_link_cannot_be_turned_into_another_address(pages: PageClient) -> None:
    session = make_free_club_session(slug="badminton", capacity=2000)
    many(session, 60)
    page = pages.get("/admin/sessions/badminton?_external=1&_scheme=javascript&_anchor=x&slug=tennis")
    assert page.links["Next"].startswith("http://muster.test/admin/sessions/badminton?")


def test_the_inbox_tells_what_came_and_what_is_not_processed(pages: PageClient, clock: FakeClock) -> None:
    with transaction() as db:
        db.add(StripeEvent(id="evt_1", type="checkout.session.completed", payload={}, processed_at=clock.now, attempts=1))
        db.add(StripeEvent(id="evt_2", type="charge.refunded", payload={}, attempts=3, last_error="the database was away",
                           created_at=clock.now + timedelta(minutes=1)))  # fmt: skip
    first, second = rows_of(pages.get("/admin/inbox"))
    assert "charge.refunded evt_2" in first and "Not processed 3 the database was away" in first
    assert "checkout.session.completed evt_1" in second and "Tue 3 Mar, 10:00 am Processed 1" in second
    assert rows_of(pages.click("Not processed")) == [first]


def test_a_failed_mail_can_be_tried_again_and_then_goes(app: Flask, pages: PageClient, smtp_server: Any) -> None:
    owe_mail("ben@club.example", sent=True, subject="Thanks", text_body="Thanks", html_body="<p>Thanks</p>")
    mail_id = owe_mail("aroha@club.example", failed=True, attempts=48, last_error="550 no such user", subject="Your booking",
                       text_body="See you", html_body="<p>See you</p>")  # fmt: skip
    pages.get("/admin/outbox")
    (row,) = rows_of(pages.click("Failed"))
    assert "aroha@club.example Your booking confirmation" in row and "48 550 no such user" in row
    page = pages.submit(f"/admin/outbox/{mail_id}/retry", button="Try again")
    assert page.path == "/admin/outbox" and "We try this e-mail again now." in page.text
    mail = the(OutgoingEmail, id=mail_id)
    assert (mail.failed_at, mail.attempts) == (None, 0)
    assert the(AuditEntry, action="mail_retried").actor.startswith("user:")
    assert outbox.send_due() == 1 and len(smtp_server.messages) == 1
    assert "To be sent" not in " ".join(rows_of(pages.get("/admin/outbox")))


def test_a_sent_mail_is_not_sent_again(pages: PageClient) -> None:
    sent = owe_mail("ben@club.example", sent=True)
    owe_mail("aroha@club.example", failed=True)
    token = pages.get("/admin/outbox").form("/retry")["csrf_token"]
    page = pages.post(f"/admin/outbox/{sent}/retry", {"csrf_token": token})
    assert "This e-mail has been sent already." in page.text and the(OutgoingEmail, id=sent).sent_at is not None
    assert pages.post("/admin/outbox/424242/retry", {"csrf_token": token}).status == 200
