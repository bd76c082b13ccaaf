"""Histories in which people use codes, the club's and Stripe's: the same promises hold, and every use is counted once.

A mixture of its own, so that the seeds of every other history stay what they were.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.extensions import db
from app.models import Voucher, VoucherUse
from app.rules.statuses import ItemKind, OrderStatus
from app.rules.vouchers import VoucherKind
from app.services import baskets, checkout, ordering, voucher_desk, vouchers
from app.services import promotions as booked
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from app.simulator.acts import promotions
from app.simulator.errors import ApiError
from app.transaction import transaction
from tests.simulation import acts, calm, outside, shop
from tests.simulation.dice import Act, Dice
from tests.simulation.history import Story, failures_in_the_log
from tests.simulation.people import Person
from tests.simulation.promises import Broken, must
from tests.simulation.world import World, seeded_secrets
from tests.support.factories import make_plan, make_voucher

HISTORIES, CHUNKS, STEPS, TRIES = 18, 2, 30, 8
CODES = ("QUARTER", "ONCE", "TENNER", "NOSUCH", "")
STAFF = "user:1"


def total_of(person: Person, wanted: list[Wanted], code: str) -> int:
    """What the page shows this person."""
    buyer = Buyer(person.name, person.email, person.user_id)
    try:
        return ordering.total(ordering.quote(db.session(), wanted, buyer, clock.now(), code))
    finally:
        db.session.rollback()


def book(story: Story, dice: Dice) -> str:
    """Somebody books with a code, the right one or not."""
    person, session, code = dice.choice(story.crowd.people), story.session(dice), dice.choice((*CODES, "", "", ""))
    places = dice.choice((1, 1, 2))
    total = total_of(person, [Wanted(ItemKind.REGISTRATION, session.slug, places)], code)
    asked = person.applicant(places, 1200, accept_waitlist=dice.random() < 0.7)
    person.went_to(checkout.begin_registration(session.slug, replace(asked, code=code, expected_total_cents=total)))
    return f"{person.name} {places} {code} for {total}"


def join(story: Story, dice: Dice) -> str:
    """Somebody buys a membership with a code, also after having begun with another."""
    person, code = dice.choice(story.crowd.people), dice.choice(CODES)
    total = total_of(person, [Wanted(ItemKind.MEMBERSHIP, shop.PLAN)], code)
    person.forms += 1
    attempt, known = f"{person.email}-{person.forms}", tuple(person.orders)
    joiner = Joiner(person.name, person.email, total, attempt, person.user_id, known, code)
    person.went_to(checkout.begin_membership(shop.PLAN, joiner))
    return f"{person.name} {code} for {total}"


def check_out(story: Story, dice: Dice) -> str:
    """Somebody orders what is in their basket with a code."""
    person, code = dice.choice([person for person in story.crowd.people if person.basket]), dice.choice(CODES)
    buyer = Buyer(person.name, person.email, person.user_id)
    total = baskets.view(person.basket or "", buyer, code).total_cents
    db.session.rollback()
    person.forms += 1
    person.went_to(checkout.begin_basket(person.basket or "", buyer, total, f"{person.email}-{person.forms}", code))
    return f"{person.name} {code} for {total}"


def type_promotion(story: Story, dice: Dice) -> str:
    """Somebody types Stripe's code on its page, where that asks for one."""
    core = story.world.simulator.core
    records = [core.store.need("checkout.session", id_) for id_ in sorted(story.crowd.known_checkouts(), key=story.age_of)]
    record = dice.choice([r for r in records if r.object["status"] == "open" and r.object["allow_promotion_codes"]])
    code = promotions.find_code(core, dice.choice(("FIFTH", "FIFTH", "FIFTH", "ALL")))
    with core.changes():
        try:
            promotions.apply_code(core, record, code)  # type: ignore[arg-type]
        except ApiError as error:
            return str(error)
        core.store.save(record)
    return f"{record.id} {record.object['amount_total']}"


def complete(story: Story, dice: Dice) -> str:
    """Nothing is left to pay: the page is sent without a card."""
    store = story.world.simulator.core.store
    free = [id_ for id_ in story.crowd.known_checkouts() if store.need("checkout.session", id_).object["amount_total"] == 0]
    return story.world.stripe.pay(dice.choice(sorted(free, key=story.age_of)), acts.GOOD).outcome


def end_or_lengthen(story: Story, dice: Dice) -> str:
    """Staff end a code, or let it be used once more."""
    row = dice.choice(db.session.execute(select(Voucher).order_by(Voucher.id)).scalars().all())
    id_, limit = row.id, row.max_uses
    db.session.rollback()
    if dice.random() < 0.3:
        voucher_desk.end(id_, STAFF)
        return "ended"
    with transaction() as own:
        own.execute(update(Voucher).where(Voucher.id == id_).values(max_uses=(limit or 1) + 1))
    return "once more"


