"""The counters that keep a session or a product from being oversold have one writer each (promise 1, DESIGN §4)."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.source import Source, assert_none, called, sources

COUNTERS = ("places_taken", "waitlist_taken", "overbooked", "stock_taken")
WRITER = "app/services/places.py"
WRITERS = (WRITER, "app/services/stock.py")
"""Of a session's places, and of a product's stock."""
WRITES = frozenset({"values", "update", "insert", "ClubSession", "replace_with", "bulk_update_mappings"})
IN_SQL = re.compile(rf"\b({'|'.join(COUNTERS)})\s*=(?!=)")


def writers(files: list[Source]) -> list[str]:
    """Every place that assigns a counter: an attribute, a keyword or key given to a writing call, or raw SQL."""
    found = []
    for file in files:
        if file.path in WRITERS or file.path.startswith("app/simulator/"):
            continue
        documentation = {id(node.value) for node in ast.walk(file.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(file.tree):
            if name := _written(node, documentation):
                found.append(f"{file.path}:{node.lineno}: writes {name}")  # type: ignore[attr-defined]
    return found


def _written(node: ast.AST, documentation: set[int]) -> str | None:
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return next((t.attr for t in targets if isinstance(t, ast.Attribute) and t.attr in COUNTERS), None)
    if isinstance(node, ast.Call):
        return _written_by_call(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
        match = IN_SQL.search(node.value)
        return match[1] if match else None
    return None


def _written_by_call(call: ast.Call) -> str | None:
    if called(call) == "setattr" and len(call.args) == 3:
        name = call.args[1]
        return str(name.value) if isinstance(name, ast.Constant) and name.value in COUNTERS else None
    if called(call) == "taking" and call.args and isinstance(call.args[0], ast.Attribute):
        return call.args[0].attr if call.args[0].attr in COUNTERS else None
    if called(call) not in WRITES:
        return None
    keywords = [keyword.arg for keyword in call.keywords]
    keys = [key for argument in call.args if isinstance(argument, ast.Dict) for key in argument.keys]
    named = keywords + [_name(key) for key in keys]
    return next((name for name in named if name in COUNTERS), None)


def _name(key: ast.expr | None) -> str | None:
    if isinstance(key, ast.Constant):
        return str(key.value)
    return key.attr if isinstance(key, ast.Attribute) else None


def test_counters_have_one_writer() -> None:
    why = "Places are taken by one guarded statement in one module; a second writer could oversell (promise 1)."
    assert_none(writers(sources("app")), why)


@pytest.mark.parametrize("path", WRITERS)
def test_writer_is_recognised_where_it_is_allowed(path: str) -> None:
    (writer,) = sources(path)
    assert writers([Source("app/services/elsewhere.py", writer.text)])


@pytest.mark.parametrize(
    "text",
    [
        "club_session.places_taken += 1",
        "club_session.overbooked = 0",
        "update(C).values(waitlist_taken=C.waitlist_taken + 1)",
        "update(C).values({C.places_taken: 3})",
        "update(C).values({'overbooked': 3})",
        "ClubSession(title='x', places_taken=3)",
        "setattr(club_session, 'places_taken', 3)",
        "writes.taking(ClubSession.places_taken, ClubSession.capacity)",
        "update(P).values(stock_taken=0)",
        "db.execute(text('UPDATE club_sessions SET places_taken = 0'))",
    ],
)
def test_second_writer_is_found(text: str) -> None:
    assert len(writers([Source("app/services/bad.py", text)])) == 1


@pytest.mark.parametrize("text", ["x = row.overbooked", "Counters(overbooked=3)", "x.overbooked == 3", '"""overbooked = n"""'])
def test_reader_is_not(text: str) -> None:
    assert writers([Source("app/services/good.py", text)]) == []
