"""What must hold once everything has calmed down (promises 2, 4, 7–10, 13). Called by `history` at the end of each.

Faults are cleared, webhooks delivered or lost for good, the worker runs until it finds nothing, the clock passes every deadline.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping

from app.queries import refund_terms
from app.rules.statuses import (
    UNSETTLED,
    OrderStatus,
    PaymentState,
    PaymentStatus,
    RefundStatus,
    RegistrationStatus,
)
from app.services import health_check, reconciling

from . import rows
from .invariants import must
from .rows import AtStripe, Rows

if TYPE_CHECKING:
    from .history import Story

_R = RegistrationStatus
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
    world = story.world
    for _ in range(2):  # the clock of an offer whose mail had rested starts when that leaves
        pass_every_deadline(story)
        world.advance(hours=25)  # mails that rested, refunds on their way, keys that Stripe held a grudge about
        story.did("a day later", lambda: (world.settle(), reconciling.reconcile().mended, world.settle()))


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
    each_mail_once(story, seen)
    books_equal_stripe(story, stripe)
    [*found] = [finding for finding in health_check.findings() if "could not be delivered" not in finding]
    must(not found or bool(stripe.disputed or seen.cases), 1, f"flask doctor says {found}")


def every_hold_has_ended(seen: Rows) -> None:
    for r in seen.registrations.values():
        must(r["status"] not in (_R.HELD, _R.OFFERED), 10, f"registration {r['id']} is {r['status']} for ever")
    for p in seen.payments.values():
        must(p["status"] not in UNSETTLED, 10, f"payment {p['id']} is {p['status']} for ever")
    for refund in seen.refunds.values():
        must(refund["status"] is not RefundStatus.REQUESTED, 2, f"refund {refund['id']} was never sent: {refund['last_error']}")


def all_money_has_an_end(seen: Rows, stripe: AtStripe, *, at_once: bool = False) -> None:
    """Promise 2: each captured cent is a confirmed item, a refund sent, or a case; what nothing was confirmed for goes back.

    ``at_once``: but for refunds that a bank returned without our hearing of it; the nightly reconciling finds those.
    """
    by_intent = {p["payment_intent_id"]: p for p in seen.payments.values() if p["payment_intent_id"]}
    for intent, captured in stripe.captured.items():
        payment = by_intent.get(intent)
        must(payment is not None, 2, f"{captured} captured by {intent}, and nobody knows it")
        if payment is None or seen.has_case(payment["id"]) or intent in stripe.disputed:
            continue
        if at_once and intent in stripe.returned:
            continue
        left = captured - stripe.refunded.get(intent, 0)
        bought = any(
            r["order_id"] == payment["order_id"] and r["amount_paid_cents"] == captured for r in seen.registrations.values()
        )
        must(left == 0 or bought, 2, f"payment {payment['id']}: {left} of {captured} bought nothing and did not go back")


def what_is_kept_is_owed(story: Story, seen: Rows, stripe: AtStripe) -> None:
    """What the club keeps of a booking is what the booking's end says: all while it stands, by the terms once cancelled."""
    for r in seen.registrations.values():
        if not r["amount_paid_cents"]:
            continue
        payments = [p for p in seen.payments_of(r["order_id"]) if p["status"] is PaymentStatus.SUCCEEDED]
        if any(seen.has_case(p["id"]) or p["payment_intent_id"] in stripe.disputed for p in payments):
            continue
        elsewhere = sum(
            refund["amount_cents"]
            for refund in seen.refunds.values()
            if refund["reason"] == "made_at_stripe" and refund["payment_id"] in [p["id"] for p in payments]
        )
        left = sum(p["captured_cents"] - stripe.refunded.get(p["payment_intent_id"], 0) for p in payments)
        expected = owed_to_club(story, seen, r)
        if elsewhere:
            must(left <= max(expected, r["amount_paid_cents"] - elsewhere), 2, f"registration {r['id']}: {left} is kept")
        else:
            must(left == expected, 2, f"registration {r['id']} ({r['status']}): {left} is kept, not {expected}")
        wrong = r["status"] is _R.REGISTERED and left == 0 and r["payment_status"] is PaymentState.PAID
        must(not wrong, 11, f"registration {r['id']} says paid, and all of it went back")


def owed_to_club(story: Story, seen: Rows, r: RowMapping) -> int:
    """What the terms say that the club keeps of this booking's price, by how and when it ended."""
    paid: int = r["amount_paid_cents"]
    if r["status"] in (_R.REGISTERED, _R.WAITLISTED):
        return paid
    end = story.ends.get(r["id"])
    if end is None or end.by_worker or end.waited:
        return 0
    session: Any = seen.club_sessions[r["club_session_id"]]
    terms = refund_terms.of_booking(session_like(session), session_like(r))
    if terms.in_time(session["starts_at"], end.at):
        return paid - terms.back_cents(paid)
    return 0 if end.replaced else paid


def session_like(row: RowMapping) -> Any:
    """A row whose columns are read as attributes."""
    return type("Session", (), dict(row))


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
    confirmed = Counter(m["order_id"] for m in owed if m["template"] == "confirmation")
    for r in seen.registrations.values():
        must(confirmed[r["order_id"]] <= 1, 8, f"registration {r['id']} was confirmed {confirmed[r['order_id']]} times")
        stands = r["status"] is _R.REGISTERED
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
