"""What logs may say of an error: its kind and its place, never its message, which repeats what people typed or a secret.

``init_logs`` is called once by ``create_app``; ``describe`` by whoever logs a failure outside the app's own logger;
``request_id`` by whoever leaves a trace of a request elsewhere.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from contextvars import ContextVar
from pathlib import Path

from flask import Flask

FRAMES = 6
_request_id: ContextVar[str] = ContextVar("muster_request_id", default="")


def init_logs(app: Flask) -> None:
    """Let every error that the app logs be described instead of printed: a database's message repeats the values it was given."""
    app.logger.addFilter(_described)


def describe(error: BaseException) -> str:
    """The error's kind and the last few places it passed: "IntegrityError at orders.py:61 create_order > …"."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {where}"


def _described(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {describe(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None
    return True


def begin_request() -> None:
    """Name the request that begins here. Ours alone: what a client sends as an id would be somebody's text in our logs."""
    _request_id.set(secrets.token_hex(8))


def request_id() -> str:
    """The id of the request being answered; "" outside of one."""
    return _request_id.get()


def with_request_id(record: logging.LogRecord) -> bool:
    """A filter that gives each log line the id of its request."""
    record.request_id = request_id()
    return True
