"""The desk's memberships: making, changing and retiring plans; giving, changing, ending and paying back memberships."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask

from app.models import AuditEntry, Membership, MembershipPlan, Refund, User
from app.rules.statuses import Role
from app.services import checkout
from app.services.memberships import Joiner
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
    assert page.path == "/admin/memberships" and "The plan is on sale." in page.text
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


def test_membership_is_given_and_changed_with_a_reason(desk: PageClient) -> None:
    person = make_user(name="Mere Tūhoe")
    desk.get("/admin/memberships/give")
    assert desk.submit("/give", email="nobody@example.org", ends_on="2026-12-31", reason="why").status == 422
    page = desk.submit("/give", email=person.email, ends_on="2026-12-31", reason="won the raffle")
    assert "They are a member." in page.text and "Mere Tūhoe" in page.text and "31 December 2026" in page.text
    own = the(Membership)
    desk.get(f"/admin/memberships/{own.id}/change")
    assert desk.submit("/change", deed="extend").status == 422
    assert desk.submit("/change", deed="extend", ends_on="2027-01-31", reason="").status == 422
    desk.submit("/change", deed="extend", ends_on="2027-01-31", reason="typed wrong")
    assert the(Membership).ends_on == date(2027, 1, 31)
    desk.get(f"/admin/memberships/{own.id}/change")
    desk.submit("/change", deed="revoke", reason="left")
    assert the(Membership).revoked_at is not None and desk.get(f"/admin/memberships/{own.id}/change").status == 404
    reasons = [e.detail["reason"] for e in all_of(AuditEntry) if e.subject_kind == "membership"]
    assert reasons == ["won the raffle", "typed wrong", "left"]


def test_bought_membership_is_ended_and_paid_back(desk: PageClient, stripe_simulator: StripeSimulator) -> None:
    checkout.begin_membership(make_plan().slug, Joiner("Ana Lee", "ana@example.org", 6000, "attempt"))
    stripe_simulator.pay()
    stripe_simulator.deliver()
    desk.get(f"/admin/memberships/{the(Membership).id}/change")
    assert "NZ$60.00 go back" in desk.submit("/change", deed="refund", reason="moved away").text
    assert (the(Refund).amount_cents, the(Membership).revoked_at is None) == (6000, False)


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
