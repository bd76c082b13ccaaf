"""A committee member makes a season in a real browser, JavaScript off; each page fits a phone and is readable by everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app.models import ClubSession
from app.rules.statuses import Role, SessionStatus
from tests.support.browser import aside, axe_check, click_through, fits
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.rows import all_of

pytestmark = pytest.mark.browser
HERE = "/admin/sessions/badminton"
FRIDAY = datetime(2026, 3, 20, 5, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def club(app: Flask) -> None:
    def fill() -> None:
        make_user(email="staff@club.example", role=Role.STAFF, password=PASSWORD)
        title = "Intermediate badminton for left-handers"
        make_club_session(slug="badminton", title=title, starts_at=FRIDAY, status=SessionStatus.DRAFT, refund_until=None)
        make_club_session(slug="over", title=title, starts_at=FRIDAY.replace(month=2))

    aside(lambda: _in(app, fill))


def _in(app: Flask, act: Any) -> Any:
    with app.app_context():
        return act()


def _looked_at(page: Any) -> None:
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        axe_check(page)
    fits(page)


def test_a_season_is_made_changed_and_published_with_javascript_off(page: Any, app: Flask) -> None:
    page.goto(f"/account/sign-in?next={HERE}")
    page.get_by_label("E-mail address").fill("staff@club.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click_through(page.get_by_role("button", name="Sign in"))
    click_through(page.get_by_role("link", name="Repeat weekly"))
    click_through(page.get_by_role("button", name="See the dates"))
    assert page.title().startswith("Error: ")
    _looked_at(page)
    page.get_by_label("For how many weeks").fill("3")
    page.get_by_label("Dates to leave out").fill("3/4/2026\n25/12/2026")
    click_through(page.get_by_role("button", name="See the dates"))
    _looked_at(page)
    click_through(page.get_by_role("button", name="Make 2 sessions"))
    assert "2 sessions were made." in page.inner_text("main")
    _looked_at(page)
    click_through(page.get_by_role("link", name="Friday 27 March"))
    click_through(page.get_by_role("button", name="Edit this session"))
    page.get_by_label("Start time").fill("19:00")
    page.get_by_label("End time").fill("21:00")
    click_through(page.get_by_role("button", name="Save this and the 1 after it"))
    _looked_at(page)
    click_through(page.get_by_role("button", name="Change 2 sessions"))
    click_through(page.get_by_role("button", name="Publish 3 drafts"))
    _looked_at(page)
    rows = aside(lambda: _in(app, lambda: all_of(ClubSession)))
    assert {row.status for row in rows} == {SessionStatus.PUBLISHED}
    assert [row.starts_at.strftime("%d %H:%M") for row in rows if row.slug != "over"] == ["20 05:30", "27 06:00", "10 07:00"]
    for path in (f"{HERE}/duplicate", "/admin/sessions/over/complete", HERE, f"{HERE}/edit"):
        assert page.goto(path).status == 200
        _looked_at(page)
