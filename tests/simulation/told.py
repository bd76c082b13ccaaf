"""A story whose steps are written and not drawn, for the twins and for every order of events."""

from __future__ import annotations

from typing import Any

from app.services import cancelling, checkout

from . import calm
from .history import Story
from .people import Person

GOOD = "4242424242424242"


class Told(Story):
    """A story whose steps are written and not drawn."""

    def club(self, **session: Any) -> None:
        """A club with one session that is so."""
        self.begin(session)

    def person(self, number: int) -> Person:
        return self.crowd.people[number]

    def join(self, number: int, *, stranger: bool = False, places: int = 1, price: int = 1200) -> None:
        """They ask for places; a stranger's browser knows of no booking."""
        person = self.person(number)
        form = person.applicant(places, price, accept_waitlist=True)
        if stranger:
            form = Person(person.name, person.email, forms=person.forms + 100).applicant(places, price, accept_waitlist=True)
            person.forms += 1
        self.did(f"join {number}", lambda: person.went_to(checkout.begin_registration(self.slugs[0], form)))

    def pay(self, number: int, card: str = GOOD) -> None:
        """They pay the page they were sent to last, and Stripe tells us."""
        checkout_id = [*self.person(number).checkouts][-1]
        self.did(f"pay {number}", lambda: self.world.stripe.pay(checkout_id, card).outcome)
        self.did("deliver", self.world.deliver)

    def cancel(self, number: int) -> None:
        self.did(f"cancel {number}", lambda: cancelling.cancel_order(self.person(number).orders[-1]))

    def work(self, **later: float) -> None:
        self.world.advance(**later)
        self.did("work", self.world.work)

    def end(self) -> None:
        calm.settle(self, lost=False)
        calm.let_everything_end(self)
        calm.check(self)
