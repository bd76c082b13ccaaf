"""Addresses whose builders are made when one is first built. Set by ``create_app``.

Werkzeug compiles code for each rule twice when the rule is added; with two hundred rules that was most of what starting took.
"""

from __future__ import annotations

from collections.abc import Callable

from werkzeug.routing import Rule


class LazyRule(Rule):
    """A rule of the URL map. Were Werkzeug to name its own step otherwise, it would only be as slow as before."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        made: Callable[..., tuple[str, str]] | None = None

        def build(rule: Rule, /, **values: object) -> tuple[str, str]:
            nonlocal made
            if made is None:
                made = super(LazyRule, self)._compile_builder(append_unknown)
            return made(rule, **values)

        return build
