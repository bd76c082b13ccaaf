"""Reads the project's own source for the architecture tests: files, their imports and their calls, by syntax tree, unexecuted.

Checks take sources as values, so that each has a twin which feeds it a small offending file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file; ``path`` is relative to the project, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def module(self) -> str:
        """Its dotted name: ``app/rules/money.py`` → ``app.rules.money``, a package by its own name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """(line, dotted name) of everything imported, inside functions too. ``from a import b`` counts as ``a.b``."""
        found: list[tuple[int, str]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                found += [(node.lineno, f"{base}.{alias.name}" if base else alias.name) for alias in node.names]
        return found

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".") if self.path.endswith("__init__.py") else self.module.split(".")[:-1]
        parts = package[: len(package) - node.level + 1]
        return ".".join([*parts, *([node.module] if node.module else [])])

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    def calls(self, within: ast.AST | None = None) -> Iterator[ast.Call]:
        return (node for node in ast.walk(within or self.tree) if isinstance(node, ast.Call))


def sources(*folders: str) -> list[Source]:
    """Every Python file below these folders of the project (or these files)."""
    found: list[Source] = []
    for folder in folders:
        place = ROOT / folder
        paths = [place] if place.is_file() else sorted(place.rglob("*.py"))
        found += [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    return found


def called(call: ast.Call) -> str:
    """The last name of what is called: ``db.session.commit()`` → ``commit``."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def lines(node: ast.stmt) -> int:
    """How many lines a statement takes, decorators not counted."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def assert_none(faults: list[str], why: str) -> None:
    """Fail with every fault and the reason for the rule."""
    assert not faults, f"{why}\n- " + "\n- ".join(faults)
