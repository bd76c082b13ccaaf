"""The door's pages: who is expected and who is in, found, ticked in, undone; the sheet, its codes, and the link in the mail."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import insert

from app import clock as app_clock
from app.models import AuditEntry, ClubSession, OutgoingEmail, Registration
from app.rules.statuses import PaymentState, RegistrationStatus, Role, SessionStatus
from app.services import outbox
from app.templating import clock_time
from app.transaction import transaction
from tests.support.booking import begin, order_of
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_user
from tests.support.mail import SmtpServer
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, sign_in

DOOR = "/admin/sessions/badminton/door"


@pytest.fixture(autouse=True)
def session(app: Flask) -> ClubSession:
    starts_at = app_clock.now() + timedelta(minutes=30)
    return make_club_session(slug="badminton", title="Badminton", starts_at=starts_at, capacity=2000, waitlist_capacity=9)


def test_the_desk_ticks_in_a_group_undoes_it_and_is_told_the_number(pages: PageClient, session: ClubSession) -> None:
    group = book(session, "Ana Lee", count=3)
    book(session, "Ben Moss")
    sign_in(pages, Role.DESK)
    page = pages.get(DOOR)
    assert "0 of 4 in" in page.text and "Ana Lee 3 places" in page.text
    page = pages.submit(_form_of(page, group.reference))
    assert page.redirects[0][0] == 303 and "Ana Lee is in." in page.text and "3 of 4 in" in page.text
    assert [line for line in page.links if "In (1)" in line]
    page = pages.submit("/undo")
    assert "Ana Lee is not in any more." in page.text and "0 of 4 in" in page.text
    assert [entry.action for entry in _record()] == ["checked_in", "check_in_undone"]


def test_who_is_in_already_is_no_error_but_a_time(pages: PageClient, session: ClubSession, clock: FakeClock) -> None:
    reference = book(session, "Ana Lee").reference
    sign_in(pages, Role.DESK)
    second_phone = pages.get(DOOR)
    pages.submit(_form_of(second_phone, reference))
    clock.advance(minutes=9)
    page = pages.submit(_form_of(second_phone, reference))
    at = the(Registration).checked_in_at
    assert at is not None and at < clock.now
    time = " ".join(clock_time(at, "Pacific/Auckland").split())
    assert page.status == 200 and f"Ana Lee: already in at {time}." in page.text


def test_what_is_owed_is_shown_and_the_desk_reads_whom_to_call(pages: PageClient, session: ClubSession) -> None:
    make_user(name="Kiri Staff", role=Role.STAFF)
    with transaction() as db:
        db.add(Registration(club_session_id=session.id, name="Owen", email="owen@club.example", places=2, price_cents=2400,
                            status=RegistrationStatus.REGISTERED, payment_status=PaymentState.PENDING))  # fmt: skip
    book(session, "Hana", RegistrationStatus.HELD, payment_status=PaymentState.PENDING)
    book(session, "Paid Pat", paid_cents=1200)
    sign_in(pages, Role.DESK)
    page = pages.get(f"{DOOR}?show=unpaid")
    assert "Not paid: NZ$24.00" in page.text and "Paid Pat" not in page.text and "Paying now" in page.text
    assert "call Kiri Staff" in page.text
    sign_in(pages, Role.STAFF)
    assert "call" not in pages.get(f"{DOOR}?show=unpaid").text


@pytest.mark.parametrize("typed", ["lee", "ANA l", "code", "spaced code"])
def test_a_booking_is_found_by_name_and_by_code_whatever_its_state(pages: PageClient, session: ClubSession, typed: str) -> None:
    code = book(session, "Ana Lee", RegistrationStatus.CANCELLED).reference
    book(session, "Ben Moss")
    sign_in(pages, Role.DESK)
    typed = {"code": code.lower(), "spaced code": f"{code[:3]} {code[3:]}"}.get(typed, typed)
    page = pages.get(f"{DOOR}?{urlencode({'q': typed})}")
    assert "Ana Lee" in page.text and "Cancelled" in page.text and "Ben Moss" not in page.text
    assert not [form for form in page.forms if "tick-in" in form.action], "who has no place is not offered the button"


def test_a_stale_button_for_who_has_no_place_any_more_says_how_it_stands(pages: PageClient, session: ClubSession) -> None:
    reference = book(session, "Ana Lee").reference
    sign_in(pages, Role.DESK)
    page = pages.get(DOOR)
    with transaction() as db:
        db.query(Registration).update({"status": RegistrationStatus.CANCELLED})
    page = pages.submit(_form_of(page, reference))
    assert "Ana Lee is not registered, so nobody was ticked in." in page.text and "Cancelled" in page.text
    pages.get(DOOR)
    page = pages.post(f"{DOOR}/tick-in", {"csrf_token": _token(pages), "reference": "NOBODY"})
    assert "There is no booking NOBODY in this session." in page.text


def test_the_sheet_has_every_name_by_name_with_its_code_and_who_waits_apart(pages: PageClient, session: ClubSession) -> None:
    codes = [book(session, name).reference for name in ("zoe", "Ana", "ben")]
    waits = book(session, "Wendy Waits", RegistrationStatus.WAITLISTED).reference
    book(session, "Gone", RegistrationStatus.CANCELLED)
    sign_in(pages, Role.DESK)
    page = pages.get(f"{DOOR}/sheet")
    tables = page.tree.all("table")
    words = [" ".join("".join(table.itertext()).split()) for table in tables]
    assert words[0].index("Ana") < words[0].index("ben") < words[0].index("zoe")
    assert all(code in words[0] for code in codes) and waits in words[1] and "Gone" not in page.text


def test_codes_of_the_sheet_are_entered_and_what_is_unknown_stays_in_the_form(pages: PageClient, session: ClubSession) -> None:
    ana, ben = (book(session, name).reference for name in ("Ana", "Ben"))
    sign_in(pages, Role.DESK)
    pages.get(f"{DOOR}/codes")
    assert pages.submit("/codes", codes="").status == 422
    page = pages.submit("/codes", codes=f"{ana}\nWRONG1")
    assert page.status == 422 and "1 booking was ticked in (1 place)." in page.text and "WRONG1" in page.text
    assert page.form("/codes")["codes"] == "WRONG1"
    page = pages.submit("/codes", codes=f"{ana} {ben}")
    assert page.path == DOOR and "1 booking was ticked in (1 place). Already in:" in page.text and "2 of 2 in" in page.text


def test_a_page_of_a_thousand_takes_as_many_statements_as_one_of_two(
    pages: PageClient, session: ClubSession, statements: Any
) -> None:
    sign_in(pages, Role.DESK)
    book(session, "Ana Lee")
    paths = (DOOR, f"{DOOR}?q=person", f"{DOOR}?show=in&page=2", f"{DOOR}/sheet")
    counts: list[list[int]] = []
    for more in (0, 1000):
        _add(session, more)
        counts.append([])
        for path in paths:
            with statements() as seen:
                assert pages.get(path).status == 200
            counts[-1].append(len(seen))
    assert counts[0] == counts[1] and max(counts[0]) <= 7
    assert len(pages.get(DOOR).html) < 120_000, "a phone with little signal gets a page of a hundred, not of a thousand"


def _add(session: ClubSession, count: int) -> None:
    rows = [
        {"club_session_id": session.id, "name": f"Person {n}", "email": f"p{n}@club.example", "places": 1, "price_cents": 0,
         "status": RegistrationStatus.REGISTERED, "payment_status": PaymentState.FREE, "amount_paid_cents": 0,
         "checked_in_at": app_clock.now() if n % 2 else None}
        for n in range(count)
    ]  # fmt: skip
    with transaction() as db:
        if rows:
            db.execute(insert(Registration), rows)


def test_only_a_session_near_now_is_offered_on_top_of_today(pages: PageClient, clock: FakeClock) -> None:
    make_club_session(title="Draft", starts_at=app_clock.now() + timedelta(hours=1), status=SessionStatus.DRAFT)
    make_club_session(title="Tonight, late", starts_at=app_clock.now() + timedelta(hours=4))
    sign_in(pages, Role.DESK)
    doors = [words for words in pages.get("/admin/").links if words.startswith("Door: ")]
    assert len(doors) == 1 and doors[0].startswith("Door: Badminton")
    assert pages.click(doors[0]).path == DOOR
    assert pages.get("/admin/sessions/badminton").links["Door"].endswith(DOOR)


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_door_of_a_session_near_midnight_is_offered_on_both_sides_of_it(
    pages: PageClient, clock: FakeClock, hours: int
) -> None:
    tomorrow = clock.now.astimezone(ZoneInfo("Pacific/Auckland")).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(), ZoneInfo("Pacific/Auckland"))
    half = timedelta(minutes=30)
    make_club_session(title="Film", starts_at=midnight - 4 * half, ends_at=midnight - half)
    make_club_session(title="Stars", starts_at=midnight + half, ends_at=midnight + 5 * half)
    clock.set(midnight + timedelta(hours=hours))
    sign_in(pages, Role.DESK)
    page = pages.get("/admin/")
    doors = [words.split(",")[0] for words in page.links if words.startswith("Door: ")]
    assert doors == ["Door: Film", "Door: Stars"]
    today = page.text[page.text.index("On today") : page.text.index("The next six days")]
    assert ("Film" in today, "Stars" in today) == (hours < 0, hours > 0)


# --- The code in the confirmation -----------------------------------------------------------------------------------------------


def test_the_code_opens_the_door_for_staff_and_the_persons_own_page_for_anybody_else(
    pages: PageClient, session: ClubSession
) -> None:
    order = order_of(begin(make_free_club_session(slug="chess"), email="ana@example.org", expected_price_cents=0))
    booking = the(Registration, order_id=order.id)
    link = f"/registrations/{booking.token}"
    assert pages.get(link).path == f"/orders/{order.token}"
    sign_in(pages, Role.NONE)
    assert pages.get(link).path == f"/orders/{order.token}"
    for role in (Role.DESK, Role.STAFF):
        sign_in(pages, role)
        page = pages.get(link)
        assert page.path == "/admin/sessions/chess/door" and booking.reference in page.text
        assert pages.get(f"/registrations/{'w' * 32}").status == 404
    assert the(Registration, id=booking.id).checked_in_at is None, "a look ticks nobody in"
    assert "is in." in pages.submit(_form_of(pages.get(link), booking.reference)).text


def test_the_order_page_shows_the_code_to_who_has_a_place(pages: PageClient, session: ClubSession, clock: FakeClock) -> None:
    free = make_free_club_session(starts_at=app_clock.now() + timedelta(hours=5))
    token = begin(free, expected_price_cents=0)
    page = pages.get(f"/orders/{token}")
    assert len(page.tree.with_class("qr")) == 1 and "Show this code at the door" in page.text
    clock.advance(hours=8)
    assert not pages.get(f"/orders/{token}").tree.with_class("qr"), "the session is over"
    waits = book(session, "Wendy", RegistrationStatus.WAITLISTED)
    assert not pages.get(f"/orders/{waits.order_token}").tree.with_class("qr")


def test_the_confirmation_carries_the_code_inside_its_html(
    app: Flask, smtp_server: SmtpServer, session: ClubSession
) -> None:
    begin(make_free_club_session(), email="ana@example.org", expected_price_cents=0)
    mail = the(OutgoingEmail)
    outbox.send_due()
    (sent,) = smtp_server.to("ana@example.org")
    (picture,) = [part for part in sent.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content().startswith(b"\x89PNG") and picture.get_content_disposition() == "inline"
    html = next(part for part in sent.walk() if part.get_content_type() == "text/html").get_content()
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert [part.get_content_type() for part in sent.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png", "text/calendar",
    ]  # fmt: skip
    assert sent["Reply-To"] == app.extensions["muster_settings"].mail_from
    again = the(OutgoingEmail, id=mail.id)
    assert [a["type"] for a in again.attachments] == ["text/calendar; method=PUBLISH", "image/png"], "each try sends the same"


def _form_of(page: Any, reference: str) -> Any:
    """The form whose button names this booking, with the button's own value put in."""
    (form,) = [form for form in page.forms if any(value == reference for _words, _name, value in form.buttons)]
    return form


def _token(pages: PageClient) -> str:
    assert pages.page is not None
    return next(form["csrf_token"] for form in pages.page.forms if "csrf_token" in form.values)


def _record() -> list[AuditEntry]:
    return [entry for entry in all_of(AuditEntry) if entry.action.startswith("check")]


def test_the_desk_alone_may_tick_in(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana Lee")
    sign_in(pages, Role.NONE)
    assert pages.get(DOOR).status == 403
    assert count_of(AuditEntry, action="checked_in") == 0
