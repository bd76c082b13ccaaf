"""The desk's people: found by name, address and reference; one person's page; roles by administrators, students by staff."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask

from app import clock as app_clock
from app.models import ClubSession, Order, OrderItem, Registration, SignIn, User
from app.rules.statuses import ItemKind, OrderStatus, PaymentState, RegistrationStatus, Role
from app.services import audit
from app.transaction import transaction
from tests.support.booking import begin, order_of
from tests.support.factories import make_club_session, make_free_club_session, make_membership, make_user
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import sign_in
from tests.web.test_admin_actions import facts

PAST = 60


@pytest.fixture
def settings(settings: Any) -> Any:
    """University addresses are students'."""
    return settings.with_(student_domains=("uni.example",))




@pytest.fixture
def staff(app: Flask, pages: PageClient) -> PageClient:
    sign_in(pages, Role.STAFF)
    return pages


@pytest.fixture
def admin(app: Flask, pages: PageClient) -> PageClient:
    sign_in(pages, Role.ADMIN)
    return pages


def found(pages: PageClient, query: str) -> set[str]:
    page = pages.get(f"/admin/people{query}")
    assert page.status == 200
    names = ("Mere Tūhoe", "Ana Lee", "Ben Guest", "Sam Student")
    return {name for name in names if name in page.text}


def test_people_are_found_by_name_address_and_reference(staff: PageClient, stripe_simulator: Any) -> None:
    mere = make_user(name="Mere Tūhoe", email="mere@example.org")
    make_membership(mere)
    make_user(name="Ana Lee", email="ana@muster.test")
    make_user(name="Sam Student", email="sam@law.uni.example")
    club_session = make_free_club_session()
    mine = order_of(begin(club_session, email="mere@example.org", name="Mere Tūhoe", user_id=mere.id, expected_price_cents=0))
    guests = order_of(begin(club_session, email="ben@example.org", name="Ben Guest", expected_price_cents=0))
    anas = order_of(begin(club_session, email="ana@muster.test", name="A. L.", expected_price_cents=0))
    assert found(staff, "") == {"Mere Tūhoe", "Ana Lee", "Sam Student"}
    assert found(staff, "?q=tūhoe+mere") == {"Mere Tūhoe"} == found(staff, "?q=mere%40example")
    assert found(staff, "?q=%25") == set() == found(staff, "?q=mere+lee")
    assert found(staff, f"?q={mine.reference}") == {"Mere Tūhoe"} == found(staff, "?who=members")
    registration = the(Registration, order_id=mine.id)
    assert found(staff, f"?q={registration.reference.lower()}") == {"Mere Tūhoe"}
    assert found(staff, f"?q={anas.reference}") == {"Ana Lee"}  # booked as a guest under the confirmed address
    assert found(staff, "?q=ben%40example.org") == {"Ben Guest"}
    assert found(staff, f"?q={the(Registration, order_id=guests.id).reference}") == {"Ben Guest"}
    assert found(staff, "?who=students") == {"Sam Student"} and found(staff, "?who=nonsense&q=sam") == {"Sam Student"}
    assert "Nobody fits this search" in staff.get("/admin/people?q=nobody").text


def test_page_of_a_person_says_what_is_known_and_what_they_may(staff: PageClient, stripe_simulator: Any) -> None:
    mere = make_user(name="Mere Tūhoe", email="mere@example.org", role=Role.DESK)
    make_membership(mere)
    club_session = make_club_session(title="Social badminton")
    begin(club_session, email=mere.email, name=mere.name, user_id=mere.id, expected_price_cents=800)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    text = staff.get(f"/admin/people/{mere.id}").text
    expected = ("mere@example.org Confirmed", "ticks people in at the door", "Social badminton", "NZ$8.00", "Given by the club")
    assert all(words in text for words in expected)
    assert "Change the role" not in text  # an administrator's
    assert staff.get("/admin/people/999999").status == 404


def test_account_is_as_old_as_the_clubs_own_calendar_says(staff: PageClient) -> None:
    ana = make_user(name="Ana Lee", email="ana@club.example")
    assert ana.created_at.day == 2, "in London it is still the day before"
    assert facts(staff.get(f"/admin/people/{ana.id}"))["Account since"] == "3 March 2026"


def test_membership_to_come_begins_with_the_first_span_that_holds(staff: PageClient) -> None:
    ana = make_user(name="Ana Lee", email="ana@club.example")
    for month, ended in ((4, False), (5, False), (6, True)):
        span = {"starts_on": date(2026, month, 1), "ends_on": date(2026, month, 28)}
        make_membership(ana, **span, revoked_at=app_clock.now() if ended else None)
    assert facts(staff.get(f"/admin/people/{ana.id}"))["Member"] == "from 1 April 2026 to 28 May 2026"


def test_fifty_thousand_bookings_take_no_more_statements(staff: PageClient, statements: Any) -> None:
    few, many = make_user(name="Few"), make_user(name="Many")
    club_sessions = [make_free_club_session() for _ in range(PAST)]
    _book(few, club_sessions[:1])
    _book(many, club_sessions)
    counted = {}
    for person in (few, many):
        for path in ("", "/bookings", "/orders"):
            with statements() as seen:
                assert staff.get(f"/admin/people/{person.id}{path}").status == 200
            counted[person.name, path] = len(seen)
    assert all(counted["Few", path] == counted["Many", path] <= 10 for path in ("", "/bookings", "/orders"))
    page = staff.get(f"/admin/people/{many.id}")
    assert f"All {PAST} bookings" in page.links and f"All {PAST} orders" in page.links
    assert f"{PAST} bookings · 1 to 50" in page_text(staff, f"All {PAST} bookings")
    assert staff.get(f"/admin/people/{many.id}/bookings?page=2").text.count("Social badminton") == PAST - 50


