"""The membership pages: what is on sale, joining as somebody new or signed in, renewing; and joining while booking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import Membership, MembershipPlan, Order, OrderItem, Payment, Registration, User
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session, make_membership, make_plan, make_user
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator


@pytest.fixture
def settings(settings: Any) -> Any:
    """University addresses are students'."""
    return settings.with_(student_domains=("uni.example",))


def member(pages: PageClient, **changes: Any) -> User:
    """Somebody signed in."""
    person = make_user(password=PASSWORD, **changes)
    pages.sign_in(person.email, PASSWORD)
    return person


def test_nothing_on_sale_says_what_to_do_next(app: Flask, pages: PageClient, clock: FakeClock) -> None:
    make_plan(on_sale_until=clock.now)
    page = pages.get("/membership")
    assert (page.h1, "No membership is on sale at the moment" in page.text) == ("Membership", True)


def test_plans_say_price_length_and_student_price(app: Flask, pages: PageClient) -> None:
    make_plan(description="A vote at the AGM.")
    text = pages.get("/membership").text
    for words in ("Annual membership", "NZ$60.00", "students NZ$40.00", "12 months", "A vote at the AGM."):
        assert words in text
    assert pages.get("/membership/no-such-plan/join").status == 404


@pytest.mark.parametrize(("email", "cents", "words"), [
    ("Ana@Example.org", 6000, "Pay NZ$60.00"),
    ("ana@cs.uni.example", 4000, "Pay NZ$40.00"),
])  # fmt: skip
def test_somebody_new_joins(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator, email: str, cents: int, words: str
) -> None:
    plan = make_plan()
    pages.get(f"/membership/{plan.slug}/join")
    check = pages.submit(name="Ana Lee", email=email)
    assert check.h1 == "Check your membership" and words in check.html
    assert ("Student price, you save NZ$20.00" in check.text) is (cents == 4000)
    left = pages.submit(0, follow=False)
    assert (left.status, the(Payment).amount_cents, the(Order).email) == (303, cents, email.lower())
    assert (count_of(User), count_of(Membership)) == (0, 0)
    shown = pages.get(f"/orders/{the(Order).token}")
    assert shown.h1 == "Pay to become a member" and "You can pay until" in shown.text
    stripe_simulator.pay()
    stripe_simulator.deliver()
    done = pages.get(f"/orders/{the(Order).token}")
    assert done.h1 == "You are a member" and "2 March 2027" in done.text
    assert the(Membership).user_id == the(User).id


def test_form_says_what_to_mend(app: Flask, pages: PageClient) -> None:
    plan = make_plan()
    pages.get(f"/membership/{plan.slug}/join")
    page = pages.submit(name="", email="nobody")
    assert page.status == 422 and page.title.startswith("Error: ") and count_of(Order) == 0


