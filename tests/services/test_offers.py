"""Offered places: the clock starts when the mail is handed over, yes and no are answered once, what ends goes to the next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.integrations.mailer import MailUnavailable
from app.models import AuditEntry, ClubSession, OutgoingEmail, Payment, Registration
from app.rules import offers as rules
from app.rules.refusals import OfferOver
from app.services import cancelling, checkout, club_sessions, ending, offers, outbox
from app.services.club_session_fields import NAMES, ClubSessionFields
from tests.support.booking import at_once, begin, mails, order_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of, the

DAY = timedelta(hours=24)


def booking(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


def offered(*, free: bool = True, others: int = 0) -> tuple[ClubSession, list[str]]:
    """A session whose only place was given up and offered to the first who waits; the orders of those who wait."""
    make, price = (make_free_club_session, 0) if free else (make_club_session, 1200)
    club_session = make(capacity=1, waitlist_capacity=8)
    holder = begin(club_session, expected_price_cents=price)
    waiting = [begin(club_session, expected_price_cents=price, accept_waitlist=True) for _ in range(1 + others)]
    (cancelling.cancel_order if free else ending.give_up)(holder)
    return club_session, waiting


class Down:
    """A mail server that takes nothing until it is ``up``."""

    def __init__(self, app: Flask) -> None:
        self.up = False
        self.taken: list[str] = []
        app.extensions["muster_mailer"] = self

    def send(self, message: Any) -> None:
        if not self.up:
            raise MailUnavailable("down")
        self.taken.append(message.subject)


def test_clock_of_an_offer_starts_when_its_mail_is_handed_over(app: Flask, clock: FakeClock) -> None:
    club_session, [first] = offered()
    made = booking(first).offer_expires_at
    clock.advance(minutes=20)
    work()
    assert booking(first).offer_expires_at == rules.deadline(clock.now, club_session.starts_at, club_session.time_zone)
    assert booking(first).offer_expires_at != made


def test_offer_does_not_run_out_while_the_mail_server_is_down(app: Flask, clock: FakeClock) -> None:
    _, [first] = offered()
    server = Down(app)
    for hours in (1, 1, 30):
        clock.advance(hours=hours)
        work()
        assert booking(first).status == "offered"
    server.up = True
    clock.advance(minutes=6)
    work()
    assert len(server.taken) >= 1 and booking(first).offer_expires_at == clock.now + DAY


def test_place_can_be_taken_while_its_mail_is_still_on_its_way(app: Flask, clock: FakeClock) -> None:
    """The person saw it on their page: a clock that has not begun cannot have run out."""
    _, [first] = offered()
    Down(app)
    clock.advance(hours=30)
    offers.accept(booking(first).token)
    assert states(first)[:2] == ("paid", "registered")


def test_mail_that_can_never_be_delivered_does_not_keep_the_place_for_ever(app: Flask, clock: FakeClock) -> None:
    _, [first, second] = offered(others=1)
    Down(app)
    for _ in range(60):
        clock.advance(minutes=6)
        outbox.send_due()
        offers.expire_due_offers()
    assert the(OutgoingEmail, template="offer", order_id=order_of(first).id).failed_at is not None
    clock.advance(hours=30)
    work()
    assert (booking(first).status, booking(second).status) == ("expired", "offered")


def test_yes_to_a_free_place_is_registered_at_once(app: Flask) -> None:
    club_session, [first] = offered()
    assert offers.accept(booking(first).token) == first
    assert states(first)[:2] == ("paid", "registered") and taken(club_session) == 1
    assert [mail.template for mail in all_of(OutgoingEmail, order_id=order_of(first).id)][-1] == "confirmation"
    assert the(AuditEntry, subject_kind="order", action="paid").subject_id == order_of(first).id


def test_yes_to_a_priced_place_holds_it_at_the_price_that_was_asked(app: Flask, stripe_simulator: Any) -> None:
    club_session, [first] = offered(free=False)
    work()
    until = booking(first).offer_expires_at
    offers.accept(booking(first).token)
    assert booking(first).status == "held" and order_of(first).hold_expires_at == until
    assert checkout.pay(first).url == stripe_simulator.checkout()["url"]
    assert stripe_simulator.checkout()["amount_total"] == 1200
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert states(first) == ("paid", "registered", ["succeeded"]) and taken(club_session) == 1


def test_accepted_place_can_be_paid_by_a_second_checkout_until_its_hold_ends(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    """The Checkout lasts 35 minutes, the offer a day: the place stays theirs, and word of the first attempt does not free it."""
    club_session, [first] = offered(free=False)
    work()
    offers.accept(booking(first).token)
    checkout.pay(first)
    clock.advance(minutes=40)
    stripe_simulator.deliver()
    work()
    assert booking(first).status == "held"
    checkout.pay(first)
    expired = next(e for e in stripe_simulator.control.events() if e["type"] == "checkout.session.expired")
    ending._wish_to_cancel(first, "guest")  # given up, and Stripe could not be told yet
    stripe_simulator.control.repeat(expired["id"], new_id_too=True)
    stripe_simulator.deliver()
    assert booking(first).status == "held", "the second Checkout is open: somebody may be paying it"
    ending.give_up(first)
    assert booking(first).status == "cancelled" and taken(club_session) == 0


def test_no_goes_to_the_next_in_the_same_transaction(app: Flask) -> None:
    club_session, [first, second] = offered(others=1)
    offers.decline(booking(first).token)
    assert states(first)[:2] == ("cancelled", "declined") and booking(second).status == "offered"
    assert taken(club_session) == 1


def test_offer_that_runs_out_goes_to_the_next_and_both_are_told(app: Flask, clock: FakeClock) -> None:
    club_session, [first, second] = offered(others=1)
    work()
    clock.advance(hours=25)
    work()
    assert states(first)[:2] == ("expired", "expired") and booking(second).status == "offered"
    assert taken(club_session) == 1 and mails().count("offer") == 2 and mails().count("offer_over") == 1


def test_late_yes_is_told_that_it_is_over(app: Flask, clock: FakeClock) -> None:
    _, [first] = offered()
    work()
    clock.advance(hours=25)
    with pytest.raises(OfferOver):
        offers.accept(booking(first).token)
    work()
    with pytest.raises(OfferOver):
        offers.decline(booking(first).token)
    assert booking(first).status == "expired"


def test_offer_ends_at_the_start_of_a_session_that_was_moved_to_an_earlier_one(app: Flask, clock: FakeClock) -> None:
    club_session, (first,) = offered()
    work()
    start = clock.now + timedelta(hours=2)
    fields = {name: getattr(the(ClubSession), name) for name in NAMES} | {"starts_at": start, "refund_until": None}
    club_sessions.edit(club_session.slug, ClubSessionFields(**fields), "user:1")
    work()
    assert booking(first).offer_expires_at == start
    clock.advance(hours=2)
    with pytest.raises(OfferOver):
        offers.accept(booking(first).token)
    work()
    assert (booking(first).status, taken(club_session)) == ("expired", 0)


def test_offer_is_answered_once(app: Flask) -> None:
    _, [first] = offered()
    token = booking(first).token
    offers.accept(token)
    for again in (offers.accept, offers.decline):
        with pytest.raises(OfferOver):
            again(token)
    assert booking(first).status == "registered"


def test_yes_and_no_at_the_same_moment_end_as_one_of_them(app: Flask) -> None:
    club_session, [first] = offered()
    token = booking(first).token
    answers = at_once(app, lambda: offers.accept(token), lambda: offers.decline(token))
    assert sum(isinstance(answer, OfferOver) for answer in answers) == 1
    assert (booking(first).status, taken(club_session)) in (("registered", 1), ("declined", 0))


def test_worker_and_yes_at_the_last_moment_end_as_one_of_them(app: Flask, clock: FakeClock) -> None:
    _, [first, second] = offered(others=1)
    work()
    ends = booking(first).offer_expires_at
    assert ends is not None
    clock.set(ends)
    at_once(app, lambda: offers.accept(booking(first).token), offers.expire_due_offers)
    assert (booking(first).status, booking(second).status) == ("expired", "offered")


def test_unknown_link_is_over(app: Flask) -> None:
    with pytest.raises(OfferOver):
        offers.accept("no-such-token")
    assert count_of(Payment) == 0
