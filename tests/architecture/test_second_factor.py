"""Where money goes back or a role is given, whoever has switched codes on gives one first: these views say so."""

from __future__ import annotations

from flask import Flask

WORTH_A_CODE = (
    "admin.registration_refund",
    "admin.registration_cancel",
    "admin.session_cancel",
    "admin.registration_move",
    "admin.registration_places",
    "admin.case_give_back",
    "admin.case_try_again",
    "admin.membership_change",
    "admin.purchase_refund",
    "admin.person_role",
)


def unguarded(app: Flask) -> list[str]:
    """Such views without the second proof. ``wraps`` copies the mark outwards, so it is seen on the registered view."""
    return [name for name in WORTH_A_CODE if not getattr(app.view_functions[name], "muster_second_factor", False)]


def test_every_refund_and_every_role_asks_for_a_fresh_code(sqlite_app: Flask) -> None:
    assert unguarded(sqlite_app) == []


def test_a_view_without_the_mark_is_named(sqlite_app: Flask) -> None:
    sqlite_app.view_functions["admin.case_give_back"] = lambda case_id: ""
    assert unguarded(sqlite_app) == ["admin.case_give_back"]