def test_signed_in_person_sees_the_price_at_once_and_renews(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    plan, person = make_plan(), member(pages)
    ends = make_membership(person, ends_on=clock.now.date() + timedelta(days=21)).ends_on
    offered = pages.get("/membership")
    assert "You are a member until" in offered.text and f"Renew: {plan.name}" in offered.links
    check = pages.get(f"/membership/{plan.slug}/join")
    assert (check.h1, person.email in check.text) == ("Check your membership", True)
    pages.submit(f"/membership/{plan.slug}/join", follow=False)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert [m.starts_on for m in all_of(Membership, user_id=person.id)][1] == ends + timedelta(days=1)


def test_same_span_twice_says_until_when(app: Flask, pages: PageClient) -> None:
    plan, person = make_plan(), member(pages)
    make_membership(person)
    offered = pages.get("/membership")
    assert "You can renew it when its end is near" in offered.text and f"Renew: {plan.name}" not in offered.links
    page = pages.get(f"/membership/{plan.slug}/join")
    assert (page.status, page.h1) == (409, "Your membership runs to 30 August 2026 already")


def test_membership_bought_in_another_window_is_refused_with_its_date(app: Flask, pages: PageClient) -> None:
    plan, person = make_plan(), member(pages)
    pages.get(f"/membership/{plan.slug}/join")
    make_membership(person)
    page = pages.submit(f"/membership/{plan.slug}/join")
    assert (page.status, page.h1, count_of(Order)) == (409, "Your membership runs to 30 August 2026 already", 0)


def test_whether_an_address_has_an_account_is_not_told(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    plan, known = make_plan(), make_user()
    make_membership(known)
    seen = []
    for email in (known.email, "stranger@example.org"):
        pages.get(f"/membership/{plan.slug}/join")
        check = pages.submit(name="Ana Lee", email=email)
        seen.append((check.status, check.text.replace(email, "")))
        left = pages.submit(0, follow=False)
        seen.append((left.status, "checkout" in (left.left_for or "")))
    assert seen[:2] == seen[2:]


def test_changed_price_is_shown_and_asked_again(app: Flask, pages: PageClient, stripe_simulator: StripeSimulator) -> None:
    plan = make_plan()
    pages.get(f"/membership/{plan.slug}/join")
    pages.submit(name="Ana Lee", email="ana@example.org")
    with transaction() as db:
        db.query(MembershipPlan).update({"price_cents": 7000})
    page = pages.submit(f"/membership/{plan.slug}/join")
    assert (page.status, "The price has changed" in page.text, "Pay NZ$70.00" in page.html) == (409, True, True)
    assert pages.submit(f"/membership/{plan.slug}/join", follow=False).status == 303


def test_stripe_down_keeps_nothing(app: Flask, pages: PageClient) -> None:
    plan = make_plan()
    pages.get(f"/membership/{plan.slug}/join")
    pages.submit(name="Ana Lee", email="ana@example.org")
    page = pages.submit(f"/membership/{plan.slug}/join")
    assert page.status == 503 and "We cannot take payments right now" in page.text and "Pay NZ$60.00" in page.html
    assert the(Order).status == "expired"


def test_what_a_plan_gives_is_said_wherever_it_is_sold(app: Flask, pages: PageClient) -> None:
    plan, session = make_plan(description="Member prices all year."), make_club_session()
    gives = "Member prices all year."
    assert gives in pages.get("/membership").text
    assert gives in pages.get(f"/membership/{plan.slug}/join").text
    assert gives in pages.submit(name="Ana Lee", email="ana@example.org").text
    assert f"12 months, NZ$60.00, students NZ$40.00. {gives}" in pages.get(f"/sessions/{session.slug}/register").text


@pytest.mark.parametrize("paid", [True, False])
def test_who_is_signed_in_is_not_told_that_no_account_is_needed(app: Flask, pages: PageClient, paid: bool) -> None:
    session = make_club_session() if paid else make_free_club_session()
    assert "o account needed" in pages.get(f"/sessions/{session.slug}").text
    member(pages)
    assert "o account needed" not in pages.get(f"/sessions/{session.slug}").text


def test_my_page_asks_for_what_the_whole_order_costs_and_has_the_receipt_of_a_membership(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    plan, session, person = make_plan(price_cents=1500, student_price_cents=None), make_club_session(), member(pages)
    pages.get(f"/sessions/{session.slug}/register")
    pages.submit(f"/sessions/{session.slug}/register/check", name="Ana", email=person.email, join_plan=plan.slug)
    pages.submit(f"/sessions/{session.slug}/register", follow=False)
    assert "Pay NZ$23.00" in pages.get("/account").html
    stripe_simulator.pay()
    stripe_simulator.deliver()
    page = pages.get("/account")
    assert "Annual membership: 3 March 2026 to 2 March 2027" in page.text
    assert page.links["Receipt (3 March 2026)"].endswith(f"/orders/{the(Order).token}")


def test_visitor_joins_while_booking(app: Flask, pages: PageClient, stripe_simulator: StripeSimulator) -> None:
    plan, session = make_plan(price_cents=1500), make_club_session(title="Social badminton")
    form = pages.get(f"/sessions/{session.slug}/register")
    assert "Members pay NZ$8.00 for their own place: you save NZ$4.00 here." in form.text
    check = pages.submit(0, name="Ana Lee", email="ana@example.org", places=3, join_plan=plan.slug)
    for words in ("Member price, you save NZ$4.00", "2 × NZ$12.00", "Annual membership, 12 months: NZ$15.00", "NZ$47.00"):
        assert words in check.text, words
    assert pages.submit(f"/sessions/{session.slug}/register", follow=False).status == 303
    lines = the(Payment).params["line_items"]
    assert [(x["price_data"]["product_data"], x["price_data"]["unit_amount"], x["quantity"]) for x in lines] == [
        ({"name": "Social badminton", "description": "Member price, you save NZ$4.00"}, 800, 1),
        ({"name": "Social badminton", "description": "Guests"}, 1200, 2),
        ({"name": "Annual membership"}, 1500, 1),
    ]
    amounts = [(item.kind, item.unit_amount_cents * item.quantity) for item in all_of(OrderItem)]
    assert amounts == [("registration", 3200), ("membership", 1500)]
    stripe_simulator.pay()
    stripe_simulator.deliver()
    done = pages.get(f"/orders/{the(Order).token}")
    assert done.h1 == "You are registered" and "Member price, you save NZ$4.00" in done.text and "2 March 2027" in done.text
    assert (the(Registration).status, the(Registration).amount_paid_cents, count_of(Membership)) == ("registered", 3200, 1)


def test_booking_without_joining_costs_what_it_did(app: Flask, pages: PageClient, stripe_simulator: StripeSimulator) -> None:
    make_plan()
    session = make_club_session()
    pages.get(f"/sessions/{session.slug}/register")
    pages.submit(0, name="Ana Lee", email="ana@example.org")
    pages.submit(f"/sessions/{session.slug}/register", follow=False)
    assert (the(Payment).amount_cents, len(all_of(OrderItem))) == (1200, 1)


@pytest.mark.parametrize("case", ["member", "no plan", "no member price", "full"])
def test_joining_is_not_offered_where_it_saves_nothing(app: Flask, pages: PageClient, case: str) -> None:
    if case != "no plan":
        make_plan()
    changes = {"no member price": {"member_price_cents": None}, "full": {"capacity": 0, "waitlist_capacity": 5}}.get(case, {})
    session = make_club_session(**changes)
    if case == "member":
        make_membership(member(pages))
    assert "Join the club as well?" not in pages.get(f"/sessions/{session.slug}/register").text


def test_member_sees_their_own_place_and_the_guests_apart(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    session, person = make_club_session(), member(pages)
    make_membership(person)
    assert "Member price, you save NZ$4.00" in pages.get("/").text
    pages.get(f"/sessions/{session.slug}/register")
    check = pages.submit(f"/sessions/{session.slug}/register/check", name="Ana", email=person.email, places=2)
    assert "Member price, you save NZ$4.00" in check.text and "1 × NZ$12.00" in check.text and "Pay NZ$20.00" in check.html
    assert pages.submit(f"/sessions/{session.slug}/register", follow=False).status == 303
    assert the(Payment).amount_cents == 2000


def test_early_and_student_prices_are_shown_and_charged(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    session = make_club_session(
        early_price_until=clock.now + timedelta(hours=1), early_non_member_price_cents=1000, student_price_cents=900
    )
    text = pages.get(f"/sessions/{session.slug}").text
    assert "Early price, you save NZ$2.00" in text and "Student price" in text
    pages.get(f"/sessions/{session.slug}/register")
    assert "Pay NZ$10.00" in pages.submit(0, name="Ana", email="ana@uni.example").html, "a typed address proves nothing"
    clock.advance(hours=2)
    page = pages.submit(f"/sessions/{session.slug}/register")
    assert (page.status, "Pay NZ$12.00" in page.html) == (409, True)
    student = member(pages, email="student@uni.example")
    pages.get(f"/sessions/{session.slug}/register")
    assert "Pay NZ$9.00" in pages.submit(f"/sessions/{session.slug}/register/check", name="Ana", email=student.email).html
