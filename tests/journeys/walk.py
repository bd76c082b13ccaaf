"""A visitor's hands and eyes in a real browser: what they read, fill in and press, in their words. Called by the journeys.

``look`` is how a page is judged: no horizontal scrolling from a phone to a desk, and nothing that axe finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page

from tests.support.browser import axe_check, click_through, fits

WIDTHS = (320, 768, 1280)
CARD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
ASKS_THE_BANK = "4000 0025 0000 3155"


class Walk:
    """One visitor in one browser page. ``looked_at`` names the pages judged on the way."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.looked_at: list[str] = []

    def look(self, name: str) -> None:
        """Judge the page as it stands; ``name`` says which page and state it is."""
        size = self.page.viewport_size
        for width in WIDTHS:
            fits(self.page, width)
        if size is not None:
            self.page.set_viewport_size(size)
        axe_check(self.page)
        self.looked_at.append(name)

    def open(self, path: str) -> int:
        """Go to an address; returns the status."""
        response = self.page.goto(path)
        return response.status if response is not None else 0

    @property
    def h1(self) -> str:
        return self.page.locator("h1").inner_text()

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    @property
    def text(self) -> str:
        """What the page's main part says, on one line."""
        return " ".join(self.page.locator("main").inner_text().split())

    def follow(self, words: str) -> None:
        """Click the link (or the button that is a link) with just these words, and wait for the page that it leads to."""
        click_through(self.link(words))

    def press(self, words: str) -> int:
        """Press the button with these words; returns the status of the page it leads to, after every redirect."""
        return click_through(self.button(words))

    def enter(self, name: str) -> int:
        """Press Enter in the field with this name; returns the status of the page it leads to."""
        with self.page.expect_navigation() as navigation:
            self.page.locator(f"[name={name}]").press("Enter")
        return navigation.value.status if navigation.value is not None else 0

    def link(self, words: str) -> Locator:
        return self.page.get_by_text(words, exact=True).and_(self.page.locator("a")).first

    def button(self, words: str) -> Locator:
        return self.page.get_by_role("button", name=words, exact=True)

    def fill(self, **fields: str) -> None:
        """Type into fields by their names."""
        for name, text in fields.items():
            self.page.locator(f"[name={name}]").fill(text)

    def fact(self, key: str) -> str:
        """The value beside a key of the page's list of facts."""
        row = self.page.locator(".govuk-summary-list__row", has=self.page.locator("dt", has_text=re.compile(f"^\\s*{key}\\s*$")))
        return " ".join(row.locator("dd").first.inner_text().split())

    # -- the ways that many journeys share ---------------------------------------------------------------------------

    def ask(self, slug: str, *, name: str = "Ana Petrova", email: str = "ana@example.org", places: str | None = None) -> None:
        """From the form to the page that shows everything once more."""
        self.open(f"/sessions/{slug}/register")
        self.fill(name=name, email=email, **({"places": places} if places else {}))
        assert self.press("Continue") == 200
        assert self.h1 == "Check your booking"

    def pay_with(self, card: str, *, words: str = "Pay NZ$12.00") -> int:
        """Fill in the card at Stripe and press the button; returns the status of where that leads."""
        self.fill(card_number=card, expiry="12/34", cvc="123", name="A Petrova")
        return self.press(words)

    def focused(self) -> dict[str, Any]:
        """Which element the keyboard is at: its tag, name, words and whether it, or what holds it, is ringed."""
        seen: dict[str, Any] = self.page.evaluate(
            """() => { const e = document.activeElement, holders = []
                for (let h = e; h && !h.matches('main, body'); h = h.parentElement) holders.push(getComputedStyle(h))
                return {tag: e.tagName, name: e.getAttribute('name'), text: e.textContent.trim(),
                        ring: holders.some(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0)} }"""
        )
        return seen

    def tab_to(self, reached: Callable[[dict[str, Any]], bool], most: int = 40) -> dict[str, Any]:
        """Press Tab until the keyboard is there; each stop on the way must be visible as one."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            stop = self.focused()
            assert stop["ring"], f"the keyboard's place cannot be seen on {stop}"
            if reached(stop):
                return stop
        raise AssertionError(f"{most} tabs did not reach it on {self.page.url}")
