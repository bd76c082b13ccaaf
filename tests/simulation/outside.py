"""What happens to the site in a history: time, webhooks, its worker, faults of others and its own death."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app import jobs
from app.services import refunds

from .dice import Dice
from .wire import POINTS

if TYPE_CHECKING:
    from .history import Story

OPERATIONS = ("checkout.create", "checkout.expire", "checkout.retrieve", "refund.create", "*")


# --- time, webhooks, worker ---------------------------------------------------------------------------------------------------


def minutes_pass(story: Story, dice: Dice) -> str:
    minutes = dice.choice((1, 1, 2, 5, 10, 20, 31, 36))
    story.world.advance(minutes=minutes)
    return str(minutes)


def hours_pass(story: Story, dice: Dice) -> str:
    hours = dice.choice((1, 1, 2, 3, 6, 12))
    story.world.advance(hours=hours)
    return str(hours)


def until_the_start(story: Story, dice: Dice) -> str:
    """A few minutes before or after a session begins."""
    moment = story.session(dice).starts_at + timedelta(minutes=dice.choice((-15, -1, 0, 1)))
    if moment > story.world.clock.now:
        story.world.move_to(moment)
    return str(moment)


def deliver(story: Story, dice: Dice) -> str:
    story.world.deliver()
    return ""


def repeat_event(story: Story, dice: Dice) -> str:
    event = dice.choice(story.world.stripe.events())
    story.world.stripe.repeat(event["id"], new_id_too=dice.random() < 0.4)
    return str(event["type"])


def bend_webhooks(story: Story, dice: Dice) -> str:
    """Lose, double, delay, hold back, reorder or forge what Stripe sends from now on; or set it right."""
    hand, kind = story.world.stripe, dice.randrange(8)
    match kind:
        case 0:
            hand.drop(dice.randint(1, 6))
        case 1:
            hand.drop(None)
        case 2:
            hand.copies(dice.randint(1, 2))
        case 3:
            hand.delay(dice.choice((30, 600, 7200)))
        case 4:
            hand.hold()
        case 5:
            hand.release(backwards=True)
        case 6:
            hand.wrong_secret(dice.randint(1, 3))
        case _:
            hand.webhooks_normal()
    return str(kind)


def work(story: Story, dice: Dice) -> str:
    return str(story.world.work())


def one_scan(story: Story, dice: Dice) -> str:
    """One of the worker's scans alone, in whatever order the dice say."""
    name = dice.choice(sorted(jobs._scans))
    return f"{name} {jobs._run_scan(story.world.app, name, jobs._scans[name])}"


def send_refunds_beside(story: Story, dice: Dice) -> str:
    return str(refunds.send_due_refunds(limit=1))


# --- faults -------------------------------------------------------------------------------------------------------------------


def break_stripe(story: Story, dice: Dice) -> str:
    operation, when = dice.choice(OPERATIONS), dice.choice(("before", "after"))
    kind = dice.choice(("500", "timeout", "429", "409", "refused"))
    story.break_stripe(operation, kind, dice.randint(1, 5), when, stored=dice.random() < story.grudge)
    return f"{operation} {kind} {when}"


def mend_stripe(story: Story, dice: Dice) -> str:
    story.world.stripe.clear_faults()
    return ""


def mail_server(story: Story, dice: Dice) -> str:
    story.world.mail.down = not story.world.mail.down
    return "down" if story.world.mail.down else "up"


def plan_death(story: Story, dice: Dice) -> str:
    """The process will be killed at a named point, a few passes from now."""
    point, nth = dice.choice(POINTS), dice.choice((1, 1, 1, 2, 2, 3, 5))
    story.world.deaths.plan(point, nth)
    return f"{point} {nth}"
