"""The order page and its sisters: each state's heading and truth (promise 11), the ways on, and who may see them (promise 12)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask

from app.models import Registration
from app.services import ending
from tests.support.booking import begin, do_not_pause, order_of, pay_late, payments_of, states, taken, work
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import the

STATUS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order", "payment", "items"],
    "properties": {
        "order": {"enum": ["pending", "paid", "expired", "cancelled"]},
        "payment": {"enum": [None, "created", "open", "processing", "succeeded", "failed", "expired"]},
        "items": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind", "registrationStatus", "paymentStatus"],
            "properties": {
                "kind": {"enum": ["registration", "membership", "listing", "product"]},
                "registrationStatus": {"type": ["string", "null"]},
                "paymentStatus": {"enum": [None, "free", "pending", "paid", "partially_refunded", "refunded"]},
            },
        }},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def status_of(pages: PageClient, token: str) -> tuple[Any, ...]:
    answer = pages.get(f"/orders/{token}/status").response.get_json()
    jsonschema.validate(answer, STATUS)
    (item,) = answer["items"]
    return answer["order"], answer["payment"], item["kind"], item["registrationStatus"], item["paymentStatus"]


def buttons(page: Any) -> list[str]:
    return [button[0] for form in page.forms for button in form.buttons]


# --- Each state --------------------------------------------------------------------------------------------------------------


def free(_: Any) -> str:
    return begin(make_free_club_session(), expected_price_cents=0)


def to_pay(_: Any) -> str:
    return begin(make_club_session())


def paid(simulator: Any) -> str:
    token = to_pay(simulator)
    simulator.pay()
    simulator.deliver()
    return token


def given_up(simulator: Any) -> str:
    token = to_pay(simulator)
    ending.give_up(token)
    return token


def refunded_late(simulator: Any) -> str:
    token = given_up(simulator)
    pay_late(simulator, token)
    work()
    return token


def waiting(_: Any) -> str:
    club_session = make_club_session(capacity=1, waitlist_capacity=2)
    begin(club_session)
    return begin(club_session, accept_waitlist=True)


STATES: dict[str, tuple[Callable[[Any], str], str, tuple[Any, ...], tuple[str, ...], tuple[str, ...]]] = {
    # name: (how to get there, heading, status JSON, words that must be there, words that must not)
    "free": (free, "You are registered", ("paid", None, "registration", "registered", "free"), ("nothing to pay",), ("Pay NZ",)),
    "to pay": (
        to_pay, "Pay to keep your place", ("pending", "open", "registration", "held", "pending"),
        ("Kept for you until 10:30 am today", "NZ$12.00"), ("registered", "Registered", "confirmed"),
    ),
    "paid": (
        paid, "You are registered", ("paid", "succeeded", "registration", "registered", "paid"),
        ("Your payment has arrived", "NZ$12.00", "Paid"), ("Pay NZ", "Kept for you"),
    ),
    "given up": (
        given_up, "Cancelled", ("cancelled", "expired", "registration", "cancelled", "pending"),
        ("You were not charged",), ("Pay NZ", "failed"),
    ),
    "paid after giving up": (
        refunded_late, "Refunded", ("cancelled", "succeeded", "registration", "cancelled", "refunded"),
        ("NZ$12.00 goes back to the card", "You have no place in this session"), ("You were not charged", "Pay NZ"),
    ),
    "waiting": (
        waiting, "You are on the waitlist", ("pending", None, "registration", "waitlisted", "pending"),
        ("You are number 1 in line",), ("Pay NZ", "You are registered"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_each_state_says_what_is_true_and_nothing_else(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, name: str
) -> None:
    reach, heading, status, said, unsaid = STATES[name]
    token = reach(stripe_simulator)
    page = pages.get(f"/orders/{token}")
    assert (page.status, page.h1) == (200, heading) and status_of(pages, token) == status
    assert [words for words in said if words not in page.text] == []
    assert [words for words in unsaid if words in page.text] == []
    assert order_of(token).reference in page.text and the(Registration, order_id=order_of(token).id).reference in page.text


def test_page_that_waits_for_the_hold_to_end_says_neither_kept_nor_expired(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, clock: Any
) -> None:
    token = to_pay(stripe_simulator)
    clock.advance(minutes=30)
    page = pages.get(f"/orders/{token}")
    assert page.h1 == "The time to pay is over" and "We are making sure" in page.text and "Pay NZ$12.00" not in buttons(page)
    work()
    page = pages.get(f"/orders/{token}")
    assert page.h1 == "This order has expired" and "You were not charged" in page.text
    assert status_of(pages, token) == ("expired", "expired", "registration", "expired", "pending")


def test_page_can_be_printed_and_shows_nothing_that_only_staff_may_see(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    token = paid(stripe_simulator)
    page = pages.get(f"/orders/{token}")
    payment = payments_of(token)[0]
    assert payment.checkout_id not in page.html and payment.payment_intent_id not in page.html
    assert page.tree.with_class("no-print") and "print" in page.text
    css = (Path(sqlite_app.static_folder or "") / "css" / "muster.css").read_text("utf-8")
    assert "@media print" in css and ".no-print" in css.partition("@media print")[2]


# --- Who may see it ----------------------------------------------------------------------------------------------------------

BELOW = ("", "/status", "/success?session_id=cs_test_x", "/cancelled")


@pytest.mark.parametrize("path", BELOW)
def test_pages_behind_a_secret_link_are_nobodys_to_cache_to_index_or_to_hand_on(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, path: str
) -> None:
    for token in (to_pay(stripe_simulator), "x" * 32):
        page = pages.get(f"/orders/{token}{path}")
        assert page.headers["Cache-Control"] == "no-store" and page.headers["X-Robots-Tag"] == "noindex"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert (page.status == 404) is (token == "x" * 32)


@pytest.mark.parametrize("token", ["x" * 32, "short", "A" * 65, "é" * 32])
def test_unknown_token_is_not_found(sqlite_app: Flask, pages: PageClient, token: str) -> None:
    for path in (f"/orders/{token}", f"/registrations/{token}", f"/orders/{token}/status"):
        assert pages.get(path).status == 404


def test_reference_and_id_open_nothing(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    order = order_of(to_pay(stripe_simulator))
    for guess in (order.reference, order.reference.lower(), str(order.id), the(Registration).reference):
        assert pages.get(f"/orders/{guess}").status == 404 and pages.get(f"/registrations/{guess}").status == 404


def test_registrations_own_link_leads_to_its_order(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    token = to_pay(stripe_simulator)
    page = pages.get(f"/registrations/{the(Registration).token}")
    assert page.redirects[0][0] == 303 and page.path == f"/orders/{token}"
    assert pages.get(f"/orders/{the(Registration).token}").status == 404, "it is no order's token"


# --- Pay and give up ---------------------------------------------------------------------------------------------------------


def test_pay_now_leads_back_to_the_same_checkout(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    token = to_pay(stripe_simulator)
    pages.get(f"/orders/{token}")
    page = pages.submit("/pay", follow=False)
    assert (page.status, page.headers["Location"]) == (303, stripe_simulator.checkout()["url"])
    assert len(stripe_simulator.control.sessions()) == 1


def test_pay_now_with_stripe_away_tells_that_nothing_is_lost(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    token = to_pay(stripe_simulator)
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    pages.get(f"/orders/{token}")
    stripe_simulator.control.fail("checkout.create", kind="500", times=2, stored=False)
    page = pages.submit("/pay")
    assert page.status == 503 and "no place is kept" not in page.text and "safe" in page.text
    assert states(token)[:2] == ("pending", "held")
    pages.get(f"/orders/{token}")
    assert pages.submit("/pay", follow=False).headers["Location"] == stripe_simulator.checkout()["url"]


def test_pay_now_on_what_is_over_leads_to_the_order(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    token = to_pay(stripe_simulator)
    pages.get(f"/orders/{token}")
    form = pages.page.form("/pay") if pages.page else None
    ending.give_up(token)
    assert pages.submit(form).h1 == "Cancelled" and len(stripe_simulator.control.sessions()) == 1


def test_giving_up_asks_once_more_and_frees_the_place(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    page = pages.get(f"/orders/{token}")
    assert "Yes, give up my place" in buttons(page)
    page = pages.submit("/cancel")
    assert page.redirects[0][0] == 303 and page.h1 == "Cancelled" and taken(club_session) == 0
    assert states(token) == ("cancelled", "cancelled", ["expired"])


def test_giving_up_with_stripe_away_does_not_say_that_it_is_done(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    pages.get(f"/orders/{token}")
    stripe_simulator.control.fail("checkout.*", kind="500", times=3)
    page = pages.submit("/cancel")
    assert page.status == 200 and page.h1 not in ("Cancelled", "This order has expired") and taken(club_session) == 1
    assert states(token)[:2] == ("pending", "held")


def test_paid_booking_is_cancelled_from_its_page_and_refunded(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    token = paid(stripe_simulator)
    pages.get(f"/orders/{token}")
    page = pages.submit("/cancel")
    assert page.h1 in ("Refunded", "Cancelled") and "NZ$12.00" in page.text and "You were not charged" not in page.text
    work()
    assert pages.get(f"/orders/{token}").h1 == "Refunded" and status_of(pages, token)[3:] == ("cancelled", "refunded")


def test_opening_a_page_changes_nothing(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    """Mail scanners follow every link."""
    token = to_pay(stripe_simulator)
    for path in ("", "/status", "/cancelled", "/pay", "/cancel"):
        page = pages.get(f"/orders/{token}{path}")
        assert page.status == (405 if path in ("/pay", "/cancel") else 200)
    assert states(token) == ("pending", "held", ["open"])


# --- The return --------------------------------------------------------------------------------------------------------------


def test_return_from_a_payment_confirms_and_leads_to_the_order(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    token = to_pay(stripe_simulator)
    stripe_simulator.pay()
    page = pages.get(f"/orders/{token}/success?session_id={stripe_simulator.checkout()['id']}")
    assert page.redirects == [(303, f"http://muster.test/orders/{token}")] and page.h1 == "You are registered"


def test_each_wrong_turn_on_the_way_back_is_told_apart(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    token, other = to_pay(stripe_simulator), to_pay(stripe_simulator)
    theirs, mine = payments_of(other)[0].checkout_id, payments_of(token)[0].checkout_id
    expected = {
        f"?session_id={mine}": (402, "We are checking your payment"),
        f"?session_id={theirs}": (403, "This payment belongs to another order"),
        "": (400, "We do not know this payment"),
        "?session_id=": (400, "We do not know this payment"),
        "?session_id=<script>": (400, "We do not know this payment"),
        "?session_id=cs_test_unknown": (400, "We do not know this payment"),
    }
    for query, answer in expected.items():
        page = pages.get(f"/orders/{token}/success{query}")
        assert (page.status, page.h1) == answer, query
        assert "You are registered" not in page.text and "failed" not in page.text
        assert page.links["See your order"].endswith(f"/orders/{token}") and other not in page.html
    assert states(token) == states(other) == ("pending", "held", ["open"])
