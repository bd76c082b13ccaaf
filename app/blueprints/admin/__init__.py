"""The committee's desk: pages for people with a role, a module for each part. ``routes`` gathers them for ``create_app``."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/admin")
