"""Histories of a session that takes applications: the same promises hold, and the reserve is served in its order.

A mixture of its own, so that the seeds of every other history stay what they were.
"""

from __future__ import annotations

import random

import pytest

from app.rules.statuses import UNDECIDED, Entry, RegistrationStatus
from app.services import applications
from app.services.applications import Decision, Verdict
from tests.simulation import acts, calm, outside, rows
from tests.simulation.dice import Act, Dice
from tests.simulation.history import Story, failures_in_the_log
from tests.simulation.promises import Broken, must
from tests.simulation.rows import Rows
from tests.simulation.world import World, seeded_secrets

HISTORIES, CHUNKS, STEPS, TRIES = 20, 2, 30, 8
STAFF = "user:1"


def decide(story: Story, dice: Dice) -> str:
    """The committee accepts, reserves or declines some of those who can still be decided about."""
    open_ones = [r for r in story.seen.registrations.values() if r["status"] in UNDECIDED]
    chosen = [dice.choice(open_ones) for _ in range(dice.randint(1, 3))]
    verdict = dice.choice((Verdict.ACCEPT, Verdict.ACCEPT, Verdict.RESERVE, Verdict.RESERVE, Verdict.DECLINE))
    tokens = tuple(dict.fromkeys(r["token"] for r in chosen))
    decision = Decision(verdict, tokens, overbook=dice.random() < 0.05)
    told = applications.decide(story.slugs[0], decision, STAFF, once=f"{story.seed}-{len(story.log)}")
    return f"{verdict} {told}"


WEIGHTS: dict[Act, int] = {
    acts.register: 24, decide: 24, acts.accept: 16, acts.decline: 5, acts.pay: 18, acts.pay_now: 3, acts.come_back: 5,
    acts.cancel: 8, acts.cancel_session: 1, acts.change_capacity: 2, outside.minutes_pass: 8, outside.hours_pass: 4,
    outside.deliver: 9, outside.work: 10, outside.bend_webhooks: 3, outside.plan_death: 8, outside.break_stripe: 3,
}  # fmt: skip


def play(world: World, seed: int) -> Story:
    """One history; raises Broken with its seed and story."""
    story = Story(world, seed)
    drawn = random.Random(f"applications {seed}")  # noqa: S311 - a history, not a secret
    with seeded_secrets(seed), failures_in_the_log() as failures:
        try:
            story.begin({"entry": Entry.APPLICATION, "capacity": 2, "max_places": 2, "member_price_cents": None})
            for number in range(STEPS):
                before, entries = story.seen, rows.audit_since(0)
                story.act(number, drawn.choices(list(WEIGHTS), list(WEIGHTS.values()), k=TRIES))
                said = [entry["action"] for entry in rows.audit_since(entries[-1]["id"] if entries else 0)]
                if not any(action.startswith("applications_") for action in said):
                    reserve_in_order(before, story.seen)
            calm.settle(story, lost=seed % 3 == 0)
            calm.let_everything_end(story)
            calm.check(story)
            must(not failures, 13, f"the log says {failures}")
        except Broken as broken:
            raise Broken("\n".join([f"seed {seed}: {broken}", *story.log])) from broken
    return story


def reserve_in_order(before: Rows, seen: Rows) -> None:
    """Promise 9: whom a place rolled on to stood before everybody in reserve who would have fitted as well."""
    waits = [r for r in seen.registrations.values() if r["status"] is RegistrationStatus.IN_RESERVE]
    for r in seen.registrations.values():
        was = before.registrations.get(r["id"])
        if was is None or was["status"] is not RegistrationStatus.IN_RESERVE or r["status"] is not RegistrationStatus.OFFERED:
            continue
        for other in waits:
            sooner = (other["reserved_at"], other["id"]) < (r["reserved_at"], r["id"])
            must(not (sooner and other["places"] <= r["places"]), 9, f"{r['id']} was offered a place before {other['id']}")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_histories_of_applications_keep_every_promise(world: World, chunk: int) -> None:
    stories = [play(world, seed) for seed in range(1 + chunk, 1 + HISTORIES, CHUNKS)]
    told = "\n".join(line for story in stories for line in story.log)
    assert all(verdict in told for verdict in Verdict), "the mixture decides nothing"


def test_reserve_served_out_of_order_is_found(world: World) -> None:
    """The twin: two in reserve, and the later one gets the place."""
    story = Story(world, 1)
    with seeded_secrets(1):
        story.begin({"entry": Entry.APPLICATION, "capacity": 2})
        for person in story.crowd.people[:2]:
            story.did("applies", lambda person=person: _apply(story, person))  # type: ignore[misc]
        for r in list(story.seen.registrations.values()):
            decision = Decision(Verdict.RESERVE, (r["token"],))
            story.did("reserve", lambda d=decision: applications.decide(story.slugs[0], d, STAFF, once=d.tokens[0]))  # type: ignore[misc]
            world.advance(seconds=1)
        before, last = story.seen, max(story.seen.registrations)
        skip = Decision(Verdict.ACCEPT, (before.registrations[last]["token"],))
        story.did("skip", lambda: applications.decide(story.slugs[0], skip, STAFF, once="skip"))
    with pytest.raises(Broken, match="was offered a place before"):
        reserve_in_order(before, story.seen)


def _apply(story: Story, person: object) -> str:
    dice = Dice("applies")
    asked = person.applicant(1, story.price_for(person, story.session(dice)), accept_waitlist=False)  # type: ignore[attr-defined, arg-type]
    person.went_to(acts.checkout.begin_registration(story.slugs[0], asked))  # type: ignore[attr-defined]
    return "applied"
