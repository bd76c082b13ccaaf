"""For monitors: alive (the process answers), ready (the database answers, the background work keeps up), and figures."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

from ... import clock, measures
from ...config import current_settings
from ...queries import due_work, watching
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


@bp.get("/metrics")
@operator
def metrics() -> ResponseReturnValue:
    """Figures for Prometheus: to whoever brings METRICS_TOKEN or, without one, to this machine alone. 404 for others."""
    if not _may_watch():
        abort(404)
    return Response(measures.text(watching.gauges(clock.now())), content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_watch() -> bool:
    token = current_settings().metrics_token
    if token:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    forwarded = "X-Forwarded-For" in request.headers  # by a proxy on this machine, for somebody elsewhere
    return not forwarded and request.remote_addr in ("127.0.0.1", "::1")
