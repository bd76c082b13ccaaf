"""Gathers the desk's pages on its blueprint, and opens the desk on the sessions. Called by ``create_app``."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from ...rules.statuses import Role
from ...security import may, staff_only
from . import bp, club_sessions, record, registrations
from .paging import page_url

__all__ = ["bp", "club_sessions", "record", "registrations"]


bp.context_processor(lambda: {"may": may, "page_url": page_url})


@bp.get("/")
@staff_only(Role.DESK)
def index() -> ResponseReturnValue:
    """The way in: the sessions, until there is a page for today."""
    return redirect(url_for("admin.sessions"), 303)
