"""Who may do what, and what browsers are told. Every route declares its permission with one of the decorators below.

``init_security`` is called once by ``create_app``; an architecture test fails for a route without a permission.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import secure
from flask import Flask, Response, abort, current_app, redirect, request, url_for
from flask import session as cookie
from flask.sessions import SecureCookieSessionInterface
from flask_login import UserMixin, current_user, login_user
from itsdangerous import URLSafeTimedSerializer
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, IntegerConverter, Map

from . import clock, readable
from .config import Settings
from .extensions import csrf, limiter, login_manager
from .rules.statuses import Role
from .services import sign_ins

View = TypeVar("View", bound=Callable[..., Any])

MAX_BODY = 512 * 1024
REDIS_PATIENCE = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
"""Seconds. Longer, and signing in would hang with it."""
RANK = {Role.NONE: 0, Role.DESK: 1, Role.STAFF: 2, Role.ADMIN: 3}


class SlugConverter(BaseConverter):
    """The address of a club session: lower case, digits, single hyphens."""

    regex = r"[a-z0-9]+(?:-[a-z0-9]+)*"


class TokenConverter(BaseConverter):
    """An unguessable token; anything shorter is no address of ours."""

    regex = r"[A-Za-z0-9_-]{22,64}"


class EventConverter(BaseConverter):
    """Stripe's id of an event."""

    regex = r"evt_[A-Za-z0-9_]{1,250}"


class NumberConverter(IntegerConverter):
    """An id of ours. A number that no database holds is none, nor one with more digits than can be read."""

    regex = r"[0-9]{1,19}"

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


class SignedIn(UserMixin):
    """Who the cookie says is here, read afresh at each request that asks."""

    def __init__(self, person: sign_ins.SignedIn) -> None:
        self.user_id, self.name, self.email, self.role = person.id, person.name, person.email, person.role
        self.person = person

    def get_id(self) -> str:
        return self.person.sign_in_token


class SignedCookie(SecureCookieSessionInterface):
    """Flask's own cookie to the letter. What signs it is made once, and by the library's SHA-1 at once, not through Python."""

    digest_method = staticmethod(hashlib.sha1)

    def __init__(self) -> None:
        self._of: dict[Flask, URLSafeTimedSerializer | None] = {}

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if app not in self._of:
            self._of[app] = super().get_signing_serializer(app)
        return self._of[app]


def _declare(view: View, permission: str) -> View:
    view.muster_permission = permission  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Anybody may."""
    return _declare(view, "public")


def by_secret_link(view: View) -> View:
    """Whoever holds the token in the address may; the view answers 404 for any other."""
    return _declare(view, "secret_link")


def signed_by_stripe(view: View) -> View:
    """Only a body signed by Stripe is acted on; the one route without CSRF."""
    return cast(View, csrf.exempt(_declare(view, "stripe")))


def operator(view: View) -> View:
    """For monitors; says nothing about anybody."""
    return _declare(view, "operator")


def signed_in(view: View) -> View:
    """Somebody signed in; others are sent to sign in and come back."""
    return _guard(view, "signed_in", Role.NONE)


def staff_only(role: Role) -> Callable[[View], View]:
    """Somebody of at least this role. Visitors are sent to sign in; the signed-in without the role get 403."""
    return lambda view: _guard(view, f"role:{role}", role)


def fresh_second_factor(view: View) -> View:
    """For what is worth a second proof (refunds, people's roles): a code given in this browser a few minutes ago.

    Stands below ``signed_in`` or ``staff_only``. Whoever has not switched codes on passes; others are sent to give one and come
    back to the page they were on, where nothing has been done yet.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current_user.person.owes_code(clock.now()):
            referrer = urlsplit(request.referrer or "")
            came_from = referrer.path if referrer.netloc == request.host else ""
            back = request.full_path.rstrip("?") if request.method == "GET" else came_from
            return redirect(url_for("accounts.confirm_code", next=back or None), 303)
        return view(*args, **kwargs)

    guarded.muster_second_factor = True  # type: ignore[attr-defined]
    return cast(View, guarded)


def _guard(view: View, permission: str, role: Role) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            back = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("accounts.sign_in", next=back), 303)
        if RANK[current_user.role] < RANK[role]:
            abort(403)
        response = current_app.make_response(view(*args, **kwargs))
        response.headers["Cache-Control"] = "no-store"
        return response

    return _declare(cast(View, guarded), permission)


