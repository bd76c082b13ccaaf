"""How often somebody may try: per address they come from, per account, and both together. Called by the account's views.

Nobody can lock a stranger out: a browser that has been signed in to an account before is counted apart from everybody else who
tries that account, and a link by e-mail makes any browser such a one. What is right is never counted.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, after_this_request, current_app, request
from flask_limiter.util import get_remote_address
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeSerializer

from ...config import current_settings
from ...extensions import limiter

View = TypeVar("View", bound=Callable[..., Any])

A_YEAR = 365 * 24 * 3600
MOST_ACCOUNTS = 4
"""How many accounts one browser is remembered for."""


def signing_in(view: View) -> View:
    """Wrong passwords: from one place, from one place for one account, and for one account from everywhere unknown."""
    place = limiter.limit("30/minute;200/hour", methods=["POST"], deduct_when=_failed)
    pair = limiter.limit("5/minute;20/hour", key_func=_pair, methods=["POST"], deduct_when=_failed)
    account = limiter.limit("50/hour;200/day", key_func=_account, methods=["POST"], deduct_when=_failed)
    return place(pair(account(view)))  # type: ignore[no-any-return]


def asking_for_mail(view: View) -> View:
    """Mails asked for: from one place, and from one place for one address. How many reach a mailbox, the service limits."""
    place = limiter.limit("10/minute;60/hour", methods=["POST"])
    pair = limiter.limit("5/hour", key_func=_pair, methods=["POST"])
    return place(pair(view))  # type: ignore[no-any-return]


def using_links(view: View) -> View:
    """Tries of links and codes by somebody not signed in."""
    return limiter.limit("30/minute;300/hour", methods=["POST"])(view)  # type: ignore[no-any-return]


def proving(view: View) -> View:
    """Wrong passwords and codes of somebody signed in, who may be a thief with an open browser."""
    return limiter.limit("5/minute;20/hour", key_func=_person, methods=["POST"], deduct_when=_failed)(view)  # type: ignore[no-any-return]


def remember_browser(email: str) -> None:
    """Have this browser keep, signed, that it was signed in to this account; it holds no address that could be read."""

    @after_this_request
    def keep(response: Response) -> Response:
        known = [pair for pair in _known() if pair[0] != _fingerprint(email)]
        value = str(_serializer().dumps([*known, [_fingerprint(email), secrets.token_urlsafe(12)]][-MOST_ACCOUNTS:]))
        https = current_settings().site_url.startswith("https://")
        response.set_cookie(_name(), value, max_age=A_YEAR, secure=https, httponly=True, samesite="Lax")
        return response


def _failed(response: Response) -> bool:
    return response.status_code == 422


def _typed() -> str:
    return request.form.get("email", "").strip().lower()[:254]


def _pair() -> str:
    return f"{get_remote_address()}|{_typed()}"


def _account() -> str:
    email = _typed()
    known = next((pair[1] for pair in _known() if pair[0] == _fingerprint(email)), None)
    return f"browser|{known}" if known else f"account|{email}"


def _person() -> str:
    return f"person|{current_user.user_id}" if current_user.is_authenticated else get_remote_address()


def _known() -> list[list[str]]:
    try:
        loaded = _serializer().loads(request.cookies.get(_name(), ""))
    except BadSignature:
        return []
    return loaded if isinstance(loaded, list) else []


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="known-browser")


def _name() -> str:
    return "__Host-muster-known" if current_settings().site_url.startswith("https://") else "muster-known"


def _fingerprint(email: str) -> str:
    return hashlib.sha256(f"{current_app.config['SECRET_KEY']}|{email}".encode()).hexdigest()[:16]
