"""For monitors: alive (the process answers) and ready (the database answers, the background work keeps up)."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ... import clock
from ...queries import due_work
from ...security import operator

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@operator
def healthz() -> ResponseReturnValue:
    """The process is alive; asks nothing of the database."""
    return {"status": "ok"}


@bp.get("/readyz")
@operator
def readyz() -> ResponseReturnValue:
    """The database answers; how old the oldest due work is, in seconds, of each kind, and when the last webhook came."""
    ages, told = due_work.ages(clock.now()), due_work.last_webhook_at()
    return {"status": "ready", "oldestDueSeconds": ages, "lastWebhookAt": told.isoformat() if told else None}
