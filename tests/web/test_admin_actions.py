"""What staff do to one booking and to a whole session: checked before it is done, done once, refused when it cannot be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import jobs
from app.models import AuditEntry, Case, ClubSession, OutgoingEmail, Refund, Registration
from app.rules.statuses import PaymentState, RefundStatus, RegistrationStatus, Role, SessionStatus
from tests.support.booking import balances, begin, mails, order_of
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, sign_in

WHY = "Hurt a knee, rang up"


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


@pytest.fixture
def session(app: Flask, stripe_simulator: Any) -> ClubSession:
    return make_club_session(slug="badminton", title="Badminton", capacity=2, waitlist_capacity=5)


def pay(session: ClubSession, simulator: Any, name: str = "Aroha Ngata") -> str:
    """Somebody registers and pays NZ$12.00; the registration's token."""
    order = begin(session, name=name, email=f"{name.split()[0].lower()}@club.example")
    simulator.pay()
    simulator.deliver()
    jobs.run_due()
    return the(Registration, order_id=order_of(order).id).token


@pytest.fixture
def paid(session: ClubSession, stripe_simulator: Any) -> str:
    return pay(session, stripe_simulator)


def facts(page: Page) -> dict[str, str]:
    """The first summary list of a page."""
    rows = [row for row in page.tree.with_class("govuk-summary-list__row")]
    return {text_of(row.find("dt")): text_of(row.find("dd")) for row in rows}


def test_a_booking_is_found_from_its_session_with_its_whole_history(pages: PageClient, paid: str) -> None:
    pages.get("/admin/sessions/badminton")
    page = pages.click("Aroha Ngata")
    assert page.path == f"/admin/registrations/{paid}" and page.h1 == "Aroha Ngata"
    shown = facts(page)
    assert (shown["Status"], shown["Paid"], shown["E-mail"]) == ("Registered", "NZ$12.00", "aroha@club.example")
    for said in ("Payment arrived", "pi_", "cs_test_", "You are registered: Badminton", "Place kept for paying"):
        assert said in page.text
    assert pages.click("What the person sees").path.startswith("/orders/")


def test_a_part_is_refunded_after_a_check_that_names_the_amount_and_who_is_told(
    pages: PageClient, paid: str, stripe_simulator: Any
) -> None:
    pages.get(f"/admin/registrations/{paid}")
    page = pages.click("Refund")
    assert page.form("refund")["amount"] == "12.00", "all that is left is proposed"
    page = pages.submit("/refund", button="Continue", amount="NZ$5", reason=WHY)
    assert page.h1 == "Check this refund to Aroha Ngata" and count_of(Refund) == 0
    assert facts(page) == {
        "Refund": "NZ$5.00", "To": "Aroha Ngata, to the card that paid", "For": "Badminton, Tuesday 10 March",
        "Left after that": "NZ$7.00", "Booking": "stays as it is", "Reason": WHY,
        "Who is told": "aroha@club.example, by e-mail, without the reason",
    }  # fmt: skip
    page = pages.submit("/refund", button="Refund NZ$5.00")
    assert page.redirects[0][0] == 303 and "NZ$5.00 goes back to the card. We write to aroha@club.example." in page.text
    jobs.run_due()
    stripe_simulator.deliver()
    row = the(Registration, token=paid)
    assert (row.status, row.payment_status) == (RegistrationStatus.REGISTERED, PaymentState.PARTIALLY_REFUNDED)
    assert balances() == {"stripe:clearing": 700, "revenue:registration": -700}
    entry = the(AuditEntry, action="refunded_by_staff")
    assert entry.actor.startswith("user:") and entry.detail["reason"] == WHY
    letter = the(OutgoingEmail, template="refunded_by_staff")
    assert "NZ$5.00" in (letter.text_body or "") and WHY not in (letter.text_body or "")
    assert WHY in pages.get(f"/admin/registrations/{paid}").text


def test_two_clicks_refund_once_even_when_all_of_it_goes_back(pages: PageClient, paid: str) -> None:
    pages.get(f"/admin/registrations/{paid}/refund")
    check = pages.submit("/refund", button="Continue", reason=WHY).form("/refund")
    first, second = pages.submit(check), pages.submit(check)
    assert "NZ$12.00 goes back" in first.text and "Nothing was done twice." in second.text
    assert count_of(Refund) == 1 and mails().count("refunded_by_staff") == 1


