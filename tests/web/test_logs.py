"""Logs name an error's kind and place; its message, which repeats what people typed, stays out of them."""

from __future__ import annotations

import logging

import pytest
from flask import Flask

from app.logs import describe


def failure() -> ValueError:
    try:
        raise ValueError("ana@example.org typed this")
    except ValueError as error:
        return error


def test_an_error_is_described_without_its_message() -> None:
    assert describe(failure()).startswith("ValueError at test_logs.py:")
    assert "ana@example.org" not in describe(failure())


def test_an_exception_that_the_app_logs_keeps_what_was_typed_to_itself(
    sqlite_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        sqlite_app.logger.error("it failed", exc_info=failure())
    assert "it failed: ValueError at test_logs.py:" in caplog.text
    assert "ana@example.org" not in caplog.text


def test_a_database_error_hides_its_values(sqlite_app: Flask) -> None:
    from app.extensions import db

    assert db.engine.hide_parameters
