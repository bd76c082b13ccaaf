"""The fixtures every test may ask for. A test that asks for `app` gets it on SQLite and on PostgreSQL.

`sqlite_app`, the folders `web` and `journeys`, and ``@pytest.mark.databases("sqlite")`` narrow that to SQLite.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings as hypothesis_settings

from tests.support import network
from tests.support.run import Run, collect_seldom, write_bytecode

hypothesis_settings.register_profile("muster", deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("muster")

DATABASES = ("sqlite", "postgresql")
SQLITE_FOLDERS = ("web", "journeys")
"""Pages are the same on both; what differs between databases is tested below them."""
_run = pytest.StashKey[Run]()
_unblock = pytest.StashKey[Callable[[], None]]()


def pytest_configure(config: pytest.Config) -> None:
    write_bytecode()
    config.addinivalue_line("markers", "databases(*names): run on these of sqlite and postgresql instead of on both")
    config.addinivalue_line("markers", "browser: drives a real Chromium")
    worker_input = getattr(config, "workerinput", None)
    if worker_input is None:
        config.stash[_run] = Run.begin()
    else:
        config.stash[_run] = Run(Path(worker_input["muster_run_directory"]), worker_input["muster_run_pid"])
    config.stash[_unblock] = network.block()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: some test always waits, for a browser, for PostgreSQL or for a process that it has killed."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker which run it belongs to."""
    run = node.config.stash[_run]
    node.workerinput["muster_run_directory"] = str(run.directory)
    node.workerinput["muster_run_pid"] = run.pid


def pytest_collection_finish() -> None:
    collect_seldom()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _unblock in config.stash:
        config.stash[_unblock]()
    if _run in config.stash and not hasattr(config, "workerinput"):
        from tests.support import postgres

        postgres.stop(config.stash[_run].directory)
        config.stash[_run].end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a database on each of them, or on those it names."""
    if "database" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("databases")
    folder = metafunc.definition.path.relative_to(Path(__file__).parent).parts[0]
    narrow = "sqlite_app" in metafunc.fixturenames or folder in SQLITE_FOLDERS
    names = marker.args if marker else ("sqlite",) if narrow else DATABASES
    metafunc.parametrize("database", names, indirect=True)


def unavailable(reason: str) -> None:
    """Skip with a sentence where a tool is missing; fail in CI, where nothing may be missing."""
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"CI must run this, but: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config) -> Run:
    """What this run's processes share."""
    return pytestconfig.stash[_run]


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this xdist worker, for names that must differ between workers."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "only"))


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """``sqlite`` or ``postgresql``: which one this test runs on."""
    return str(request.param)


@pytest.fixture
def new_database(run: Run, worker: str, database: str) -> Iterator[Callable[..., str]]:
    """Makes databases of this test's kind: ``new_database()`` migrated, ``new_database(migrated=False)`` empty."""
    from tests.support.database import postgres_database, sqlite_database
    from tests.support.postgres import PostgresUnavailable

    with ExitStack() as stack:

        def make(*, migrated: bool = True) -> str:
            made: AbstractContextManager[str] = (
                sqlite_database(run, Path(stack.enter_context(run.folder())), migrated=migrated)
                if database == "sqlite"
                else postgres_database(run, worker, migrated=migrated)
            )
            try:
                return stack.enter_context(made)
            except PostgresUnavailable as error:
                unavailable(str(error))
                raise

        yield make


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    """A fresh, migrated database of this test's own, as DATABASE_URL would name it."""
    return new_database()


