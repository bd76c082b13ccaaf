"""What the apps of one process share: compiled templates, statements and routes. Each test has an app of its own, and compiling
its pages and statements again took longer than all else. Whoever makes an app in a test hands it to ``remember``.
"""

from __future__ import annotations

import gc
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.engine import Dialect, Engine

from app.extensions import db
from app.url_rules import LazyRule


class Compiled(BytecodeCache):
    """Keeps code in memory. Its key holds the template's source, so nothing goes stale."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


COMPILED = Compiled()
STATEMENTS: dict[Any, Any] = {}
"""Compiled statements by dialect and statement; the models do not change while a process lives."""
_dialects: dict[str, Dialect] = {}


_routes: dict[Any, tuple[Any, ...]] = {}
_read_route = LazyRule.compile


def _read_once(rule: LazyRule) -> None:
    """A route that some app of this process has read is not read again: its text says all there is to it."""
    assert rule.map is not None
    key = (rule.rule, rule.subdomain, rule.merge_slashes, *rule.map.converters.values())
    if known := _routes.get(key):
        rule._parts, rule._trace, rule._converters, arguments = known
        rule.arguments |= arguments
        rule._build = rule._compile_builder(False).__get__(rule, None)
        rule._build_unknown = rule._compile_builder(True).__get__(rule, None)
        return
    _read_route(rule)
    _routes[key] = (rule._parts, rule._trace, rule._converters, set(rule.arguments))


LazyRule.compile = _read_once  # type: ignore[method-assign]


def _shared(engine: Engine) -> Dialect:
    """One dialect for all, because statements are kept by it. What it learnt from one of our servers holds for the others."""
    name = engine.dialect.name
    if name not in _dialects:
        engine.connect().close()
        _dialects[name] = engine.dialect
    return _dialects[name]


def remember(app: Flask) -> Flask:
    """The same app, which finds what this process has compiled."""
    if not _dialects:
        gc.freeze()  # what is imported lasts as long as the process: looking through it for garbage took as long as making an app
    app.jinja_env.bytecode_cache = COMPILED
    with app.app_context():
        for engine in db.engines.values():
            engine.dialect = _shared(engine)
            engine.update_execution_options(compiled_cache=STATEMENTS)
    return app