def page_text(pages: PageClient, link: str) -> str:
    return pages.click(link).text


def _book(person: User, club_sessions: list[ClubSession]) -> None:
    """Bookings of the past, as they lie in the tables; their counters do not matter here."""
    with transaction() as db:
        for number, club_session in enumerate(club_sessions):
            order = Order(email=person.email, name=person.name, user_id=person.id, status=OrderStatus.PAID, currency="NZD",
                          total_cents=0, attempt=f"past-{person.id}-{number}")  # fmt: skip
            db.add(order)
            db.flush()
            booked = Registration(club_session_id=club_session.id, order_id=order.id, user_id=person.id, name=person.name,
                                  email=person.email, places=1, status=RegistrationStatus.CANCELLED, price_cents=0,
                                  amount_paid_cents=0, payment_status=PaymentState.FREE)  # fmt: skip
            db.add(booked)
            db.flush()
            db.add(OrderItem(order_id=order.id, kind=ItemKind.REGISTRATION, description=club_session.title, unit_amount_cents=0,
                             quantity=1, registration_id=booked.id))  # fmt: skip


def test_administrator_gives_a_role_after_a_check(admin: PageClient) -> None:
    person = make_user(name="Mere Tūhoe")
    admin.get(f"/admin/people/{person.id}")
    admin.click("Change the role")
    assert admin.submit("/role", role="staff", reason="").status == 422
    page = admin.submit("/role", role="staff", reason="elected treasurer")
    assert page.h1 == "Check the new role of Mere Tūhoe" and person.email in page.text and "elected treasurer" in page.text
    assert the(User, id=person.id).role is Role.NONE
    assert admin.submit("/role", button="Back to the form").form("/role")["reason"] == "elected treasurer"
    admin.submit("/role", role="staff")
    page = admin.submit("/role", button="Give this role")
    assert page.path == f"/admin/people/{person.id}" and "The role of Mere Tūhoe is now: Staff." in page.text
    assert "Role changed, reason: elected treasurer" in page.text and the(User, id=person.id).role is Role.STAFF


def test_own_role_stays_and_says_why(admin: PageClient) -> None:
    [me] = all_of(User, role=Role.ADMIN)
    assert "Nobody changes their own role" in admin.get(f"/admin/people/{me.id}/role").text
    admin.submit("/role", role="none", reason="enough")
    page = admin.submit("/role", button="Take the role away")
    assert page.status == 409 and the(User, id=me.id).role is Role.ADMIN


def test_taken_role_is_gone_at_once_in_every_browser(admin: PageClient, app: Flask) -> None:
    theirs = PageClient(app)
    sign_in(theirs, Role.STAFF)
    [person] = all_of(User, role=Role.STAFF)
    assert theirs.get("/admin").status == 200
    admin.get(f"/admin/people/{person.id}/role")
    admin.submit("/role", role="none", reason="left the committee")
    admin.submit("/role", button="Take the role away")
    assert theirs.get("/admin").path == "/account/sign-in" and count_of(SignIn, user_id=person.id) == 0


def test_student_is_approved_and_withdrawn_with_a_reason(staff: PageClient) -> None:
    person = make_user(name="Mere Tūhoe")
    staff.get(f"/admin/people/{person.id}")
    staff.click("Approve as a student")
    assert staff.submit("/student", reason="").status == 422
    page = staff.submit("/student", reason="showed a student card")
    assert page.h1.startswith("Check: ") and not the(User, id=person.id).is_student
    page = staff.submit("/student", button="Approve")
    assert "Mere Tūhoe has student prices now." in page.text and "yes: approved by the club" in page.text
    assert the(User, id=person.id).is_student and "Mere Tūhoe" in found(staff, "?who=students")
    staff.get(f"/admin/people/{person.id}")
    staff.click("End student prices")
    staff.submit("/student", reason="finished")
    assert "has student prices no more" in staff.submit("/student", button="End student prices").text
    assert not the(User, id=person.id).is_student


def test_record_leads_to_the_person_it_is_about(staff: PageClient) -> None:
    person, gone = make_user(name="Mere Tūhoe"), make_user(name="(forgotten)", deleted_at=app_clock.now())
    own = make_membership(person)
    with transaction() as db:
        for user in (person, gone):
            audit.record(db, audit.COMMAND, "student_approved", "user", user.id, reason="showed a card")
        audit.record(db, audit.COMMAND, "membership_ended", "membership", own.id, reason="left")
    page = staff.get("/admin/audit")
    assert page.links["Mere Tūhoe"].endswith(f"/admin/people/{person.id}") and "(forgotten)" in page.text
    assert page.html.count(f"/admin/people/{person.id}") == 2 and "(forgotten)" not in page.links


@pytest.mark.parametrize("role", [Role.NONE, Role.DESK])
def test_people_are_not_for_everybody(app: Flask, pages: PageClient, role: Role) -> None:
    person = make_user()
    sign_in(pages, role)
    for path in ("", f"/{person.id}", f"/{person.id}/role", f"/{person.id}/student", f"/{person.id}/bookings"):
        assert pages.get(f"/admin/people{path}").status == 403


def test_staff_give_no_roles(staff: PageClient) -> None:
    assert staff.get(f"/admin/people/{make_user().id}/role").status == 403


def test_who_deleted_the_account_is_not_shown(staff: PageClient) -> None:
    gone = make_user(name="(forgotten)", deleted_at=app_clock.now())
    assert "(forgotten)" not in staff.get("/admin/people").text and staff.get(f"/admin/people/{gone.id}").status == 404
