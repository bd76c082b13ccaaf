"""The payment page as a payer without JavaScript meets it: every test card, 3-D Secure, codes, late and double submits.

Run by pytest.
"""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from app.simulator import Control
from app.simulator.cards import CARDS
from app.simulator.server import RunningSimulator
from tests.simulator.conftest import Mailbox
from tests.simulator.page_contract import check_page

Form = Callable[..., dict[str, str]]


def test_the_page_shows_the_order_and_keeps_the_page_contract(browser: requests.Session, new_session: Any) -> None:
    answer = browser.get(new_session(customer_email="ana@example.org").url)
    assert answer.status_code == 200
    page = check_page(answer.text)
    for words in ("Court hire – Mo", "NZ$25.00", "no money moves", "4000 0000 0000 0259"):
        assert words in answer.text
    assert "https://site.example/back" in page.links
    assert page.inputs["email"]["value"] == "ana@example.org" and "readonly" in page.inputs["email"]
    assert "promotion_code" not in page.inputs
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "form-action" not in policy


def test_a_good_card_pays_and_leads_back(
    browser: requests.Session, new_session: Any, client: stripe.StripeClient, card_form: Form
) -> None:
    session = new_session()
    answer = browser.post(session.url, card_form(), allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"https://site.example/ok?sid={session.id}"
    found = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (found.status, found.payment_status) == ("complete", "paid")
    assert found.customer_details is not None and found.customer_details.email == "ana@example.org"
    assert isinstance(found.payment_intent, stripe.PaymentIntent)
    assert isinstance(found.payment_intent.latest_charge, stripe.Charge)
    assert found.payment_intent.latest_charge.billing_details.name == "Ana"


@pytest.mark.parametrize("placeholder", ["{CHECKOUT_SESSION_ID}", "%7BCHECKOUT_SESSION_ID%7D", "%7bCHECKOUT_SESSION_ID%7d"])
def test_the_session_id_replaces_its_placeholder_however_it_is_written(
    browser: requests.Session, new_session: Any, card_form: Form, placeholder: str
) -> None:
    session = new_session(success_url=f"https://site.example/ok?sid={placeholder}&x=1")
    answer = browser.post(session.url, card_form(), allow_redirects=False)
    assert answer.headers["Location"] == f"https://site.example/ok?sid={session.id}&x=1"


@pytest.mark.parametrize("number", [c.number for c in CARDS.values() if c.decline])
def test_a_declined_card_leaves_the_session_open_and_says_why(
    browser: requests.Session, new_session: Any, control: Control, mailbox: Mailbox, card_form: Form, number: str
) -> None:
    decline = CARDS[number].decline
    assert decline is not None
    session = new_session()
    answer = browser.post(session.url, card_form(number), allow_redirects=False)
    assert answer.status_code == 402
    page = check_page(answer.text)
    assert page.title.startswith("Error: ")
    assert "card_number-error" in page.inputs["card_number"]["aria-describedby"]
    assert page.inputs["name"]["value"] == "Ana"
    [kept] = control.sessions()
    assert kept["status"] == "open"
    [charge] = control.charges()
    assert (charge["status"], charge["failure_code"]) == ("failed", decline.code)
    assert charge["outcome"]["reason"] == decline.decline_code
    control.deliver_due()
    assert mailbox.types() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    error = mailbox.event(2)["data"]["object"]["last_payment_error"]
    assert (error["decline_code"], error["message"]) == (decline.decline_code, decline.message)
    assert browser.post(session.url, card_form(), allow_redirects=False).status_code == 303
    assert [p["status"] for p in control.payments()] == ["succeeded"]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("card_number", "4242 4242 4242 4241"), ("card_number", ""), ("expiry", "13/60"), ("expiry", "01/30"),
        ("cvc", "12"), ("name", " "), ("email", "nobody"), ("method", "gold"),
    ],
)  # fmt: skip
def test_a_mistyped_field_is_named(
    browser: requests.Session, new_session: Any, control: Control, card_form: Form, field: str, typed: str
) -> None:
    answer = browser.post(new_session().url, card_form(**{"card_number": "4242424242424242", field: typed}))
    assert answer.status_code == 422
    page = check_page(answer.text)
    assert page.links & {f"#{field}", "#method-card" if field == "method" else f"#{field}"}
    assert control.payments() == []


