"""Each POST of the desk leaves an entry on the record (promise 7), asks for a role and a token; each GET writes nothing.

Read from the URL map and from the source: what a view refers to, and what that refers to, must lead to ``audit.record`` for a
POST, and must not lead to a transaction for a view that only answers GET.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from typing import Any

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from app.extensions import csrf
from tests.support.source import Source, assert_none, sources

Name = tuple[str, str]
"""A function: its module and its name there."""
RECORD: Name = ("app.services.audit", "record")
TRANSACTION: Name = ("app.transaction", "transaction")


def references(files: Iterable[Source]) -> dict[Name, set[Name]]:
    """What each function of these files refers to, called or handed on, among the functions of these files."""
    files = list(files)
    modules = {file.module for file in files}
    return {
        (file.module, function.name): _of(function, file, _aliases(file, modules))
        for file in files
        for function in ast.walk(file.tree)
        if isinstance(function, ast.FunctionDef)
    }


def _aliases(file: Source, modules: set[str]) -> dict[str, str | Name]:
    """Local names of modules ("app.services.audit") and of functions (("app.services.audit", "record"))."""
    found: dict[str, str | Name] = {}
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        origin = file._base(node)
        for alias in node.names:
            full = f"{origin}.{alias.name}"
            found[alias.asname or alias.name] = full if full in modules else (origin, alias.name)
    return found


def _of(function: ast.FunctionDef, file: Source, aliases: dict[str, str | Name]) -> set[Name]:
    found: set[Name] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            named = aliases.get(node.id, (file.module, node.id))
            found |= {named} if isinstance(named, tuple) else set()
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = aliases.get(node.value.id)
            found |= {(module, node.attr)} if isinstance(module, str) else set()
    return found


def leads_to(start: Name, goal: Name, graph: dict[Name, set[Name]]) -> bool:
    seen, ahead = set(), [start]
    while ahead:
        here = ahead.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            ahead += graph.get(here, ())
    return False


def views(app: Flask) -> dict[str, tuple[Name, set[str], Any]]:
    """Each view of the desk: where it is written, what it answers, and the view itself."""
    found = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/admin"):
            view = app.view_functions[rule.endpoint]
            written = inspect.unwrap(view)
            found[rule.endpoint] = ((written.__module__, written.__name__), set(rule.methods or ()), view)
    return found


def without_record(app: Flask, graph: dict[Name, set[Name]]) -> list[str]:
    return [e for e, (name, methods, _v) in views(app).items() if "POST" in methods and not leads_to(name, RECORD, graph)]


def writing_on_get(app: Flask, graph: dict[Name, set[Name]]) -> list[str]:
    return [e for e, (name, methods, _v) in views(app).items() if "POST" not in methods and leads_to(name, TRANSACTION, graph)]


def test_each_post_of_the_desk_leaves_an_entry_on_the_record(sqlite_app: Flask) -> None:
    assert_none(
        without_record(sqlite_app, references(sources("app"))), "Who did what is on the record, whatever it was (promise 7)."
    )
    assert sum("POST" in methods for _name, methods, _view in views(sqlite_app).values()) >= 25


def test_no_page_of_the_desk_that_is_only_looked_at_writes(sqlite_app: Flask) -> None:
    assert_none(writing_on_get(sqlite_app, references(sources("app"))), "GET changes nothing: mail scanners follow links.")


def test_each_post_of_the_desk_asks_for_a_role_and_for_the_forms_token(sqlite_app: Flask) -> None:
    posts = {endpoint: view for endpoint, (_name, methods, view) in views(sqlite_app).items() if "POST" in methods}
    assert_none(
        [e for e, view in posts.items() if not getattr(view, "muster_permission", "").startswith("role:")], "A role, declared."
    )
    exempt = {f"{view.__module__}.{view.__name__}" for view in posts.values()} & csrf._exempt_views
    assert isinstance(csrf, CSRFProtect) and not exempt and "admin" not in csrf._exempt_blueprints


CARELESS = {
    "app/blueprints/admin/x.py": "from ...services import things\ndef view():\n    return things.change()\n"
    "def looked_at():\n    def deed():\n        return things.change()\n    return deed\n"
    "def good():\n    return things.well()\n",
    "app/services/things.py": "from ..transaction import transaction as opened\nfrom . import audit as record_of\n"
    "def change():\n    with opened() as db:\n        pass\n"
    "def well():\n    return _deep()\ndef _deep():\n    record_of.record()\n",
    "app/services/audit.py": "def record():\n    pass\n",
    "app/transaction.py": "def transaction():\n    pass\n",
}


def test_a_view_that_writes_without_the_record_is_found_however_deep() -> None:
    graph = references(Source(path, text) for path, text in CARELESS.items())
    module = "app.blueprints.admin.x"
    assert not leads_to((module, "view"), RECORD, graph) and leads_to((module, "good"), RECORD, graph)
    assert leads_to((module, "looked_at"), TRANSACTION, graph), "by a function inside it, too"
    assert not leads_to((module, "good"), TRANSACTION, graph)
