"""Small rooms: files, functions and views stay readable, and each file says what it promises (DESIGN §4, STYLE §3)."""

from __future__ import annotations

import ast

import pytest

from tests.support.source import Function, Source, assert_none, lines, sources

FILE, FUNCTION, VIEW = 300, 40, 25
METHODS = frozenset({"route", "get", "post", "put", "patch", "delete"})


def too_long(files: list[Source]) -> list[str]:
    return [f"{f.path}: {count} lines, not {FILE}" for f in files if (count := len(f.text.splitlines())) > FILE]


def long_functions(files: list[Source]) -> list[str]:
    found = []
    for file in files:
        for function in file.functions:
            kind, limit = ("view", VIEW) if is_view(file, function) else ("function", FUNCTION)
            if lines(function) > limit:
                found.append(f"{file.path}:{function.lineno}: {kind} {function.name} has {lines(function)} lines, not {limit}")
    return found


def is_view(file: Source, function: Function) -> bool:
    return file.path.startswith("app/blueprints/") and any(
        isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr in METHODS for d in function.decorator_list
    )


def undocumented(files: list[Source]) -> list[str]:
    return [file.path for file in files if not ast.get_docstring(file.tree)]


def test_no_file_is_too_long() -> None:
    assert_none(too_long(sources("app", "tests", "wsgi.py")), "What does not fit a few screens is not understood (DESIGN §4).")


def test_no_function_or_view_is_too_long() -> None:
    assert_none(long_functions(sources("app", "wsgi.py")), "A view parses, calls one use case and answers (DESIGN §4).")


def test_every_file_says_what_it_promises() -> None:
    files = sources("app", "tests", "migrations", "wsgi.py")
    assert_none(undocumented(files), "Each file opens with what it promises and who calls it (STYLE §3).")


def test_long_file_and_function_are_found() -> None:
    body = "def f():\n" + "    x = 1\n" * FUNCTION
    assert too_long([Source("app/x.py", "x = 1\n" * (FILE + 1))]) and not too_long([Source("app/x.py", "x = 1\n" * FILE)])
    assert long_functions([Source("app/x.py", body)])
    assert not long_functions([Source("app/x.py", body.removesuffix("    x = 1\n"))])


@pytest.mark.parametrize("decorator", ["@bp.get('/')", "@bp.route('/', methods=['POST'])"])
def test_long_view_is_found(decorator: str) -> None:
    text = f"{decorator}\ndef f():\n" + "    x = 1\n" * VIEW
    assert long_functions([Source("app/blueprints/public/routes.py", text)])
    assert not long_functions([Source("app/services/x.py", text)])


def test_missing_docstring_is_found() -> None:
    assert undocumented([Source("app/x.py", "import os\n")]) and not undocumented([Source("app/x.py", '"""Says."""\n')])
