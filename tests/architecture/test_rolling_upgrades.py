"""The release before goes on working on the new schema: no migration takes away, renames or tightens what it uses.

What is to go is left unused in one release and dropped in the next, whose migration is then named in ``EXCEPT``.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.database import MIGRATIONS
from tests.support.source import assert_none, called

FIRST = "0004"
"""Before that nobody ran Muster."""
EXCEPT = {"0005_prices_not_negative.py": "on SQLite, which one machine has, it makes the same columns again with their checks"}
"""Why the release before is well with it: it does without what is dropped, say."""
TAKES_AWAY = frozenset({"drop_column", "drop_table", "rename_table"})
IN_SQL = re.compile(r"\b(DROP\s+COLUMN|RENAME\s+(TO|COLUMN)|SET\s+NOT\s+NULL)\b", re.I)


def breaks(name: str, source: str) -> list[str]:
    """What of a migration's way up the code before it could not live with."""
    tree = ast.parse(source)
    nodes = [node for part in way_up(tree) for node in ast.walk(part)]
    return [f"{name}:{getattr(node, 'lineno', 0)}: {found}" for node in nodes if (found := _breaks(node))]


def way_up(tree: ast.Module) -> list[ast.FunctionDef]:
    """``upgrade`` and whatever of the file it calls."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found, ahead = {}, ["upgrade"]
    while ahead:
        name = ahead.pop()
        if name in functions and name not in found:
            found[name] = functions[name]
            ahead += [called(node) for node in ast.walk(functions[name]) if isinstance(node, ast.Call)]
    return list(found.values())


def _breaks(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and (match := IN_SQL.search(node.value)):
        return match[0]
    if not isinstance(node, ast.Call):
        return None
    name, given = called(node), {keyword.arg: keyword.value for keyword in node.keywords}
    if name in TAKES_AWAY:
        return name
    if name == "alter_column" and ("new_column_name" in given or _is(given.get("nullable"), False)):
        return "alter_column renames or tightens"
    if name == "add_column" and any(_must_be_given(argument) for argument in node.args):
        return "a new column that the code before does not fill"
    return None


def _must_be_given(argument: ast.expr) -> bool:
    if not (isinstance(argument, ast.Call) and called(argument) == "Column"):
        return False
    given = {keyword.arg: keyword.value for keyword in argument.keywords}
    return _is(given.get("nullable"), False) and "server_default" not in given


def _is(value: ast.expr | None, constant: object) -> bool:
    return isinstance(value, ast.Constant) and value.value is constant


def test_no_migration_breaks_the_release_before_it() -> None:
    files = [file for file in sorted(Path(MIGRATIONS, "versions").glob("*.py")) if file.name >= FIRST]
    assert files, "there is something to look at"
    found = [line for file in files if file.name not in EXCEPT for line in breaks(file.name, file.read_text("utf-8"))]
    assert_none(
        found, "While machines are upgraded one by one, the code before runs on this schema. Stop using it first, drop it next."
    )


@pytest.mark.parametrize(
    "line",
    [
        "op.drop_column('orders', 'email')",
        "op.drop_table('orders')",
        "op.rename_table('orders', 'purchases')",
        "op.alter_column('orders', 'email', new_column_name='address')",
        "op.alter_column('orders', 'email', nullable=False)",
        "op.add_column('orders', sa.Column('colour', sa.Text(), nullable=False))",
        "op.execute('ALTER TABLE orders DROP COLUMN email')",
        "_helper()",
    ],
)
def test_step_that_breaks_it_is_found(line: str) -> None:
    source = f"def _helper():\n    op.drop_table('x')\n\ndef upgrade():\n    {line}\n\ndef downgrade():\n    op.drop_table('y')\n"
    assert len(breaks("bad.py", source)) == 1


def test_step_that_only_adds_is_not() -> None:
    source = (
        "def upgrade():\n    op.add_column('orders', sa.Column('a', sa.Text(), nullable=True))\n"
        "    op.add_column('orders', sa.Column('b', sa.Integer(), nullable=False, server_default='0'))\n"
        "    op.create_table('c', sa.Column('id', sa.Integer(), nullable=False))\n\ndef downgrade():\n    op.drop_table('c')\n"
    )
    assert breaks("good.py", source) == []