def takes_files(view: View) -> View:
    """For a view that staff upload a file to: from them, and from nobody else, it takes one as large as is allowed."""
    view.muster_takes_files = True  # type: ignore[attr-defined]
    return view


def _allow_files() -> None:
    """Before the form is read, which the check of its token does first of all."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "muster_takes_files", False) and request.method == "POST" and may(Role.STAFF):
        request.max_content_length = current_app.extensions["muster_settings"].file_megabytes * 1024 * 1024 + MAX_BODY


def keep_private(response: Response) -> Response:
    """For blueprints behind secret links: their pages are nobody else's to cache or to index."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def framed_alone(response: Response) -> Response:
    """For a mail that one of our pages shows in a frame: it may carry its own styles, and can neither run nor send anything."""
    policy = (
        secure.ContentSecurityPolicy()
        .default_src("'none'").style_src("'unsafe-inline'").img_src("data:").frame_ancestors("'self'").sandbox()
    )  # fmt: skip
    response.headers["Content-Security-Policy"] = policy.header_value
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def may(role: Role) -> bool:
    """Whether the person here has at least this role; for links that only some should see."""
    return bool(current_user.is_authenticated) and RANK[current_user.role] >= RANK[role]


def init_security(app: Flask, settings: Settings) -> None:
    """Cookies, CSRF, sign-in, limits, trusted hosts and proxies, and the headers of every answer."""
    https = settings.site_url.startswith("https://")
    app.session_interface = SignedCookie()
    app.config.update(
        SESSION_COOKIE_NAME="__Host-muster" if https else "muster",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",  # not Strict: the return from Stripe is cross-site (STACK trap 7)
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=365),  # every static address carries a hash of its content
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        TRUSTED_HOSTS=[settings.host, "localhost", "127.0.0.1", "[::1]"],
        WTF_CSRF_TIME_LIMIT=12 * 3600,
        WTF_I18N_ENABLED=False,  # the words of our forms are ours; WTForms' own would be read from its files at each request
        RATELIMIT_STORAGE_URI=settings.redis_url or "memory://",
        RATELIMIT_STORAGE_OPTIONS=REDIS_PATIENCE if settings.redis_url else {},
        RATELIMIT_ENABLED=True,
    )
    app.url_map.converters.update(slug=SlugConverter, token=TokenConverter, event=EventConverter, int=NumberConverter)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    login_manager.init_app(app)
    login_manager.session_protection = None
    login_manager.user_loader(_load_user)
    app.before_request(_allow_files)
    app.before_request(readable.refuse_unreadable)
    csrf.init_app(app)
    limiter.init_app(app)
    app.after_request(_headers(settings, https))


def _load_user(token: str) -> SignedIn | None:
    person = sign_ins.find(token)
    return None if person is None else SignedIn(person)


def carry(token: str) -> None:
    """Make this browser carry a new sign-in; nothing that its cookie held before outlives it."""
    person = sign_ins.find(token)
    cookie.clear()
    if person is not None:
        login_user(SignedIn(person))


def carried() -> str | None:
    """What this browser's cookie carries now, for the new sign-in to replace."""
    return current_user.get_id() if current_user.is_authenticated else None


def _headers(settings: Settings, https: bool) -> Callable[[Response], Response]:
    policy = (
        secure.ContentSecurityPolicy()
        .default_src("'none'")
        .style_src("'self'")
        .script_src("'self'")
        .img_src("'self'", "data:")
        .connect_src("'self'")
        .font_src("'self'")
        .frame_src("'self'")
        # A form that ends at Stripe is blocked unless Stripe's origin is listed (STACK trap 1).
        .form_action("'self'", *settings.checkout_origins)
        .base_uri("'none'")
        .frame_ancestors("'none'")
    )
    headers = secure.Secure(
        csp=policy,
        hsts=secure.StrictTransportSecurity().max_age(31536000) if https else None,
        xfo=secure.XFrameOptions().deny(),
        xcto=secure.XContentTypeOptions().nosniff(),
        # Order pages are secret links: no other site may learn them; same-origin keeps the CSRF referrer check working.
        referrer=secure.ReferrerPolicy().same_origin(),
        permissions=secure.PermissionsPolicy().geolocation().microphone().camera(),
        coop=secure.CrossOriginOpenerPolicy().same_origin(),
    ).headers

    def add(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    return add
