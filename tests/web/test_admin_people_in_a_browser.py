"""The desk's people and memberships in a real browser: at home on a phone, readable by everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import Membership, User
from app.rules.statuses import Role
from tests.support.booking import begin
from tests.support.browser import aside, axe_check, click_through, fits
from tests.support.factories import PASSWORD, make_free_club_session, make_membership, make_plan, make_user
from tests.support.rows import the
from tests.web.test_admin_in_a_browser import _in

pytestmark = pytest.mark.browser
LONG = "maximiliana.featherstonehaugh@department.university.example"
PAGES = (
    "memberships", "memberships/plans/new", "memberships/plans/club/edit", "memberships/give", "memberships/{membership}/change",
    "people", "people?q=maximiliana", "people?q=ben%40example.org", "people?q=nobody", "people/{person}",
    "people/{person}/bookings", "people/{person}/orders", "people/{person}/role", "people/{person}/student",
)  # fmt: skip


@pytest.fixture(autouse=True)
def club(app: Flask) -> None:
    """Somebody with a long name, a membership and bookings, and a guest."""

    def fill() -> None:
        make_user(email="admin@club.example", role=Role.ADMIN, password=PASSWORD)
        make_plan(slug="club", name="Club membership", on_sale_until=clock.now() + timedelta(days=40))
        person = make_user(name="Maximiliana Featherstonehaugh", email=LONG)
        make_membership(person)
        for number in range(12):
            club_session = make_free_club_session(title=f"Intermediate badminton for left-handers {number}")
            begin(club_session, email=LONG, name=person.name, user_id=person.id, expected_price_cents=0)
        begin(club_session, email="ben@example.org", name="Ben Guest", expected_price_cents=0)

    aside(lambda: _in(app, fill))


def _read(app: Flask, read: Callable[[], Any]) -> Any:
    found: list[Any] = []
    aside(lambda: _in(app, lambda: found.append(read())))
    return found[0]


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_people_and_memberships_fit_a_phone_and_are_readable_by_everybody(app: Flask, page: Any) -> None:
    page.goto("/account/sign-in?next=/admin/people")
    page.get_by_label("E-mail address").fill("admin@club.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click_through(page.get_by_role("button", name="Sign in"))
    person, membership = _read(app, lambda: (the(User, email=LONG).id, the(Membership).id))
    for path in PAGES:
        response = page.goto(f"/admin/{path.format(person=person, membership=membership)}")
        assert response is not None and response.status == 200, path
        for width in (320, 768, 1280):
            fits(page, width)
        axe_check(page)
    for path, choice in (("people/{person}/role", "staff"), ("memberships/{membership}/change", "revoke")):
        page.goto(f"/admin/{path.format(person=person, membership=membership)}")
        page.locator(f"input[type=radio][value={choice}]").check()
        page.locator("[name=reason]").fill("elected")
        click_through(page.get_by_role("button", name="Continue"))
        assert page.locator("h1").inner_text().startswith("Check the ")
        fits(page, 320)
        axe_check(page)
