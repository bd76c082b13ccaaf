"""Accounts: signing up, in and out, one's own page and settings. The blueprint; its pages are gathered in ``routes``."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("accounts", __name__, url_prefix="/account")
