"""The short stories of the desk, of differences, memberships and baskets, each with the defence whose break it notices.

Told by the twins, as their own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app import clock
from app.models import OrderItem, Refund, Registration
from app.rules.statuses import ItemKind
from app.services import baskets, checkout, differences, ending_holds, moving, staff_actions, taking_payment, winding_up
from app.services.by_hand import Means
from app.services.differences import Settlement, Settling
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from tests.support.factories import make_club_session, make_plan
from tests.support.rows import all_of

from . import breaks, desk_breaks
from .promises import must
from .shop import PLAN, PLAN_CENTS
from .told import Told

STAFF, WHY = "user:1", "They asked for it."


def booking(number: int = 1) -> Registration:
    """The so-manyth booking of the club."""
    return all_of(Registration)[number - 1]


def settlement(how: Settling, cents: int, once: str) -> Settlement:
    return Settlement(how, WHY, once, cents, pay_by=clock.now() + timedelta(minutes=30))


def second_session(story: Told, **changes: Any) -> None:
    story.slugs.append(make_club_session(**changes).slug)


def asked_for_a_difference(story: Told) -> None:
    """Moved to a session that costs NZ$6.00 more, and at the payment page for it."""
    second_session(story, non_member_price_cents=1800)
    link = settlement(Settling.LINK, 600, "move")
    story.did("move", lambda: moving.move(booking().token, story.slugs[1], link, STAFF))
    story.work(seconds=1)  # the mail with the link leaves
    story.did("pay now", lambda: story.person(0).went_to(checkout.pay(story.person(0).orders[-1])))


def cash_while_the_payment_page_is_open(story: Told) -> None:
    story.club()
    story.join(0)
    story.did("cash", lambda: taking_payment.take(booking().token, Means.CASH, WHY, STAFF, once="cash"))
    story.pay(0)
    story.end()


def form_is_sent_twice(story: Told) -> None:
    story.club()
    story.join(0)
    story.pay(0)
    for _ in range(2):
        story.did("refund", lambda: staff_actions.refund(booking().token, 300, WHY, STAFF, once="refund"))
    must(len(all_of(Refund)) == 1, 4, f"{len(all_of(Refund))} refunds for one form")
    story.end()


def link_is_paid_after_cash_was_taken(story: Told) -> None:
    """Stripe calls it paid although it had said expired, and we had taken the money otherwise since."""
    story.club()
    story.join(0)
    story.pay(0)
    asked_for_a_difference(story)
    story.work(minutes=31)
    cash = settlement(Settling.CASH, 600, "owed")
    story.did("cash", lambda: differences.settle_owed(booking().token, cash, STAFF))
    story.did("paid late", lambda: paid_late(story))
    story.end()


def paid_late(story: Told) -> str:
    core, checkout_id = story.world.simulator.core, [*story.person(0).checkouts][-1]
    with core.changes():
        core.store.need("checkout.session", checkout_id).object["status"] = "open"
    return str(story.world.stripe.pay(checkout_id).outcome)


def added_places_are_not_paid(story: Told) -> None:
    story.club(capacity=2, waitlist_capacity=5)
    story.join(0)
    story.pay(0)
    more = settlement(Settling.LINK, 1200, "more")
    story.did("more places", lambda: moving.change_places(booking().token, 2, more, STAFF))
    story.join(1)
    story.work(minutes=31)
    story.end()


def moved_away_while_somebody_waits(story: Told) -> None:
    story.club(capacity=1, waitlist_capacity=5)
    second_session(story)
    story.join(0)
    story.pay(0)
    story.join(1)
    same = settlement(Settling.WAIVE, 0, "move")
    story.did("move", lambda: moving.move(booking().token, story.slugs[1], same, STAFF))
    story.end()


def session_is_cancelled_after_a_difference_was_paid(story: Told) -> None:
    story.club()
    story.join(0)
    story.pay(0)
    asked_for_a_difference(story)
    story.pay(0)
    story.did("cancel session", lambda: winding_up.cancel_session(story.slugs[1], STAFF, "Closed."))
    story.end()


def cash_goes_back(story: Told) -> None:
    story.club()
    story.join(0)
    story.did("cash", lambda: taking_payment.take(booking().token, Means.CASH, WHY, STAFF, once="cash"))
    story.did("cancel", lambda: staff_actions.cancel(booking().token, 1200, WHY, STAFF, once="cancel"))
    story.end()


def basket(story: Told) -> None:
    """Two sessions in one order, and its payment page open."""
    story.club()
    second_session(story)
    person, token = story.person(0), None
    buyer = Buyer(person.name, person.email)
    for slug in story.slugs:
        token = baskets.add(token, Wanted(ItemKind.REGISTRATION, slug), buyer)
    story.did("check out", lambda: person.went_to(checkout.begin_basket(token or "", buyer, 2400, "basket")))


def basket_is_not_paid(story: Told) -> None:
    basket(story)
    story.work(minutes=31)
    story.end()


def basket_is_paid_for_a_session_that_was_cancelled(story: Told) -> None:
    basket(story)
    story.did("cancel session", lambda: winding_up.cancel_session(story.slugs[1], STAFF, "Closed."))
    story.pay(0)
    story.end()


def staff_end_a_hold(story: Told) -> None:
    story.club()
    story.join(0)
    story.did("end", lambda: ending_holds.end_hold(booking().token, WHY, STAFF, once="end").status)
    story.end()


def paid_while_staff_end_the_hold_with_two_clicks(story: Told) -> None:
    story.club()
    story.join(0)
    story.world.stripe.pay([*story.person(0).checkouts][-1])
    for _ in range(2):
        story.did("end", lambda: ending_holds.end_hold(booking().token, WHY, STAFF, once="end").status)
    story.end()


def cancelled_while_paying_upfront(story: Told) -> None:
    story.club(capacity=1, waitlist_capacity=5, waitlist_payment="upfront")
    story.join(0)
    story.pay(0)
    story.join(1)
    story.did("cancel", lambda: staff_actions.cancel(booking(2).token, 0, WHY, STAFF, once="cancel"))
    story.end()


def membership_is_bought_in_two_browsers(story: Told) -> None:
    story.club()
    make_plan(slug=PLAN, price_cents=PLAN_CENTS)
    person = story.person(0)
    for attempt in ("one", "other"):
        joiner = Joiner(person.name, person.email, PLAN_CENTS, attempt)
        story.did("join", lambda joiner=joiner: person.went_to(checkout.begin_membership(PLAN, joiner)))  # type: ignore[misc]
    for checkout_id in person.checkouts:
        story.did("pay", lambda id_=checkout_id: story.world.stripe.pay(id_).outcome)  # type: ignore[misc]
        story.did("deliver", story.world.deliver)
    must(len(all_of(OrderItem)) == 2, 3, "there was one order only")
    story.end()


DESK_TWINS: list[tuple[str, Callable[[], Any], Callable[[Told], None]]] = [
    ("Checkout ended before cash is taken", desk_breaks.checkout_ended_before_cash, cash_while_the_payment_page_is_open),
    ("one-time key of a form", desk_breaks.one_time_key, form_is_sent_twice),
    ("difference settled otherwise", desk_breaks.settled_otherwise_check, link_is_paid_after_cash_was_taken),
    ("added places go when not paid", desk_breaks.added_places_go_again, added_places_are_not_paid),
    ("dealing after a move", breaks.dealing_at_once, moved_away_while_somebody_waits),
    ("differences go back too", desk_breaks.differences_go_back_too, session_is_cancelled_after_a_difference_was_paid),
    ("cash goes back by hand", desk_breaks.hand_to_hand, cash_goes_back),
    ("every line is released", desk_breaks.every_line_is_released, basket_is_not_paid),
    ("lost lines go back", desk_breaks.lost_lines_go_back, basket_is_paid_for_a_session_that_was_cancelled),
    ("expire before staff's end of a hold", breaks.expire_before_release, staff_end_a_hold),
    ("paid order is never released", desk_breaks.paid_order_is_kept, paid_while_staff_end_the_hold_with_two_clicks),
    ("no cancelling beside an open page", desk_breaks.not_beside_an_open_page, cancelled_while_paying_upfront),
    ("one membership at a time", desk_breaks.one_span_at_a_time, membership_is_bought_in_two_browsers),
]
