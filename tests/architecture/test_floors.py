"""Imports go down only (DESIGN §4). Each contract is named by its reason; each is shown to refuse a file that breaks it."""

from __future__ import annotations

import pytest

from tests.support.source import Source, assert_none, sources

GROUND = (
    "config", "extensions", "transaction", "postgresql", "clock", "few_at_once", "jobs", "logs", "measures", "scan_loops",
    "scan_results", "setting_values", "worker_counts", "worker_slots", "writing_turns",
)  # fmt: skip
"""Known to every floor but rules; `jobs` and its slots are the queue that services put work into."""
WEB = (
    "blueprints", "security", "errors", "site_frame", "template_loading", "templating", "url_rules", "watching", "cli", "demo",
    "",
)  # fmt: skip
"""The top: parse, show by a query or change by a use case, answer. "" is `create_app` itself."""
MAY_IMPORT = {
    "rules": {"rules"},
    "ground": {"ground"},
    "models": {"models", "rules", "ground"},
    "queries": {"queries", "models", "rules", "ground"},
    "integrations": {"integrations", "rules", "ground"},
    "services": {"services", "queries", "integrations", "models", "rules", "ground"},
    "web": {"web", "services", "queries", "integrations", "rules", "ground"},
    "simulator": {"simulator"},
}
DOORS = ("app.integrations.gateway", "app.integrations.mailer", "app.integrations.stripe_gateway")
"""What calls the network: for services alone. Views may know an integration's words (a calendar file, an exception)."""
WIRING = "app"
"""`create_app` wires every floor; it alone may."""
STARTS_SIMULATOR = ("app.cli", "app.demo")
ONLY = {
    "stripe": (("app.integrations.stripe_gateway",), "SDK objects become our dataclasses at the gateway; nothing else sees them"),
    "dbos": (("app.jobs",), "the job engine can be replaced because one module knows it"),
}
OF_THE_WEB = ("flask.request", "flask.session", "flask.g", "flask.url_for", "flask_login", "flask_wtf", "wtforms")
NOT_IN_RULES = ("flask", "sqlalchemy", "stripe", "werkzeug", "jinja2", "alembic", "dbos", "wtforms", "requests", "psycopg")


def floor(module: str) -> str | None:
    """Which floor a module of ours is on; None for a module of somebody else's."""
    first, _, rest = module.partition(".")
    if first != "app":
        return None
    name = rest.partition(".")[0]
    if name in GROUND:
        return "ground"
    if name in MAY_IMPORT:
        return name
    # `from . import models` in app/__init__.py reads "app.models"; a bare name such as "app.create_app" is the top itself.
    return "web"


def going_up(files: list[Source]) -> list[str]:
    found = []
    for file in files:
        own = floor(file.module)
        assert own is not None
        for line, name in file.imports:
            target = floor(name)
            through_a_door = own == "web" and name.startswith(DOORS)
            if target is None or file.module == WIRING or (target in MAY_IMPORT[own] and not through_a_door):
                continue
            if target == "simulator" and file.module in STARTS_SIMULATOR:
                continue
            found.append(f"{file.path}:{line}: {own} imports {name}, which is of {target}")
    return found


def crossing_blueprints(files: list[Source]) -> list[str]:
    """Audiences share what lies directly in `blueprints/`, never each other's packages."""
    packages = {f.module.split(".")[2] for f in files if f.path.startswith("app/blueprints/") and f.path.count("/") > 2}
    found = []
    for file in files:
        parts = file.module.split(".")
        if parts[:2] != ["app", "blueprints"] or len(parts) < 3:
            continue
        for line, name in file.imports:
            target = name.split(".")
            if target[:2] == ["app", "blueprints"] and len(target) > 2 and target[2] in packages - {parts[2]}:
                found.append(f"{file.path}:{line}: imports {name}")
    return found


def forbidden_outside(files: list[Source]) -> list[str]:
    found = []
    for file in files:
        for line, name in file.imports:
            package = name.partition(".")[0]
            if package in ONLY and file.module not in ONLY[package][0] and floor(file.module) != "simulator":
                found.append(f"{file.path}:{line}: imports {name}; {ONLY[package][1]}")
            if floor(file.module) == "rules" and package.startswith(NOT_IN_RULES):
                found.append(f"{file.path}:{line}: a rule imports {name}; rules are pure, to be read and tested alone")
            if floor(file.module) in ("services", "queries", "models", "integrations") and name.startswith(OF_THE_WEB):
                found.append(f"{file.path}:{line}: imports {name}; below the web nobody knows of requests")
    return found


def test_imports_go_down_only() -> None:
    assert_none(going_up(sources("app")), "Imports go down only: what is below must not know what is above it (DESIGN §4).")


def test_blueprints_do_not_know_each_other() -> None:
    assert_none(crossing_blueprints(sources("app")), "The web is sliced by audience: blueprints share services, not each other.")


def test_each_library_is_known_where_it_belongs() -> None:
    assert_none(forbidden_outside(sources("app")), "A library that is known in one place can be replaced there.")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/rules/bad.py", "from ..models import User"),
        ("app/rules/bad.py", "from app import clock"),
        ("app/models/bad.py", "from ..queries import orders"),
        ("app/queries/bad.py", "def f():\n    from ..services.places import take"),
        ("app/queries/bad.py", "from ..integrations import payments"),
        ("app/integrations/bad.py", "from ..models.orders import Order"),
        ("app/services/bad.py", "from ..blueprints.public import routes"),
        ("app/services/bad.py", "from ..security import public"),
        ("app/services/bad.py", "import app.simulator.server"),
        ("app/blueprints/public/bad.py", "from ...models import Order"),
        ("app/blueprints/public/bad.py", "from ...integrations import gateway"),
        ("app/transaction.py", "from .services import places"),
        ("app/simulator/bad.py", "from ..config import Settings"),
        ("app/errors.py", "from .simulator import server"),
    ],
)
def test_import_that_goes_up_is_found(path: str, text: str) -> None:
    assert len(going_up([Source(path, text)])) == 1


def test_import_that_goes_down_is_not() -> None:
    text = "from ..models import User\nfrom .. import clock\nfrom . import places\nfrom ..rules.statuses import Role\nimport json"
    assert going_up([Source("app/services/good.py", text)]) == []


def test_blueprint_that_reaches_into_another_is_found() -> None:
    files = [Source("app/blueprints/host/routes.py", "from ..admin.forms import X\nfrom ..viewer import who"),
             Source("app/blueprints/admin/forms.py", ""), Source("app/blueprints/viewer.py", "")]  # fmt: skip
    assert crossing_blueprints(files) == ["app/blueprints/host/routes.py:1: imports app.blueprints.admin.forms.X"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/services/bad.py", "import stripe"),
        ("app/services/bad.py", "from dbos import DBOS"),
        ("app/services/bad.py", "from flask import request"),
        ("app/queries/bad.py", "from flask_login import current_user"),
        ("app/rules/bad.py", "from flask_babel import gettext"),
        ("app/rules/bad.py", "import sqlalchemy as sa"),
    ],
)
def test_library_out_of_place_is_found(path: str, text: str) -> None:
    assert len(forbidden_outside([Source(path, text)])) == 1