def test_a_second_form_gets_no_more_than_is_left(pages: PageClient, paid: str) -> None:
    checks = []
    for _ in range(2):
        pages.get(f"/admin/registrations/{paid}/refund")
        checks.append(pages.submit("/refund", button="Continue", amount="8", reason=WHY).form("/refund"))
    assert pages.submit(checks[0]).redirects[0][0] == 303
    page = pages.submit(checks[1])
    assert page.status == 422 and page.errors == ["That is more than is left of what was paid."]
    assert [refund.amount_cents for refund in all_of(Refund)] == [800]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"amount": "12.01"}, "Enter NZ$12.00 or less: that is what is left of the payment"),
        ({"amount": "0"}, "Enter how much to refund, like 12.00"),
        ({"amount": ""}, "Enter how much to refund, like 12.00"),
        ({"amount": "-5"}, "Enter an amount of money, like 12.00"),
        ({"reason": "  "}, "Enter a reason, like “Moved away, asked by phone”"),
        ({"reason": "x" * 501}, "Enter a reason of 500 characters or fewer"),
    ],
)
def test_what_cannot_be_refunded_comes_back_with_what_to_do(
    pages: PageClient, paid: str, typed: dict[str, str], said: str
) -> None:
    pages.get(f"/admin/registrations/{paid}/refund")
    page = pages.submit("/refund", button="Continue", **{"reason": WHY, **typed})
    assert page.status == 422 and page.errors == [said] and count_of(Refund) == 0
    assert page.form("/refund")["amount"] == typed.get("amount", "12.00")


def test_the_check_can_be_left_to_change_what_was_typed(pages: PageClient, paid: str) -> None:
    pages.get(f"/admin/registrations/{paid}/refund")
    pages.submit("/refund", button="Continue", amount="3.50", reason=WHY)
    form = pages.submit("/refund", button="Back to the form").form("/refund")
    assert (form["amount"], form["reason"]) == ("3.50", WHY) and count_of(Refund) == 0


def test_a_booking_is_cancelled_with_the_refund_that_staff_choose_and_the_place_is_dealt(
    pages: PageClient, paid: str, session: ClubSession, stripe_simulator: Any, clock: FakeClock
) -> None:
    pay(session, stripe_simulator, "Ben Ito")
    begin(session, name="Chloe", email="chloe@club.example", accept_waitlist=True)
    clock.set(session.starts_at - timedelta(hours=3))  # too late for a refund by the session's own terms
    pages.get(f"/admin/registrations/{paid}")
    page = pages.click("Cancel this booking")
    assert "the person alone would get NZ$0.00" in page.text and page.form("/cancel")["amount"] == "0.00"
    page = pages.submit("/cancel", button="Continue", amount="6", reason=WHY)
    shown = facts(page)
    assert (shown["Refund"], shown["Comes free"]) == ("NZ$6.00", "1 place, offered to whoever waits")
    page = pages.submit("/cancel", button="Cancel and refund NZ$6.00")
    assert "The booking of Aroha Ngata is cancelled. NZ$6.00 goes back to the card." in page.text
    assert [r.status.value for r in all_of(Registration)] == ["cancelled", "registered", "offered"]
    assert the(Refund).amount_cents == 600 and "refunded_cancelled" in mails()
    assert not [form for form in page.forms if "cancel" in form.action] and "Cancel this booking" not in page.links


def test_a_free_booking_is_cancelled_with_a_reason_and_without_money(pages: PageClient) -> None:
    booked = book(make_free_club_session(), "Aroha")
    token = the(Registration, reference=booked.reference).token
    pages.get(f"/admin/registrations/{token}/cancel")
    assert pages.submit("/cancel", button="Continue").status == 422
    page = pages.submit("/cancel", button="Continue", reason=WHY)
    assert facts(page)["Refund"] == "Nothing"
    check = page.form("/cancel")
    for _click in range(2):
        assert "The booking of Aroha is cancelled. We write to aroha@club.example." in pages.submit(check).text
    assert mails() == ["cancelled"] and count_of(AuditEntry, action="cancelled", subject_kind="registration") == 1
    assert pages.get(f"/admin/registrations/{token}/cancel").path == f"/admin/registrations/{token}", "there is nothing to cancel"
    assert pages.get(f"/admin/registrations/{token}/refund").path == f"/admin/registrations/{token}", "nor to refund"


def test_who_is_paying_cannot_be_cancelled_over_their_head(pages: PageClient, session: ClubSession) -> None:
    token = the(Registration, order_id=order_of(begin(session)).id).token
    page = pages.get(f"/admin/registrations/{token}")
    assert "Paying now" in page.text and "Cancel this booking" not in page.links and "Refund" not in page.links
    sent = {"csrf_token": page.form("sign-out")["csrf_token"], "step": "do", "reason": WHY}
    page = pages.post(f"/admin/registrations/{token}/cancel", sent)
    assert page.status == 409 and the(Registration).status is RegistrationStatus.HELD


