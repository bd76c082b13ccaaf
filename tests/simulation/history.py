"""One history from one seed: a club, its people, steps drawn by weight, then calm. Run by the tests and by `__main__`.

Own generator and not hypothesis' state machine: one integer is a whole history, replayed alone, without a database of
examples; each step's dice depend on the seed and the step's number only, so a failing history is shortened by leaving steps out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app import clock
from app.extensions import db
from app.models import ClubSession
from app.queries import memberships
from app.rules.statuses import OrderStatus, RegistrationStatus
from app.services.club_session_fields import FieldsRefused
from tests.support.factories import make_club_session, make_membership, make_plan, make_user

from . import acts, calm, rows, shelf, shop
from .dice import Act, Dice, Nothing
from .ends import Record
from .invariants import Watch
from .mixture import STEPS, has_shelf, steps_of
from .people import Crowd, Person
from .promises import Broken
from .wire import Death
from .world import World, seeded_secrets

RARELY = 0.12
NAMES = ("Ana", "Ben", "Cai", "Dev", "Eve", "Fay", "Gus")


class HistoryFailed(AssertionError):
    """A seed whose history broke a promise; the message tells the story up to there."""


@dataclass
class Story:
    """What the acts share: the world, its people, what happened so far and what was seen last."""

    world: World
    seed: int
    crowd: Crowd = field(default_factory=lambda: Crowd([]))
    slugs: list[str] = field(default_factory=list)
    shelf: list[str] = field(default_factory=list)
    """The courses and files that are for sale."""
    log: list[str] = field(default_factory=list)
    grudge: float = 0.0
    grudges: bool = False
    deaths: int = 0
    steps: int = 0
    record: Record = field(default_factory=Record)

    def begin(self, session: dict[str, Any] | None = None) -> None:
        """A fresh club as the seed has it, or with one session that is so."""
        dice = Dice(f"{self.seed} begins")
        self.world.begin()
        self.grudge = dice.choice((0.0, 0.0, 0.0, 0.5))
        if session is not None:
            self.slugs.append(make_club_session(**session).slug)
            self.crowd = Crowd([Person(name, f"{name.lower()}@example.org") for name in NAMES])
        else:
            self._found_club(dice)
        self.watch = Watch()
        self.seen = self.watch.before

    def _found_club(self, dice: Dice) -> None:
        for _ in range(dice.choice((1, 2))):
            price = dice.choice((1200, 1200, 1200, 0))
            starts_at = clock.now() + dice.choice((timedelta(hours=5), timedelta(hours=20), timedelta(days=3), timedelta(days=8)))
            made = make_club_session(
                slug=f"club-{len(self.slugs)}",
                starts_at=starts_at,
                capacity=dice.choice((1, 1, 2, 2, 3)),
                waitlist_capacity=dice.choice((None, 3, 8, 8, 8)),
                waitlist_payment=dice.choice(("on_offer", "on_offer", "upfront")),
                waitlist_members_first=dice.random() < 0.3,
                non_member_price_cents=price,
                member_price_cents=dice.choice((800, 0, None)) if price else None,
                refund_policy=dice.choice(("full", "full", "percentage", "fee_kept", "none")),
                refund_percent=50,
                refund_fee_cents=200,
                refund_until=dice.choice((None, starts_at - timedelta(days=1), starts_at - timedelta(hours=1))),
            )
            self.slugs.append(made.slug)
        people = [Person(name, f"{name.lower()}@example.org") for name in NAMES[: dice.randint(3, len(NAMES))]]
        for person in people[:2]:
            user = make_user(email=person.email)
            make_membership(user)
            person.user_id = user.id
        make_plan(slug=shop.PLAN, price_cents=shop.PLAN_CENTS)
        self.crowd = Crowd(people)
        if has_shelf(self.seed):
            shelf.set_out(self, Dice(f"{self.seed} shelf"))

    # --- what acts ask ---

    def session(self, dice: Dice) -> Any:
        slug = dice.choice(self.slugs)
        found = db.session.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one()
        db.session.rollback()
        return found

    def price_for(self, person: Person, session: Any) -> int:
        """What the page shows this person."""
        member = memberships.is_active_member(db.session(), person.user_id, person.email, clock.now())
        db.session.rollback()
        usual: int = session.non_member_price_cents or 0
        reduced: int | None = session.member_price_cents
        return reduced if member and reduced is not None and reduced < usual else usual

    def someones_order(self, dice: Dice) -> tuple[Person, str]:
        """Most often one that still stands; now and then any."""
        stand = {o["token"] for o in self.seen.orders.values() if o["status"] in (OrderStatus.PENDING, OrderStatus.PAID)}
        known = [(p, token) for p in self.crowd.people for token in p.orders]
        return dice.choice(known if dice.random() < RARELY else [pair for pair in known if pair[1] in stand])  # type: ignore[no-any-return]

    def someones_offer(self, dice: Dice) -> tuple[Person, str]:
        stand = {r["token"] for r in self.seen.registrations.values() if r["status"] is RegistrationStatus.OFFERED}
        known = [(p, token) for p in self.crowd.people for token in p.offers]
        return dice.choice(known if dice.random() < RARELY else [pair for pair in known if pair[1] in stand])  # type: ignore[no-any-return]

    def some_checkout(self, dice: Dice, status: str = "open") -> str:
        """A payment page whose address somebody has: most often one in this state."""
        known = sorted(self.crowd.known_checkouts(), key=self.age_of)
        store = self.world.simulator.core.store
        fit = [id_ for id_ in known if store.need("checkout.session", id_).object["status"] == status]
        return dice.choice(known if dice.random() < RARELY else fit)  # type: ignore[no-any-return]

    def left_open(self, dice: Dice) -> str:
        """A payment page that waits for 3-D Secure, whatever became of the Checkout."""
        store = self.world.simulator.core.store
        known = sorted(self.crowd.known_checkouts(), key=self.age_of)
        return dice.choice([id_ for id_ in known if store.need("checkout.session", id_).private["pending"]])  # type: ignore[no-any-return]

    def age_of(self, checkout_id: str) -> int:
        return self.world.simulator.core.store.need("checkout.session", checkout_id).position

    def captured(self) -> list[dict[str, Any]]:
        return [p for p in self.world.stripe.payments() if p["status"] == "succeeded"]

    def break_stripe(self, operation: str, kind: str, times: int, when: str, *, stored: bool) -> None:
        """``stored``: Stripe goes on answering 500 under that key, as it documents for one that came after acting."""
        stored = stored and kind == "500"
        self.grudges |= stored
        self.world.stripe.fail(operation, kind, times, when, seconds=0, stored=stored)

    def change_amount(self, checkout_id: str, cents: int) -> None:
        """Unless its payment is with the bank already, whose amount is then as it was."""
        core = self.world.simulator.core
        with core.changes():
            record = core.store.need("checkout.session", checkout_id)
            can_be = record.object["status"] == "open" and record.object["amount_total"] + cents > 0
            if can_be and not record.private["pending"]:
                record.object["amount_total"] += cents
                record.object["amount_subtotal"] += cents
                core.store.save(record)

    def lose_pending_webhooks(self) -> None:
        core = self.world.simulator.core
        with core.changes():
            for delivery in list(core.outgoing._pending.values()):
                core.outgoing.close(delivery, "dropped")

    def at_stripe(self) -> rows.AtStripe:
        return rows.at_stripe(self.world.simulator.core)

    # --- doing ---

    def act(self, number: int, drawn: Sequence[Act]) -> None:
        """One step: do the first that can be done, live through what comes of it, check everything."""
        dice = Dice(f"{self.seed} {number}")
        for act in drawn:
            try:
                self.did(f"{number:3} {act.__name__}", lambda act=act: act(self, dice))  # type: ignore[misc]
            except Nothing:
                continue
            self.steps += 1
            break

    def did(self, name: str, what: Callable[[], object]) -> None:
        try:
            said = str(what() or "")
        except (*acts.UNHAPPY, FieldsRefused) as error:
            said = type(error).__name__
        except Death as death:
            said = f"killed at {death}"
            self.deaths += 1
            self.world.die()
        self.log.append(f"{self.world.clock.now:%d %H:%M:%S} {name}: {said}")
        db.session.remove()
        self.crowd.read_mails(self.world.mail)
        self.seen = self.watch.check(self.at_stripe(), self.world.clock.now, self.crowd.known_checkouts())
        self.record.read(self.watch.entries)


def play(world: World, seed: int, *, steps: int = STEPS, without: Collection[int] = ()) -> Story:
    """Play the history of this seed; raises HistoryFailed. ``without``: steps to leave out."""
    story = Story(world, seed)
    with seeded_secrets(seed), failures_in_the_log() as failures:
        try:
            story.begin()
            for number, drawn in enumerate(steps_of(seed, steps)):
                if number not in without:
                    story.act(number, drawn)
            calm.settle(story, lost=seed % 3 == 0)
            calm.let_everything_end(story)
            calm.check(story)
            if 500 in world.webhook_answers:
                raise Broken("promise 13: the webhook answered 500")
            if failures:
                raise Broken(f"promise 13: the log says {failures[0]}")
        except (Exception, Death) as error:
            told = "\n".join([f"seed {seed}, {type(error).__name__}: {error}", *story.log, *failures])
            raise HistoryFailed(told) from error
    return story


@contextmanager
def failures_in_the_log() -> Iterator[list[str]]:
    """What the app caught and logged as an error: in a history nothing may fail but what was made to."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage() + (f" ({record.exc_info[1]!r})" if record.exc_info else ""))

    handler = Collector(logging.ERROR)
    loggers = [logging.getLogger("app"), logging.getLogger("app.jobs")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield found
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
