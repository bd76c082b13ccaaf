"""The flows of DESIGN §6, step by step, and how each may end when somebody dies on the way. Called by the crash matrix."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.rules.statuses import WaitlistPayment
from app.services import offers

from .steps import (
    accepts,
    asks,
    asks_while_stripe_answers_nothing,
    bank_decides,
    bank_disputes,
    cancels,
    compares,
    delivers,
    first_attempt_is_forgotten,
    gives_up,
    goes_on,
    pays,
    price_is_changed_behind_our_back,
    returns,
    session,
    staff_cancel_the_session,
    staff_give_it_back,
    staff_refund_in_the_dashboard,
    starts,
    waits,
    with_offer,
    works,
)
from .world import Step

State = tuple[str, str, int]
PAID: State = ("paid", "registered", 1200)
EXPIRED: State = ("expired", "expired", 0)
CANCELLED: State = ("cancelled", "cancelled", 0)
NOTHING: State = ("", "", 0)
"""Nothing was written before death, and the person did not come back."""


@dataclass(frozen=True)
class Flow:
    """``ends``: how the order of ``who`` may stand in the end, wherever death struck; ``undisturbed``: without death."""

    steps: list[Step]
    undisturbed: dict[str, State]
    ends: dict[str, set[State]] = field(default_factory=dict)
    before: list[Step] = field(default_factory=list)
    """What happened before, while nobody dies."""
    persists: bool = False
    """Whether staff (or the nightly comparison) always come back and go on: what only they can do does not end by itself."""


PAY: list[Step] = [asks("ana"), pays("ana"), returns("ana"), delivers, works]
FULL: list[Step] = [session(waitlist_capacity=5), asks("ana"), pays("ana"), delivers, works]
"""Ana has the only place."""
WAITING: list[Step] = [*FULL, asks("bo", accept_waitlist=True), works]
OFFERED: list[Step] = [*WAITING, cancels("ana"), works, works]

FLOWS: dict[str, Flow] = {
    "free": Flow(
        [asks("ana", expected_price_cents=0), works],
        {"ana": ("paid", "registered", 0)}, {"ana": {NOTHING}}, [session(free=True)],
    ),
    "register-pay-return": Flow(PAY, {"ana": PAID}, {"ana": {NOTHING, EXPIRED}}, [session()]),
    "register-pay-webhook": Flow(
        [asks("ana"), pays("ana"), delivers, works], {"ana": PAID}, {"ana": {NOTHING, EXPIRED}}, [session()]
    ),
    "end-of-a-hold": Flow(
        [asks("ana"), waits(minutes=31), works, delivers], {"ana": EXPIRED}, {"ana": {NOTHING}}, [session()]
    ),
    "paid-at-the-last-moment": Flow(
        [asks("ana"), waits(minutes=31), pays("ana"), works, delivers], {"ana": PAID}, {"ana": {NOTHING, EXPIRED}}, [session()]
    ),
    "give-up": Flow(
        [asks("ana"), gives_up("ana"), delivers, works], {"ana": CANCELLED}, {"ana": {NOTHING, EXPIRED}}, [session()]
    ),
    "paid-while-giving-up": Flow(
        [asks("ana"), pays("ana"), gives_up("ana"), delivers, works],
        {"ana": PAID}, {"ana": {NOTHING, EXPIRED}}, [session()],
    ),
    "late-and-the-place-is-free": Flow(
        [asks_while_stripe_answers_nothing("ana"), pays("ana"), delivers, works],
        {"ana": PAID}, {"ana": {NOTHING, EXPIRED}}, [session()],
    ),
    "late-and-the-place-is-gone": Flow(
        [asks_while_stripe_answers_nothing("ana"), asks("bo"), pays("bo"), delivers, pays("ana"), delivers, works, works],
        {"ana": EXPIRED, "bo": PAID}, {"ana": {NOTHING, PAID}, "bo": {NOTHING, EXPIRED}}, [session()],
    ),
    "paid-twice": Flow(
        [goes_on("ana"), pays("ana"), delivers, pays("ana", newest=False), delivers, compares, works],
        {"ana": PAID}, {"ana": {EXPIRED}}, [session(), asks("ana"), first_attempt_is_forgotten], persists=True,
    ),
    "cancel-and-the-next-is-offered-the-place": Flow(
        [cancels("ana"), works, delivers],
        {"ana": CANCELLED, "bo": ("pending", "offered", 0)},
        {"ana": {PAID}, "bo": {("pending", "waitlisted", 0)}}, WAITING,
    ),
    "accept-an-offer-and-pay": Flow(
        [accepts("bo"), goes_on("bo"), pays("bo"), delivers, works],
        {"ana": CANCELLED, "bo": PAID}, {"bo": {("pending", "offered", 0), ("pending", "held", 0)}}, OFFERED,
    ),
    "decline-an-offer": Flow(
        [with_offer("bo", offers.decline), works],
        {"bo": ("cancelled", "declined", 0)}, {"bo": {("pending", "offered", 0)}}, OFFERED,
    ),
    "nobody-answers-an-offer": Flow(
        [waits(hours=40), works],
        {"bo": EXPIRED, "cy": ("pending", "offered", 0)}, {},
        [*WAITING, asks("cy", accept_waitlist=True), cancels("ana"), works, works],
    ),
    "accept-a-free-offer": Flow(
        [accepts("bo"), works],
        {"ana": CANCELLED, "bo": ("paid", "registered", 0)}, {"bo": {("pending", "offered", 0)}},
        [session(free=True, waitlist_capacity=5), asks("ana", expected_price_cents=0),
         asks("bo", expected_price_cents=0, accept_waitlist=True), cancels("ana"), works, works],
    ),
    "paid-upfront-and-promoted": Flow(
        [asks("bo", accept_waitlist=True), pays("bo"), delivers, works, cancels("ana"), works],
        {"ana": CANCELLED, "bo": PAID}, {"ana": {PAID}, "bo": {NOTHING, EXPIRED, ("paid", "waitlisted", 1200)}},
        [session(waitlist_capacity=5, waitlist_payment=WaitlistPayment.UPFRONT), asks("ana"), pays("ana"), delivers, works],
    ),
    "it-starts-without-one-who-paid-upfront": Flow(
        [starts, works, works], {"ana": PAID, "bo": ("cancelled", "expired", 0)}, {},
        [session(waitlist_capacity=5, waitlist_payment=WaitlistPayment.UPFRONT), asks("ana"), pays("ana"), delivers, works,
         asks("bo", accept_waitlist=True), pays("bo"), delivers, works],
    ),
    "refund-me-if-someone-takes-my-place": Flow(
        [cancels("ana", when_replaced=True), asks("bo"), pays("bo"), delivers, works, works],
        {"ana": CANCELLED, "bo": PAID},
        {"ana": {PAID, ("cancelled", "cancelled", 1200)}, "bo": {NOTHING, EXPIRED}},
        [session(refund_until=None), asks("ana"), pays("ana"), delivers, works],
    ),
    "the-session-is-cancelled": Flow(
        [staff_cancel_the_session, works, works],
        {"ana": CANCELLED, "bo": CANCELLED, "cy": CANCELLED},
        {"ana": {PAID}, "bo": {EXPIRED}, "cy": {("pending", "waitlisted", 0), ("pending", "offered", 0)}},
        [session(capacity=2, waitlist_capacity=5), asks("ana"), pays("ana"), delivers, asks("bo"),
         asks("cy", accept_waitlist=True), works],
    ),
    "refunded-in-the-dashboard": Flow(
        [staff_refund_in_the_dashboard, delivers, compares], {"ana": ("paid", "registered", 700)}, {}, [session(), *PAY],
        persists=True,
    ),
    "wrong-amount-given-back": Flow(
        [staff_give_it_back, works, waits(minutes=31), works, works],
        {"ana": EXPIRED}, {}, [session(), asks("ana"), price_is_changed_behind_our_back, pays("ana"), delivers, works],
        persists=True,
    ),
    "disputed-and-won": Flow(
        [bank_disputes, delivers, compares, bank_decides("won"), delivers, compares], {"ana": PAID}, {}, [session(), *PAY],
        persists=True,
    ),
    "comparing-finds-what-was-missed": Flow(
        [compares], {"ana": PAID}, {}, [session(), asks("ana"), pays("ana")],
    ),
}  # fmt: skip
