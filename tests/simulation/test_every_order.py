"""Every order of the events about one order, delivered on two threads, ends in one state and one confirmation (promise 6).

Six events in three rounds; in each round two threads deliver one each at the same moment. So each of the 720 orders can happen,
and the 90 ways to fill the rounds are all tried on SQLite, a sample on PostgreSQL.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest

from app.rules.statuses import PaymentStatus, RefundStatus
from app.services import checkout
from app.simulator.webhooks import sign
from tests.concurrency.racing import race
from tests.simulation import rows
from tests.simulation.told import Told
from tests.simulation.world import WEBHOOK, World, seeded_secrets
from tests.support.settings import WEBHOOK_SECRET

Rounds = tuple[tuple[int, int], ...]
SAMPLE = 6


def all_rounds() -> list[Rounds]:
    """Six things in three pairs, the order of the pairs counting: 90."""
    found = []
    for first in combinations(range(6), 2):
        rest = [i for i in range(6) if i not in first]
        for second in combinations(rest, 2):
            found.append((first, second, tuple(i for i in rest if i not in second)))
    return found


def two_attempts(story: Told) -> tuple[str, str]:
    """Somebody's first Checkout ended unpaid, and they went on to a second one; the ids of both."""
    story.club(capacity=1, waitlist_capacity=5)
    story.join(0)
    person = story.person(0)
    [first] = person.checkouts
    story.world.stripe.expire(first)
    story.world.deliver()
    story.did("pay now", lambda: person.went_to(checkout.pay(person.orders[0])))
    [second] = set(person.checkouts) - {first}
    story.world.stripe.hold()
    return first, second


def newest(story: Told, kind: str, about: str) -> dict[str, Any]:
    """The event of this kind about a Checkout or its payment."""
    intent = story.at_stripe().checkouts[about]["payment_intent"]
    found = [
        event
        for event in story.world.stripe.events()
        if event["type"] == kind and {about, intent} & {event["data"]["object"].get(k) for k in ("id", "payment_intent")}
    ]
    return found[-1]  # type: ignore[no-any-return]


def again(story: Told, event: dict[str, Any]) -> dict[str, Any]:
    """The same fact under a new id."""
    new_id = story.world.stripe.repeat(event["id"], new_id_too=True)
    return event | {"id": new_id}


def refunded_in_part(story: Told) -> list[dict[str, Any]]:
    """The second attempt is paid, and staff give part of it back in Stripe's dashboard before we heard of anything."""
    first, second = two_attempts(story)
    story.world.stripe.pay(second)
    story.world.stripe.refund(second, 500)
    completed = newest(story, "checkout.session.completed", second)
    return [
        completed, again(story, newest(story, "checkout.session.expired", first)),
        newest(story, "payment_intent.succeeded", second), newest(story, "refund.created", second),
        newest(story, "charge.refunded", second), again(story, completed),
    ]  # fmt: skip


def paid_twice(story: Told) -> list[dict[str, Any]]:
    """Both attempts are paid: the first one after all, although Stripe had called it expired."""
    first, second = two_attempts(story)
    expired = newest(story, "checkout.session.expired", first)
    core = story.world.simulator.core
    with core.changes():
        core.store.need("checkout.session", first).object["status"] = "open"
    story.world.stripe.pay(first)
    story.world.stripe.pay(second)
    completed = newest(story, "checkout.session.completed", second)
    return [
        completed, newest(story, "checkout.session.completed", first), again(story, expired),
        newest(story, "payment_intent.succeeded", second), newest(story, "payment_intent.succeeded", first),
        again(story, completed),
    ]  # fmt: skip


def deliver(world: World, event: dict[str, Any]) -> Callable[[], int]:
    """One delivery, as Stripe makes it."""
    body = json.dumps(event).encode()
    headers = {"Stripe-Signature": sign(body, [WEBHOOK_SECRET], int(world.clock.now.timestamp()))}
    return lambda: world._into_app(WEBHOOK, headers, body, 10).status


def state_at_the_end(story: Told) -> dict[str, Any]:
    """Where everything stands, without saying which of two equal payments was the first to be heard of."""
    seen = rows.look()
    [order], [booking] = seen.orders.values(), seen.registrations.values()
    [session] = seen.club_sessions.values()
    succeeded = [p for p in seen.payments.values() if p["status"] is PaymentStatus.SUCCEEDED]
    back = Counter((r["amount_cents"], r["status"].value, r["reason"]) for r in seen.refunds.values())
    return {
        "order": order["status"].value,
        "registration": (booking["status"].value, booking["payment_status"].value),
        "taken": session["places_taken"],
        "kept": sorted(p["captured_cents"] - seen.given_back(p["id"]) for p in succeeded),
        "refunds": dict(back),
        "mails": Counter(mail["template"] for mail in rows.mails()),
        "cases": len(seen.cases),
        "unsent": sum(r["status"] is RefundStatus.REQUESTED for r in seen.refunds.values()),
    }


def play_round(world: World, tell: Callable[[Told], list[dict[str, Any]]], order: Rounds) -> dict[str, Any]:
    """Tell the story, deliver its events in this order, let the worker run: the state at the end."""
    with seeded_secrets(1):
        story = Told(world, 1)
        events = tell(story)
        for pair in order:
            outcomes = race(world.app, [deliver(world, events[i]) for i in pair])
            assert [outcome.value for outcome in outcomes] == [200, 200], outcomes
        story.work(seconds=1)
        story.work(minutes=2)
        return state_at_the_end(story)


EXPECTED = {
    refunded_in_part: {
        "order": "paid", "registration": ("registered", "partially_refunded"), "taken": 1, "kept": [700],
        "refunds": {(500, "succeeded", "made_at_stripe"): 1}, "mails": {"confirmation": 1}, "cases": 0, "unsent": 0,
    },
    paid_twice: {
        "order": "paid", "registration": ("registered", "paid"), "taken": 1, "kept": [0, 1200],
        "refunds": {(1200, "succeeded", "paid_twice"): 1}, "mails": {"confirmation": 1, "refunded_double": 1}, "cases": 0,
        "unsent": 0,
    },
}  # fmt: skip


def wrong_ends(world: World, tell: Any, orders: list[Rounds]) -> Iterator[str]:
    for order in orders:
        end = play_round(world, tell, order)
        if end != EXPECTED[tell]:
            yield f"{order}: {end}"


@pytest.mark.parametrize("tell", [refunded_in_part, paid_twice], ids=lambda tell: tell.__name__)
@pytest.mark.parametrize("third", range(3))
def test_every_order_of_events_on_two_threads_ends_in_one_state(world: World, tell: Any, third: int) -> None:
    assert len(all_rounds()) == 90
    assert not list(wrong_ends(world, tell, all_rounds()[third::3]))


@pytest.mark.parametrize("tell", [refunded_in_part, paid_twice], ids=lambda tell: tell.__name__)
def test_sample_of_orders_ends_in_one_state_on_postgresql(postgres_world: World, tell: Any) -> None:
    sample = random.Random(1).sample(all_rounds(), SAMPLE)  # noqa: S311 - a sample, not a secret
    assert not list(wrong_ends(postgres_world, tell, sample))