def test_the_letter_is_sent_again_once_for_each_page(pages: PageClient, paid: str) -> None:
    form = pages.get(f"/admin/registrations/{paid}").form("send-again")
    for _click in range(2):
        assert "We send the letter to aroha@club.example again." in pages.submit(form).text
    assert mails() == ["confirmation", "confirmation"]
    pages.submit("send-again")
    assert mails() == ["confirmation"] * 3


def test_a_whole_session_is_cancelled_after_a_check_that_counts_everybody(
    pages: PageClient, paid: str, session: ClubSession, stripe_simulator: Any
) -> None:
    begin(session, name="Ben")
    begin(session, name="Chloe", accept_waitlist=True)
    pages.get("/admin/sessions/badminton")
    page = pages.click("Cancel this session")
    figures = {text_of(group.find("dt")): text_of(group.find("dd")) for group in page.tree.all("dl")[0]}
    assert figures == {
        "Registered": "1bookings", "Paying now": "1bookings", "Offered a place": "0bookings", "Waiting": "1bookings",
        "To refund": "NZ$12.00to 1 person",
    }  # fmt: skip
    assert pages.submit("/cancel", button="Continue").status == 422, "a reason is asked for"
    page = pages.submit("/cancel", button="Continue", reason="The hall is flooded")
    assert facts(page)["Who is told"] == "3 people, by e-mail"
    check = page.form("/cancel")
    page = pages.submit(check, button="Cancel the session and refund NZ$12.00")
    assert page.redirects[0][0] == 303 and page.h1 == "“Badminton” is cancelled" and "NZ$12.00" in facts(page)["Still to refund"]
    assert pages.submit(check).h1 == "“Badminton” is cancelled", "the second click finds it done"
    for _ in range(3):
        jobs.run_due()
        stripe_simulator.deliver()
    page = pages.get("/admin/sessions/badminton/cancel")
    shown = facts(page)
    assert (shown["Refunded"], shown["Still to end"], shown["Reason"]) == ("NZ$12.00", "None", "The hall is flooded")
    assert "Everybody who was in it has been let go" in page.text and balances() == {}
    assert count_of(AuditEntry, action="cancelled", subject_kind="club_session") == 1
    assert the(ClubSession).status is SessionStatus.CANCELLED and not [r for r in all_of(Registration) if r.status != "cancelled"]


def test_a_session_that_is_over_is_not_cancelled(pages: PageClient) -> None:
    make_club_session(slug="done", status=SessionStatus.COMPLETED)
    assert pages.get("/admin/sessions/done/cancel").path == "/admin/sessions/done"


def test_a_history_of_any_length_takes_the_same_statements(pages: PageClient, paid: str, statements: Any) -> None:
    def cost(path: str) -> int:
        with statements() as seen:
            assert pages.get(path).status == 200
        return len(seen)

    paths = (f"/admin/registrations/{paid}", f"/admin/registrations/{paid}/refund", "/admin/sessions/badminton/cancel")
    before = [cost(path) for path in paths]
    for cents in ("1", "2"):
        pages.get(f"/admin/registrations/{paid}/refund")
        pages.submit(pages.submit("/refund", button="Continue", amount=cents, reason=WHY).form("/refund"))
    jobs.run_due()
    assert [cost(path) for path in paths] == before and max(before) <= 12, before


def test_a_booking_that_is_not_there_is_a_page_that_says_so(pages: PageClient) -> None:
    for path in ("", "/refund", "/cancel"):
        assert pages.get(f"/admin/registrations/{'x' * 32}{path}").status == 404
    assert pages.get("/admin/sessions/chess/cancel").status == 404


def test_what_was_paid_in_cash_is_paid_back_by_hand_and_booked(pages: PageClient, session: ClubSession) -> None:
    booked = book(session, "Aroha", paid_cents=1200, provider="cash")
    token = the(Registration, reference=booked.reference).token
    pages.get(f"/admin/registrations/{token}/refund")
    page = pages.submit("/refund", button="Continue", amount="5", reason=WHY)
    assert facts(page)["To"] == "Aroha, by hand: a case reminds you until it is paid"
    assert "NZ$5.00 is owed back: pay it out by hand" in pages.submit("/refund").text
    page = pages.click(f"Decide case {the(Case).id}")
    assert page.h1 == "A refund to pay out by hand" and "Close the case" not in page.links
    pages.click("I have paid it back")
    pages.submit("paid-by-hand", button="Continue", means="cash", reason="In cash at the door")
    page = pages.submit("paid-by-hand")
    assert "NZ$5.00 is paid back" in page.text and "Paid out by hand: In cash at the door" in page.text
    assert balances() == {"cash:desk": 700, "revenue:registration": -700} and the(Refund).status is RefundStatus.SUCCEEDED