@pytest.fixture
def clock() -> Iterator[Any]:
    """A `FakeClock` that the whole app reads; stands still until the test moves it."""
    from app import clock as app_clock
    from tests.support.clock import FakeClock

    fake = FakeClock()
    with app_clock.reading(fake):
        yield fake


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Any:
    """Safe settings on a fresh database, pointing at whichever of Stripe, mail and site stand-ins the test asks for."""
    from tests.support.settings import safe_settings

    wanted = set(request.fixturenames)
    changes: dict[str, object] = {"mail_url": f"file://{tmp_path / 'mail'}", "files_dir": str(tmp_path / "files")}
    if wanted & {"stripe_simulator", "stripe_server"}:
        base_url = request.getfixturevalue("stripe_server").base_url
        changes |= {"stripe_api_base": base_url, "checkout_origins": (base_url,)}
    if "smtp_server" in wanted:
        changes["mail_url"] = request.getfixturevalue("smtp_server").url
    if "whatsapp_server" in wanted:
        changes |= request.getfixturevalue("whatsapp_server").settings
    if "live_site" in wanted:
        host, port = request.getfixturevalue("site_socket").getsockname()
        changes["site_url"] = f"http://{host}:{port}"
    return safe_settings(database_url, **changes)


@pytest.fixture
def app(settings: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The site, wired as `wsgi.py` would, with an app context for the test; requests do not share it."""
    from app import create_app
    from tests.support.accounts import cheap_hashing
    from tests.support.client import OutsideClient
    from tests.support.compiled import remember
    from tests.support.database import dispose

    cheap_hashing(monkeypatch)
    made = remember(create_app(settings))
    made.testing = True
    made.test_client_class = OutsideClient
    with made.app_context():
        try:
            yield made
        finally:
            dispose()


@pytest.fixture
def sqlite_app(app: Flask) -> Flask:
    """`app`, on SQLite only."""
    return app


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[Any]:
    """The worker's running simulator; tests ask for `stripe_simulator`."""
    from tests.support.stripe import StripeServer

    server = StripeServer()
    yield server
    server.stop()


@pytest.fixture
def stripe_simulator(stripe_server: Any, app: Flask, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty Stripe account that the app's SDK reaches over HTTP, on the test's clock; see `StripeSimulator`."""
    from stripe import _webhook

    from tests.support.stripe import StripeSimulator, sdk_time

    monkeypatch.setattr(_webhook, "time", sdk_time(clock))
    yield StripeSimulator(stripe_server, app, clock)
    stripe_server.reset()


@pytest.fixture
def smtp_server() -> Iterator[Any]:
    """A real mail server on loopback; the app's settings point at it. ``messages`` holds what came."""
    from tests.support.mail import SmtpServer

    server = SmtpServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def whatsapp_server() -> Iterator[Any]:
    """A local WhatsApp; the app's settings switch notices on and send them there. ``sent`` holds what was taken."""
    from tests.support.whatsapp import WhatsAppServer

    server = WhatsAppServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def pages(app: Flask) -> Any:
    """A browser without JavaScript that holds every answer to the page contract; see `PageClient`."""
    from tests.support.pages import PageClient

    return PageClient(app)


@pytest.fixture
def statements(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """``with statements() as seen:`` collects the SQL that the block causes, in all threads."""
    from app.extensions import db
    from tests.support.queries import recorded

    engine = db.engine
    return lambda: recorded(engine)


@pytest.fixture
def site_socket() -> Iterator[socket.socket]:
    """Where the live site will listen, known before the app is made."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def live_site(app: Flask, site_socket: socket.socket) -> Iterator[str]:
    """The app served by threads on loopback; the value is its address, the same as SITE_URL."""
    from tests.support.browser import served

    with served(app, site_socket) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One Chromium for a module's browser tests: while it lives, Playwright's event loop is the thread's, which dbos refuses."""
    from tests.support.browser import BrowserUnavailable, launched

    with ExitStack() as stack:
        try:
            browser = stack.enter_context(launched())
        except BrowserUnavailable as error:
            unavailable(str(error))
            raise
        yield browser


@pytest.fixture
def javascript(request: pytest.FixtureRequest) -> bool:
    """Off, unless parametrized: ``@pytest.mark.parametrize("javascript", [True], indirect=True)``."""
    return bool(getattr(request, "param", False))


@pytest.fixture
def page(chromium: Any, live_site: str, javascript: bool) -> Iterator[Any]:
    """A fresh browser page at the live site, JavaScript off; fails the test for a console error or a refused resource."""
    from tests.support.browser import opened

    with opened(chromium, live_site, javascript=javascript) as made:
        yield made
