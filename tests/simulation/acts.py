"""What people and staff do in a history, each act a function of the story and this step's dice.

People go through the services behind the site's forms, staff through those behind the desk and through Stripe's dashboard.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.extensions import db
from app.models import Case
from app.queries import orders as order_pages
from app.rules.refusals import Refusal
from app.rules.statuses import OrderStatus, SessionStatus
from app.services import cancelling, checkout, club_sessions, ending, offers, returning, suspense, winding_up
from app.services.club_session_fields import NAMES, ClubSessionFields
from app.simulator.control import ControlError

from .dice import Dice

if TYPE_CHECKING:
    from .history import Story

GOOD, SECURE = "4242424242424242", "4000002500003155"
CARDS = ((GOOD, 12), ("4000000000000002", 2), (SECURE, 2), ("4000000000007726", 1), ("4000000000005126", 1))
UNHAPPY = (Refusal, ControlError)
"""What a person may be told: no act fails by it."""


# --- people -------------------------------------------------------------------------------------------------------------------


def register(story: Story, dice: Dice) -> str:
    """Somebody asks for places, or comes back with the same wish."""
    person, session = dice.choice(story.crowd.people), story.session(dice)
    price = story.price_for(person, session)
    if dice.random() < 0.05:
        price += 100  # a page drawn before the price changed
    places = dice.choice((1, 1, 1, 1, 1, 2, 2, 3))
    asked = person.applicant(min(places, session.max_places), price, accept_waitlist=dice.random() < 0.85)
    person.went_to(checkout.begin_registration(session.slug, asked))
    return f"{person.name} {asked.places}"


def pay(story: Story, dice: Dice) -> str:
    """Somebody at a payment page presses the button, whatever became of their hold meanwhile."""
    known = story.crowd.known_checkouts()
    checkout_id = story.some_checkout(dice)
    card = dice.choices([c for c, _ in CARDS], [w for _, w in CARDS])[0]
    authenticate = None if card == SECURE and dice.random() < 0.6 else True
    return f"{known[checkout_id].name} {story.world.stripe.pay(checkout_id, card, authenticate=authenticate).outcome}"


def pay_again(story: Story, dice: Dice) -> str:
    """Two tabs: the same page twice."""
    known = story.crowd.known_checkouts()
    checkout_id = story.some_checkout(dice)
    tabs = [story.world.stripe.pay(checkout_id, GOOD).outcome for _ in range(2)]
    return f"{known[checkout_id].name} {' '.join(tabs)}"


def authenticate(story: Story, dice: Dice) -> str:
    """The bank's page that was left open is answered."""
    return str(story.world.stripe.authenticate(story.left_open(dice), dice.random() < 0.8).outcome)


def come_back(story: Story, dice: Dice) -> str:
    """The browser follows Stripe's redirect to the success page (or somebody opens it by hand)."""
    known = story.crowd.known_checkouts()
    checkout_id = story.some_checkout(dice, "complete")
    person = known[checkout_id]
    returning.confirm(person.checkouts[checkout_id], checkout_id)
    return person.name


def pay_now(story: Story, dice: Dice) -> str:
    """ "Pay now" on the order page."""
    person, token = story.someones_order(dice)
    person.went_to(checkout.pay(token))
    return person.name


def cancel(story: Story, dice: Dice) -> str:
    """ "Give up my place" or "Cancel": the order page's own choice between the two."""
    person, token = story.someones_order(dice)
    view = order_pages.page(token)
    assert view is not None
    if view.status is OrderStatus.PENDING and view.hold_expires_at is not None:
        ending.give_up(token)
    else:
        cancelling.cancel_order(token, when_replaced=dice.random() < 0.6)
    return person.name


def accept(story: Story, dice: Dice) -> str:
    person, token = story.someones_offer(dice)
    order_token = offers.accept(token)
    person.learn_order(order_token)
    person.went_to(checkout.pay(order_token))
    return person.name


def decline(story: Story, dice: Dice) -> str:
    person, token = story.someones_offer(dice)
    offers.decline(token)
    return person.name


# --- staff --------------------------------------------------------------------------------------------------------------------


def cancel_session(story: Story, dice: Dice) -> str:
    session = story.session(dice)
    winding_up.cancel_session(session.slug, "user:1", "The hall is closed.")
    return session.slug


def _edit(story: Story, dice: Dice, **changes: Any) -> str:
    session = story.session(dice)
    if session.status is SessionStatus.CANCELLED:
        return "cancelled"
    fields = ClubSessionFields(**{name: getattr(session, name) for name in NAMES})
    club_sessions.edit(session.slug, replace(fields, **changes), "user:1")
    return f"{session.slug} {changes}"


def change_capacity(story: Story, dice: Dice) -> str:
    return _edit(story, dice, capacity=dice.randint(0, 6))


def change_price(story: Story, dice: Dice) -> str:
    price = dice.choice((0, 900, 1200, 1500))
    return _edit(story, dice, non_member_price_cents=price, member_price_cents=min(price, 800) or None)


def change_waitlist(story: Story, dice: Dice) -> str:
    return _edit(story, dice, waitlist_payment=dice.choice(("on_offer", "upfront")), waitlist_capacity=dice.randint(0, 8))


def dashboard_refund(story: Story, dice: Dice) -> str:
    """Staff refund in Stripe's own dashboard, in full or in part."""
    payment = dice.choice(story.captured())
    amount = None if dice.random() < 0.5 else dice.randint(1, payment["amount"])
    story.world.stripe.refund(payment["id"], amount)
    return f"{amount}"


def amount_goes_wrong(story: Story, dice: Dice) -> str:
    """Stripe's record of an open Checkout is not what was ordered, whoever did that."""
    checkout_id = story.some_checkout(dice)
    story.change_amount(checkout_id, dice.choice((-1, 100, -500)))
    return checkout_id[:12]


def bank_turns_refund(story: Story, dice: Dice) -> str:
    """A refund on its way arrives, or comes back."""
    refund = dice.choice(story.world.stripe.refunds())
    if refund["status"] == "pending" and dice.random() < 0.5:
        return str(story.world.stripe.settle_refund(refund["id"])["status"])
    return str(story.world.stripe.fail_refund(refund["id"])["status"])


def dispute(story: Story, dice: Dice) -> str:
    opened = [d for d in story.world.stripe.disputes() if d["status"] not in ("won", "lost")]
    if opened and dice.random() < 0.5:
        return str(story.world.stripe.close_dispute(opened[0]["id"], dice.choice(("won", "lost")))["status"])
    return str(story.world.stripe.dispute(dice.choice(story.captured())["id"])["status"])


def decide_case(story: Story, dice: Dice) -> str:
    found = db.session.execute(select(Case.id).where(Case.closed_at.is_(None), Case.kind == suspense.KIND)).scalars().all()
    db.session.rollback()
    case_id = dice.choice(found)
    if dice.random() < 0.5:
        suspense.keep(case_id, "user:1")
        return "kept"
    return str(suspense.give_back(case_id, "user:1"))
