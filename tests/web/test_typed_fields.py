"""What people type into any form: days no calendar reaches are told and kept, and whatever is refused is refused in our words."""

from __future__ import annotations

import ast

import pytest
from flask import Flask
from wtforms import validators

from app import clock
from app.rules.statuses import RegistrationStatus, Role
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.pages import PageClient
from tests.support.source import Source, assert_none, sources
from tests.web.desk import book, sign_in

pytestmark = pytest.mark.databases("sqlite")
POTTERY = {"title": "Pottery", "starts_day": "2026-05-02", "starts_time": "10:00", "ends_time": "12:00", "capacity": "8"}
ASKED = {"name": "Ana", "email": "ana@club.example", "reason": "She asked"}
DAYS = [
    ("/host/new", "starts_day", POTTERY), ("/host/new", "closes_day", POTTERY), ("/host/new", "refund_day", POTTERY),
    ("/admin/sessions/new", "ends_day", POTTERY), ("/admin/sessions/new", "opens_day", POTTERY),
    ("/admin/sessions/new", "early_day", POTTERY),
    ("/admin/sessions/trip/duplicate", "on", {}), ("/admin/sessions/trip/repeat", "until", {}),
    ("/admin/sessions/trip/add", "pay_by", {**ASKED, "how": "link"}),
    ("/admin/sessions/trip/add", "pay_by", {**ASKED, "how": "cash"}),
    ("/admin/memberships/plans/new", "sale_first", {"name": "Year"}),
    ("/admin/memberships/plans/new", "sale_last", {"name": "Year"}),
    ("/admin/memberships/plans/new", "fixed_end_on", {"name": "Year"}),
    ("/admin/memberships/give", "ends_on", {}),
    ("/admin/codes/new", "first_day", {"code": "SUMMER"}), ("/admin/codes/new", "last_day", {"code": "SUMMER"}),
    ("/admin/sessions/trip/applications", "until_on", {}),
]  # fmt: skip


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2100-01-01"])
@pytest.mark.parametrize(("path", "field", "typed"), DAYS)
def test_a_year_that_no_club_has_is_told_and_kept(
    app: Flask, pages: PageClient, path: str, field: str, typed: dict[str, str], day: str
) -> None:
    session = make_club_session(slug="trip", entry="application")
    book(session, "Ben Smith", RegistrationStatus.UNDER_REVIEW, applied_at=clock.now())
    if path.startswith("/host"):
        make_user(email="hana@club.example", password=PASSWORD)
        pages.sign_in("hana@club.example", PASSWORD)
    else:
        sign_in(pages, Role.STAFF)
    form = next(form for form in pages.get(path).forms if field in form.values)
    page = pages.submit(form, **{**typed, field: day})
    assert page.status == 422 and "Enter a year between 2000 and 2099" in page.errors
    assert next(form for form in page.forms if field in form.values)[field] == day


def wordless(file: Source) -> list[str]:
    """Checks of WTForms in this file that would refuse in words of its own, which are no instruction."""
    with_words = {"InputRequired": 1, "DataRequired": 1, "Length": 3, "NumberRange": 3, "EqualTo": 2, "Regexp": 3, "AnyOf": 2}
    known = {name for name in validators.__all__ if name[0].isupper()} - {"Optional", "StopValidation", "ValidationError"}
    return [
        f"{file.path}:{call.lineno} {ast.unparse(call)}"
        for call in file.calls()
        if isinstance(call.func, ast.Name) and call.func.id in known
        if len(call.args) < with_words.get(call.func.id, 9) and not any(word.arg == "message" for word in call.keywords)
    ]


def test_whatever_a_form_refuses_it_says_in_our_words() -> None:
    assert_none(
        [fault for file in sources("app/blueprints") for fault in wordless(file)],
        "“Field cannot be longer than 5000 characters.” is a verdict, and in no language of ours.",
    )


def test_the_twin_finds_a_check_without_words() -> None:
    bad = "a = [Length(max=5), InputRequired(), Regexp('x')]\nb = [Length(max=5, message='Say less'), InputRequired('Say it')]\n"
    assert len(wordless(Source("app/blueprints/x.py", bad))) == 3


@pytest.mark.parametrize(("path", "field", "longest", "said"), [
    ("/admin/memberships/plans/new", "description", 5000, "Enter a description of 5000 characters or fewer"),
    ("/admin/sessions/trip/door/walk-in", "reason", 500, "Enter a reason of 500 characters or fewer"),
])  # fmt: skip
def test_what_is_too_long_is_told_in_our_words(
    app: Flask, pages: PageClient, path: str, field: str, longest: int, said: str
) -> None:
    make_club_session(slug="trip", capacity=0)
    sign_in(pages, Role.STAFF)
    form, typed = pages.get(path).forms[-1], "x" * (longest + 1)
    page = pages.post(path, {"csrf_token": form["csrf_token"], "name": "Ana", "places": "1", "step": "do", field: typed})
    assert page.status == 422 and page.errors == [said] and page.forms[-1][field] == typed
