"""The flows of the desk, of differences, of money by hand, of memberships, baskets and courses, as `flows` has the others."""

from __future__ import annotations

from app.services.adding import How
from app.services.by_hand import Means
from app.services.differences import Settling

from .desk_steps import (
    another_session,
    buys_the_course,
    checks_out_a_basket,
    course,
    goes_on_with_the_difference,
    hosts_what_the_committee_looks_at,
    joins,
    plan,
    staff_add,
    staff_cancel,
    staff_cancel_the_other_session,
    staff_change_places,
    staff_end_hold,
    staff_give_the_course_back,
    staff_move,
    staff_pay_out,
    staff_settle_owed,
    staff_take,
)
from .flows import CANCELLED, EXPIRED, NOTHING, PAID, PAY, Flow, State
from .steps import asks, delivers, goes_on, pays, returns, session, waits, works
from .world import Step

DEARER, CHEAPER = another_session(non_member_price_cents=1800), another_session(non_member_price_cents=800)
MORE: State = ("paid", "registered", 1800)
TWO: State = ("paid", "registered", 2400)
COURSE: State = ("paid", "", 2500)
UNPAID_COURSE: State = ("expired", "", 0)
MOVED: list[Step] = [
    session(), DEARER, *PAY,
    staff_move("ana", Settling.LINK, 600), goes_on_with_the_difference("ana"), pays("ana"), delivers, works,
]  # fmt: skip
BASKET: list[Step] = [session(), another_session(), plan, checks_out_a_basket("ana"), pays("ana"), delivers, works]
"""A year for NZ$30.00, and both sessions at the price of members, NZ$8.00 each."""

DESK_FLOWS: dict[str, Flow] = {
    "moved-and-the-difference-is-paid": Flow(
        [staff_move("ana", Settling.LINK, 600), goes_on_with_the_difference("ana"), pays("ana"), delivers, works],
        {"ana": MORE}, {"ana": {PAID}}, [session(), DEARER, *PAY],
    ),
    "moved-and-the-difference-is-taken-by-hand-later": Flow(
        [staff_settle_owed("ana", Settling.CASH, 600), works],
        {"ana": MORE}, {"ana": {PAID}},
        [session(), DEARER, *PAY, staff_move("ana", Settling.LINK, 600), waits(minutes=31), works],
    ),
    "moved-and-the-difference-goes-back": Flow(
        [staff_move("ana", Settling.REFUND, -400), works],
        {"ana": ("paid", "registered", 800)}, {"ana": {PAID}}, [session(), CHEAPER, *PAY],
    ),
    "more-places-are-paid": Flow(
        [staff_change_places("ana", 2, Settling.LINK, 1200), goes_on_with_the_difference("ana"), pays("ana"), delivers, works],
        {"ana": TWO}, {"ana": {PAID}}, [session(capacity=2), *PAY],
    ),
    "more-places-are-not-paid-in-time": Flow(
        [staff_change_places("ana", 2, Settling.LINK, 1200), waits(minutes=31), works, delivers],
        {"ana": PAID}, {}, [session(capacity=2), *PAY],
    ),
    "fewer-places": Flow(
        [staff_change_places("ana", 1, Settling.REFUND, -1200), works],
        {"ana": PAID}, {"ana": {TWO}},
        [session(capacity=2), asks("ana", places=2), pays("ana"), delivers, works],
    ),
    "cash-from-somebody-at-the-payment-page": Flow(
        [staff_take("ana", Means.CASH), works, delivers], {"ana": PAID}, {"ana": {EXPIRED}}, [session(), asks("ana")],
    ),
    "cash-is-paid-back": Flow(
        [staff_cancel("ana", 1200), staff_pay_out, works],
        {"ana": CANCELLED}, {}, [session(), asks("ana"), staff_take("ana", Means.CASH), works], persists=True,
    ),
    "added-by-hand-for-cash": Flow([staff_add("ana", How.CASH), works], {"ana": PAID}, {"ana": {NOTHING}}, [session()]),
    "added-by-hand-with-a-link": Flow(
        [staff_add("ana", How.LINK), goes_on("ana"), pays("ana"), delivers, works],
        {"ana": PAID}, {"ana": {NOTHING, EXPIRED}}, [session()],
    ),
    "hold-is-ended-by-staff": Flow(
        [staff_end_hold("ana"), works, delivers],
        {"ana": CANCELLED, "bo": ("pending", "offered", 0)}, {"ana": {EXPIRED}},
        [session(waitlist_capacity=5), asks("ana"), asks("bo", accept_waitlist=True), works],
    ),
    "membership": Flow(
        [joins("ana"), pays("ana"), returns("ana"), delivers, works],
        {"ana": ("paid", "", 3000)}, {"ana": {NOTHING, ("expired", "", 0)}}, [plan],
    ),
    "basket": Flow(
        [checks_out_a_basket("ana"), pays("ana"), delivers, works],
        {"ana": ("paid", "registered", 4600)}, {"ana": {NOTHING, EXPIRED}}, [session(), another_session(), plan],
    ),
    "basket-loses-a-session": Flow(
        [staff_cancel_the_other_session, works, works],
        {"ana": ("paid", "registered", 3800)}, {"ana": {("paid", "registered", 4600)}}, BASKET,
    ),
    "course": Flow(
        [buys_the_course("ana"), pays("ana"), returns("ana"), delivers, works],
        {"ana": COURSE}, {"ana": {NOTHING, UNPAID_COURSE}}, [course],
    ),
    "course-goes-back-and-the-next-has-it": Flow(
        [staff_give_the_course_back("ana"), buys_the_course("bo"), pays("bo"), works, delivers, works],
        {"ana": ("paid", "", 0), "bo": COURSE}, {"ana": {COURSE}, "bo": {NOTHING, UNPAID_COURSE}},
        [course, buys_the_course("ana"), pays("ana"), delivers, works],
    ),
    "hosted-session-is-cancelled-in-review": Flow(
        [staff_cancel_the_other_session, works, works],
        {"ana": ("paid", "", 0)}, {"ana": {("paid", "", 1200)}},
        [hosts_what_the_committee_looks_at("ana"), pays("ana"), delivers, works],
    ),
    "session-of-one-who-paid-a-difference-is-cancelled": Flow(
        [staff_cancel_the_other_session, works, works], {"ana": CANCELLED}, {"ana": {MORE}}, MOVED,
    ),
}  # fmt: skip
