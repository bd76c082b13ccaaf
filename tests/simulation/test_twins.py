"""A deliberate break of each defence, and the short story that notices it. With the defence in place the same story ends well.

The stories are checked by the simulation's own invariants after each step and after calm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from app import clock
from app.models import OutgoingEmail
from app.services import fulfilment, refunds, returning, winding_up
from tests.concurrency.racing import race
from tests.simulation import breaks
from tests.simulation.desk_stories import DESK_TWINS
from tests.simulation.promises import must
from tests.simulation.shelf_stories import SHELF_TWINS
from tests.simulation.told import Told
from tests.simulation.world import World, seeded_secrets
from tests.support.rows import all_of


def half_back(story: Told) -> None:
    """A refund of half whose answer is lost three times over."""
    story.club(refund_policy="percentage", refund_percent=50)
    story.join(0)
    story.pay(0)
    story.cancel(0)
    story.world.stripe.fail("refund.create", "timeout", 3, "after", seconds=0)
    story.work()
    story.work(minutes=2)
    story.end()


def hold_runs_out(story: Told) -> None:
    story.club(capacity=1)
    story.join(0)
    story.work(minutes=31)
    story.end()


def killed_after_the_commit(story: Told) -> None:
    story.club(member_price_cents=None, non_member_price_cents=None)
    story.world.deaths.plan("commit:after", 1)
    story.join(0, price=0)
    must(story.deaths == 1, 13, "nobody died")
    story.end()


def place_comes_free_while_the_next_pays(story: Told) -> None:
    """B waits and is paying upfront when A's place comes free; C, who has not waited, asks for it."""
    story.club(capacity=1, waitlist_capacity=5, waitlist_payment="upfront")
    story.join(0)
    story.pay(0)
    story.join(1)
    story.cancel(0)
    story.join(2)
    story.pay(1)
    story.end()


def place_comes_free(story: Told) -> None:
    story.club(capacity=1, waitlist_capacity=5)
    story.join(0)
    story.pay(0)
    story.join(1)
    story.cancel(0)
    story.end()


def two_workers_refund(story: Told) -> None:
    """A second worker looks for due refunds while the first is on its way to Stripe."""
    story.club()
    story.join(0)
    story.pay(0)
    story.cancel(0)
    gateway, came = story.world.app.extensions["muster_gateway"], []
    create = gateway.create_refund

    def meanwhile(*args: Any) -> Any:
        came.append(args)
        if len(came) == 1:
            refunds.send_due_refunds()
        return create(*args)

    with patch.object(gateway, "create_refund", meanwhile):
        story.work()
    must(len(came) == 1, 4, f"{len(came)} calls went out for one refund")
    story.end()


def refund_that_takes_days(story: Told) -> None:
    story.club()
    story.join(0)
    story.pay(0, "4000000000007726")
    story.cancel(0)
    story.work()
    story.world.advance(minutes=2)
    story.did("deliver", story.world.deliver)
    story.end()


def another_amount(story: Told) -> None:
    story.club()
    story.join(0)
    story.change_amount([*story.person(0).checkouts][0], -500)
    story.pay(0)
    story.end()


def event_comes_again(story: Told) -> None:
    story.club()
    story.join(0)
    story.pay(0)
    [paid] = [e for e in story.world.stripe.events() if e["type"] == "checkout.session.completed"]
    story.world.stripe.repeat(paid["id"], new_id_too=True)
    story.did("deliver", story.world.deliver)
    story.end()


def asks_three_times(story: Told) -> None:
    """Somebody who forgot that they booked asks from another browser, three times within the hour."""
    story.club(member_price_cents=None, non_member_price_cents=None)
    story.join(0, price=0)
    for _ in range(3):
        story.join(0, stranger=True, price=0)
    links = [mail for mail in all_of(OutgoingEmail) if mail.template == "booking_link"]
    must(len(links) == 1, 8, f"{len(links)} mails say the same")
    story.end()


