"""What the apps of one process share: compiled templates and compiled statements. Each test has an app of its own, and compiling
its pages and statements again took longer than all else. Whoever makes an app in a test hands it to ``remember``.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.engine import Dialect, Engine

from app.extensions import db


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


def _shared(engine: Engine) -> Dialect:
    """One dialect for all, because statements are kept by it. What it learnt from one of our servers holds for the others."""
    name = engine.dialect.name
    if name not in _dialects:
        engine.connect().close()
        _dialects[name] = engine.dialect
    return _dialects[name]


def remember(app: Flask) -> Flask:
    """The same app, which finds what this process has compiled."""
    app.jinja_env.bytecode_cache = COMPILED
    with app.app_context():
        for engine in db.engines.values():
            engine.dialect = _shared(engine)
            engine.update_execution_options(compiled_cache=STATEMENTS)
    return app
