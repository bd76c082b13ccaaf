"""What must hold once everything has calmed down (promises 2, 4, 7–10, 13). Called by `history` at the end of each.

Faults are cleared, webhooks delivered or lost for good, the worker runs until it finds nothing, the clock passes every deadline.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import RowMapping

from app.rules.addresses import has_mailbox
from app.rules.statuses import (
    UNDECIDED,
    UNSETTLED,
    WAITING,
    OrderStatus,
    RefundStatus,
    RegistrationStatus,
)
from app.services import health_check, reconciling

from . import purchases, rows
from .kept import all_money_has_an_end, what_hands_took_is_in_the_books, what_is_kept_is_owed
from .promises import must
from .rows import AtStripe, Rows

if TYPE_CHECKING:
    from .history import Story
    from .world import World

_R = RegistrationStatus
CONFIRMATIONS = ("confirmation", "membership_started", "purchased")
"""What says that an order is paid: of a basket, the letter of the first thing in it."""
ENDS = 120
"""More ends of holds and offers than a history can have, one after the other."""


def settle(story: Story, *, lost: bool) -> None:
    """The last fault clears; then a minute passes, and what was paid has found its end. ``lost``: no webhook ever comes again."""
    world = story.world
    world.deaths.forget()
    world.stripe.clear_faults()
    world.mail.down = False
    if lost:
        world.stripe.drop(None)
        story.lose_pending_webhooks()
    else:
        world.stripe.webhooks_normal()
    if story.grudges:  # Stripe repeats a 500 under the same key for a day: only looking elsewhere finds out
        story.did("reconcile", lambda: reconciling.reconcile().mended)
    for seconds in (1, 30, 31):
        world.advance(seconds=seconds)
        story.did("settle", world.settle)
    if not story.grudges:
        all_money_has_an_end(story.seen, story.at_stripe(), at_once=True)


def let_everything_end(story: Story) -> None:
    """Move from deadline to deadline until nothing is due any more."""
    world, quiet = story.world, False
    for _ in range(2):  # the clock of an offer whose mail had rested starts when that leaves
        pass_every_deadline(story)
        world.advance(hours=25)  # mails that rested, refunds on their way, keys that Stripe held a grudge about
        found: list[dict[str, int]] = []
        story.did("a day later", lambda found=found: found.extend(_a_day(world)))  # type: ignore[misc]
        if quiet := bool(found) and not any(any(done.values()) for done in found):
            break
    if quiet:
        must(next_deadline(story.seen, world.clock.now) is None, 10, "nothing is done, and something is due")


def _a_day(world: World) -> list[dict[str, int]]:
    """What a day's work found: a day in which there was nothing to do needs no second one."""
    return [world.settle(), dict(reconciling.reconcile().mended), world.settle()]


def pass_every_deadline(story: Story) -> None:
    for _ in range(ENDS):
        due = next_deadline(story.seen, story.world.clock.now)
        if due is None:
            break
        story.world.move_to(due + timedelta(seconds=1))
        story.did(f"until {due:%d %H:%M}", story.world.settle)


def next_deadline(seen: Rows, now: datetime) -> datetime | None:
    """When the next hold or offer ends."""
    holds = [o["hold_expires_at"] for o in seen.orders.values() if o["status"] is OrderStatus.PENDING and o["hold_expires_at"]]
    offers = [r["offer_expires_at"] for r in seen.registrations.values() if r["status"] is _R.OFFERED]
    ahead = [moment for moment in [*holds, *offers] if moment + timedelta(seconds=1) > now]
    return min(ahead, default=None)


def check(story: Story) -> None:
    """Everything at once, after `settle` and `let_everything_end`."""
    seen, stripe = story.seen, story.at_stripe()
    every_hold_has_ended(seen)
    all_money_has_an_end(seen, stripe)
    what_is_kept_is_owed(story, seen, stripe)
    what_hands_took_is_in_the_books(story, seen, stripe)
    purchases.opened(story, seen)
    each_mail_once(story, seen)
    books_equal_stripe(story, stripe)
    [*found] = [finding for finding in health_check.findings() if "could not be delivered" not in finding]
    must(not found or bool(stripe.disputed or seen.cases), 1, f"flask doctor says {found}")


