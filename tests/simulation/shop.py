"""What people buy beside one booking in a history: memberships, and baskets of sessions and a membership in one order.

Acts as in `acts`. Used by `mixture`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock
from app.extensions import db
from app.queries import memberships as standings
from app.rules.statuses import TAKEN, ItemKind
from app.services import baskets, cancelling, checkout
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner

from .dice import Dice
from .people import Person

if TYPE_CHECKING:
    from .history import Story

PLAN, PLAN_CENTS = "year", 3000


def buyer(person: Person) -> Buyer:
    standing = standings.standing(db.session(), person.user_id, person.email, clock.now())
    db.session.rollback()
    return Buyer(person.name, person.email, person.user_id, standing)


def join(story: Story, dice: Dice) -> str:
    """Somebody buys a membership, with an account or without."""
    person = dice.choice(story.crowd.people)
    person.forms += 1
    price = PLAN_CENTS + (100 if dice.random() < 0.05 else 0)
    attempt, known = f"{person.email}-{person.forms}", tuple(person.orders)
    joiner = Joiner(person.name, person.email, price, attempt, person.user_id, known)
    person.went_to(checkout.begin_membership(PLAN, joiner))
    return person.name


def fill_basket(story: Story, dice: Dice) -> str:
    """One thing more in somebody's basket, or another number of it."""
    person = dice.choice(story.crowd.people)
    wanted = Wanted(ItemKind.REGISTRATION, story.session(dice).slug, dice.choice((1, 1, 2)))
    if dice.random() < 0.35:
        wanted = Wanted(ItemKind.MEMBERSHIP, PLAN)
    person.basket = baskets.add(person.basket, wanted, buyer(person))
    return f"{person.name} {wanted.slug}"


def check_out(story: Story, dice: Dice) -> str:
    """Somebody orders what is in their basket; what cannot be had any more they take out first."""
    person = dice.choice([person for person in story.crowd.people if person.basket])
    asks = buyer(person)
    lines = baskets.view(person.basket or "", asks).lines
    db.session.rollback()
    for line in lines:
        if line.quoted is None and dice.random() < 0.8:
            baskets.change(person.basket or "", line.id, 0, asks)
    total = baskets.view(person.basket or "", asks).total_cents
    db.session.rollback()
    person.forms += 1
    person.went_to(checkout.begin_basket(person.basket or "", asks, total, f"{person.email}-{person.forms}"))
    return f"{person.name} {len(lines)} for {total}"


def cancel_one(story: Story, dice: Dice) -> str:
    """One booking of an order; whatever else is in it goes on."""
    person = dice.choice(story.crowd.people)
    mine = {order["id"]: token for token in person.orders for order in story.seen.orders.values() if order["token"] == token}
    booking = dice.choice([r for r in story.seen.registrations.values() if r["order_id"] in mine and r["status"] in TAKEN])
    late = dice.random() < 0.5
    cancelling.cancel_order(mine[booking["order_id"]], when_replaced=late, booking=booking["token"])
    return person.name
