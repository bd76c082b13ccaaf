"""Compiled templates that the apps of one process share: each test has an app of its own, and compiling its pages again took
longer than all else. Whoever makes an app in a test hands it to ``remember``.
"""

from __future__ import annotations

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache


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


def remember(app: Flask) -> Flask:
    """The same app, which finds what this process has compiled."""
    app.jinja_env.bytecode_cache = COMPILED
    return app
