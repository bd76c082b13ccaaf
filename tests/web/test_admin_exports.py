"""Exports from the desk: exactly what the filter shows, on the record, for staff alone, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask

from app import clock
from app.models import AuditEntry, ClubSession, Payment
from app.queries import questions as questions_of
from app.rules.statuses import QuestionKind, RegistrationStatus, Role
from app.services import questions, registrations
from app.services.questions import QuestionFields
from app.transaction import transaction
from tests.support.booking import applicant
from tests.support.factories import make_club_session, make_free_club_session, make_membership, make_user
from tests.support.money import many_orders
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, the
from tests.support.sheets import read_xlsx
from tests.web.desk import book, sign_in

LISTS = ("orders", "payments", "refunds", "ledger", "takings", "statement")


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


@pytest.fixture
def badminton(app: Flask) -> ClubSession:
    return make_club_session(slug="badminton", title="Badminton")


def export(pages: PageClient, address: str, button: str = "CSV") -> Page:
    """Press the button of the page at this address."""
    pages.get(address)
    made = pages.submit("/export", button=button)
    made.response.get_data()
    made.response.close()  # as a server does: the file is gone
    return made


def as_csv(page: Page) -> list[list[str]]:
    return list(csv.reader(io.StringIO(page.html.lstrip("\ufeff"), newline="")))


def exported() -> list[AuditEntry]:
    return all_of(AuditEntry, action="exported")


@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_exported_as_shown_in_both_forms(pages: PageClient, badminton: ClubSession, name: str) -> None:
    many_orders(badminton, 60)
    address = f"/admin/money/{name}?from=2026-03-01&to=2026-03-31"
    made = export(pages, address)
    rows = as_csv(made)
    assert made.status == 200 and made.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert made.headers["Cache-Control"] == "no-store"
    assert made.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "-2026-03-03.csv" in made.headers["Content-Disposition"]
    sheet = read_xlsx(export(pages, address, "XLSX").response.get_data())
    assert sheet[0] == rows[0] and len(sheet) == len(rows)
    told = {"orders": 60, "payments": 60, "refunds": 60, "ledger": 240, "takings": 1, "statement": 5}[name]
    assert len(rows) - 1 == told, "all pages of it"
    assert [(entry.detail["form"], entry.detail["rows"]) for entry in exported()] == [("csv", told), ("xlsx", told)]


def test_the_filter_and_the_order_of_the_list_are_those_of_the_file(pages: PageClient, badminton: ClubSession) -> None:
    for name, cents in (("Aroha", 1200), ("Ben", 3600), ("Chloe", 800)):
        book(badminton, name, paid_cents=cents)
    with transaction() as db:
        db.get_one(Payment, the(Payment, amount_cents=800).id).provider = "cash"
    rows = as_csv(export(pages, "/admin/money/payments?provider=stripe&sort=largest"))
    names, paid = rows[0].index("Name"), rows[0].index("Paid")
    assert [(row[names], row[paid]) for row in rows[1:]] == [("Ben", "36.00"), ("Aroha", "12.00")]
    assert [entry.detail["narrowed"] for entry in exported()] == [True]
    assert "Paid at (Pacific/Auckland)" in rows[0]


def test_a_name_that_is_a_formula_is_text(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "=HYPERLINK(\"http://evil.example\")", paid_cents=1200, email="x@club.example")
    rows = as_csv(export(pages, "/admin/money/orders"))
    assert rows[1][rows[0].index("Name")] == "'=HYPERLINK(\"http://evil.example\")"
    sheet = read_xlsx(export(pages, "/admin/money/orders", "XLSX").response.get_data())
    assert sheet[1][sheet[0].index("Name")].startswith("=HYPERLINK") and 12.0 in sheet[1]


def test_registrations_are_exported_as_searched_by_the_sessions_own_clock(pages: PageClient) -> None:
    session = make_club_session(slug="sydney", title="In Sydney", time_zone="Australia/Sydney", waitlist_capacity=3)
    book(session, "Aroha", count=2, paid_cents=2400, refunded_cents=500)
    book(session, "Ben", RegistrationStatus.WAITLISTED)
    rows = as_csv(export(pages, "/admin/sessions/sydney?status=registered"))
    assert len(rows) == 2 and "Booked (Australia/Sydney)" in rows[0]
    row = dict(zip(rows[0], rows[1], strict=True))
    assert (row["Name"], row["Places"], row["Paid"], row["Given back"], row["State"], row["Member"]) == (
        "Aroha", "2", "24.00", "5.00", "Registered", "No")  # fmt: skip
    assert row["Booked (Australia/Sydney)"] == "2026-03-03 08:00:00"
    (entry,) = exported()
    assert (entry.subject_kind, entry.subject_id, entry.detail["list"]) == ("club_session", session.id, "registrations")
    assert "sydney-2026-03-03.csv" in pages.page.headers["Content-Disposition"]  # type: ignore[union-attr]


@pytest.mark.parametrize("shown", ["sessions/trip", "registrations"])
def test_somebody_in_reserve_is_in_the_file(pages: PageClient, shown: str) -> None:
    session = make_club_session(slug="trip", entry="application")
    book(session, "Ana Lee", RegistrationStatus.IN_RESERVE, applied_at=clock.now(), reserved_at=clock.now())
    rows = as_csv(export(pages, f"/admin/{shown}"))
    assert dict(zip(rows[0], rows[1], strict=True))["State"] == "In reserve"
    assert "In reserve" in read_xlsx(export(pages, f"/admin/{shown}", "XLSX").response.get_data())[1]


def test_a_session_with_a_picture_in_its_long_title_is_exported(pages: PageClient) -> None:
    session = make_club_session(slug="social", title="🏸 Social badminton for every level")
    book(session, "Ana Lee")
    made = export(pages, "/admin/sessions/social", "XLSX")
    assert made.status == 200 and "Ana Lee" in read_xlsx(made.response.get_data())[1]


def test_all_bookings_are_exported_as_shown(pages: PageClient, badminton: ClubSession) -> None:
    sydney = make_club_session(slug="sydney", title="=In Sydney", time_zone="Australia/Sydney", waitlist_capacity=3)
    book(badminton, "=Aroha", count=2, paid_cents=2400, refunded_cents=500, email="a@club.example")
    book(sydney, "Ben", RegistrationStatus.WAITLISTED)
    for number in range(60):
        book(sydney, f"Guest{number}", email=f"g{number}@club.example", status=RegistrationStatus.CANCELLED)
    assert len(as_csv(export(pages, "/admin/registrations"))) == 63, "all pages of it"
    rows = as_csv(export(pages, "/admin/registrations?status=waitlisted"))
    assert [row[0] for row in rows[1:]] == ["'=In Sydney"] and rows[0][1] == "Starts (Pacific/Auckland)"
    rows = as_csv(export(pages, "/admin/registrations?q=aroha&sort=name"))
    row = dict(zip(rows[0], rows[1], strict=True))
    assert (row["Session"], row["Name"], row["Places"], row["Paid"], row["Given back"]) == (
        "Badminton", "'=Aroha", "2", "24.00", "5.00")  # fmt: skip
    sheet = read_xlsx(export(pages, "/admin/registrations?sort=name", "XLSX").response.get_data())
    assert sheet[1][:1] == ["Badminton"] and "=Aroha" in sheet[1] and len(sheet) == 63
    assert [(entry.subject_kind, entry.detail["list"], entry.detail["narrowed"]) for entry in exported()] == [
        ("export", "bookings", False), ("export", "bookings", True), ("export", "bookings", True), ("export", "bookings", False),
    ]  # fmt: skip


def test_what_people_answered_has_a_column_for_each_question(pages: PageClient) -> None:
    session = make_free_club_session(slug="climbing")
    for number, words in enumerate(("Shoe size", "=1+1"), start=1):
        questions.add("climbing", f"question{number}", QuestionFields(QuestionKind.TEXT, words), "user:7")
    size, odd = (question.key for question in questions_of.asked_by("climbing"))
    for name, answers in (("aroha", {size: "38", odd: "+1"}), ("ben", {size: "@x"})):
        person = applicant(email=f"{name}@club.example", name=name.title(), expected_price_cents=0, answers=answers)
        registrations.register(session.slug, person)
    rows = as_csv(export(pages, "/admin/sessions/climbing"))
    assert rows[0][-2:] == ["Shoe size", "'=1+1"] and [row[-2:] for row in rows[1:]] == [["38", "'+1"], ["'@x", ""]]
    sheet = read_xlsx(export(pages, "/admin/sessions/climbing", "XLSX").response.get_data())
    assert sheet[0][-2:] == ["Shoe size", "=1+1"] and sheet[1][-2:] == ["38", "+1"]


def test_people_are_exported_as_searched(pages: PageClient) -> None:
    member = make_user(name="Aroha Ngata", email="aroha@club.example")
    make_membership(member)
    make_user(name="Ben Smith", email="ben@club.example")
    rows = as_csv(export(pages, "/admin/people?who=members"))
    assert rows[0][:2] == ["Name", "E-mail"] and [row[:4] for row in rows[1:]] == [
        ["Aroha Ngata", "aroha@club.example", "Yes", "2026-08-30"]]  # fmt: skip
    assert len(as_csv(export(pages, "/admin/people"))) == 4
    assert [entry.detail["list"] for entry in exported()] == ["people", "people"]


def test_the_record_tells_of_exports_in_words(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "Aroha", paid_cents=1200)
    export(pages, "/admin/money/orders?q=aroha")
    page = pages.get("/admin/audit")
    assert "Exported" in page.text and "list: orders" in page.text and "rows: 1" in page.text
    assert not any("aroha" in str(entry.detail).lower() for entry in exported()), "what was searched for may be a person"


def test_a_link_exports_nothing_and_the_desk_exports_nothing(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "Aroha", paid_cents=1200)
    for name in LISTS:
        assert pages.get(f"/admin/money/{name}/export").status in (404, 405)
    token = pages.get("/admin/money/orders").form("/export")["csrf_token"]
    sign_in(pages, Role.DESK)
    for shown in ("sessions/badminton", "registrations"):
        assert not [form for form in pages.get(f"/admin/{shown}").forms if "export" in form.action]
    for address in (*(f"money/{name}" for name in LISTS), "sessions/badminton", "registrations"):
        assert pages.post(f"/admin/{address}/export", {"csrf_token": token, "format": "csv"}).status in (400, 403)
    assert exported() == []


def test_days_of_an_export_that_cannot_be_read_export_nothing(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "Aroha", paid_cents=1200)
    csrf = pages.get("/admin/money/orders").form("/export")["csrf_token"]
    assert pages.post("/admin/money/orders/export", {"csrf_token": csrf, "from": "0001-01-01"}).status == 422
    assert exported() == []


@pytest.mark.parametrize("address", ["money", "money/takings", "money/statement", "money/orders"])
def test_no_calendar_is_too_short_for_a_day_that_is_asked_for(pages: PageClient, address: str) -> None:
    page = pages.get(f"/admin/{address}?from=0001-01-01&to=9999-12-31")
    assert page.status == 422 and set(page.errors) == {"Enter a year between 2000 and 2099"}


def test_takings_and_the_statement_are_pages_to_read_and_print(pages: PageClient, badminton: ClubSession) -> None:
    many_orders(badminton, 2)
    page = pages.get("/admin/money/takings")
    for words in ("Badminton", "NZ$24.00", "NZ$12.00", "NZ$1.24", "NZ$10.76"):
        assert words in page.text
    assert "March 2026" in pages.click("By month").text
    assert "Sessions" in pages.click("By kind").text and "Stripe" in pages.click("By way to pay").text
    page = pages.get("/admin/money/statement?from=2026-03-01&to=2026-03-31")
    assert "Adds up" in page.text and "had not been compared with Stripe’s" in page.text and "NZ$10.76" in page.text


def test_empty_reports_say_what_to_do(pages: PageClient) -> None:
    assert "Nothing was taken in these days" in pages.get("/admin/money/takings").text
    assert "No money had moved by then" in pages.get("/admin/money/statement").text
