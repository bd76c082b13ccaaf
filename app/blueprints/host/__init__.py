"""Pages for people who host a session of their own. ``routes`` gathers them for ``create_app``."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("host", __name__, url_prefix="/host")
