"""The treasurer's pages: the books of a period, the comparison with Stripe, and the cases that a person decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import jobs
from app.models import Case, OutgoingEmail, Payment, Reconciliation, Refund, Registration, StripeEvent
from app.rules.statuses import RefundStatus, Role
from app.services import cases, failed_refunds, reconciling, staff_actions, suspense
from app.transaction import transaction
from tests.support.booking import balances, begin, order_of
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, owe_mail, sign_in


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


@pytest.fixture
def paid(stripe_simulator: Any) -> str:
    """The token of a registration that is paid with NZ$12.00."""
    order = begin(make_club_session(slug="badminton", title="Badminton"), name="Aroha Ngata", email="aroha@club.example")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    return the(Registration, order_id=order_of(order).id).token


def tables(page: Page) -> dict[str, dict[str, list[str]]]:
    """Each table by its caption: the words of its rows by their heading."""
    found: dict[str, dict[str, list[str]]] = {}
    for table in page.tree.all("table"):
        rows = [row for body in table.iter("tbody") for row in body.iter("tr")]
        found[text_of(table.find("caption"))] = {
            text_of(row.find("th")): [text_of(cell) for cell in row.iter("td")] for row in rows
        }
    return found


def open_case(kind: str, token: str | None = None, **detail: object) -> int:
    """A case about the payment of this registration, or about nothing of ours; its id."""
    order_id = the(Registration, token=token).order_id if token else None
    with transaction() as db:
        payment_id = the(Payment, order_id=order_id).id if token else None
        cases.open_case(db, f"test:{kind}", kind, order_id=order_id, payment_id=payment_id, **detail)
    return the(Case, dedupe_key=f"test:{kind}").id


def decide(pages: PageClient, case_id: int, decision: str, reason: str = "Rang them up") -> Page:
    """Walk through the form and the check of a decision."""
    pages.get(f"/admin/cases/{case_id}/{decision}")
    page = pages.submit(f"/cases/{case_id}/{decision}", button="Continue", reason=reason)
    assert page.status == 200 and page.h1.startswith("Check before") and reason in page.text
    return pages.submit(f"/cases/{case_id}/{decision}")


def test_the_books_of_a_day_add_up_to_what_stripe_has(pages: PageClient, paid: str, stripe_simulator: Any) -> None:
    staff_actions.refund(paid, 500, "Half the time", "user:1", once="k" * 20)
    jobs.run_due()
    stripe_simulator.deliver()
    reconciling.reconcile()
    page = pages.get("/admin/money")
    assert "Equal to Stripe at 10:00 am today" in page.text and "No open cases." in page.text
    shown = tables(page)
    assert shown["What changed at Stripe"] == {
        "Paid by people1 payment": ["NZ$12.00"], "Refunded1 refund": ["−NZ$5.00"],
        "Stripe’s feesbooked when the books are compared": ["−NZ$0.62"], "Comes to": ["NZ$6.38"],
    }  # fmt: skip
    assert shown["By session"]["Together"] == ["NZ$12.00", "NZ$5.00", "NZ$7.00"]
    assert shown["By session"]["Badminton Tuesday 10 March"] == ["NZ$12.00", "NZ$5.00", "NZ$7.00"]
    assert shown["By account"] == {
        "Sessions": ["–", "NZ$12.00", "NZ$5.00", "NZ$7.00"],
        "Owed back to people": ["–", "NZ$5.00", "NZ$5.00", "–"],
        "Stripe’s fees": ["–", "NZ$0.62", "–", "NZ$0.62"],
        "At Stripe, or paid out by it": ["–", "NZ$12.00", "NZ$5.62", "NZ$6.38"],
    }
    assert balances() == {"stripe:clearing": 638, "revenue:registration": -700, "fees:stripe": 62}


def test_a_day_later_it_is_all_in_the_balance_before(pages: PageClient, paid: str, clock: FakeClock) -> None:
    clock.advance(days=1)
    shown = tables(pages.get("/admin/money"))
    assert shown["What changed at Stripe"]["Comes to"] == ["NZ$0.00"] and "By session" not in shown
    assert shown["By account"]["Sessions"] == ["NZ$12.00", "–", "–", "NZ$12.00"]
    page = pages.submit(2, **{"from": "2026-03-03", "to": "4 March 2026"})
    assert "Books from Tuesday 3 March to Wednesday 4 March" in page.text
    assert tables(page)["What changed at Stripe"]["Comes to"] == ["NZ$12.00"]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ("from=2026-03-04&to=2026-03-03", "Enter a day that is not before the first one"),
        ("from=yesterday&to=2026-03-03", "Enter a real date as day, month and year, like 21/11/2026"),
        ("from=2026-03-04", "Enter a date, like 21/11/2026"),
    ],
)
def test_days_that_cannot_be_are_told_so(pages: PageClient, days: str, said: str) -> None:
    page = pages.get(f"/admin/money?{days}")
    assert page.status == 422 and page.errors == [said] and page.title.startswith("Error: Money")


def test_the_books_are_compared_at_the_press_of_a_button(pages: PageClient, paid: str) -> None:
    assert "They have not been compared yet" in pages.get("/admin/money").text
    page = pages.submit("/money/compare")
    assert page.redirects[0][0] == 303 and "The result will stand here." in page.text
    assert "Comparing since 10:00 am today" in page.text and "Compare now" not in page.text and count_of(Reconciliation) == 0
    assert pages.get("/admin/money/comparison").response.get_json() == {"comparing": True}
    jobs.run_due()
    assert pages.get("/admin/money/comparison").response.get_json() == {"comparing": False}
    page = pages.get("/admin/money")
    assert "Equal to Stripe at 10:00 am today" in page.text and page.form("/money/compare")
    assert the(Reconciliation).difference_cents == 0


def test_a_difference_is_said_with_its_amount(pages: PageClient, clock: FakeClock) -> None:
    with transaction() as db:
        db.add(Reconciliation(stripe_cents=1000, ledger_cents=1200, difference_cents=-200, open_cases=0))
    page = pages.get("/admin/money")
    assert "Different from Stripe by NZ$2.00 at 10:00 am today" in page.text and "Our books have more than Stripe." in page.text


def test_stripe_out_of_reach_is_said_and_nothing_is_written(pages: PageClient, paid: str, stripe_simulator: Any,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from app.integrations import gateway
    from app.integrations.payments import GatewayUnknown

    def away(*_: object) -> Any:
        raise GatewayUnknown("no answer")

    monkeypatch.setattr(type(gateway()), "undelivered_events", away)
    pages.get("/admin/money")
    pages.submit("/money/compare")
    jobs.run_due()
    page = pages.get("/admin/money")
    assert "Stripe could not be reached at 10:00 am today, so nothing was compared." in page.text and page.form("/money/compare")
    assert count_of(Reconciliation) == 0


def test_silent_webhooks_are_told_although_the_payment_was_found(
    pages: PageClient, stripe_simulator: Any, clock: FakeClock
) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    clock.advance(minutes=2)
    jobs.run_due()
    reconciling.reconcile()
    assert count_of(StripeEvent) and "Stripe has told us nothing yet." in pages.get("/admin/money").text
    assert "somebody paid at 10:02 am today and Stripe did not tell us" in pages.get("/admin/money").text
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    page = pages.get("/admin/money")
    assert "did not tell us" not in page.text and "Stripe last told us something at 10:02 am today." in page.text


def mismatched(stripe_simulator: Any) -> int:
    """A payment of NZ$12.00 for what costs something else by now: its case."""
    order = order_of(begin(make_club_session(), name="Aroha", email="aroha@club.example"))
    with transaction() as db:
        db.get_one(Payment, the(Payment, order_id=order.id).id).amount_cents = 1100
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert balances() == {"stripe:clearing": 1200, "suspense": -1200}
    return the(Case, kind="payment_mismatch").id


def test_a_payment_that_fits_no_order_is_given_back_once_and_its_payer_told(pages: PageClient, stripe_simulator: Any) -> None:
    case_id = mismatched(stripe_simulator)
    pages.get("/admin/cases")
    page = pages.click(f"A payment that does not fit its order (case {case_id})")
    assert "Stripe took NZ$12.00" in page.text and "aroha@club.example" in page.text
    page = decide(pages, case_id, "give-back")
    assert page.redirects[0][0] == 303 and "NZ$12.00 goes back to the card. We write to aroha@club.example." in page.text
    assert "Given back: Rang them up" in page.text and "Closed by Person" in page.text
    jobs.run_due()
    stripe_simulator.deliver()
    assert the(Refund).status is RefundStatus.SUCCEEDED and balances() == {}
    assert [mail.template for mail in all_of(OutgoingEmail)] == ["refunded_mismatch"]
    assert "Given back: Rang them up" in pages.get("/admin/cases?show=closed").text


def test_the_second_of_two_clicks_gives_nothing_back_and_is_no_mistake(pages: PageClient, stripe_simulator: Any) -> None:
    case_id = mismatched(stripe_simulator)
    pages.get(f"/admin/cases/{case_id}/give-back")
    check = pages.submit("give-back", button="Continue", reason="Not ours").form("give-back")
    first, second = (pages.submit(check), pages.submit(check))
    assert first.redirects[0][0] == 303 and second.status == 200 and "Given back: Not ours" in second.text
    assert count_of(Refund) == 1
    sign_in(pages, Role.ADMIN)
    pages.get("/")
    csrf = pages.get("/admin/money").form("compare")["csrf_token"]
    late = pages.post(f"/admin/cases/{case_id}/keep", {"csrf_token": csrf, "reason": "Mine", "step": "do"})
    assert late.status == 409 and "Given back: Not ours" in late.text, "somebody else decided otherwise meanwhile"


def test_a_payment_is_kept_as_other_income(pages: PageClient, stripe_simulator: Any) -> None:
    page = decide(pages, mismatched(stripe_simulator), "keep", "Paid for the hall")
    assert "NZ$12.00 is kept" in page.text and "Kept: Paid for the hall" in page.text
    assert balances() == {"stripe:clearing": 1200, "revenue:other": -1200} and count_of(Refund) == 0


def test_a_refund_that_failed_is_tried_again_with_the_same_amount(pages: PageClient, paid: str, stripe_simulator: Any) -> None:
    staff_actions.refund(paid, 500, "Half the time", "user:1", once="k" * 20)
    with transaction() as db:
        refund = db.get_one(Refund, the(Refund).id)
        refund.status, refund.next_attempt_at, refund.last_error = RefundStatus.FAILED, None, "The card was cancelled"
    page = pages.get(f"/admin/cases/{open_case('refund_failed', paid, refund=the(Refund).id)}")
    assert "NZ$5.00 should have gone back" in page.text and "Stripe says: The card was cancelled" in page.text
    page = decide(pages, the(Case).id, "try-again")
    assert "We ask Stripe again to send back NZ$5.00." in page.text and "Tried again: Rang them up" in page.text
    jobs.run_due()
    stripe_simulator.deliver()
    assert [refund.status for refund in all_of(Refund)] == [RefundStatus.FAILED, RefundStatus.SUCCEEDED]
    assert balances() == {"stripe:clearing": 700, "revenue:registration": -700}


KINDS: list[tuple[str, bool, Callable[[], dict[str, object]], str, str]] = [
    ("unknown_payment", False, lambda: {"checkout": "cs_test_1", "reference": "K7M4QX", "cents": 1200, "currency": "NZD",
     "payment_intent": "pi_1"}, "names an order we do not have", "close"),
    ("books_differ", True, lambda: {"stripe_cents": 1100, "ledger_cents": 1200}, "Stripe’s books say NZ$11.00 and ours", "close"),
    ("currency_converted", False, lambda: {"currency": "AUD", "into": "NZD"}, "turns payments in AUD into NZD", "close"),
    ("dispute_opened", True, lambda: {"dispute": "dp_1", "cents": 1200}, "asked their bank to take NZ$12.00 back", "close"),
    ("dispute_lost", True, lambda: {"dispute": "dp_1", "cents": 1200}, "NZ$12.00 is gone", "close"),
    ("dispute_won", True, lambda: {"dispute": "dp_1", "cents": 1200}, "NZ$12.00 is here again", "close"),
    ("event_unmatched", False, lambda: {"event": "evt_1", "type": "x"}, "a message about something of ours", "close"),
    ("mail_failed", True, lambda: {"email": owe_mail("no@club.example", failed=True)}, "to no@club.example could not", "close"),
    ("payment_used_twice", True, dict, "The same payment came back for a second order", "close"),
    ("something_new", False, dict, "Something new", "close"),
]  # fmt: skip


def test_every_kind_of_case_says_what_happened_and_is_closed_with_a_note(pages: PageClient, paid: str) -> None:
    for kind, ours, detail, said, decision in KINDS:
        case_id = open_case(kind, paid if ours else None, **detail())
        page = pages.get(f"/admin/cases/{case_id}")
        assert said in page.text and "What to do" in page.text, kind
        page = decide(pages, case_id, decision, f"Done with {kind}")
        assert "The case is closed." in page.text and f"Done with {kind}" in page.text
    assert pages.get("/admin/cases").h1 == "Open cases" and "Nothing waits for you" in pages.page.text  # type: ignore[union-attr]


def test_a_decision_needs_a_reason_and_must_fit_the_case(pages: PageClient, paid: str) -> None:
    case_id = open_case("dispute_lost", paid, dispute="dp_1", cents=1200)
    pages.get(f"/admin/cases/{case_id}/close")
    page = pages.submit("close", button="Continue")
    assert page.status == 422 and page.errors == ["Enter a reason, like “Moved away, asked by phone”"]
    for unfit in ("give-back", "keep", "try-again", "paid-by-hand"):
        assert pages.get(f"/admin/cases/{case_id}/{unfit}").status == 404
    for unknown in (case_id + 1, 10**30):
        assert pages.get(f"/admin/cases/{unknown}").status == 404
    assert the(Case).closed_at is None


@pytest.mark.parametrize("decide", [suspense.give_back, suspense.keep, suspense.paid_by_hand, failed_refunds.try_again])
def test_no_service_decides_a_case_of_another_kind(app: Flask, paid: str, decide: Callable[..., object]) -> None:
    from app.rules.refusals import InvalidInput

    case_id = open_case("dispute_lost", paid, dispute="dp_1", cents=1200)
    with pytest.raises(InvalidInput):
        decide(case_id, "user:1")
    assert the(Case).closed_at is None and count_of(Refund) == 0


def test_the_pages_take_the_same_statements_however_much_there_is(
    pages: PageClient, paid: str, statements: Any, clock: FakeClock
) -> None:
    def cost(path: str) -> int:
        with statements() as seen:
            assert pages.get(path).status == 200
        return len(seen)

    first = open_case("dispute_lost", paid, dispute="dp_1", cents=1200)
    paths = ("/admin/money", "/admin/cases", f"/admin/cases/{first}", "/admin/cases?show=closed")
    before = [cost(path) for path in paths]
    for number in range(5):
        session = make_club_session()
        book(session, f"Person {number}", paid_cents=1200)
        cases.close(open_case(f"kind{number}"), "Done", "user:1")
        open_case(f"other{number}", paid, cents=100)
    assert [cost(path) for path in paths] == before
    assert max(before) <= 8, before
