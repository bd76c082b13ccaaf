"""One commit point, opened by services alone, and no network inside a transaction (DESIGN §4, promises 2 and 4)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.source import ROOT, Function, Source, assert_none, called, sources

ENDS = frozenset({"commit", "rollback", "begin", "begin_nested", "commit_prepared"})
COMMIT_POINT = "app/transaction.py"
OPENERS = frozenset({"transaction", "retried"})
GATEWAY, MAILER = "app/integrations/stripe_gateway.py", "app/integrations/mailer.py"
CHECK = "require_none_open"
DOORS = frozenset({"gateway", "mailer"})
"""How services reach the network: `gateway().create_checkout(…)`, `mailer().send(…)`."""


def ours() -> list[Source]:
    """The app without the simulator, which is another program with a store of its own."""
    return [source for source in sources("app") if not source.path.startswith("app/simulator/")]


def commit_sites(files: list[Source]) -> list[str]:
    return [
        f"{file.path}:{call.lineno}: .{called(call)}()"
        for file in files
        if file.path != COMMIT_POINT
        for call in file.calls()
        if isinstance(call.func, ast.Attribute) and called(call) in ENDS
    ]


def openers(files: list[Source]) -> list[str]:
    return [
        f"{file.path}:{line}: imports {name}"
        for file in files
        if not file.path.startswith("app/services/")
        for line, name in file.imports
        if name in {f"app.transaction.{opener}" for opener in OPENERS}
    ]


def without_network(protocol: Source) -> set[str]:
    """The gateway's methods that promise, in the Protocol, to make no call."""
    return {f.name for f in protocol.functions if "No network" in (ast.get_docstring(f) or "")}


def unguarded(file: Source, exempt: set[str]) -> list[str]:
    """Public methods that neither check for an open transaction, by themselves or through a helper, nor are exempt."""
    functions = {function.name: function for function in file.functions}

    def checks(function: Function, seen: frozenset[str] = frozenset()) -> bool:
        names = {called(call) for call in file.calls(function)}
        seen |= {function.name}
        return CHECK in names or any(checks(functions[name], seen) for name in names & functions.keys() - seen)

    found = []
    for cls in (node for node in file.tree.body if isinstance(node, ast.ClassDef)):
        if any(isinstance(base, ast.Name) and base.id in ("Protocol", "Exception") for base in cls.bases):
            continue
        for method in (node for node in cls.body if isinstance(node, Function)):
            touches_client = any(isinstance(n, ast.Attribute) and n.attr == "_client" for n in ast.walk(method))
            if method.name.startswith("_") or checks(method) or (method.name in exempt and not touches_client):
                continue
            found.append(f"{file.path}:{method.lineno}: {cls.name}.{method.name} does not call {CHECK}")
    return found


def network_inside(files: list[Source], exempt: set[str]) -> list[str]:
    """Calls through the doors that stand inside `with transaction()`."""
    found = []
    for file in files:
        for block in (node for node in ast.walk(file.tree) if isinstance(node, ast.With)):
            if not any(isinstance(i.context_expr, ast.Call) and called(i.context_expr) == "transaction" for i in block.items):
                continue
            for call in (c for statement in block.body for c in file.calls(statement)):
                function = call.func
                if (
                    isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call)
                    and called(function.value) in DOORS and function.attr not in exempt
                ):  # fmt: skip
                    found.append(f"{file.path}:{call.lineno}: {called(function.value)}().{function.attr}() inside a transaction")
    return found


def test_only_the_commit_point_commits_or_rolls_back() -> None:
    assert_none(
        commit_sites(ours()), "One file commits, so that mail, audit and state are saved together or not at all (DESIGN §4)."
    )


def test_only_services_open_transactions() -> None:
    assert_none(openers(ours()), "A use case is the unit that is all or nothing: only services open transactions (DESIGN §4).")


def test_gateway_and_mailer_refuse_an_open_transaction() -> None:
    (protocol,), (gateway,), (mailer,) = sources("app/integrations/payments.py"), sources(GATEWAY), sources(MAILER)
    exempt = without_network(protocol)
    assert {"checkout_params", "verify_event"} <= exempt
    why = "A call that waits while rows are locked stops everybody, and its effect cannot be rolled back (DESIGN §4)."
    assert_none(unguarded(gateway, exempt) + unguarded(mailer, set()), why)


def test_no_service_calls_the_network_inside_a_transaction() -> None:
    (protocol,) = sources("app/integrations/payments.py")
    assert_none(
        network_inside(ours(), without_network(protocol)), "Intent, network, result: commit the intent first (DESIGN §4)."
    )


def test_services_reach_the_network_through_the_doors() -> None:
    """What `network_inside` looks for is what the services really write."""
    text = "\n".join(file.text for file in sources("app/services"))
    assert re.search(r"\bgateway\(\)\.create_checkout\(", text)
    assert re.search(r"\bmailer\(\)\.send\(", text)


@pytest.mark.parametrize("line", ["db.session.commit()", "session.rollback()", "db.session.begin_nested()", "engine.begin()"])
def test_commit_elsewhere_is_found(line: str) -> None:
    assert len(commit_sites([Source("app/services/bad.py", line)])) == 1
    assert commit_sites([Source(COMMIT_POINT, line)]) == []


@pytest.mark.parametrize("text", ["from ...transaction import transaction", "from ...transaction import end_read, retried"])
def test_transaction_opened_by_a_view_is_found(text: str) -> None:
    assert len(openers([Source("app/blueprints/public/routes.py", text)])) == 1


def test_unguarded_network_call_is_found() -> None:
    text = """
class Gateway:
    def good(self): return self._call(1)
    def also_good(self): return self.good()
    def bad(self): return self._client.refunds.create()
    def params(self): return {}
    def params_that_calls(self): return self._client.x()
    def _call(self, x):
        require_none_open("x")
"""
    found = unguarded(Source(GATEWAY, text), {"params", "params_that_calls"})
    assert [fault.rpartition("Gateway.")[2].partition(" ")[0] for fault in found] == ["bad", "params_that_calls"]


def test_network_inside_a_transaction_is_found() -> None:
    text = "with transaction() as db:\n    p = gateway().checkout_params(r)\n    gateway().create_checkout(p, k)\nmailer().send()"
    found = network_inside([Source("app/services/bad.py", text)], {"checkout_params"})
    assert found == ["app/services/bad.py:3: gateway().create_checkout() inside a transaction"]


def test_commit_point_exists() -> None:
    assert (ROOT / Path(COMMIT_POINT)).exists()
