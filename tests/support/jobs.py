"""The job engine by itself: a registry of a test's own, and what is in the queue. Called by tests of jobs."""

from __future__ import annotations

import pytest
from dbos import DBOSClient
from flask import Flask

from app import jobs


def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test ends no job or scan of the app's is known: only what the test makes known."""
    for name in ("_jobs", "_scans", "_followed_by"):
        monkeypatch.setattr(jobs, name, {})


def queued(app: Flask) -> list[str]:
    """Each job in the queue or done, as "name:key STATUS"."""
    client = DBOSClient(system_database_url=app.extensions["muster_settings"].database_url)
    try:
        return [f"{w.workflow_id} {w.status}" for w in client.list_workflows()]
    finally:
        client.destroy()
