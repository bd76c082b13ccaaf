"""So many wait for Stripe at once and no more; a site whose Stripe hangs turns people away and goes on answering."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.integrations import gateway, turnstile
from app.integrations.turnstile import TurnedAway, Turnstile
from app.models import ClubSession
from tests.support.booking import begin
from tests.support.factories import make_club_session
from tests.support.pages import PageClient


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "PATIENCE_SECONDS", 0.0)


def test_as_many_as_may_are_inside(impatient: None) -> None:
    gate = Turnstile(2)
    with gate.passing(), gate.passing(), pytest.raises(TurnedAway):
        gate.passing().__enter__()
    with gate.passing():
        pass


def test_who_fails_inside_makes_room(impatient: None) -> None:
    gate = Turnstile(1)
    with pytest.raises(ValueError, match="Stripe said no"), gate.passing():
        raise ValueError("Stripe said no")
    with gate.passing():
        pass


def test_somebody_waits_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "PATIENCE_SECONDS", 30.0)
    gate, entered, leave = Turnstile(1), threading.Event(), threading.Event()

    def first() -> None:
        with gate.passing():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(30)
    threading.Timer(0.1, leave.set).start()
    with gate.passing():
        assert leave.is_set()
    thread.join()


def test_nobody_waits_behind_a_call_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "PATIENCE_SECONDS", 3600.0)
    monkeypatch.setattr(turnstile, "STUCK_SECONDS", -1.0)
    gate = Turnstile(1)
    with gate.passing(), pytest.raises(TurnedAway):
        gate.passing().__enter__()


@pytest.mark.databases("sqlite")
def test_while_stripe_hangs_people_are_turned_away_and_pages_answer(
    app: Flask, pages: PageClient, stripe_simulator: Any, impatient: None
) -> None:
    session = make_club_session()
    pages.get(f"/sessions/{session.slug}/register")
    pages.submit("/register/check", name="Ana", email="ana@example.org", places="1")
    gate: Turnstile = gateway()._turnstile  # type: ignore[attr-defined]
    with ExitStack() as hanging:
        for _ in range(gate._at_once):
            hanging.enter_context(gate.passing())
        page = pages.submit(f"/sessions/{session.slug}/register")
        assert page.status == 503 and "Ana" in page.html
        assert db.session.get_one(ClubSession, session.id, populate_existing=True).places_taken == 0
        assert pages.get("/").status == 200
    assert stripe_simulator.control.sessions() == []
    begin(session)
    assert len(stripe_simulator.control.sessions()) == 1
