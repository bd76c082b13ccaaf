"""The control page in the browser.

Served by `simulator.Simulator` at `/`.
"""
from __future__ import annotations

from flask import Blueprint, render_template

from .control import Control
from .core import Core


def blueprint(control: Control, core: Core) -> Blueprint:
    """The page and its forms."""
    pages = Blueprint("control_pages", __name__)

    @pages.get("/")
    def index() -> str:
        return render_template("simulator/control.html", control=control, core=core)

    return pages
