"""Every environment variable the app reads is in the README's table and in `.env.example`, and only config reads them."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.source import ROOT, Source, assert_none, sources

CONFIG = "app/config.py"
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
FLASKS_OWN = frozenset({"FLASK_DEBUG"})
"""Flask documents it; `flask run --debug` sets it."""
MAY_READ = (CONFIG, "app/simulator/", "app/demo.py", "app/worker_counts.py")
"""The simulator is a program of its own and refuses a live key; the demo asks whether a name or database was chosen for
it; what one library reads from the environment is set there before it is imported."""


def variables(config: Source) -> set[str]:
    """Names given to `env.get("NAME")`, `env["NAME"]` and to the helpers that take ``env``."""
    found = set()
    for node in ast.walk(config.tree):
        if isinstance(node, ast.Call) and any(isinstance(n, ast.Name) and n.id == "env" for n in [*node.args, _owner(node)]):
            found |= {a.value for a in node.args[:2] if isinstance(a, ast.Constant)} - _defaults(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "env":
            found |= {node.slice.value} if isinstance(node.slice, ast.Constant) else set()
    return {name for name in found if isinstance(name, str) and NAME.fullmatch(name)}


def _defaults(call: ast.Call) -> set[object]:
    """`env.get("NAME", "NZD")` reads NAME alone."""
    owner = _owner(call)
    asked_itself = isinstance(owner, ast.Name) and owner.id == "env"
    return {a.value for a in call.args[1:] if isinstance(a, ast.Constant)} if asked_itself else set()


def _owner(call: ast.Call) -> ast.AST | None:
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def in_table(readme: str) -> set[str]:
    """Names in the first column of the README's tables."""
    first = [line.split("|")[1] for line in readme.splitlines() if line.startswith("|") and line.count("|") > 2]
    return {name for cell in first for name in re.findall(r"`([A-Z][A-Z0-9_]*)`", cell)}


def in_example(example: str) -> set[str]:
    return set(re.findall(r"^#?\s*([A-Z][A-Z0-9_]*)=", example, re.M))


def readers(files: list[Source]) -> list[str]:
    """Files that look into the environment by themselves."""
    return [
        f"{file.path}:{node.lineno}: reads the environment"
        for file in files
        if not file.path.startswith(MAY_READ)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]  # fmt: skip


def wanted() -> set[str]:
    (config,) = sources(CONFIG)
    return variables(config) - FLASKS_OWN


def test_config_reads_the_contracts_variables() -> None:
    contract = {
        "SECRET_KEY", "SITE_URL", "SITE_NAME", "DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE",
        "MAIL_URL", "MAIL_FROM", "CURRENCY", "TIME_ZONE", "HOLD_MINUTES", "LISTING_FEE_CENTS", "REDIS_URL", "TRUSTED_PROXIES",
    }  # fmt: skip
    assert contract <= wanted()


def test_readme_names_every_setting() -> None:
    missing = wanted() - in_table((ROOT / "README.md").read_text(encoding="utf-8"))
    assert_none(sorted(missing), "The README's table of settings is where an operator looks; these are missing.")


def test_example_file_names_every_setting() -> None:
    missing = wanted() - in_example((ROOT / ".env.example").read_text(encoding="utf-8"))
    assert_none(sorted(missing), "`.env.example` is what an operator copies; these are missing.")


def test_only_config_reads_the_environment() -> None:
    assert_none(readers(sources("app")), "A setting is checked once, at the start, with a sentence that names it.")


def test_undocumented_setting_is_found() -> None:
    config = Source(CONFIG, 'def f(env):\n    return env.get("A_B", "NZD"), env["C"], g(env, "D_E"), m.g(env, "H", "I"), o()\n')
    assert variables(config) == {"A_B", "C", "D_E", "H"}
    assert in_table("| `A_B` | text |\n| `C`, `D` | `E_F` |\nno `G`") == {"A_B", "C", "D"}
    assert in_example("A_B=1\n# C_D=\nwords E=2") == {"A_B", "C_D"}


@pytest.mark.parametrize("text", ["os.environ['X']", "os.getenv('X')"])
def test_reader_of_the_environment_is_found(text: str) -> None:
    assert len(readers([Source("app/services/bad.py", f"import os\n{text}")])) == 1
