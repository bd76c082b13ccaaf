"""Templates and nothing else, at a fixed moment: what tests of words ask for as the fixture ``words``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask

from app import clock, templating
from tests.support.settings import safe_settings

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
"""Saturday 21 November 2026, 3:10 in the afternoon in Auckland."""
STARTS = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)


@pytest.fixture(name="words")
def bare_templates() -> Iterator[Flask]:
    """An app with templates and nothing else, inside a context, at NOW."""
    app = Flask("app")
    app.secret_key = "for forms only"
    app.extensions["muster_settings"] = safe_settings("sqlite://")
    templating.init_templating(app)
    with clock.reading(lambda: NOW), app.test_request_context("/"):
        yield app
