"""Where money goes back, whoever has switched codes on gives one first: the views that may refund say so."""

from __future__ import annotations

from flask import Flask

REFUNDING = (
    "admin.registration_refund",
    "admin.registration_cancel",
    "admin.session_cancel",
    "admin.case_give_back",
    "admin.case_try_again",
)


def unguarded(app: Flask) -> list[str]:
    """Refunding views without the second proof. ``wraps`` copies the mark outwards, so it is seen on the registered view."""
    return [name for name in REFUNDING if not getattr(app.view_functions[name], "muster_second_factor", False)]


def test_every_refund_asks_for_a_fresh_code(sqlite_app: Flask) -> None:
    assert unguarded(sqlite_app) == []


def test_a_view_without_the_mark_is_named(sqlite_app: Flask) -> None:
    sqlite_app.view_functions["admin.case_give_back"] = lambda case_id: ""
    assert unguarded(sqlite_app) == ["admin.case_give_back"]
