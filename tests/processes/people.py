"""People with browsers: they register, pay or think better of it, and try again when the site does not answer.

Called by the storm, each in a thread. What they were told is kept, to be held against the truth afterwards.
"""

from __future__ import annotations

import html
import re
import threading
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from tests.support.settings import STRIPE_KEY

from .house import House

HIDDEN = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')
TRIES = 120


@dataclass
class Person:
    """``told`` is the last thing they were told: paid, gave up, full, …"""

    number: int
    slug: str
    house: House
    random: Random
    told: list[str] = field(default_factory=list)
    retries: int = 0

    def __post_init__(self) -> None:
        self.email = f"person{self.number}@example.org"
        self._browser = requests.Session()
        self._browser.headers["X-Forwarded-For"] = f"10.{self.number // 65536}.{self.number // 256 % 256}.{self.number % 256}"

    def live(self) -> None:
        """Everything one person does."""
        answer = self._register()
        if answer is None:
            return
        place = answer.headers["Location"]
        if place.startswith(self.house.stripe):
            self._at_stripe(urlsplit(place).path.rsplit("/", 1)[1])
        else:
            self.told.append("no payment")

    def _register(self) -> requests.Response | None:
        address = f"{self.house.site}/sessions/{self.slug}/register"
        form = self._fields(self._send("GET", address))
        if "attempt" not in form:
            self.told.append("full")
            return None
        places = self.random.choice([1, 1, 2])
        form |= {"name": f"Person {self.number}", "email": self.email, "places": str(places), "accept_waitlist": "y"}
        answer = self._send("POST", address, form)
        if answer.status_code == 303:
            return answer
        self.told.append(f"refused {answer.status_code}")
        return None

    def _at_stripe(self, checkout_id: str) -> None:
        checkout = requests.get(
            f"{self.house.stripe}/v1/checkout/sessions/{checkout_id}", auth=(STRIPE_KEY, ""), timeout=20
        ).json()
        order = checkout["success_url"].partition("/success")[0]
        if self.random.random() < 0.2:
            self._press(order, "cancel", "gave up")
            if self.random.random() < 0.5:
                return
        paid = self.house.control("pay", session_id=checkout_id)
        self.told.append(str(paid.get("outcome", "gone")))
        if paid.get("outcome") != "paid":
            return
        if self.random.random() < 0.6:
            self._send("GET", checkout["success_url"].replace("{CHECKOUT_SESSION_ID}", checkout_id))
        if self.random.random() < 0.25:
            self._press(order, "cancel", "cancelled")

    def _press(self, order: str, button: str, told: str) -> None:
        """The button on the order's page, with the token that the page carries."""
        form = self._fields(self._send("GET", order))
        if "csrf_token" in form:
            answer = self._send("POST", f"{order}/{button}", {"csrf_token": form["csrf_token"]})
            self.told.append(f"{told} {answer.status_code}")

    def _send(self, method: str, address: str, form: dict[str, str] | None = None) -> requests.Response:
        """Ask, and ask again while nobody answers: the same form with the same one-time key.

        Any site answers, as behind a proxy that sends each request to another machine; links lead to the club's one address.
        """
        for _ in range(TRIES):
            site = self.random.choice(self.house.sites)
            there = address.replace(self.house.site, site, 1)
            try:
                answer = self._browser.request(method, there, data=form, allow_redirects=False, timeout=30)
            except requests.RequestException:  # killed before or in the middle of its answer
                answer = None
            if answer is not None and answer.status_code < 500:
                return answer
            self.retries += 1
            threading.Event().wait(0.3)
        raise AssertionError(f"{method} {urljoin(address, '/')}… was not answered in {TRIES} tries: {self.house.said()}")

    @staticmethod
    def _fields(page: requests.Response) -> dict[str, str]:
        """The hidden fields of the page's forms."""
        found: dict[str, str] = {}
        for tag in HIDDEN.findall(page.text):
            attributes: dict[str, Any] = dict(ATTRIBUTE.findall(tag))
            if attributes.get("type") == "hidden" and "name" in attributes:
                found[attributes["name"]] = html.unescape(attributes.get("value", ""))
        return found