def test_a_card_that_is_no_test_card_is_declined(browser: requests.Session, new_session: Any, card_form: Form) -> None:
    answer = browser.post(new_session().url, card_form("4111 1111 1111 1111"))
    assert answer.status_code == 402 and "used a non test card" in answer.text


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
@pytest.mark.parametrize("answer", ["complete", "fail"])
def test_three_d_secure_asks_in_between(
    browser: requests.Session, new_session: Any, control: Control, card_form: Form, number: str, answer: str
) -> None:
    session = new_session()
    asked = browser.post(session.url, card_form(number))
    assert asked.url.endswith("/authenticate")
    check_page(asked.text)
    assert [p["status"] for p in control.payments()] == ["requires_action"]
    done = browser.post(asked.url, {"answer": answer}, allow_redirects=False)
    [payment] = control.payments()
    if answer == "complete":
        assert (done.status_code, payment["status"]) == (303, "succeeded")
    else:
        assert (done.status_code, payment["status"]) == (402, "requires_payment_method")
        assert "unable to authenticate" in done.text
        again = browser.post(asked.url, {"answer": "complete"}, allow_redirects=False)
        assert again.headers["Location"] == f"/c/pay/{session.id}"  # the answer was given; only the form is left
        assert (control.sessions()[0]["status"], control.charges()) == ("open", [])


def test_a_session_that_expires_during_three_d_secure_is_not_paid(
    browser: requests.Session, new_session: Any, control: Control, card_form: Form
) -> None:
    asked = browser.post(new_session().url, card_form("4000002500003155"))
    control.advance(24 * 3600)
    late = browser.post(asked.url, {"answer": "complete"})
    assert late.status_code == 409 and "timed out" in late.text
    assert [(p["status"], p["amount_received"]) for p in control.payments()] == [("canceled", 0)]


def test_a_double_submit_pays_once(
    running: RunningSimulator, new_session: Any, control: Control, card_form: Form
) -> None:
    session, answers = new_session(), []
    barrier = threading.Barrier(8)

    def submit() -> None:
        with requests.Session() as browser:
            barrier.wait()
            answers.append(browser.post(session.url, card_form(), allow_redirects=False).status_code)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303] + [409] * 7
    assert control.pay(session.id).outcome == "not_open"  # the guard itself, behind the page's own look at the status
    assert [c["status"] for c in control.charges()] == ["succeeded"]


@pytest.mark.parametrize(("paid", "words"), [(True, "already paid"), (False, "timed out")])
def test_a_session_that_is_over_says_so(
    browser: requests.Session, new_session: Any, control: Control, card_form: Form, paid: bool, words: str
) -> None:
    session = new_session()
    control.pay(session.id) if paid else control.expire(session.id)
    for answer, status in ((browser.get(session.url), 200), (browser.post(session.url, card_form()), 409)):
        assert answer.status_code == status and words in answer.text
        check_page(answer.text)
    assert len(control.charges()) == (1 if paid else 0)


def test_an_unknown_session_has_a_page_too(running: RunningSimulator, browser: requests.Session) -> None:
    answer = browser.get(f"{running.base_url}/c/pay/cs_test_none")
    assert answer.status_code == 404
    check_page(answer.text)


def test_a_transfer_can_be_chosen_unless_only_cards_are_allowed(
    browser: requests.Session, new_session: Any, control: Control, card_form: Form
) -> None:
    only_cards = new_session(allowed_payment_method_types=["card"])
    assert "Bank transfer" not in browser.get(only_cards.url).text
    assert browser.post(only_cards.url, card_form(method="customer_balance")).status_code == 422
    session = new_session()
    form = {"email": "ana@example.org", "method": "customer_balance"}
    assert browser.post(session.url, form, allow_redirects=False).status_code == 303
    kept = control.sessions()[1]
    assert (kept["status"], kept["payment_status"]) == ("complete", "unpaid")


@pytest.mark.parametrize(
    ("success", "status", "last"),
    [(True, "paid", "checkout.session.async_payment_succeeded"), (False, "unpaid", "checkout.session.async_payment_failed")],
)
def test_a_transfer_arrives_or_fails_later_and_once(
    new_session: Any, control: Control, mailbox: Mailbox, success: bool, status: str, last: str
) -> None:
    session = new_session()
    control.pay_later(session.id)
    assert control.charges() == []
    control.settle(session.id, success)
    assert control.settle(session.id, success).outcome == "not_open"
    control.deliver_due()
    assert control.sessions()[0]["payment_status"] == status
    assert mailbox.types()[-1] == last
    assert len(control.charges()) == (1 if success else 0)