WEIGHTS: dict[Act, int] = {
    book: 22, join: 8, shop.fill_basket: 10, check_out: 10, type_promotion: 14, complete: 6, end_or_lengthen: 2,
    acts.register: 4, acts.pay: 18, acts.pay_again: 2, acts.pay_now: 4, acts.come_back: 6, acts.cancel: 6, acts.accept: 6,
    acts.cancel_session: 1, acts.dashboard_refund: 2, outside.minutes_pass: 9, outside.hours_pass: 2, outside.deliver: 9,
    outside.repeat_event: 3, outside.work: 10, outside.bend_webhooks: 4, outside.plan_death: 9, outside.break_stripe: 4,
}  # fmt: skip


def begin(story: Story) -> None:
    """A session that takes promotion codes, a plan, the club's codes and two of Stripe's."""
    places = {"capacity": 3, "waitlist_capacity": 4, "max_places": 2}
    story.begin({**places, "member_price_cents": None, "allow_promotion_codes": True})
    make_plan(slug=shop.PLAN, price_cents=shop.PLAN_CENTS, student_price_cents=None)
    make_voucher(code="QUARTER", max_uses=2)
    make_voucher(code="ONCE", kind=VoucherKind.FREE, percent=None, max_uses=1)
    make_voucher(code="TENNER", kind=VoucherKind.AMOUNT, percent=None, amount_cents=1000, currency="NZD", max_uses_each=1)
    core = story.world.simulator.core
    with core.changes():
        for word, percent in (("FIFTH", 20.0), ("ALL", 100.0)):
            coupon = promotions.create_coupon(core, {"duration": "once", "percent_off": percent})
            promotions.create_promotion_code(core, {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": word})


def uses_are_counted(story: Story) -> None:
    """A code's uses are the orders that hold it, never over its limit; an order that ended unpaid holds none."""
    with Session(db.engine) as session:
        vouchers, uses = session.scalars(select(Voucher)).all(), session.scalars(select(VoucherUse)).all()
    held = Counter(use.voucher_id for use in uses if use.returned_at is None)
    for voucher in vouchers:
        must(voucher.uses == held[voucher.id], 7, f"code {voucher.code}: counted {voucher.uses}, held {held[voucher.id]}")
        must(voucher.max_uses is None or voucher.uses <= voucher.max_uses, 1, f"code {voucher.code} is over its limit")
    for use in uses:
        order = story.seen.orders[use.order_id]
        ended = order["status"] in (OrderStatus.EXPIRED, OrderStatus.CANCELLED) and order["paid_at"] is None
        must(not ended or use.returned_at is not None, 7, f"order {order['reference']} ended unpaid and holds a code")


def orders_are_their_lines(story: Story) -> None:
    """What an order costs is what its lines cost, with and without what Stripe took off."""
    lines: Counter[int] = Counter()
    for item in story.seen.order_items.values():
        lines[item["order_id"]] += item["unit_amount_cents"] * item["quantity"]
    for id_, order in story.seen.orders.items():
        must(order["total_cents"] == lines[id_], 15, f"order {order['reference']}: {order['total_cents']}, lines {lines[id_]}")


def play(world: World, seed: int) -> Story:
    """One history; raises Broken with its seed and story."""
    story = Story(world, seed)
    drawn = random.Random(f"codes {seed}")  # noqa: S311 - a history, not a secret
    with seeded_secrets(seed), failures_in_the_log() as failures:
        try:
            begin(story)
            for number in range(STEPS):
                story.act(number, drawn.choices(list(WEIGHTS), list(WEIGHTS.values()), k=TRIES))
                uses_are_counted(story)
                orders_are_their_lines(story)
            calm.settle(story, lost=seed % 3 == 0)
            calm.let_everything_end(story)
            calm.check(story)
            uses_are_counted(story)
            must(not failures, 13, f"the log says {failures}")
        except (Exception, SystemExit) as error:
            raise Broken("\n".join([f"seed {seed}, {type(error).__name__}: {error}", *story.log, *failures])) from error
    return story


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_histories_with_codes_keep_every_promise(world: World, chunk: int) -> None:
    """And they reach what they are for: codes used and given back, both of Stripe's codes ending in a booking."""
    told: Counter[str] = Counter()
    for seed in range(1 + chunk, 1 + HISTORIES, CHUNKS):
        story = play(world, seed)
        with Session(db.engine) as session:
            returned = session.scalars(select(VoucherUse.returned_at)).all()
        promoted = [order["total_cents"] for order in story.seen.orders.values() if order["promotion_cents"]]
        told["used"] += len(returned)
        told["given back"] += sum(at is not None for at in returned)
        told["part off"] += sum(cents > 0 for cents in promoted)
        told["all off"] += sum(cents == 0 for cents in promoted)
    assert all(told[name] for name in ("used", "given back", "part off", "all off")), told


def test_uses_that_are_not_given_back_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: an order that ends keeps its use."""
    monkeypatch.setattr(vouchers, "settle", lambda *_: None)
    with pytest.raises(Broken, match="ended unpaid and holds a code"):
        for seed in range(1, 1 + HISTORIES):
            play(world, seed)


def test_discounts_that_are_not_booked_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: what Stripe took off stays in what was ordered."""
    monkeypatch.setattr(booked, "book", lambda *_: None)
    with pytest.raises(Broken):
        for seed in range(1, 1 + HISTORIES):
            play(world, seed)