def paid_after_the_session_was_cancelled(story: Told) -> None:
    story.club()
    story.join(0)
    story.did("cancel session", lambda: winding_up.cancel_session(story.slugs[0], "user:1", "Closed."))
    story.pay(0)
    must(not any(r["status"] == "registered" for r in story.seen.registrations.values()), 2, "a place in a cancelled session")
    story.end()


def mail_server_is_down_for_a_day(story: Told) -> None:
    """The offer's mail leaves only after the time that the offer would have had."""
    story.club(capacity=1, waitlist_capacity=5, starts_at=clock.now() + timedelta(days=5))
    story.join(0)
    story.pay(0)
    story.join(1)
    story.work()
    story.world.mail.down = True
    story.cancel(0)
    for _ in range(3):
        story.work(hours=1)
    story.work(hours=24)
    offered = [r["status"] for r in story.seen.registrations.values()]
    must("offered" in offered, 9, f"the offer ran out before it was made: {offered}")
    story.end()


def two_hear_of_one_payment(story: Told) -> None:
    """Two threads have both read the payment as unpaid before either writes, if nothing keeps them apart."""
    story.club(capacity=1)
    story.join(0)
    [(checkout_id, token)] = story.person(0).checkouts.items()
    story.world.stripe.pay(checkout_id)
    both, capture = threading.Barrier(2), fulfilment._capture

    def look_first(*args: Any) -> Any:
        with suppress(threading.BrokenBarrierError):  # the other is kept waiting, as it should be
            both.wait(0.4)
        return capture(*args)

    with patch.object(fulfilment, "_capture", look_first):
        outcomes = race(story.world.app, [lambda: returning.confirm(token, checkout_id)] * 2)
    must(not [o for o in outcomes if o.error], 6, f"one of two met {[o.error for o in outcomes]}")
    story.did("both came back", story.world.deliver)
    story.end()


TWINS: list[tuple[str, Callable[[], Any], Callable[[Told], None]]] = [
    ("row lock", breaks.row_lock, two_hear_of_one_payment),
    ("BEGIN IMMEDIATE", breaks.begin_immediate, two_hear_of_one_payment),
    ("unique key of a mail", breaks.mail_key, asks_three_times),
    ("unique key in the ledger", breaks.ledger_key, refund_that_takes_days),
    ("amount check", breaks.amount_check, another_amount),
    ("stored idempotency key", breaks.stored_key, half_back),
    ("expire before release", breaks.expire_before_release, hold_runs_out),
    ("outbox in the transaction", breaks.outbox_in_the_transaction, killed_after_the_commit),
    ("waitlist guard", breaks.waitlist_guard, place_comes_free_while_the_next_pays),
    ("dealing in the same transaction", breaks.dealing_at_once, place_comes_free),
    ("claim of a refund", breaks.refund_claim, two_workers_refund),
    ("payment acted on once", breaks.acting_once, event_comes_again),
    ("no place in a cancelled session", breaks.session_ended_check, paid_after_the_session_was_cancelled),
    ("offer's clock starts with its mail", breaks.offer_deadline, mail_server_is_down_for_a_day),
    *DESK_TWINS,
    *SHELF_TWINS,
]


def ends(world: World, tell: Callable[[Told], None], off: Callable[[], Any] = nullcontext) -> str:
    """How the story ends: "well", or what was noticed."""
    with seeded_secrets(1):
        world.begin()
        try:
            with off():
                tell(Told(world, 1))
        except AssertionError as noticed:  # the invariants', or one of the app's own
            return str(noticed)
    return "well"


@pytest.mark.parametrize("tell", sorted({tell for _, _, tell in TWINS}, key=lambda tell: tell.__name__), ids=lambda t: t.__name__)
def test_story_ends_well_while_the_defences_stand(world: World, tell: Callable[[Told], None]) -> None:
    assert ends(world, tell) == "well"


def test_every_break_is_noticed(world: World) -> None:
    noticed = {name: ends(world, tell, off) for name, off, tell in TWINS}
    caught = sum(said != "well" for said in noticed.values())
    for name, said in noticed.items():
        print(f"{name:36} {said}")
    print(f"{caught} of {len(TWINS)} breaks are noticed")
    assert caught == len(TWINS), [name for name, said in noticed.items() if said == "well"]
