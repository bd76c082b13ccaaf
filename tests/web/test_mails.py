"""Every mail says what it must, in text and in HTML alike."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app import templating
from tests.support.words import NOW, STARTS

REFUNDS = (
    "refunded_late",
    "refunded_double",
    "refunded_cancelled",
    "session_cancelled",
    "waitlist_over",
    "replaced",
    "refunded_by_staff",
    "refunded_mismatch",
)
MAILS = (
    "confirmation",
    "waitlisted",
    "booking_link",
    "cancelled",
    "offer",
    "offer_over",
    "payment_failed",
    "payment_link",
    "difference",
    "moved",
    "booking_changed",
    *REFUNDS,
)


def a_letter(**changes: object) -> dict[str, object]:
    """What services.letters stores for a mail."""
    booked = {
        "title": "Social badminton & friends",
        "slug": "social-badminton",
        "url": "http://muster.test/sessions/social-badminton",
        "location": "Kepa Road",
        "starts_at": STARTS.isoformat(),
        "ends_at": (STARTS + timedelta(hours=2)).isoformat(),
        "time_zone": "Pacific/Auckland",
        "places": 2,
        "registration_reference": "K7M4QX",
        "calendar_sequence": 0,
        "refund_terms": {"policy": "full", "until": STARTS.isoformat(), "percent": 100, "fee_cents": 0},
        "waitlist_position": None,
    }
    line = {"description": "Social badminton", "quantity": 2, "unit_amount_cents": 1200, "amount_cents": 2400, "session": booked}
    letter = {"site_name": "Harbour Social Club", "name": "Mere <Tūhoe>", "currency": "NZD", "total_cents": 2400, "items": [line]}
    order = {"order_reference": "R8T2WN", "order_url": "http://muster.test/orders/secret", "paid_at": NOW.isoformat(),
             "pay_by": STARTS.isoformat()}  # fmt: skip
    return {**letter, **order, **changes}


def mail(words: Flask, name: str, part: str, **changes: object) -> str:
    return words.jinja_env.get_template(f"emails/{name}/{part}").render(a_letter(**changes))


@pytest.mark.parametrize("name", MAILS)
def test_each_mail_is_complete_in_both_forms(words: Flask, name: str) -> None:
    more: dict[str, object] = {"refund": {"amount_cents": 700}} if name in REFUNDS else {}
    link = "http://muster.test/offers/secret" if name == "offer" else "http://muster.test/orders/secret"
    more |= {"offer": {"url": link, "registration_id": 1, "minutes": 60}} if name == "offer" else {}
    more |= {"left": {**a_letter()["items"][0]["session"], "title": "Monday squad"}} if name == "moved" else {}  # type: ignore[index]
    assert mail(words, name, "subject.txt", **more).strip().endswith("Social badminton & friends, Saturday 21 November")
    text, html = mail(words, name, "body.txt", **more), mail(words, name, "body.html", **more)
    for body in (text, html):
        assert all(fact in body for fact in ("Saturday 21 November, 6:00 – 8:00\xa0pm", "Kepa Road", "K7M4QX", link))
        assert ("NZ$7.00" in body) == (name in REFUNDS)
    assert "Hello Mere <Tūhoe>," in text
    assert "Hello Mere &lt;Tūhoe&gt;," in html


@pytest.mark.parametrize("name", REFUNDS)
def test_money_that_was_paid_by_hand_is_not_said_to_go_to_a_card(words: Flask, name: str) -> None:
    for part in ("body.txt", "body.html"):
        said = mail(words, name, part, refund={"amount_cents": 700, "by_hand_cents": 700})
        assert "NZ$7.00" in said and "by hand: in cash or by bank transfer" in said and "the card" not in said
        assert "to the card you paid with" in mail(words, name, part, refund={"amount_cents": 700, "by_hand_cents": 0})


def test_every_mail_has_its_three_parts() -> None:
    folder = Path(templating.__file__).parent / "templates" / "emails"
    written = {path.name: {part.name for part in path.iterdir()} for path in folder.iterdir() if path.is_dir()}
    assert set(MAILS) <= set(written) and all(parts == {"subject.txt", "body.txt", "body.html"} for parts in written.values())


def test_a_free_booking_has_no_receipt(words: Flask) -> None:
    assert "Receipt" not in mail(words, "confirmation", "body.txt", total_cents=0, paid_at=None)
    assert "Receipt" in mail(words, "confirmation", "body.txt")


@pytest.mark.parametrize("part", ["body.txt", "body.html"])
def test_a_failed_payment_takes_nothing_that_was_not_ordered_with_it(words: Flask, part: str) -> None:
    place, item = mail(words, "payment_failed", part), a_letter()["items"][0]  # type: ignore[index]
    assert "you are not registered" in place
    changed = mail(words, "payment_failed", part, still_registered=True)
    assert "You are still registered" in changed and "not registered" not in changed
    course = mail(words, "payment_failed", part, items=[{**item, "session": None, "description": "A course"}])
    assert "You do not have what you ordered" in course and "member" not in course and "registered" not in course


@pytest.mark.parametrize("name", REFUNDS)
def test_money_that_was_paid_both_ways_is_said_to_go_back_both_ways(words: Flask, name: str) -> None:
    for part in ("body.txt", "body.html"):
        said = mail(words, name, part, refund={"amount_cents": 700, "by_hand_cents": 300})
        assert all(f"NZ${amount}" in said for amount in ("7.00", "4.00 to the card", "3.00 from the club by hand"))
