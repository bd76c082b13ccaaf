"""How often each act happens, and the steps that a seed draws. Used by `history`."""

from __future__ import annotations

import random

from . import acts, desk, outside, shelf, shop
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
DESK: dict[Act, int] = {
    desk.add_by_hand: 7, desk.take_money: 6, desk.move: 8, desk.change_places: 8, desk.settle_owed: 5, desk.give_some_back: 3,
    desk.cancel_booking: 3, desk.end_hold: 3, desk.serve_out_of_turn: 4, desk.pay_out: 5, desk.say_what_it_was_for: 2,
}  # fmt: skip
SHOP: dict[Act, int] = {
    shop.join: 5, shop.fill_basket: 14, shop.check_out: 12, shop.cancel_one: 4, desk.end_membership: 3,
}  # fmt: skip
SHELF: dict[Act, int] = {
    shelf.buy: 20, shelf.choose: 12, shop.fill_basket: 8, shop.check_out: 14, shelf.give_back: 14, shelf.change_stock: 5,
    shelf.take_off_sale: 3, shelf.clear_out: 2,
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
GROUPS = ((STAFF, 0.75), (FAULTS, 0.75), (DESK, 0.6), (SHOP, 0.4))
"""How often a history has any of these. It leaves some of them out too, so that every mixture is met and not only the richest
(swarm testing)."""


HAVE_SHELF = 0.4


def has_shelf(seed: int) -> bool:
    """Whether courses and files are for sale. Drawn apart: a history without them is what it was before there were any."""
    return random.Random(f"{seed} stock").random() < HAVE_SHELF  # noqa: S311 - a history, not a secret


def steps_of(seed: int, steps: int) -> list[list[Act]]:
    """Which acts, in which order: drawn by weight from what this history's mixture has. It begins with people who come."""
    drawn = random.Random(f"{seed} steps")  # noqa: S311 - a history, not a secret
    weights = dict(PEOPLE) | TIME | OUTSIDE
    for group, often in GROUPS:
        if drawn.random() < often:
            weights |= {act: weight for act, weight in group.items() if drawn.random() < 0.7}
    began: list[list[Act]] = [[acts.register]] * drawn.randint(1, 4)
    if has_shelf(seed):
        weights |= SHELF
        began += [[shelf.buy]] * drawn.randint(1, 3)
    return [*began, *(drawn.choices(list(weights), list(weights.values()), k=TRIES) for _ in range(steps - len(began)))]
