"""How often each act happens, and the steps that a seed draws. Used by `history`."""

from __future__ import annotations

import random

from . import acts, outside
from .dice import Act

STEPS = 24
TRIES = 8
"""Acts that are drawn for one step until there is something that one of them can be done to."""

PEOPLE: dict[Act, int] = {
    acts.register: 24, acts.pay: 18, acts.pay_again: 2, acts.authenticate: 3, acts.come_back: 6, acts.pay_now: 4,
    acts.cancel: 8, acts.accept: 12, acts.decline: 4,
}  # fmt: skip
STAFF: dict[Act, int] = {
    acts.cancel_session: 1, acts.change_capacity: 4, acts.change_price: 2, acts.change_waitlist: 1,
    acts.dashboard_refund: 2, acts.bank_turns_refund: 2, acts.dispute: 1, acts.decide_case: 3,
    acts.amount_goes_wrong: 2,
}  # fmt: skip
TIME: dict[Act, int] = {
    outside.minutes_pass: 9, outside.hours_pass: 2, outside.until_the_start: 1,
}  # fmt: skip
OUTSIDE: dict[Act, int] = {
    outside.deliver: 9, outside.repeat_event: 4, outside.bend_webhooks: 4, outside.work: 10, outside.one_scan: 6,
    outside.send_refunds_beside: 1,
}  # fmt: skip
FAULTS: dict[Act, int] = {
    outside.break_stripe: 6, outside.mend_stripe: 2, outside.mail_server: 1, outside.plan_death: 12,
}  # fmt: skip
GROUPS = (STAFF, FAULTS)
"""A history leaves some of these out, so that every mixture is met and not only the richest (swarm testing)."""


def steps_of(seed: int, steps: int) -> list[list[Act]]:
    """Which acts, in which order: drawn by weight from what this history's mixture has. It begins with people who come."""
    drawn = random.Random(f"{seed} steps")  # noqa: S311 - a history, not a secret
    weights = dict(PEOPLE) | TIME | OUTSIDE
    for group in GROUPS:
        if drawn.random() < 0.75:
            weights |= {act: weight for act, weight in group.items() if drawn.random() < 0.7}
    began: list[list[Act]] = [[acts.register]] * drawn.randint(1, 4)
    return [*began, *(drawn.choices(list(weights), list(weights.values()), k=TRIES) for _ in range(steps - len(began)))]
