"""Money taken by hand for what is not paid, places given out of turn, and who a booking is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import AuditEntry, BookingNote, ClubSession, Order, OutgoingEmail, Registration
from app.rules.refusals import CheckoutNotEnded, InvalidInput, NotEnoughPlaces, OrderNotOpen
from app.services import booking_contact, checkout, ending, health_check, out_of_turn, taking_payment
from app.services.booking_contact import PayingNow
from app.services.by_hand import Means
from app.services.out_of_turn import NotWaiting, OutOfTurn, Way
from app.services.taking_payment import PaidMeanwhile
from tests.support.booking import at_once, balances, begin, do_not_pause, mails, order_of, states, taken, work
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.parts import booking, paid
from tests.support.rows import all_of, count_of, the

STAFF, WHY, KEY = "user:1", "Paid at the door", "t" * 20


def token_of(order_token: str) -> str:
    return the(Registration, order_id=order_of(order_token).id).token


def take(token: str, means: Means = Means.CASH, once: str = KEY) -> int:
    return taking_payment.take(token, means, WHY, STAFF, once=once)


class TestTakePayment:
    def test_the_open_checkout_is_ended_before_cash_is_booked(self, app: Flask, stripe_simulator: Any) -> None:
        order = begin(make_club_session())
        assert take(token_of(order)) == 1200 and take(token_of(order)) == 0
        assert states(order) == ("paid", "registered", ["expired", "succeeded"])
        assert balances() == {"cash:desk": 1200, "revenue:registration": -1200}
        assert mails() == ["confirmation"] and health_check.findings() == []

    def test_what_was_paid_by_card_meanwhile_is_said_and_nothing_booked(self, app: Flask, stripe_simulator: Any) -> None:
        order = begin(make_club_session())
        stripe_simulator.pay()  # and no webhook has come yet
        with pytest.raises(PaidMeanwhile):
            take(token_of(order))
        assert states(order) == ("paid", "registered", ["succeeded"])
        assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}

    def test_stripe_away_books_nothing_and_keeps_the_place(
        self, app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        do_not_pause(monkeypatch)
        order = begin(make_club_session())
        stripe_simulator.control.fail("checkout.expire", "500", times=9)
        with pytest.raises(CheckoutNotEnded):
            take(token_of(order))
        assert states(order) == ("pending", "held", ["open"]) and balances() == {}

    def test_two_staff_at_once_take_it_once(self, app: Flask, stripe_simulator: Any) -> None:
        order = begin(make_club_session())
        token = token_of(order)
        results = at_once(app, *[lambda key=key: take(token, Means.BANK, key) for key in ("a" * 20, "b" * 20)])
        assert results.count(1200) == 1 and balances()["bank:account"] == 1200

    def test_an_offer_is_paid_at_the_door(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session(capacity=1, waitlist_capacity=2)
        first, second = begin(session), begin(session, accept_waitlist=True)
        with pytest.raises(OrderNotOpen):  # it waits: nothing is to be paid yet
            take(token_of(second), once="w" * 20)
        ending.give_up(first)
        assert states(second)[:2] == ("pending", "offered")
        assert take(token_of(second)) == 1200 and states(second)[:2] == ("paid", "registered")


def wish(way: Way, once: str = KEY, **changes: Any) -> OutOfTurn:
    changes.setdefault("pay_by", clock.now() + timedelta(days=1) if way is Way.LINK else None)
    return OutOfTurn(way, "Came far", once, **changes)


class TestOutOfTurn:
    @pytest.fixture
    def line(self, app: Flask, stripe_simulator: Any) -> list[str]:
        """A full session with two who wait; their bookings' tokens."""
        session = make_club_session(capacity=1, waitlist_capacity=5)
        return [token_of(begin(session, accept_waitlist=True)) for _ in range(3)][1:]

    def test_needs_the_number_and_names_whom_it_passes_over(self, line: list[str]) -> None:
        first = the(Registration, token=line[0])
        with pytest.raises(NotEnoughPlaces):
            out_of_turn.serve(line[1], wish(Way.OFFER), STAFF)
        assert the(ClubSession).waitlist_taken == 2
        assert out_of_turn.serve(line[1], wish(Way.OFFER, overbook_to=1), STAFF)
        assert not out_of_turn.serve(line[1], wish(Way.OFFER, overbook_to=1), STAFF)
        row, session = the(Registration, token=line[1]), the(ClubSession)
        assert row.status == "offered" and (session.places_taken, session.overbooked, session.waitlist_taken) == (2, 1, 1)
        entry = the(AuditEntry, action="offered")
        assert entry.detail["passed"] == [first.reference] and entry.detail["reason"] == "Came far"
        assert "offer" in mails() and health_check.findings() == []

    @pytest.mark.parametrize(("way", "status"), [(Way.CASH, "registered"), (Way.BANK, "registered"), (Way.LINK, "held")])
    def test_promoted_pays_by_hand_or_by_a_link(self, line: list[str], stripe_simulator: Any, way: Way, status: str) -> None:
        out_of_turn.serve(line[0], wish(way, overbook_to=1), STAFF)
        row = the(Registration, token=line[0])
        assert row.status == status and row.payment_status == ("pending" if way is Way.LINK else "paid")
        if way is Way.LINK:
            checkout.pay(the(Order, id=row.order_id).token)
            stripe_simulator.pay()
            stripe_simulator.deliver()
            assert the(Registration, token=line[0]).status == "registered"
        assert health_check.findings() == []

    @pytest.mark.databases("sqlite")
    def test_free_is_promoted_at_once_and_only_who_waits_can_be(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_free_club_session(capacity=1, waitlist_capacity=5)
        tokens = [token_of(begin(session, accept_waitlist=True, expected_price_cents=0)) for _ in range(2)]
        with pytest.raises(NotWaiting):
            out_of_turn.serve(tokens[0], wish(Way.PROMOTE), STAFF)
        with pytest.raises(InvalidInput):
            out_of_turn.serve(tokens[1], wish(Way.CASH, overbook_to=1), STAFF)
        out_of_turn.serve(tokens[1], wish(Way.PROMOTE, overbook_to=1), STAFF)
        assert the(Registration, token=tokens[1]).status == "registered" and taken(session) == 2


class TestContact:
    def test_a_new_address_gets_a_new_link_and_a_letter(self, app: Flask, stripe_simulator: Any) -> None:
        order = begin(make_free_club_session(), email="typo@club.example", expected_price_cents=0)
        token = token_of(order)
        new = booking_contact.edit(token, "Ana Lee", "ana@club.example", "Typed wrong", STAFF, once=KEY)
        row = the(Registration)
        assert (row.token, row.email, the(Order).email) == (new, "ana@club.example", "ana@club.example")
        assert new != token and the(Order).token != order, "who reads the wrong mailbox can do nothing with its link"
        work()
        letters = [mail for mail in all_of(OutgoingEmail) if mail.to == "ana@club.example"]
        assert the(Order).token in (letters[-1].text_body or "")

    @pytest.mark.databases("sqlite")
    def test_a_name_alone_keeps_the_link_and_sends_nothing(self, app: Flask, stripe_simulator: Any) -> None:
        order = begin(make_free_club_session(), email="ana@club.example", expected_price_cents=0)
        sent = count_of(OutgoingEmail)
        assert booking_contact.edit(token_of(order), "Ana Li", "ana@club.example", "Typo", STAFF, once=KEY) == token_of(order)
        assert the(Registration).name == the(Order).name == "Ana Li" and count_of(OutgoingEmail) == sent

    @pytest.mark.databases("sqlite")
    def test_one_address_has_one_booking_and_nobody_is_cut_off_from_paying(self, app: Flask, stripe_simulator: Any) -> None:
        session = make_club_session()
        begin(session, email="ben@club.example")
        mine = token_of(begin(session, email="ana@club.example"))
        with pytest.raises(InvalidInput):
            booking_contact.edit(mine, "Ana", "ben@club.example", WHY, STAFF, once=KEY)
        with pytest.raises(PayingNow):
            booking_contact.edit(mine, "Ana", "new@club.example", WHY, STAFF, once=KEY)

    def test_the_other_bookings_of_an_order_go_along_with_their_links(self, app: Flask, stripe_simulator: Any) -> None:
        chess, tennis = make_club_session(title="Chess"), make_club_session(title="Tennis")
        order = paid(stripe_simulator, chess, tennis, email="typo@club.example")
        before = {one.token for one in all_of(Registration)} | {order}
        booking_contact.edit(booking(order, chess).token, "Ben Moe", "ben@club.example", WHY, STAFF, once=KEY)
        rows = all_of(Registration)
        assert [(one.email, one.name) for one in rows] == [("ben@club.example", "Ben Moe")] * 2
        assert not before & {the(Order).token, *(one.token for one in rows)} and the(Order).email == "ben@club.example"
        assert len(all_of(AuditEntry, action="contact_changed")) == 2
        work()
        (letter,) = [mail for mail in all_of(OutgoingEmail) if mail.to == "ben@club.example"]
        assert "Chess" in (letter.text_body or "") and "Tennis" in (letter.text_body or "")

    @pytest.mark.databases("sqlite")
    def test_a_name_alone_is_of_one_booking_of_an_order(self, app: Flask, stripe_simulator: Any) -> None:
        chess, tennis = make_club_session(title="Chess"), make_club_session(title="Tennis")
        order = paid(stripe_simulator, chess, tennis, email="ana@club.example")
        booking_contact.edit(booking(order, chess).token, "Ben Moe", "ana@club.example", WHY, STAFF, once=KEY)
        assert [booking(order, one).name for one in (chess, tennis)] == ["Ben Moe", "Ana Lee"] and the(Order).name == "Ana Lee"

    @pytest.mark.databases("sqlite")
    def test_what_else_was_bought_and_a_booking_that_is_there_stop_a_new_address(
        self, app: Flask, stripe_simulator: Any
    ) -> None:
        chess, tennis = make_club_session(title="Chess"), make_club_session(title="Tennis")
        order = paid(stripe_simulator, chess, tennis, email="ana@club.example")
        begin(tennis, email="ben@club.example")
        member = paid(stripe_simulator, chess, member=True)
        for token, text in ((order, "one of these sessions"), (member, "stays with who bought it")):
            with pytest.raises(InvalidInput) as refused:
                booking_contact.edit(booking(token, chess).token, "Ben", "ben@club.example", WHY, STAFF, once=KEY)
            assert text in refused.value.params["problem"] and refused.value.field == "email"
            assert order_of(token).email != "ben@club.example"

    @pytest.mark.databases("sqlite")
    def test_what_was_still_to_be_sent_goes_out_with_the_links_that_work(self, app: Flask, stripe_simulator: Any) -> None:
        order = begin(make_free_club_session(), email="typo@club.example", expected_price_cents=0)
        assert [mail.sent_at for mail in all_of(OutgoingEmail)] == [None]
        booking_contact.edit(token_of(order), "Ana Lee", "ana@club.example", WHY, STAFF, once=KEY)
        work()
        for mail in all_of(OutgoingEmail):
            assert mail.to == "ana@club.example" and order not in (mail.text_body or "")
            assert the(Order).token in (mail.text_body or "")

    @pytest.mark.databases("sqlite")
    def test_a_note_is_kept_once_with_its_author(self, app: Flask, stripe_simulator: Any) -> None:
        token = token_of(begin(make_free_club_session(), expected_price_cents=0))
        for _ in range(2):
            booking_contact.note(token, "Brings a guide dog", STAFF, once=KEY)
        assert (the(BookingNote).text, the(BookingNote).actor) == ("Brings a guide dog", STAFF)
