"""The words, colours and order headings that every template relies on, and the shape of the two public forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from jinja2 import UndefinedError
from werkzeug.datastructures import MultiDict

from app import templating
from app.blueprints.accounts.forms import SignInForm
from app.blueprints.registration.forms import RegistrationForm
from app.queries.club_sessions import SessionView
from app.rules import capacity
from app.rules.pricing import Prices, quote
from app.rules.refunds import Terms
from app.rules.refusals import NotEnoughPlaces
from app.rules.statuses import Entry, OrderStatus, PaymentStatus, RefundPolicy, RegistrationStatus, SessionStatus, WaitlistPayment
from tests.support.words import NOW, STARTS

SYDNEY = "Australia/Sydney"



@pytest.mark.parametrize(
    ("cents", "currency", "shown"),
    [
        (1200, "NZD", "NZ$12.00"),
        (0, "NZD", "NZ$0.00"),
        (123456, "AUD", "A$1,234.56"),
        (500, "JPY", "JP¥500"),
        (950, "GBP", "£9.50"),
    ],
)
def test_money_names_its_country(words: Flask, cents: int, currency: str, shown: str) -> None:
    assert templating.money(cents, currency) == shown


def test_nothing_to_pay_is_free(words: Flask) -> None:
    assert templating.price(quote(Prices(None, None, "NZD"))) == "Free"
    assert templating.price(quote(Prices(800, 1200, "NZD"), is_member=True)) == "NZ$8.00"


def test_day_has_a_year_only_when_it_is_another(words: Flask) -> None:
    assert templating.day(STARTS) == "Saturday 21 November"
    assert templating.day(datetime(2027, 1, 2, 0, tzinfo=UTC)) == "Saturday 2 January 2027"


def test_times_are_told_in_the_zone_of_the_session(words: Flask) -> None:
    ends = STARTS + timedelta(hours=2)
    assert templating.when(STARTS, ends, "Pacific/Auckland") == "Saturday 21 November, 6:00 – 8:00\xa0pm"
    assert templating.when(STARTS, ends, SYDNEY) == "Saturday 21 November, 4:00 – 6:00\xa0pm (Australian Eastern Time)"
    assert templating.clock_time(STARTS, SYDNEY) != templating.clock_time(STARTS, "Pacific/Auckland")


def test_stored_iso_times_are_told_like_moments(words: Flask) -> None:
    assert templating.when(STARTS.isoformat(), None, "Pacific/Auckland") == "Saturday 21 November, 6:00\xa0pm"
    assert templating.iso("2026-11-21T18:00:00+13:00") == "2026-11-21T05:00:00Z"


def test_a_time_without_a_zone_is_refused(words: Flask) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        templating.clock_time(datetime(2026, 11, 21, 18))  # noqa: DTZ001 - the point of the test


def test_a_session_over_days_names_its_last_day(words: Flask) -> None:
    weekend = STARTS + timedelta(hours=30)
    assert templating.time_range(STARTS, weekend) == "6:00\xa0pm – Monday 23 November, 12:00\xa0am"
    assert templating.end_time(STARTS, weekend) == "Monday 23 November"
    assert templating.time_range(STARTS, STARTS + timedelta(hours=8)) == "6:00\xa0pm – 2:00\xa0am"


def test_deadlines_say_today_or_the_day(words: Flask) -> None:
    assert templating.until(STARTS) == "6:00\xa0pm today"
    assert templating.until(STARTS + timedelta(days=1)) == "6:00\xa0pm on Sunday 22 November"


def test_refusals_are_filled_in(words: Flask) -> None:
    assert templating.refusal_text(NotEnoughPlaces(left=2)) == "Places left: 2. Choose a smaller number."


def test_paragraphs_keep_lines_and_drop_blanks() -> None:
    assert templating.paragraphs("One\r\ntwo\r\n\r\n\n three ") == [["One", "two"], ["three"]]


def test_our_templates_are_strict_and_the_components_are_not(words: Flask) -> None:
    with pytest.raises(UndefinedError):
        words.jinja_env.from_string("{{ mistyped }}").render()
    tag = words.jinja_env.from_string('{% from "components/parts.html" import tag %}{{ tag("<Full>", "red") }}').render()
    assert "tag--red" in tag
    assert "&lt;Full&gt;" in tag


def test_static_files_are_addressed_by_their_content(words: Flask) -> None:
    styles, script = templating.static_url("css/muster.css"), templating.static_url("js/enhance.js")
    assert styles.startswith("/static/css/muster.css?v=")
    assert styles.partition("?")[2] != script.partition("?")[2]


def test_a_drawn_row_is_drawn_again_when_it_changes(words: Flask) -> None:
    words.add_url_rule("/sessions/<slug>", "public.session_page", lambda slug: slug)
    row = templating.session_row(a_session(taken=5))
    assert "15 places left" in row
    assert templating.session_row(a_session(taken=5)) is row
    assert "2 places left" in templating.session_row(a_session(taken=18))


def a_session(*, taken: int) -> SessionView:
    counters = capacity.Counters(20, taken, 0, None, 0)
    window = capacity.Window(SessionStatus.PUBLISHED, Entry.OPEN, STARTS, None, None, None)
    prices = Prices(800, 1200, "NZD")
    return SessionView(
        id=1, slug="social-badminton", title="Social badminton", summary="", description="", location="", starts_at=STARTS,
        ends_at=STARTS + timedelta(hours=2), time_zone="Pacific/Auckland", counters=counters, prices=prices, window=window,
        waitlist_payment=WaitlistPayment.ON_OFFER, max_places=1, refund_terms=Terms(RefundPolicy.FULL, None),
        calendar_sequence=0, updated_at=NOW,
        state=capacity.describe(window, counters, NOW), quote=quote(prices), opens_at=None,
    )  # fmt: skip


@pytest.mark.parametrize("colour", ["#0b6e4f", "#ffd400", "#ffffff", "#000000", "#e6007e"])
def test_white_text_can_be_read_on_any_club_colour(colour: str) -> None:
    ink = templating.club_ink(colour)
    assert templating._contrast(templating._rgb(ink), (255, 255, 255)) >= 4.5
    assert f"--club-pure:{colour};--club:{ink};" in templating.club_css(colour)


def test_a_dark_enough_colour_is_left_alone() -> None:
    assert templating.club_ink("#0b6e4f") == "#0b6e4f"


def an_order(status: str, payment: str | None, registration: str | None, paid: bool = False, hold: int = 20, **cents: int) -> Any:
    """As much of an OrderView as its standing depends on."""
    turned_down = registration == "declined" and bool(cents.pop("applied", 0))
    booking = SimpleNamespace(status=RegistrationStatus(registration), turned_down=turned_down) if registration else None
    return SimpleNamespace(
        status=OrderStatus(status),
        payment=PaymentStatus(payment) if payment else None,
        captured_cents=cents.get("captured", 0),
        refunded_cents=cents.get("refunded", 0),
        paid_at=NOW if paid else None,
        hold_expires_at=NOW + timedelta(minutes=hold),
        items=[SimpleNamespace(registration=booking)],
        difference=False,
    )


@pytest.mark.parametrize(
    ("order", "standing"),
    [
        (an_order("pending", "open", "held"), "to_pay"),
        (an_order("pending", "created", "held"), "to_pay"),
        (an_order("pending", "failed", "held"), "to_pay"),
        (an_order("pending", "open", "held", hold=-1), "ending"),
        (an_order("pending", "processing", "held", hold=-1), "checking"),
        (an_order("pending", "succeeded", "held", captured=2400), "checking"),
        (an_order("pending", None, "waitlisted"), "waitlisted"),
        (an_order("pending", "open", "waitlisted"), "to_pay"),
        (an_order("pending", None, "offered"), "offered"),
        (an_order("pending", None, "under_review"), "under_review"),
        (an_order("pending", None, "in_reserve"), "in_reserve"),
        (an_order("cancelled", None, "declined", applied=1), "declined"),
        (an_order("cancelled", None, "declined"), "cancelled"),
        (an_order("paid", "succeeded", "registered", captured=2400, paid=True), "registered"),
        (an_order("paid", None, "registered", paid=True), "registered"),
        (an_order("paid", "succeeded", "waitlisted", captured=2400, paid=True), "waitlisted"),
        (an_order("paid", "succeeded", None, captured=2400, paid=True), "paid"),
        (an_order("paid", "succeeded", "held", captured=2400, paid=True), "checking"),
        (an_order("paid", "succeeded", "registered", captured=4800, refunded=2400, paid=True), "registered"),
        (an_order("paid", "succeeded", "registered", captured=2400, refunded=2400, paid=True), "registered"),
        (an_order("paid", "succeeded", None, captured=2400, refunded=2400, paid=True), "refunded"),
        (an_order("expired", "expired", "expired"), "expired"),
        (an_order("expired", "succeeded", "expired", captured=2400), "checking"),
        (an_order("expired", "succeeded", "expired", captured=2400, refunded=2400), "refunded"),
        (an_order("cancelled", "expired", "cancelled"), "cancelled"),
        (an_order("cancelled", "processing", "cancelled"), "checking"),
        (an_order("cancelled", "succeeded", "cancelled", captured=2400, refunded=1200, paid=True), "cancelled"),
        (an_order("cancelled", "succeeded", "cancelled", captured=2400, refunded=2400, paid=True), "refunded"),
    ],
)
def test_an_order_says_the_truth_in_one_word(order: Any, standing: str) -> None:
    assert templating.order_standing(order, NOW) == standing


def registration(max_places: int = 4, **fields: str) -> RegistrationForm:
    typed = {"name": "Mere Tūhoe", "email": "mere@example.org", "places": "1"} | fields
    form = RegistrationForm(MultiDict(typed), max_places=max_places, meta={"csrf": False})
    form.validate()
    return form


def errors_of(form: RegistrationForm) -> dict[str, list[str]]:
    return {name: [str(error) for error in errors] for name, errors in form.errors.items()}


def test_a_booking_is_tidied(words: Flask) -> None:
    form = registration(
        name="  Mere Tūhoe ", email=" Mere@Example.ORG ", places="3", expected_price_cents="1200", attempt="a_B-9"
    )
    assert not form.errors
    assert (form.name.data, form.email.data, form.places.data) == ("Mere Tūhoe", "mere@example.org", 3)
    assert (form.expected_price_cents.data, form.attempt.data, form.accept_waitlist.data) == (1200, "a_B-9", False)


@pytest.mark.parametrize("name", ["", "   ", "Mere\nBcc: v@example.org", "Mere\x00", "M" * 201])
def test_a_name_is_one_line_of_text(words: Flask, name: str) -> None:
    (message,) = errors_of(registration(name=name))["name"]
    assert message.startswith("Enter")


@pytest.mark.parametrize("email", ["mere", "mere@example", "a@x.org, v@y.org", "mere@example.org\nBcc: v@y.org"])
def test_an_address_is_exactly_one(words: Flask, email: str) -> None:
    assert errors_of(registration(email=email)) == {
        "email": ["Enter an e-mail address in the correct format, like name@example.com"],
    }


@pytest.mark.parametrize("places", ["", "0", "5", "-1", "two", "1.5", "9" * 40])
def test_places_are_from_one_to_the_sessions_most(words: Flask, places: str) -> None:
    assert errors_of(registration(places=places)) == {"places": ["Enter a number of places from 1 to 4"]}


def test_hidden_fields_never_ask_the_visitor_to_mend_them(words: Flask) -> None:
    form = registration(expected_price_cents="free", attempt="x" * 65)
    assert not form.errors
    assert form.expected_price_cents.data is None
    assert form.attempt.data != "x" * 65
    assert len({registration().attempt.data for _ in range(3)}) == 3


def test_signing_in_says_what_is_missing_and_keeps_no_password(words: Flask) -> None:
    form = SignInForm(MultiDict({"email": "mere", "password": "kauri-and-tui"}), meta={"csrf": False})
    assert not form.validate()
    assert list(form.errors) == ["email"]
    assert "kauri-and-tui" not in form.password()
