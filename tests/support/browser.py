"""A real Chromium and a live site for it, on this machine only. Called by the fixtures `page`, `live_site` and `chromium`.

Playwright keeps its event loop in the test's own thread: call code that needs a loop of its own (the job engine) by `aside`.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Error, Locator, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

T = TypeVar("T")

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
    "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--no-first-run", "--no-pings",
    "--metrics-recording-only", "--disable-dev-shm-usage", "--disable-gpu",
    # Whatever is left of background networking finds nobody: only this machine resolves.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
TIMEOUT = 15_000  # milliseconds


class BrowserUnavailable(Exception):
    """Chromium cannot run here; the message says why in a sentence."""


@contextmanager
def launched() -> Iterator[Browser]:
    """Debian's Chromium, headless. Raises BrowserUnavailable."""
    executable = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    if executable is None:
        raise BrowserUnavailable("Chromium is not installed: browser tests need it (on Debian: apt-get install chromium).")
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else [*FLAGS]
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=flags, timeout=60_000)
        except Error as error:
            raise BrowserUnavailable(f"Chromium does not start: {error.message.splitlines()[0]}") from error
        yield browser
        browser.close()


@contextmanager
def served(app: Flask, listening: socket.socket) -> Iterator[str]:
    """The app behind a threaded server on a socket that already listens; yields its address."""
    host, port = listening.getsockname()
    server = make_server(host, port, _whole(app), threaded=True, request_handler=_Quiet, fd=listening.fileno())
    server.daemon_threads = False  # wait for requests under way, so that none outlives its test's database
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="live-site")
    thread.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _whole(app: Flask) -> WSGIApplication:
    """The app with each answer read and closed before it is sent: this server leaves a file open when the browser has gone."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        with closing(ClosingIterator(app(environ, start_response))) as parts:
            return [b"".join(parts)]

    return answer


@contextmanager
def opened(browser: Browser, address: str, *, javascript: bool = False, width: int = 1024) -> Iterator[Page]:
    """A page in a fresh profile. What the browser complains about (a refused resource, a script error) fails the test."""
    context = browser.new_context(base_url=address, java_script_enabled=javascript, viewport={"width": width, "height": 900},
                                  locale="en-NZ", timezone_id="Pacific/Auckland")  # fmt: skip
    context.set_default_timeout(TIMEOUT)
    if not javascript:
        _without_scripts.add(context)
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if _is_fault(message, address) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    if complaints:
        raise AssertionError("the browser complained:\n- " + "\n- ".join(complaints))


def click_through(target: Locator) -> int:
    """Click what leads to another page and wait until that page is there; returns its status, after every redirect.

    A bare click returns while the new page is still coming: what is read next may be of the old page, or of neither.
    """
    with target.page.expect_navigation() as navigation:
        target.click()
    return navigation.value.status if navigation.value is not None else 0


def axe_check(page: Page) -> None:
    """Fail unless axe finds nothing to complain about on the page as it stands now, whether its JavaScript is on or off.

    Axe runs in a world of its own on the page: what the site's scripts do, or a clock that stands still, is nothing to it.
    """
    if page not in _beside:
        _beside[page] = page.context.new_cdp_session(page)
    beside = _beside[page]
    frame = beside.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    with _scripts_run(page, beside):
        world = beside.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
        _told(beside, world, AXE_SCRIPT + ";0")
        results = AxeResults(_told(beside, world, "axe.run({resultTypes: ['violations']})"))
    if results.violations_count:
        raise AssertionError(f"axe found on {page.url}:\n{results.generate_report()}")


def _told(beside: CDPSession, world: int, script: str) -> Any:
    """What a script says in one of a page's worlds."""
    asked = {"expression": script, "contextId": world, "awaitPromise": True, "returnByValue": True}
    answer = beside.send("Runtime.evaluate", asked)
    if "exceptionDetails" in answer:
        raise AssertionError(f"axe did not run: {answer['exceptionDetails']}")
    return answer["result"]["value"]


@contextmanager
def _scripts_run(page: Page, beside: CDPSession) -> Iterator[None]:
    """Axe waits by timers, which JavaScript must be on for. None of the site's scripts runs: its page was read without them."""
    if page.context not in _without_scripts:
        yield
        return
    for off in (True, False):  # the browser heeds only what changes what was said beside this page before
        beside.send("Emulation.setScriptExecutionDisabled", {"value": off})
    try:
        yield
    finally:
        beside.send("Emulation.setScriptExecutionDisabled", {"value": True})


_beside: WeakKeyDictionary[Page, CDPSession] = WeakKeyDictionary()
"""Our own line to the browser about a page, beside Playwright's."""
_without_scripts: WeakSet[BrowserContext] = WeakSet()


def fits(page: Page, width: int = 320) -> None:
    """Fail when the page must be scrolled sideways at this width; names the elements that stick out."""
    page.set_viewport_size({"width": width, "height": 900})
    wide = page.evaluate(
        """width => [...document.querySelectorAll('body *')]
            .filter(e => { const r = e.getBoundingClientRect(), s = getComputedStyle(e)
                           return r.right > width + 0.5 && r.width > 0 && s.position !== 'absolute' })
            .map(e => `${e.tagName.toLowerCase()}.${e.className}: ${Math.round(e.getBoundingClientRect().right)}`)""",
        width,
    )
    across = page.evaluate("() => document.documentElement.scrollWidth")
    if across > width:
        raise AssertionError(f"{page.url} is {across} px wide at {width} px: {wide[:8]}")


def aside(work: Callable[[], T]) -> T:
    """Run something in a thread of its own, away from Playwright's event loop; returns or raises what it does."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.extend((work(), None))
        except BaseException as error:  # handed to the caller, whatever it is
            outcome.extend((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    result, error = outcome
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        logging.getLogger(__name__).debug("%s %s", self.requestline, code)


def _is_fault(message: ConsoleMessage, address: str) -> bool:
    """A refused or broken thing of the site's; not that a page itself answered 4xx, which tests expect."""
    if message.type != "error":
        return False
    if message.text.startswith("Failed to load resource: the server responded with a status of"):
        return message.location.get("url", address).endswith((".css", ".js", ".svg", ".png"))
    return True
