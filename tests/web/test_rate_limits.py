"""Where tries are counted: in Redis when there is one, so that several machines count together; in each process while not."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from app import create_app
from app.extensions import limiter
from tests.conftest import unavailable
from tests.processes.house import free_port
from tests.support.database import dispose
from tests.support.settings import SITE_URL, safe_settings
from tests.support.waiting import wait_until

SIGN_IN = {"email": "ana@example.org", "password": "wrong wrong wrong"}


@pytest.fixture(autouse=True)
def memory_again(sqlite_app: Flask) -> Iterator[None]:
    """The limiter is one for the whole process: whoever comes next counts as before."""
    yield
    limiter._storage_dead = False
    limiter.init_app(sqlite_app)
    limiter.reset()


@contextmanager
def site_with(redis_url: str, database_url: str) -> Iterator[Flask]:
    app = create_app(safe_settings(database_url, redis_url=redis_url))
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        yield app
        dispose()


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """Something at a Redis address that hears what it is told, and hangs up."""
    heard: list[bytes] = []

    def hear() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                heard.append(connection.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=hear)
        thread.start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_setting_reaches_the_limiter_and_tries_go_to_that_address(database_url: str) -> None:
    with listening() as (address, heard), site_with(address, database_url) as app:
        assert type(limiter.storage).__name__ == "RedisStorage"
        assert app.test_client().post("/account/sign-in", data=SIGN_IN, base_url=SITE_URL).status_code < 500
    assert heard and heard[0].startswith(b"*"), "commands in Redis' own protocol"


def test_dead_redis_takes_nobody_out_and_tries_are_still_counted(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with site_with(f"redis://127.0.0.1:{port}/0", database_url) as app:
        client = app.test_client()
        assert client.get("/", base_url=SITE_URL).status_code == 200
        answers = [client.post("/account/sign-in", data=SIGN_IN, base_url=SITE_URL).status_code for _ in range(8)]
    assert answers[0] == 422 and answers[-1] == 429 and not [code for code in answers if code >= 500], answers


@contextmanager
def running() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real Redis that keeps nothing on disk; skipped where there is none."""
    if (program := shutil.which("redis-server")) is None:
        unavailable("redis-server is not installed, so limits over several machines are not tried.")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            wait_until(lambda: _answers(port))
            yield f"redis://127.0.0.1:{port}/0", server
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


def tries(app: Flask, count: int) -> list[int]:
    client = app.test_client()
    return [client.post("/account/sign-in", data=SIGN_IN, base_url=SITE_URL).status_code for _ in range(count)]


def test_two_machines_with_one_redis_count_together(database_url: str) -> None:
    with running() as (address, _server):
        with site_with(address, database_url) as one:
            assert tries(one, 3) == [422] * 3
        with site_with(address, database_url) as other:  # made anew: what it knows of the first it has from Redis
            assert tries(other, 3) == [422, 422, 429]
    with site_with("", database_url) as alone:
        assert tries(alone, 3) == [422] * 3


def test_redis_that_dies_between_two_tries_turns_nobody_away_who_would_have_been_let_in(database_url: str) -> None:
    with running() as (address, server), site_with(address, database_url) as app:
        assert tries(app, 2) == [422] * 2
        server.kill()
        server.wait(10)
        assert tries(app, 6) == [422] * 5 + [429], "the process counts for itself, from none"


def test_no_limit_is_for_all_pages(sqlite_app: Flask) -> None:
    """`OnlyMarked` would not look for one."""
    manager = limiter.limit_manager
    assert not [*manager.application_limits, *manager.default_limits, *manager._blueprint_limits]
