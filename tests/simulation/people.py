"""The people of a history and what they know: links from their mails, payment pages they were sent to. Made by `history`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.services.registrations import Applicant

from .wire import SimulatedMail

ORDER_LINK = re.compile(r"/orders/([A-Za-z0-9_-]+)")
OFFER_LINK = re.compile(r"/offers/([A-Za-z0-9_-]+)")
CHECKOUT_ID = re.compile(r"cs_test_[A-Za-z0-9]+")


@dataclass
class Person:
    """Knows only what pages and mails said: nobody pays a Checkout whose address never reached them."""

    name: str
    email: str
    user_id: int | None = None
    orders: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    checkouts: dict[str, str] = field(default_factory=dict)
    """Checkout id → token of the order it pays."""
    forms: int = 0
    basket: str | None = None

    def applicant(self, places: int, price: int, *, accept_waitlist: bool) -> Applicant:
        """A form of their own, in the browser that knows their orders."""
        self.forms += 1
        return Applicant(
            name=self.name,
            email=self.email,
            places=places,
            expected_price_cents=price,
            attempt=f"{self.email}-{self.forms}",
            accept_waitlist=accept_waitlist,
            user_id=self.user_id,
            known_orders=tuple(self.orders),
        )

    def went_to(self, destination: Any) -> None:
        """The redirect arrived."""
        self.learn_order(destination.order_token)
        if found := CHECKOUT_ID.search(urlsplit(destination.url).path):
            self.checkouts[found.group()] = destination.order_token

    def learn_order(self, token: str) -> None:
        if token not in self.orders:
            self.orders.append(token)


class Crowd:
    """All people, and the post that reaches them."""

    def __init__(self, people: list[Person]) -> None:
        self.people = people
        self._by_email = {person.email: person for person in people}
        self._read = 0

    def read_mails(self, mail: SimulatedMail) -> None:
        """Everybody opens what came since."""
        for message in mail.sent[self._read :]:
            person = self._by_email[message.to]
            for token in ORDER_LINK.findall(message.text):
                person.learn_order(token)
            person.offers += [token for token in OFFER_LINK.findall(message.text) if token not in person.offers]
        self._read = len(mail.sent)

    def known_checkouts(self) -> dict[str, Person]:
        """Every payment page that somebody has the address of."""
        return {checkout: person for person in self.people for checkout in person.checkouts}
