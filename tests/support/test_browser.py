"""The browser does what journeys rely on: it starts without JavaScript, finds faults of pages, and reaches nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Error

from tests.support.browser import aside, axe_check, fits, opened, served

BASE = """<!doctype html><html lang="en"><head><title>Kia ora</title><meta name="viewport" content="width=device-width"></head>
<body><main><h1>Kia ora</h1>{}</main></body></html>"""
PAGES = {
    "good": "<p>Welcome</p>",
    "unlabelled": "<input name='q'>",
    "wide": "<div><img src='data:,' alt='' width='900' height='9'></div>",
    "script": "<p id='p'>off</p><script>document.getElementById('p').textContent = 'on'</script>",
    "throws": "<script>throw new Error('broken')</script>",
    "outside": "<img src='http://192.0.2.1/a.png' alt=''><img src='http://club.example/a.png' alt=''>",
}


@pytest.fixture
def site() -> Iterator[str]:
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/<name>", "page", lambda name: BASE.format(PAGES[name]))
    with socket.create_server(("127.0.0.1", 0)) as listening, served(app, listening) as address:
        yield address


@pytest.mark.parametrize(("javascript", "text"), [(False, "off"), (True, "on")])
def test_javascript_is_off_unless_asked_for(chromium: Browser, site: str, javascript: bool, text: str) -> None:
    with opened(chromium, site, javascript=javascript) as page:
        page.goto("/script")
        assert page.text_content("#p") == text


def test_axe_passes_a_good_page_and_names_the_fault_of_a_bad_one(chromium: Browser, site: str) -> None:
    with opened(chromium, site) as page:
        page.goto("/good")
        axe_check(page)
        page.goto("/unlabelled")
        with pytest.raises(AssertionError, match="label"):
            axe_check(page)


def test_axe_leaves_javascript_off(chromium: Browser, site: str) -> None:
    with opened(chromium, site) as page:
        for _ in range(2):
            page.goto("/script")
            axe_check(page)
            axe_check(page)
            assert page.text_content("#p") == "off"
        page.evaluate("setTimeout(() => { document.getElementById('p').textContent = 'on' })")
        axe_check(page)
        assert page.text_content("#p") == "off"


def test_axe_looks_at_a_page_whose_time_stands_still(chromium: Browser, site: str) -> None:
    with opened(chromium, site, javascript=True) as page:
        page.clock.install()
        page.goto("/unlabelled")
        page.clock.pause_at("2100-01-01")
        with pytest.raises(AssertionError, match="label"):
            axe_check(page)


def test_page_must_fit_a_phone(chromium: Browser, site: str) -> None:
    with opened(chromium, site) as page:
        page.goto("/good")
        fits(page, 320)
        page.goto("/wide")
        with pytest.raises(AssertionError, match=r"\d+ px wide at 320 px"):
            fits(page, 320)


def test_error_in_a_script_fails_the_test(chromium: Browser, site: str) -> None:
    with pytest.raises(AssertionError, match="broken"), opened(chromium, site, javascript=True) as page:
        page.goto("/throws")


def test_browser_reaches_no_other_machine(chromium: Browser, site: str) -> None:
    failed: list[str] = []
    with pytest.raises(AssertionError, match="browser complained"), opened(chromium, site) as page:
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.goto("/outside")
        with pytest.raises(Error):
            page.goto("http://club.example/")
    assert {"http://192.0.2.1/a.png", "http://club.example/a.png"} <= set(failed)


def test_code_with_an_event_loop_runs_aside(chromium: Browser) -> None:
    import asyncio

    async def answer() -> int:
        return 42

    assert aside(lambda: asyncio.run(answer())) == 42
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 // 0)


def test_live_site_answers_at_its_own_address(live_site: str, settings: Any) -> None:
    assert settings.site_url == live_site


pytestmark = pytest.mark.databases("sqlite")
