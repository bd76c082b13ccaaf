"""Every route says who may use it, is addressed plainly, and refuses a form that is not the site's own (promise 12)."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.routing import Rule, UnicodeConverter

from app.rules.statuses import Role
from app.security import by_secret_link, operator, public, signed_by_stripe, signed_in, staff_only
from tests.support.client import OutsideClient
from tests.support.settings import SITE_URL
from tests.support.source import assert_none

STATIC = "static"
UNSIGNED = "stripe"
PERMISSIONS = re.compile(r"public|secret_link|signed_in|stripe|operator|role:(desk|staff|admin)")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?")
SAMPLES = {"token": "x" * 32, "slug": "pottery", "int": 1, "event": "evt_1", "uuid": "0" * 32}
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def routes(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != STATIC]


def without_permission(app: Flask) -> list[str]:
    found = []
    for rule in routes(app):
        permission = getattr(app.view_functions[rule.endpoint], "muster_permission", None)
        if permission is None or not PERMISSIONS.fullmatch(permission):
            found.append(f"{rule.rule} ({rule.endpoint}): {permission}")
    return found


def oddly_addressed(app: Flask) -> list[str]:
    found = []
    for rule in routes(app):
        plain = re.sub(r"<[^>]+>", "x", rule.rule).strip("/")
        found += [f"{rule.rule}: {part!r} is not kebab-case" for part in plain.split("/") if part and not KEBAB.fullmatch(part)]
        # The default converter takes anything: a token, a slug or a number says what it takes.
        found += [f"{rule.rule}: <{name}> has no type" for name, c in rule._converters.items() if type(c) is UnicodeConverter]
    return found


def unprotected(app: Flask) -> list[str]:
    """Routes that act on a form without the site's token, other than the one that Stripe signs."""
    client = OutsideClient(app, app.response_class, use_cookies=True)
    found = []
    for rule in routes(app):
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) & CHANGING):
            if getattr(view, "muster_permission", None) == UNSIGNED:
                continue
            status = client.open(_address(app, rule), method=method, base_url=SITE_URL, data={"name": "x"}).status_code
            if status != 400:
                found.append(f"{method} {rule.rule} answered {status} without a CSRF token")
    return found


def _address(app: Flask, rule: Rule) -> str:
    converters = {type(c): name for name, c in ((n, _instance(c, app)) for n, c in app.url_map.converters.items())}
    values = {name: SAMPLES[converters[type(converter)]] for name, converter in rule._converters.items()}
    return str(app.url_map.bind("muster.test").build(rule.endpoint, values, method=next(iter(rule.methods or {"GET"}))))


def _instance(converter: type, app: Flask) -> object:
    return converter(app.url_map, *(["x"] if converter.__name__ == "AnyConverter" else []))


def test_every_route_declares_who_may_use_it(sqlite_app: Flask) -> None:
    assert_none(without_permission(sqlite_app), "A route without a permission is open to whoever finds it (promise 12).")


def test_addresses_are_kebab_case_with_typed_parts(sqlite_app: Flask) -> None:
    assert_none(oddly_addressed(sqlite_app), "Addresses are kebab-case, and each part has a declared type (STYLE §2).")


def test_every_form_needs_the_sites_token(sqlite_app: Flask) -> None:
    assert_none(unprotected(sqlite_app), "A form of another site must not act for whoever is signed in here.")


def test_only_the_webhook_takes_posts_without_a_token(sqlite_app: Flask) -> None:
    unsigned = {r.rule for r in routes(sqlite_app) if sqlite_app.view_functions[r.endpoint].muster_permission == UNSIGNED}  # type: ignore[attr-defined]
    assert unsigned == {"/webhooks/stripe"}


def test_signed_in_and_staff_routes_turn_visitors_away(sqlite_app: Flask) -> None:
    client = OutsideClient(sqlite_app, sqlite_app.response_class, use_cookies=True)
    guarded = 0
    for rule in routes(sqlite_app):
        permission = sqlite_app.view_functions[rule.endpoint].muster_permission  # type: ignore[attr-defined]
        if "GET" in (rule.methods or set()) and (permission == "signed_in" or permission.startswith("role:")):
            response = client.get(_address(sqlite_app, rule), base_url=SITE_URL)
            assert (response.status_code, "/account/sign-in" in response.headers.get("Location", "")) == (303, True), rule.rule
            guarded += 1
    assert guarded >= 5


@pytest.mark.parametrize(
    ("decorator", "permission"),
    [(public, "public"), (by_secret_link, "secret_link"), (signed_in, "signed_in"), (operator, "operator"),
     (signed_by_stripe, "stripe")],
)  # fmt: skip
def test_each_decorator_declares_its_permission(decorator: Any, permission: str) -> None:
    assert decorator(_named()).muster_permission == permission


def test_staff_permission_names_the_role() -> None:
    assert staff_only(Role.DESK)(_named()).muster_permission == "role:desk"


def _named() -> Any:
    def view() -> str:
        return ""

    return view


@pytest.fixture
def careless() -> Flask:
    """A small site that breaks every rule of this file."""
    app = Flask(__name__, static_folder=None)
    app.config["SECRET_KEY"] = "only for this test"
    app.extensions["muster_settings"] = SimpleNamespace(site_url=SITE_URL)
    csrf = CSRFProtect(app)
    app.add_url_rule("/Some_Page/<name>", "odd", lambda name: name)
    app.add_url_rule("/open", "open", csrf.exempt(_view_without_token), methods=["POST"])
    app.add_url_rule("/fine", "fine", public(_named()), methods=["POST"])
    return app


def _view_without_token() -> str:
    return "done"


def test_careless_routes_are_found(careless: Flask) -> None:
    assert without_permission(careless) == ["/Some_Page/<name> (odd): None", "/open (open): None"]
    odd = "/Some_Page/<name>: "
    assert oddly_addressed(careless) == [f"{odd}'Some_Page' is not kebab-case", f"{odd}<name> has no type"]
    assert unprotected(careless) == ["POST /open answered 200 without a CSRF token"]
