"""Staff add a booking by hand (promises 1, 3, 7): for nothing, in cash, by bank, by a link; past capacity only if they say so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import AuditEntry, Case, ClubSession, OutgoingEmail, Payment, Registration
from app.rules.refusals import InvalidInput, NotEnoughPlaces, PriceChanged
from app.rules.statuses import RegistrationStatus, SessionStatus
from app.services import adding, cancelling, checkout, ending, health_check, suspense
from app.services.adding import Added, How, Wanted
from tests.support.booking import at_once, balances, begin, mails, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_membership, make_user
from tests.support.rows import all_of, count_of, the

STAFF = "user:1"
KEY = "k" * 20


def add(session: ClubSession, how: How = How.CASH, **changes: Any) -> Added:
    values: dict[str, Any] = {"name": "Wiremu Tau", "places": 1, "how": how, "once": KEY, "email": "wiremu@club.example"}
    if how is How.LINK:
        values["pay_by"] = clock.now() + timedelta(days=2)
    return adding.add(session.slug, Wanted(**{**values, **changes}), STAFF)


@pytest.mark.parametrize(("how", "account"), [(How.CASH, "cash:desk"), (How.BANK, "bank:account")])
def test_money_taken_by_hand_is_a_paid_booking_in_the_same_books(
    app: Flask, stripe_simulator: Any, how: How, account: str
) -> None:
    session = make_club_session()
    added = add(session, how, places=2)
    assert states(added.order_token) == ("paid", "registered", ["succeeded"])
    row = the(Registration)
    assert (row.amount_paid_cents, row.price_cents, row.payment_status) == (2400, 2400, "paid") and taken(session) == 2
    assert the(Payment).provider == how and balances() == {account: 2400, "revenue:registration": -2400}
    assert mails() == ["confirmation"] and health_check.findings() == []
    entry = the(AuditEntry, action="added_by_hand")
    assert (entry.actor, entry.detail["means"], entry.detail["cents"]) == (STAFF, how, 2400)


def test_a_bank_transfer_goes_back_out_of_the_bank(app: Flask, stripe_simulator: Any) -> None:
    added = add(make_club_session(), How.BANK)
    assert cancelling.cancel_order(added.order_token) == 1200
    suspense.paid_by_hand(the(Case).id, STAFF)
    assert balances() == {} and the(Registration).payment_status == "refunded" and health_check.findings() == []


def test_a_comp_costs_nothing_and_says_why(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    with pytest.raises(InvalidInput):
        add(session, How.COMP)
    add(session, How.COMP, reason="Runs the score board")
    row = the(Registration)
    assert (row.status, row.payment_status, row.price_cents) == ("registered", "free", 0)
    assert count_of(Payment) == 0 and balances() == {} and mails() == ["confirmation"]
    assert the(AuditEntry, action="added_by_hand").detail["reason"] == "Runs the score board"


def test_a_member_is_charged_the_member_price_and_their_guests_the_usual_one(app: Flask, stripe_simulator: Any) -> None:
    make_membership(make_user(email="wiremu@club.example"))
    added = add(make_club_session(), places=3, expected_cents=800 + 2 * 1200)
    assert added.total_cents == 3200 and the(Registration).is_member


def test_staff_may_type_another_price_with_a_reason(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    with pytest.raises(InvalidInput):
        add(session, price_cents=500)
    assert add(session, price_cents=500, reason="Came for half of it").total_cents == 500
    assert balances() == {"cash:desk": 500, "revenue:registration": -500}


def test_the_price_shown_is_the_price_taken(app: Flask, stripe_simulator: Any) -> None:
    with pytest.raises(PriceChanged):
        add(make_club_session(), expected_cents=1000)
    assert count_of(Registration) == 0


def test_a_walk_in_without_an_address_is_owed_no_mail_and_may_be_one_of_many(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    add(session, email=None, once="a" * 20)
    add(session, email=None, once="b" * 20)
    assert taken(session) == 2 and mails() == []
    assert {row.email for row in all_of(Registration)} == {
        f"{row.reference.lower()}@no-address.invalid" for row in all_of(Registration)
    }


def test_the_same_form_twice_adds_one_booking_and_takes_the_money_once(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    assert not add(session).again
    assert add(session).again and add(session, email="other@club.example").again
    assert count_of(Registration) == 1 and balances()["cash:desk"] == 1200


def test_two_clicks_at_the_same_moment_add_one_booking(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    results = at_once(app, *[lambda: add(session)] * 4)
    assert sorted(added.again for added in results) == [False, True, True, True]
    assert count_of(Registration) == 1 and taken(session) == 1 and balances()["cash:desk"] == 1200


def test_an_address_that_is_in_already_is_named_to_staff(app: Flask, stripe_simulator: Any) -> None:
    session = make_free_club_session()
    begin(session, email="wiremu@club.example", expected_price_cents=0)
    with pytest.raises(InvalidInput) as refused:
        add(session)
    assert refused.value.field == "email" and the(Registration).reference in str(refused.value.params["problem"])


def test_nothing_is_overbooked_without_the_number_and_a_reason(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session(capacity=1)
    with pytest.raises(NotEnoughPlaces) as refused:
        add(session, places=3)
    assert refused.value.params == {"left": 1}
    with pytest.raises(NotEnoughPlaces):
        add(session, places=3, overbook_to=1, reason="They share a court")
    with pytest.raises(InvalidInput):
        add(session, places=3, overbook_to=2)
    assert taken(session) == 0 and balances() == {}
    add(session, places=3, overbook_to=2, reason="They share a court")
    after = the(ClubSession)
    assert (after.places_taken, after.overbooked) == (3, 2)
    entry = the(AuditEntry, action="overbooked")
    assert entry.detail == {"overbooked": [0, 2], "reason": "They share a court"} and entry.actor == STAFF
    assert health_check.findings() == []


def test_two_staff_at_the_last_place_do_not_overbook_it(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session(capacity=1)
    keys = ("a" * 20, "b" * 20, "c" * 20)
    results = at_once(app, *[lambda key=key: add(session, once=key, email=None) for key in keys])
    assert len([added for added in results if isinstance(added, Added)]) == 1
    assert len([no for no in results if isinstance(no, NotEnoughPlaces)]) == 2
    assert taken(session) == 1 and balances()["cash:desk"] == 1200


@pytest.mark.parametrize("status", [SessionStatus.DRAFT, SessionStatus.CANCELLED, SessionStatus.COMPLETED])
@pytest.mark.databases("sqlite")
def test_only_a_published_session_takes_people_even_past_capacity(
    app: Flask, stripe_simulator: Any, status: SessionStatus
) -> None:
    session = make_club_session(status=status, capacity=0)
    with pytest.raises(InvalidInput):
        add(session, overbook_to=5, reason="Please")
    assert taken(session) == 0


class TestByALink:
    """The place is kept until staff's deadline; whoever has the mail pays, and it ends by itself like each hold."""

    def test_is_paid_by_the_person_and_confirmed(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        added = add(session, How.LINK)
        assert states(added.order_token) == ("pending", "held", []) and taken(session) == 1 and mails() == ["payment_link"]
        work()
        letter = the(OutgoingEmail)
        assert letter.to == "wiremu@club.example" and f"/orders/{added.order_token}" in (letter.text_body or "")
        checkout.pay(added.order_token)
        stripe_simulator.pay()
        stripe_simulator.deliver()
        assert states(added.order_token) == ("paid", "registered", ["succeeded"])
        assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}

    def test_a_checkout_that_ended_does_not_end_the_hold(self, app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
        added = add(make_club_session(), How.LINK)
        checkout.pay(added.order_token)
        clock.advance(hours=3)
        stripe_simulator.deliver()
        work()
        assert states(added.order_token) == ("pending", "held", ["expired"])
        checkout.pay(added.order_token)
        stripe_simulator.pay()
        stripe_simulator.deliver()
        assert states(added.order_token)[:2] == ("paid", "registered")

    def test_ends_by_itself_at_the_deadline(self, app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
        session = make_club_session()
        added = add(session, How.LINK)
        checkout.pay(added.order_token)
        clock.advance(days=2, seconds=1)
        work()
        assert states(added.order_token) == ("expired", "expired", ["expired"]) and taken(session) == 0
        assert health_check.findings() == []

    def test_may_be_given_up(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        added = add(session, How.LINK)
        assert ending.give_up(added.order_token) == "cancelled" and taken(session) == 0

    @pytest.mark.databases("sqlite")
    def test_needs_an_address_and_a_time_to_pay(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        for changes in ({"email": None}, {"pay_by": None}, {"pay_by": clock.now()}, {"pay_by": session.ends_at + timedelta(1)}):
            with pytest.raises(InvalidInput):
                add(session, How.LINK, **changes)
        with pytest.raises(InvalidInput):
            add(session, How.LINK, price_cents=10, reason="Too small for a card")
        assert count_of(Registration) == 0

    def test_for_nothing_is_a_place_at_once(self, app: Flask, stripe_simulator: Any) -> None:
        added = add(make_free_club_session(), How.LINK)
        assert states(added.order_token) == ("paid", "registered", []) and mails() == ["confirmation"]


def test_a_place_that_others_wait_for_is_given_out_of_turn_on_the_record(app: Flask, stripe_simulator: Any) -> None:
    """Three places, two taken, a group of two waits: the free place does not fit them, so staff may give it away."""
    session = make_free_club_session(capacity=3, waitlist_capacity=5)
    orders = [begin(session, places=places, accept_waitlist=True, expected_price_cents=0) for places in (2, 1, 2)]
    cancelling.cancel_order(orders[1])
    add(session, reason="Brings the nets")
    assert taken(session) == 3 and the(AuditEntry, action="added_by_hand").detail["waiting"] == 2
    assert len(all_of(Registration, status=RegistrationStatus.WAITLISTED)) == 1
