"""Moving a booking and changing its places: nothing oversold, no cent lost or taken twice, whoever waits is served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import AuditEntry, ClubSession, LedgerEntry, Order, OutgoingEmail, Payment, Refund, Registration
from app.queries import desk_ending, refund_terms
from app.rules.refunds import Terms
from app.rules.refusals import InvalidInput, NotEnoughPlaces, PriceChanged
from app.rules.statuses import RefundPolicy
from app.services import (
    adding,
    cancelling,
    checkout,
    club_sessions,
    differences,
    ending,
    health_check,
    moving,
    reconciling,
    winding_up,
)
from app.services.adding import How, Wanted
from app.services.club_session_fields import NAMES, ClubSessionFields
from app.services.differences import NotConfirmed, Settlement, Settling, StillOwed
from app.services.moving import Changed
from tests.support.booking import at_once, balances, begin, mails, order_of, payments_of, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of, the

STAFF, WHY = "user:1", "Asked by phone"
L, C, R, W = Settling.LINK, Settling.CASH, Settling.REFUND, Settling.WAIVE


def booked(session: ClubSession, simulator: Any, **changes: Any) -> Registration:
    order = begin(session, **changes)
    simulator.pay()
    simulator.deliver()
    return the(Registration, order_id=order_of(order).id)


def how(settling: Settling, cents: int, once: str = "m" * 20, **changes: Any) -> Settlement:
    changes.setdefault("pay_by", clock.now() + timedelta(days=1) if settling is L else None)
    return Settlement(settling, WHY, once, cents, **changes)


def difference_of(row: Registration) -> Order:
    return next(order for order in all_of(Order) if order.id > (row.order_id or 0))


def sound() -> None:
    assert health_check.findings() == []


class TestMove:
    def test_takes_the_place_the_money_and_the_calendar_along(self, app: Flask, stripe_simulator: Any) -> None:
        old, new = make_club_session(capacity=1, waitlist_capacity=3), make_club_session()
        row = booked(old, stripe_simulator)
        waiting = begin(old, accept_waitlist=True)
        assert moving.move(row.token, new.slug, how(W, 0), STAFF) == Changed()
        assert moving.move(row.token, new.slug, how(W, 0), STAFF).again
        after = the(Registration, id=row.id)
        assert (after.club_session_id, after.status, after.payment_status) == (new.id, "registered", "paid")
        assert taken(new) == 1 and taken(old) == 1, "who waited was offered the place"
        assert the(Registration, order_id=order_of(waiting).id).status == "offered"
        by_session = {e.club_session_id: 0 for e in all_of(LedgerEntry)}
        for entry in all_of(LedgerEntry):
            by_session[entry.club_session_id] += (entry.credit_account == "revenue:registration") * entry.amount_cents
            by_session[entry.club_session_id] -= (entry.debit_account == "revenue:registration") * entry.amount_cents
        assert by_session == {old.id: 0, new.id: 1200}
        work()
        letter = the(OutgoingEmail, template="moved")
        files = {part["name"]: part["content"] for part in letter.attachments if part["name"].endswith(".ics")}
        assert "METHOD:CANCEL" in files[f"{old.slug}.ics"] and "METHOD:PUBLISH" in files[f"{new.slug}.ics"]
        assert old.title in (letter.text_body or "") and the(AuditEntry, action="moved").detail["reason"] == WHY
        sound()

    def test_to_a_dearer_one_asks_for_the_difference_by_a_link(self, app: Flask, stripe_simulator: Any) -> None:
        row = booked(make_club_session(), stripe_simulator)
        new = make_club_session(non_member_price_cents=1500)
        with pytest.raises(PriceChanged):
            moving.move(row.token, new.slug, how(L, 200), STAFF)
        moving.move(row.token, new.slug, how(L, 300), STAFF)
        after, order = the(Registration, id=row.id), difference_of(row)
        assert (after.owed_cents, after.price_cents, after.payment_status) == (300, 1500, "pending")
        with pytest.raises(StillOwed):
            moving.change_places(row.token, 2, how(W, 1500, once="n" * 20), STAFF)
        checkout.pay(order.token)
        stripe_simulator.pay()
        stripe_simulator.deliver()
        after = the(Registration, id=row.id)
        assert (after.owed_cents, after.amount_paid_cents, after.payment_status) == (0, 1500, "paid")
        assert cancelling.cancel_order(the(Order, id=row.order_id).token) == 1500
        work()
        assert sorted(refund.amount_cents for refund in all_of(Refund)) == [300, 1200] and balances() == {}
        assert the(Registration, id=row.id).payment_status == "refunded" and reconciling.reconcile().in_order
        sound()

    def test_difference_that_is_not_paid_stays_owed_and_is_then_taken_or_waived(
        self, app: Flask, stripe_simulator: Any, clock: FakeClock
    ) -> None:
        row = booked(make_club_session(), stripe_simulator)
        moving.move(row.token, make_club_session(non_member_price_cents=1500).slug, how(L, 300), STAFF)
        clock.advance(days=1, seconds=1)
        work()
        assert difference_of(row).status == "expired" and the(Registration, id=row.id).owed_cents == 300
        assert differences.settle_owed(row.token, how(C, 300, once="o" * 20), STAFF) == 300
        after = the(Registration, id=row.id)
        assert (after.owed_cents, after.amount_paid_cents, after.payment_status) == (0, 1500, "paid")
        assert balances() == {"stripe:clearing": 1200, "cash:desk": 300, "revenue:registration": -1500}
        sound()

    def test_to_a_cheaper_one_gives_the_difference_back_once(self, app: Flask, stripe_simulator: Any) -> None:
        row = booked(make_club_session(), stripe_simulator)
        new = make_club_session(non_member_price_cents=500)
        results = at_once(app, *[lambda: moving.move(row.token, new.slug, how(R, -700), STAFF)] * 2)
        assert sorted(results, key=lambda one: one.again) == [Changed(700), Changed(again=True)]
        work()
        stripe_simulator.deliver()
        after = the(Registration, id=row.id)
        assert (after.price_cents, after.payment_status) == (500, "partially_refunded") and the(Refund).amount_cents == 700
        assert balances() == {"stripe:clearing": 500, "revenue:registration": -500}
        sound()

    def test_full_session_needs_the_number_and_says_so(self, app: Flask, stripe_simulator: Any) -> None:
        row, new = booked(make_club_session(), stripe_simulator), make_club_session(capacity=0)
        with pytest.raises(NotEnoughPlaces):
            moving.move(row.token, new.slug, how(W, 0), STAFF)
        assert the(Registration, id=row.id).club_session_id == row.club_session_id
        moving.move(row.token, new.slug, how(W, 0, overbook_to=1), STAFF)
        assert the(ClubSession, id=new.id).overbooked == 1
        sound()

    def test_two_bookings_that_change_over_at_once_lose_nothing(self, app: Flask, stripe_simulator: Any) -> None:
        here, there = make_club_session(capacity=2), make_club_session(capacity=2)
        one, other = booked(here, stripe_simulator), booked(there, stripe_simulator)
        results = at_once(
            app,
            lambda: moving.move(one.token, there.slug, how(W, 0, once="a" * 20), STAFF),
            lambda: moving.move(other.token, here.slug, how(W, 0, once="b" * 20), STAFF),
        )
        assert results == [Changed(), Changed()] and (taken(here), taken(there)) == (1, 1)
        sound()

    @pytest.mark.databases("sqlite")
    def test_is_refused_where_it_makes_no_sense(self, app: Flask, stripe_simulator: Any) -> None:
        here, there = make_club_session(), make_club_session()
        row = booked(here, stripe_simulator, email="ana@club.example")
        begin(there, email="ana@club.example")
        for target in (here, there, make_club_session(currency="AUD")):
            with pytest.raises(InvalidInput):
                moving.move(row.token, target.slug, how(W, 0), STAFF)
        held = the(Registration, club_session_id=there.id)
        with pytest.raises(NotConfirmed):
            moving.move(held.token, make_club_session().slug, how(W, 0), STAFF)


class TestChangePlaces:
    def test_added_by_a_link_go_again_when_it_is_not_paid(self, app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
        session = make_club_session()
        row = booked(session, stripe_simulator)
        moving.change_places(row.token, 3, how(L, 2400), STAFF)
        assert taken(session) == 3 and the(Registration, id=row.id).owed_cents == 2400
        checkout.pay(difference_of(row).token)
        clock.advance(days=1, seconds=1)
        work()
        after = the(Registration, id=row.id)
        assert (after.places, after.price_cents, after.owed_cents, after.payment_status) == (1, 1200, 0, "paid")
        assert taken(session) == 1 and mails().count("booking_changed") == 2
        sound()

    def test_paid_by_the_link_they_stay(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        row = booked(session, stripe_simulator)
        moving.change_places(row.token, 2, how(L, 1200), STAFF)
        checkout.pay(difference_of(row).token)
        stripe_simulator.pay()
        stripe_simulator.deliver()
        after = the(Registration, id=row.id)
        assert (after.places, after.amount_paid_cents, after.payment_status) == (2, 2400, "paid") and taken(session) == 2
        sound()

    def test_a_difference_paid_after_the_booking_was_cancelled_goes_back(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        row = booked(session, stripe_simulator)
        moving.change_places(row.token, 2, how(L, 1200), STAFF)
        order = difference_of(row)
        checkout.pay(order.token)
        cancelling.cancel_order(the(Order, id=row.order_id).token)
        stripe_simulator.pay(payments_of(order.token)[0].checkout_id)
        stripe_simulator.deliver()
        work()
        assert taken(session) == 0 and balances() == {} and len(all_of(Refund)) == 2
        assert the(Registration, id=row.id).payment_status == "refunded"
        sound()

    def test_fewer_gives_the_guests_price_back_and_serves_who_waits(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session(capacity=2, waitlist_capacity=2)
        row = booked(session, stripe_simulator, places=2)
        waiting = begin(session, accept_waitlist=True)
        assert moving.change_places(row.token, 1, how(R, -1200), STAFF) == Changed(1200)
        assert the(Registration, order_id=order_of(waiting).id).status == "offered" and taken(session) == 2
        sound()

    def test_never_more_than_are_free(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_free_club_session(capacity=2)
        begin(session, expected_price_cents=0)
        row = the(Registration)
        with pytest.raises(NotEnoughPlaces):
            moving.change_places(row.token, 3, how(W, 0), STAFF)
        keys = ("a" * 20, "b" * 20)
        results = at_once(app, *[lambda key=key: moving.change_places(row.token, 2, how(W, 0, key), STAFF) for key in keys])
        assert len([one for one in results if isinstance(one, Changed)]) == 1 and taken(session) == 2
        sound()

    def test_given_up_by_the_person_the_difference_takes_its_places_along(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        row = booked(session, stripe_simulator)
        moving.change_places(row.token, 2, how(L, 1200), STAFF)
        ending.give_up(difference_of(row).token)
        assert the(Registration, id=row.id).status == "registered" and taken(session) == 1
        assert cancelling.cancel_order(the(Order, id=row.order_id).token) == 1200


def test_a_refund_over_two_payments_gives_each_cent_back_once(app: Flask, stripe_simulator: Any) -> None:
    row = booked(make_club_session(), stripe_simulator)
    moving.change_places(row.token, 2, how(C, 1200), STAFF)
    assert cancelling.cancel_order(the(Order, id=row.order_id).token) == 2400
    assert {(r.payment_id, r.amount_cents) for r in all_of(Refund)} == {(p.id, 1200) for p in all_of(Payment)}


def test_comp_that_moves_to_a_priced_session_may_be_waived(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    wish = Wanted("Wiremu", 1, How.COMP, "k" * 20, "w@club.example", reason="Runs the score board")
    token = adding.add(session.slug, wish, STAFF).token
    moving.move(token, make_club_session().slug, how(W, 1200), STAFF)
    assert the(Registration).price_cents == 0 and count_of(Payment) == 0


def test_moved_to_a_free_session_and_back_owes_its_price_although_the_first_refund_arrives(
    app: Flask, stripe_simulator: Any
) -> None:
    session, free = make_club_session(), make_free_club_session()
    row = booked(session, stripe_simulator)
    moving.move(row.token, free.slug, how(R, -1200), STAFF)
    moving.move(row.token, session.slug, how(L, 1200, "n" * 20), STAFF)
    work()
    assert (the(Refund).status, the(Registration, id=row.id).payment_status) == ("succeeded", "pending")


def test_what_was_paid_both_ways_goes_back_both_ways_and_counts_when_the_session_is_cancelled(
    app: Flask, stripe_simulator: Any
) -> None:
    row = booked(make_club_session(), stripe_simulator)
    new = make_club_session(non_member_price_cents=1500)
    moving.move(row.token, new.slug, how(C, 300), STAFF)
    winding_up.cancel_session(new.slug, STAFF, "The hall is closed.")
    work()
    work()
    stripe_simulator.deliver()
    letter = the(OutgoingEmail, template="session_cancelled")
    assert letter.context["refund"] == {"amount_cents": 1500, "by_hand_cents": 300}
    assert "NZ$12.00 to the card" in (letter.text_body or "") and "NZ$3.00 from the club by hand" in (letter.text_body or "")
    ended = desk_ending.of_session(new.slug)
    assert ended is not None and ended.sent_back_cents == 1500
    sound()


def test_change_of_the_session_before_a_booking_was_moved_there_gives_no_other_terms(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    row, new = booked(make_club_session(), stripe_simulator), make_club_session(refund_until=None)
    clock.advance(minutes=1)
    club_sessions.edit(new.slug, fields_of(new, location="Hall B"), STAFF)
    clock.advance(minutes=1)
    moving.move(row.token, new.slug, how(W, 0), STAFF)
    assert terms(row).policy is not RefundPolicy.FULL or terms(row).until is None, "it agreed to what it is now"
    clock.advance(minutes=1)
    club_sessions.edit(new.slug, fields_of(the(ClubSession, id=new.id), location="Hall C"), STAFF)
    assert (terms(row).policy, terms(row).until) == (RefundPolicy.FULL, new.starts_at)


def fields_of(session: ClubSession, **changes: Any) -> ClubSessionFields:
    return replace(ClubSessionFields(**{name: getattr(session, name) for name in NAMES}), **changes)


def terms(row: Registration) -> Terms:
    after = the(Registration, id=row.id)
    return refund_terms.of_booking(the(ClubSession, id=after.club_session_id), after)