def promotion(client: stripe.StripeClient, **coupon: Any) -> None:
    made = client.v1.coupons.create({"duration": "once", **coupon})  # type: ignore[typeddict-item]
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": made.id}, "code": "CLUB"})


def test_a_promotion_code_lowers_the_price_and_can_be_removed(
    browser: requests.Session, new_session: Any, client: stripe.StripeClient, control: Control, card_form: Form
) -> None:
    promotion(client, percent_off=20)
    session = new_session(allow_promotion_codes=True)
    page = browser.post(f"{session.url}/promotion-code", {"promotion_code": " club "})
    assert "NZ$20.00" in page.text
    check_page(page.text)
    assert "NZ$20.00" not in browser.post(f"{session.url}/promotion-code", {"remove": "1"}).text
    browser.post(f"{session.url}/promotion-code", {"promotion_code": "CLUB"})
    browser.post(session.url, card_form(), allow_redirects=False)
    found = client.v1.checkout.sessions.retrieve(session.id)
    assert (found.amount_subtotal, found.amount_total, control.payments()[0]["amount"]) == (2500, 2000, 2000)
    assert client.v1.promotion_codes.list().data[0].times_redeemed == 1


def test_a_wrong_code_is_named(browser: requests.Session, new_session: Any, client: stripe.StripeClient) -> None:
    promotion(client, amount_off=2480, currency="nzd")
    url = f"{new_session(allow_promotion_codes=True).url}/promotion-code"
    for code in ("NOPE", "CLUB"):  # the second would leave 20 cents, which nobody can charge
        answer = browser.post(url, {"promotion_code": code})
        assert answer.status_code == 422
        assert "#promotion_code" in check_page(answer.text).links
    assert browser.post(f"{new_session().url}/promotion-code", {"promotion_code": "CLUB"}).status_code == 404


def test_a_code_over_everything_needs_no_payment(
    browser: requests.Session, new_session: Any, client: stripe.StripeClient, control: Control, mailbox: Mailbox
) -> None:
    promotion(client, percent_off=100)
    session = new_session(allow_promotion_codes=True, customer_email="ana@example.org")
    page = browser.post(f"{session.url}/promotion-code", {"promotion_code": "CLUB"})
    assert "card_number" not in check_page(page.text).inputs
    assert browser.post(session.url, {"email": "ana@example.org"}, allow_redirects=False).status_code == 303
    found = client.v1.checkout.sessions.retrieve(session.id)
    assert (found.status, found.payment_status, found.payment_intent) == ("complete", "no_payment_required", None)
    control.deliver_due()
    assert mailbox.types() == ["checkout.session.completed"]


def test_other_sites_cannot_send_the_forms(running: RunningSimulator, browser: requests.Session, new_session: Any) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert browser.post(new_session().url, headers=foreign).status_code == 403
    assert browser.post(f"{running.base_url}/control/reset", headers=foreign).status_code == 403
    assert len(running.control.sessions()) == 1


def test_the_control_page_lists_and_switches(
    running: RunningSimulator, browser: requests.Session, new_session: Any, control: Control
) -> None:
    check_page(browser.get(running.base_url).text)
    session = new_session()
    page = browser.post(f"{running.base_url}/control/pay", {"session_id": session.id, "card": "4000000000000259"})
    assert "Pay: done (paid)" in page.text and "disputed" in page.text
    check_page(page.text)
    forms: list[tuple[str, dict[str, str]]] = [
        ("hold", {"types": "refund.created charge.refunded"}), ("fail", {"operation": "*", "kind": "500", "times": "2"}),
        ("close_dispute", {"dispute_id": control.disputes()[0]["id"], "verdict": "won"}),
        ("refund", {"payment": control.payments()[0]["id"], "amount": "100"}), ("advance", {"seconds": "60"}),
        ("wrong_secret", {"tries": "all"}), ("redirect_waits", {"on": "true"}),
    ]  # fmt: skip
    for name, form in forms:
        page = browser.post(f"{running.base_url}/control/{name}", form)
        assert "done" in page.text, name
        check_page(page.text)
    assert [r["amount"] for r in control.refunds()] == [100]
    assert control.faults()[0]["times"] == 2
    answer = browser.post(f"{running.base_url}/control/refund", {"payment": "pi_none"})
    assert "knows no" in answer.text
    assert browser.post(f"{running.base_url}/control/nothing").status_code == 404
