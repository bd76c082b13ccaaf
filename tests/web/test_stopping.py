"""SIGTERM, as systemd and containers say it: the site and the worker finish what they began, and then end by themselves."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

from tests.support.process import ended, start
from tests.support.settings import NOWHERE, SECRET_KEY, STRIPE_KEY

SAFE = {"SECRET_KEY": SECRET_KEY, "STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_API_BASE": NOWHERE}


def test_worker_stops_politely_when_it_is_told_to(database_url: str, tmp_path: Path) -> None:
    process = start("flask", "--app", "wsgi", "worker", DATABASE_URL=database_url, MAIL_URL=f"file://{tmp_path / 'mail'}", **SAFE)
    try:
        assert process.stdout is not None and "Worker running" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
    finally:
        process.kill()
    assert code == 0 and "Traceback" not in said


def test_site_answers_what_is_under_way_when_it_is_told_to_stop(database_url: str) -> None:
    """As `systemctl restart` and a machine taken out of service do: who is inside gets an answer, and then it ends by itself."""
    process = start(
        "gunicorn", "wsgi:app", "--worker-class", "gthread", "--workers", "1", "--threads", "4", "--bind", "127.0.0.1:0",
        "--no-control-socket", DATABASE_URL=database_url, **SAFE,
    )  # fmt: skip
    try:
        port = int(said_when("Listening at", process).rpartition(" (")[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as half_sent:
            head = "POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
            half_sent.sendall(head.encode())
            assert half_sent.recv(4096).startswith(b"HTTP/1.1 100"), "the application has begun and waits for the body"
            process.send_signal(signal.SIGTERM)
            said_when("Handling signal: term", process)
            half_sent.sendall(b"0123456789")
            assert half_sent.recv(4096).startswith(b"HTTP/1.1 400"), "the webhook's own answer to a body that nobody signed"
        code, said = ended(process)
    finally:
        process.kill()
    assert code == 0 and "Traceback" not in said, said[-600:]


def said_when(words: str, process: subprocess.Popen[str]) -> str:
    """The line with these words, once the process says it."""
    assert process.stdout is not None
    return next(line for line in process.stdout if words in line)
