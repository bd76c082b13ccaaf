"""The desk's maps of words cover all that there is: every state, kind and role, every action on the record, every case."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import pytest

from app import blueprints
from app.blueprints.admin.record_words import ACTIONS, CASES
from app.rules.statuses import OrderStatus, RefundStatus, RegistrationStatus
from tests.support.source import Source, assert_none, sources

BUILT = {*RegistrationStatus, *OrderStatus} - {OrderStatus.PENDING, OrderStatus.PAID} | {f"refund_{s}" for s in RefundStatus}
"""Actions that are named after the state that something came to."""


def maps_by_enum() -> Iterator[tuple[str, dict[Enum, Any]]]:
    """Every constant of the blueprints that is a map from the members of one enum."""
    for found in pkgutil.walk_packages(blueprints.__path__, f"{blueprints.__name__}."):
        for name, value in vars(importlib.import_module(found.name)).items():
            kinds = {type(key) for key in value} if name.isupper() and isinstance(value, dict) else set()
            if len(kinds) == 1 and issubclass(kinds.pop(), Enum):
                yield f"{found.name}.{name}", value


MAPS = dict(maps_by_enum())


def lacking(words: dict[Enum, Any]) -> list[str]:
    return [member.name for member in type(next(iter(words))) if member not in words]


@pytest.mark.parametrize("name", MAPS)
def test_every_member_of_an_enum_has_its_words(name: str) -> None:
    assert_none(lacking(MAPS[name]), "A state without words is an error on the page, or in the file, that shows it.")


def test_the_twin_finds_a_member_without_words() -> None:
    assert len(MAPS) >= 10
    assert lacking({state: "x" for state in RegistrationStatus if state is not RegistrationStatus.IN_RESERVE}) == ["IN_RESERVE"]


def said(files: Iterable[Source], module: str, function: str) -> set[str]:
    """What the third argument of ``module.function(…)`` can be, as far as the file says it: itself, or handed on by a caller."""
    found: set[str] = set()
    for file in files:
        for within in file.functions:
            for call in file.calls(within):
                if ast.unparse(call.func) == f"{module}.{function}" and len(call.args) > 2:
                    found |= _strings(call.args[2], within, file)
    return found


def _strings(value: ast.expr, within: ast.FunctionDef | ast.AsyncFunctionDef, file: Source) -> set[str]:
    if isinstance(value, ast.Constant):
        return {str(value.value)}
    if isinstance(value, ast.IfExp):
        return _strings(value.body, within, file) | _strings(value.orelse, within, file)
    if not isinstance(value, ast.Name):
        return set()
    found: set[str] = set()
    for node in [*ast.walk(within), *file.tree.body]:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == value.id:
            found |= _strings(node.value, within, file)
    names = [argument.arg for argument in within.args.args]
    for caller in (file.functions if value.id in names else []):
        for call in file.calls(caller):
            if caller is not within and ast.unparse(call.func) == within.name and len(call.args) > names.index(value.id):
                found |= _strings(call.args[names.index(value.id)], caller, file)
    return found


def test_every_action_on_the_record_has_its_words() -> None:
    actions = said(sources("app/services"), "audit", "record") | set(map(str, BUILT))
    assert len(actions) > 100
    assert_none(sorted(actions - set(ACTIONS)), "What was done is told in the committee's words.")


def test_every_kind_of_case_has_its_words() -> None:
    kinds = said(sources("app/services"), "cases", "open_case")
    assert len(kinds) >= 10
    assert_none(sorted(kinds - set(CASES)), "What only a person can decide is told in words.")


CARELESS = """
KIND = "by_name"
def one(db):
    audit.record(db, 1, KIND, "x")
    audit.record(db, 1, "a" if db else "b", "x")
def _write(db, actor, action):
    audit.record(db, actor, action, "x")
def two(db):
    _write(db, 1, "handed_on")
"""


def test_the_twin_finds_actions_however_they_are_named() -> None:
    assert said([Source("app/services/x.py", CARELESS)], "audit", "record") == {"by_name", "a", "b", "handed_on"}
