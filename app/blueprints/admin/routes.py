"""The committee's desk: sessions, their registrations, inbox and outbox. Called by people with a role; ``create_app`` wires it."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from ...rules.statuses import Role
from ...security import staff_only

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.get("/")
@staff_only(Role.DESK)
def index() -> ResponseReturnValue:
    """The desk opens on the sessions."""
    return redirect(url_for("admin.sessions"), 303)


@bp.get("/sessions")
@staff_only(Role.DESK)
def sessions() -> ResponseReturnValue:
    """Sessions."""
    return redirect("/", 303)


@bp.get("/inbox")
@staff_only(Role.STAFF)
def inbox() -> ResponseReturnValue:
    """Inbox."""
    return redirect("/", 303)


@bp.get("/outbox")
@staff_only(Role.STAFF)
def outbox() -> ResponseReturnValue:
    """Outbox."""
    return redirect("/", 303)
