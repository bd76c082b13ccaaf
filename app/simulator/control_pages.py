"""The control in the browser: lists of what there is, and every switch as a form.

Served by `simulator.Simulator` at `/`; each form posts to `/control/<name>`, which calls the control and comes back.
"""
from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from .api.dispatch import OPERATIONS
from .cards import CARDS
from .control import Control, ControlError
from .control_api import CHANGES
from .core import Core
from .faults import KINDS

SHOWN = 50
NUMBERS = {"seconds", "timestamp", "amount", "count", "extra", "times", "tries"}
FLAGS = {"success", "on", "backwards", "new_id_too"}
LISTS = {"types"}


class ControlPage:
    """Remembers one notice: what the last form did."""

    def __init__(self, control: Control, core: Core) -> None:
        self._control = control
        self._core = core
        self._notice = ""

    def index(self) -> str:
        """Everything at a glance, newest first."""
        notice, self._notice = self._notice, ""
        control = self._control
        deliveries: dict[str, list[Any]] = {}
        for delivery in control.deliveries():
            deliveries.setdefault(delivery["event"], []).append(delivery)
        lists = {
            name: getattr(control, name)()[: -SHOWN - 1 : -1]
            for name in ("sessions", "payments", "refunds", "disputes", "events")
        }
        return render_template(
            "simulator/control.html", **lists, deliveries=deliveries, notice=notice, cards=CARDS.values(), kinds=KINDS,
            operations=[o.name for o in OPERATIONS], switches=self._core.outgoing.switches, faults=control.faults(),
            counts=sorted(control.counts().items()), core=self._core, now=control.now(), shown=SHOWN,
        )  # fmt: skip

    def change(self, name: str) -> ResponseReturnValue:
        """Turn one switch."""
        if name not in CHANGES:
            abort(404)
        method = getattr(self._control, name)
        try:
            arguments = {field: _value(field, text) for field, text in request.form.items() if text.strip()}
            inspect.signature(method).bind(**arguments)
            result = method(**arguments)
            self._notice = f"{name.replace('_', ' ').capitalize()}: done{_told(result)}."
        except (ControlError, TypeError, ValueError) as error:
            self._notice = f"{name.replace('_', ' ').capitalize()}: {error}"
        return redirect("/", 303)


def _told(result: Any) -> str:
    return f" ({result.outcome} {result.message})".replace(" )", ")") if hasattr(result, "outcome") else ""


def _value(field: str, text: str) -> Any:
    """What a form field means; `all` is a count without end, and so is None."""
    text = text.strip()
    if field in NUMBERS:
        return None if text == "all" else int(text) if text.lstrip("-").isdigit() else float(text)
    if field in FLAGS:
        return text == "true"
    if field in LISTS:
        return [part for part in text.replace(",", " ").split() if part]
    return text


def moment(timestamp: int) -> str:
    """`2026-11-21 09:30:00`, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S")


def blueprint(control: Control, core: Core) -> Blueprint:
    """The page and what its forms post to."""
    page = ControlPage(control, core)
    pages = Blueprint("control_pages", __name__)
    pages.add_url_rule("/", "index", page.index, methods=["GET"])
    pages.add_url_rule("/control/<name>", "change", page.change, methods=["POST"])
    pages.add_app_template_filter(moment, "moment")
    return pages
