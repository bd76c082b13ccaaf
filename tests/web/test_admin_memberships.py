"""The desk's memberships: making, changing and retiring plans; giving, changing, ending and paying back memberships."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from app.models import AuditEntry, Membership, MembershipPlan, OutgoingEmail, Refund, User
from app.rules.statuses import Role
from app.services import checkout
from app.services.memberships import Joiner
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_membership, make_plan, make_user
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

TODAY = date(2026, 3, 3)


@pytest.fixture
def desk(app: Flask, pages: PageClient) -> PageClient:
    """Somebody of the staff, signed in."""
    person = make_user(role=Role.STAFF, password=PASSWORD)
    pages.sign_in(person.email, PASSWORD)
    return pages


def test_plan_is_made_changed_and_taken_off_sale(desk: PageClient) -> None:
    assert "nobody can join" in desk.get("/admin/memberships").text
    desk.get("/admin/memberships/plans/new")
    page = desk.submit("/plans/new", name="Club membership", price="15", student_price="12.00", length_months="12")
    assert page.path == "/admin/memberships" and "The plan is saved and on sale." in page.text
    plan = the(MembershipPlan)
    assert (plan.slug, plan.price_cents, plan.student_price_cents, plan.length_months) == ("club-membership", 1500, 1200, 12)
    form = desk.get("/admin/memberships/plans/club-membership/edit").form("/edit")
    assert (form["price"], form["student_price"], form["length_months"]) == ("15.00", "12.00", "12")
    desk.submit("/edit", price="NZ$16")
    assert the(MembershipPlan).price_cents == 1600
    assert "off sale" in desk.submit("/retire").text
    assert "No membership is on sale" in desk.get("/membership").text
    assert [e.action for e in all_of(AuditEntry) if e.subject_kind == "membership_plan"] == [
        "plan_created", "plan_edited", "plan_retired",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        {"name": ""}, {"price": "a lot"}, {"price": "0.10"}, {"length_months": ""}, {"fixed_end_on": "2026-12-31"},
        {"student_price": "0.10"}, {"length_months": "500"},
    ],
    ids=lambda typed: "-".join(f"{key}-{value}" for key, value in typed.items()),
)  # fmt: skip
def test_plan_that_makes_no_sense_comes_back_with_what_to_do(desk: PageClient, typed: dict[str, str]) -> None:
    desk.get("/admin/memberships/plans/new")
    page = desk.submit("/plans/new", **{"name": "Club", "price": "15", "length_months": "12", **typed})
    assert page.status == 422 and page.title.startswith("Error: ") and count_of(MembershipPlan) == 0


def test_plan_is_on_sale_between_two_days_by_the_clubs_clock(desk: PageClient, clock: FakeClock) -> None:
    desk.get("/admin/memberships/plans/new")
    facts = {"name": "Winter", "price": "15", "length_months": "6", "sale_first": "2026-03-05", "sale_last": "06/03/2026"}
    assert "It goes on sale on 5 March 2026." in desk.submit("/plans/new", **facts).text
    assert "No membership is on sale" in desk.get("/membership").text
    plan, zone = the(MembershipPlan), ZoneInfo("Pacific/Auckland")
    assert (plan.on_sale_from, plan.on_sale_until) == (datetime(2026, 3, 5, tzinfo=zone), datetime(2026, 3, 7, tzinfo=zone))
    form = desk.get("/admin/memberships/plans/winter/edit").form("/edit")
    assert (form["sale_first"], form["sale_last"]) == ("2026-03-05", "2026-03-06")
    clock.advance(days=3)
    assert "Join: Winter" in desk.get("/membership").text
    clock.advance(days=2)
    assert "No membership is on sale" in desk.get("/membership").text
    desk.get("/admin/memberships/plans/winter/edit")
    assert desk.submit("/edit", sale_last="2026-03-04").status == 422
    assert "saved and on sale" in desk.submit("/edit", sale_last="").text


def test_taken_off_sale_stays_so_to_the_second_when_something_else_is_edited(desk: PageClient) -> None:
    desk.get("/admin/memberships/plans/new")
    desk.submit("/plans/new", name="Club", price="15", length_months="12")
    desk.submit("/retire")
    ended = the(MembershipPlan).on_sale_until
    desk.get("/admin/memberships/plans/club/edit")
    assert "It is off sale." in desk.submit("/edit", price="16").text
    assert (the(MembershipPlan).on_sale_until, the(MembershipPlan).price_cents) == (ended, 1600)


def test_membership_is_given_and_changed_with_a_reason(desk: PageClient) -> None:
    person = make_user(name="Mere Tūhoe")
    desk.get("/admin/memberships/give")
    assert desk.submit("/give", email="nobody@example.org", ends_on="2026-12-31", reason="").status == 422
    desk.submit("/give", email="nobody@example.org", ends_on="2026-12-31", reason="why")
    assert desk.submit("/give", button="Give the membership").errors == ["Nobody with this e-mail address has an account."]
    page = desk.submit("/give", email=person.email, ends_on="2026-12-31", reason="won the raffle")
    assert page.h1 == "Check the membership you give" and "31 December 2026" in page.text and count_of(Membership) == 0
    page = desk.submit("/give", button="Give the membership")
    assert "They are a member until 31 December 2026. We write to" in page.text and "Mere Tūhoe" in page.text
    own = the(Membership)
    desk.get(f"/admin/memberships/{own.id}/change")
    assert desk.submit("/change", deed="extend").status == 422
    assert desk.submit("/change", deed="extend", ends_on="2027-01-31", reason="").status == 422
    desk.submit("/change", deed="extend", ends_on="2027-01-31", reason="typed wrong")
    assert desk.submit("/change", button="Change its last day").path == f"/admin/people/{person.id}"
    assert the(Membership).ends_on == date(2027, 1, 31)
    desk.get(f"/admin/memberships/{own.id}/change")
    desk.submit("/change", deed="revoke", reason="left")
    assert "Ended early" in desk.submit("/change", button="End it now").text
    assert the(Membership).revoked_at is not None and desk.get(f"/admin/memberships/{own.id}/change").status == 404
    reasons = [e.detail["reason"] for e in all_of(AuditEntry) if e.subject_kind == "membership"]
    assert reasons == ["won the raffle", "typed wrong", "left"]
    assert [mail.context["wanted"] for mail in all_of(OutgoingEmail, to=person.email)] == ["given", "changed", "ended"]


def test_bought_membership_is_ended_and_paid_back(desk: PageClient, stripe_simulator: StripeSimulator) -> None:
    checkout.begin_membership(make_plan().slug, Joiner("Ana Lee", "ana@example.org", 6000, "attempt"))
    stripe_simulator.pay()
    stripe_simulator.deliver()
    desk.get(f"/admin/memberships/{the(Membership).id}/change")
    page = desk.submit("/change", deed="refund", reason="moved away")
    assert "NZ$60.00, to where it was paid from" in page.text and "ana@example.org, by e-mail" in page.text
    assert "NZ$60.00 goes back" in desk.submit("/change", button="End it now and refund NZ$60.00").text
    assert (the(Refund).amount_cents, the(Membership).revoked_at is None) == (6000, False)


def test_members_are_paged_and_counted(desk: PageClient, statements: Any) -> None:
    for number in range(51):
        make_membership(make_user(name=f"Person {number:02}"))
    with statements() as few:
        assert "51 memberships · 1 to 50" in desk.get("/admin/memberships").text
    with statements() as more:
        assert "Person 50" in desk.get("/admin/memberships?page=2").text
    assert len(few) == len(more)


def test_search_finds_by_name_and_address_and_takes_no_wildcards(desk: PageClient) -> None:
    for name, email in (("Mere Tūhoe", "mere@example.org"), ("Ana Lee", "ana@muster.test")):
        make_membership(make_user(name=name, email=email), ends_on=TODAY + timedelta(days=9))
    assert "Ana Lee" not in desk.get("/admin/memberships?q=mere").text
    assert "Mere" not in desk.get("/admin/memberships?q=muster.test").text
    assert "Nobody fits this search." in desk.get("/admin/memberships?q=%25").text


@pytest.mark.parametrize("role", [Role.NONE, Role.DESK])
def test_others_may_not(app: Flask, pages: PageClient, role: Role) -> None:
    person: User = make_user(role=role, password=PASSWORD)
    pages.sign_in(person.email, PASSWORD)
    for path in ("", "/plans/new", "/give"):
        assert pages.get(f"/admin/memberships{path}").status == 403