def every_hold_has_ended(seen: Rows) -> None:
    for r in seen.registrations.values():
        must(r["status"] not in (_R.HELD, _R.OFFERED), 10, f"registration {r['id']} is {r['status']} for ever")
    for p in seen.payments.values():
        must(p["status"] not in UNSETTLED, 10, f"payment {p['id']} is {p['status']} for ever")
    for o in seen.orders.values():
        waits = any(r["status"] in WAITING | UNDECIDED for r in seen.bookings_of(o["id"]))
        must(o["status"] is not OrderStatus.PENDING or waits, 10, f"order {o['id']} is pending for ever")
    for refund in seen.refunds.values():
        sent = refund["status"] is not RefundStatus.REQUESTED or _is_for_a_person(seen, refund)
        must(sent, 2, f"refund {refund['id']} was never sent: {refund['last_error']}")


def _is_for_a_person(seen: Rows, refund: RowMapping) -> bool:
    """Money that was taken by hand goes back by hand: an open case on the desk says so."""
    named = [c for c in seen.cases.values() if c["kind"] == rows.BY_HAND and c["detail"]["refund"] == refund["id"]]
    by_hand = seen.payments[refund["payment_id"]]["provider"] != "stripe"
    return by_hand and any(case["closed_at"] is None for case in named)


def each_mail_once(story: Story, seen: Rows) -> None:
    """Promise 8: everything owed was handed over, under one Message-ID, and a confirmation says so once."""
    owed = rows.mails()
    unsent = [(m["template"], m["last_error"]) for m in owed if not (m["sent_at"] or m["failed_at"])]
    must(not unsent, 8, f"never sent: {unsent}")
    sent = Counter(message.message_id for message in story.world.mail.sent)
    for m in owed:
        times, died = sent[m["message_id"]], story.deaths
        must(times >= 1 or m["failed_at"] is not None, 8, f"mail {m['id']} ({m['template']}) was never handed over")
        must(times <= 1 + died, 8, f"mail {m['id']} ({m['template']}) was handed over {times} times and {died} deaths")
    confirmed = Counter(m["order_id"] for m in owed if m["template"] in CONFIRMATIONS)
    for r in seen.registrations.values():
        must(confirmed[r["order_id"]] <= 1, 8, f"registration {r['id']} was confirmed {confirmed[r['order_id']]} times")
        stands = r["status"] is _R.REGISTERED and has_mailbox(r["email"])
        must(not stands or confirmed[r["order_id"]] == 1, 8, f"registration {r['id']} stands and was never confirmed")


def books_equal_stripe(story: Story, stripe: AtStripe) -> None:
    """Promise 7: after reconciling, to the cent and payment by payment; and a second run changes nothing."""
    first = reconciling.reconcile()
    must(first.unreachable is None, 7, f"reconciling: {first.unreachable}")
    must(first.difference_cents == 0, 7, f"the books are {first.difference_cents} away from Stripe's")
    before, owed = rows.look(), len(rows.mails())
    second = reconciling.reconcile()
    after = rows.look()
    for name in ("registrations", "orders", "payments", "refunds", "cases"):
        must(getattr(before, name) == getattr(after, name), 13, f"reconciling twice changes {name}")
    must(not any(second.mended.values()), 13, f"reconciling twice mends {dict(second.mended)}")
    must(owed == len(rows.mails()), 13, "reconciling twice writes mails")
    by_intent = {p["payment_intent_id"]: p["id"] for p in after.payments.values() if p["payment_intent_id"]}
    here = rows.clearing()
    for intent, net in stripe.net.items():
        ours = here.get(by_intent[intent], 0)
        must(ours == net, 7, f"payment {by_intent[intent]}: the books say {ours}, Stripe {net}")
