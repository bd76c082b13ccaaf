"""The charts of Today: bars that are told in words too, takings for staff alone, as many statements however much there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.blueprints.admin.charts import BOTTOM, HEIGHT, TOP, draw
from app.rules.statuses import Role
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.web.desk import book, sign_in

FULL, TAKINGS = "How full the sessions are", "Takings"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("role", "charts"), [(Role.DESK, [FULL]), (Role.STAFF, [FULL, TAKINGS])])
def test_today_draws_fill_for_all_and_takings_for_staff(
    pages: PageClient, clock: FakeClock, role: Role, charts: list[str]
) -> None:
    session = make_club_session(starts_at=clock.now + timedelta(hours=3), capacity=10)
    book(session, "Ana", count=4)
    sign_in(pages, role)
    page = pages.get("/admin/")
    drawings = page.tree.with_class("chart__drawing")
    assert [text_of(next(svg.iter(f"{SVG}title"))) for svg in drawings] == charts
    for svg in drawings:
        assert svg.get("role") == "img"
        named = (svg.get("aria-labelledby") or "").split()
        assert [element.get("id") for element in svg.iter() if element.get("id")] == named
        assert len(list(svg.iter(f"{SVG}rect"))) == 12
    assert "with 40% of its places taken." in page.text and "4 of 10" in page.text


@pytest.mark.parametrize("many", [1, 25])
def test_the_page_takes_the_same_statements_however_much_there_is(
    pages: PageClient, clock: FakeClock, statements: Any, many: int
) -> None:
    for number in range(many):
        book(make_club_session(starts_at=clock.now + timedelta(hours=number + 1)), "Ana", paid_cents=1200)
    sign_in(pages, Role.STAFF)
    with statements() as seen:
        pages.get("/admin/")
    assert len(seen) == 8


def test_bars_stand_on_zero_and_reach_below_it() -> None:
    chart = draw([50, 0, 150], ["a", "b", "c"], least_top=100, words=str, coming=1)
    room = HEIGHT - TOP - BOTTOM
    assert [bar.height for bar in chart.bars] == [round(room * value / 200, 1) for value in (50, 0, 150)]
    assert [line.words for line in chart.grid] == ["0", "100", "200"]
    assert [bar.coming for bar in chart.bars] == [False, False, True]
    assert [bar.name for bar in chart.bars] == ["", "", "c"]
    loss = draw([-120, 30], ["a", "b"], least_top=100, words=str)
    assert loss.bars[0].y == loss.zero and loss.bars[1].y + loss.bars[1].height == pytest.approx(loss.zero, abs=0.1)
    assert [line.words for line in loss.grid] == ["-200", "0", "50", "100"]
