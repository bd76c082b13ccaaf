"""When a rush meets a process that has just started, one request for a page warms it up and the others wait, never for long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from app import create_app, first_requests
from app.security import public
from tests.support.settings import safe_settings

pytestmark = pytest.mark.databases("sqlite")
PATIENCE = 30


class Told(threading.Event):
    """An event that tells when somebody begins to wait for it."""

    waited = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        Told.waited.set()
        return super().wait(timeout)


@pytest.fixture
def asked(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[str]]:
    """Ask a fresh app for one page, and for the same again while the first is at work. What happened, in order."""
    monkeypatch.setattr(first_requests, "Event", Told)
    monkeypatch.setattr(Told, "waited", threading.Event())

    def ask(meanwhile: Callable[[], None]) -> list[str]:
        app, happened = create_app(safe_settings(str(sqlite_app.extensions["muster_settings"].database_url))), []

        @app.get("/slow")
        @public
        def slow() -> str:
            number = len(happened) + 1
            happened.append(f"began {number}")
            if number == 1:
                second.start()
                meanwhile()
            happened.append(f"ended {number}")
            return "done"

        second = threading.Thread(target=lambda: app.test_client().get("/slow"), name="second")
        assert app.test_client().get("/slow").text == "done"
        second.join(PATIENCE)
        Told.waited.clear()
        app.test_client().get("/slow")
        assert not Told.waited.is_set(), "nobody waits once the page has been there"
        return happened[:4]

    return ask


def test_second_waits_for_the_first(asked: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_requests, "PATIENCE_SECONDS", PATIENCE)
    assert asked(lambda: None if Told.waited.wait(PATIENCE) else None)[:2] == ["began 1", "ended 1"]


def test_a_first_that_takes_long_holds_up_nobody(asked: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_requests, "PATIENCE_SECONDS", 0.01)

    def until_the_second_has_ended() -> None:
        for thread in threading.enumerate():
            if thread.name == "second":
                thread.join(PATIENCE)

    assert asked(until_the_second_has_ended) == ["began 1", "began 2", "ended 2", "ended 1"]
