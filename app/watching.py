"""Follows each request: an id in its log lines, in its answer and at Stripe, and its time by route. Set up by ``create_app``."""

from __future__ import annotations

import logging
import sys
from http import HTTPMethod
from time import perf_counter

from flask import Flask, Response, g, request
from pythonjsonlogger.json import JsonFormatter

from . import logs, measures
from .config import Settings

QUIET = frozenset({"static"})
METHODS = frozenset(HTTPMethod)
OTHER = "other"
"""The method of what HTTP does not know: one label, however many a scanner makes up."""


def init_watching(app: Flask, settings: Settings) -> None:
    """Register the hooks; in production log lines are JSON, one object a line, on standard error, unless logging is set up."""
    app.before_request(_begin)
    app.after_request(_end)
    if not settings.development and not logging.getLogger().hasHandlers():
        _log_json(app)


def _begin() -> None:
    g.began_at = perf_counter()
    logs.begin_request()


def _end(response: Response) -> Response:
    """Count, and log what changed something or failed: by the route's name, for addresses hold secrets."""
    took, route = perf_counter() - g.get("began_at", perf_counter()), request.endpoint or measures.UNROUTED
    method = request.method if request.method in METHODS else OTHER
    if route not in QUIET:
        measures.REQUESTS.labels(route, method, response.status_code).observe(took)
    response.headers["X-Request-Id"] = logs.request_id()
    if request.method not in ("GET", "HEAD") or response.status_code >= 500:
        level = logging.ERROR if response.status_code >= 500 else logging.INFO
        facts = {"route": route, "method": method, "status": response.status_code, "ms": round(took * 1000)}
        logging.getLogger("app.requests").log(level, "request", extra=facts)
    return response


def _log_json(app: Flask) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter("{asctime}{levelname}{name}{message}{request_id}", style="{"))
    handler.addFilter(logs.with_request_id)
    for logger in (app.logger, logging.getLogger("app.requests")):
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
