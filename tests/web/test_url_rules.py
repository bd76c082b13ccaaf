"""Addresses are built the same by rules that wait to be asked, and are not made ready before."""

from __future__ import annotations

import pytest
from flask import Flask, url_for
from werkzeug.routing import Map, Rule

from app.url_rules import LazyRule

RULES = ["/", "/sessions/<slug>", "/a b/<int:number>/<path:rest>", "/with/<rule>"]
VALUES: dict[str, dict[str, object]] = {
    "/": {"show": "past"},
    "/sessions/<slug>": {"slug": "social é", "q": ["a b", "c&d"]},
    "/a b/<int:number>/<path:rest>": {"number": 7, "rest": "x/y z"},
    "/with/<rule>": {"rule": "named as a parameter of ours"},
}


@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("append_unknown", [True, False])
def test_address_is_what_werkzeug_would_build(text: str, append_unknown: bool) -> None:
    built = []
    for kind in (Rule, LazyRule):
        adapter = Map([kind(text, endpoint="here")]).bind("club.example")
        built.append([adapter.build("here", VALUES[text], append_unknown=append_unknown) for _ in range(2)])
    assert built[0] == built[1]


def test_builder_is_made_when_it_is_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    compile_builder = Rule._compile_builder

    def noting(self: Rule, append_unknown: bool = True) -> object:
        made.append(self.rule)
        return compile_builder(self, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", noting)
    adapter = Map([LazyRule("/one", endpoint="one"), LazyRule("/two", endpoint="two")]).bind("club.example")
    assert made == []
    assert [adapter.build("one"), adapter.build("one")] == ["/one", "/one"] and made == ["/one"]


def test_the_site_uses_them(sqlite_app: Flask) -> None:
    with sqlite_app.test_request_context():
        assert url_for("public.sessions", show="past") == "/?show=past"
    rules = [rule for rule in sqlite_app.url_map.iter_rules() if rule.endpoint != "static"]
    assert all(isinstance(rule, LazyRule) for rule in rules) and len(rules) > 100
