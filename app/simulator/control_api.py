"""The control over HTTP: `POST /_control/<name>` with the arguments as a JSON object, `GET` for what only reads.

For tests that run the simulator as another process; the names and arguments are those of `control.Control`.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from .control import Control, ControlError

READS = (
    "now", "counts", "calls", "sessions", "payments", "refunds", "charges", "disputes", "transactions", "events",
    "deliveries", "faults",
)  # fmt: skip
CHANGES = (
    "advance", "set_clock", "freeze", "run_clock",
    "pay", "pay_later", "authenticate", "settle", "expire",
    "refund", "settle_refund", "fail_refund", "refunds_stay_pending", "dispute", "close_dispute",
    "hold", "release", "drop", "copies", "repeat", "delay", "wrong_secret", "only", "sign_with", "set_secrets",
    "webhooks_normal", "deliver_due", "redirect_waits",
    "fail", "clear_faults", "latency", "reset",
)  # fmt: skip


def blueprint(control: Control) -> Blueprint:
    """The control's endpoints: each answers `{"result": …}`, or 400 with `{"error": …}`."""
    pages = Blueprint("control_api", __name__, url_prefix="/_control")
    for name in (*READS, *CHANGES):
        methods = ["GET", "POST"] if name in READS else ["POST"]
        pages.add_url_rule(f"/{name}", name, _view(getattr(control, name)), methods=methods)
        if "_" in name:
            pages.add_url_rule(f"/{name.replace('_', '-')}", name, methods=methods)
    return pages


def _view(method: Callable[..., Any]) -> Callable[[], tuple[Response, int]]:
    def view() -> tuple[Response, int]:
        arguments = request.get_json(silent=True) if request.data else {}
        if not isinstance(arguments, dict):
            return jsonify(error="The body must be a JSON object."), 400
        try:
            inspect.signature(method).bind(**arguments)
        except TypeError as error:
            return jsonify(error=str(error)), 400
        try:
            result = method(**arguments)
        except (ControlError, TypeError) as error:
            return jsonify(error=str(error)), 400
        return jsonify(result=asdict(result) if is_dataclass(result) and not isinstance(result, type) else result), 200

    return view
