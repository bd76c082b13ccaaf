"""The booking form, the check page and the answers of `POST /sessions/<slug>/register` (the contract, DESIGN §7).

Every page here is held to the page contract by the client.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import ClubSession, Order, OutgoingEmail, Registration
from app.rules.statuses import SessionStatus
from app.transaction import transaction
from tests.support.booking import mails, states, taken, work
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session, make_membership, make_user
from tests.support.pages import PageClient
from tests.support.rows import count_of, the


def form_of(pages: PageClient, club_session: ClubSession) -> Any:
    return pages.get(f"/sessions/{club_session.slug}/register")


def check(pages: PageClient, club_session: ClubSession, **values: Any) -> Any:
    """Fill in the form and go on to the check page."""
    form_of(pages, club_session)
    return pages.submit("/register", **{"name": "Ana Lee", "email": "Ana@Example.org", **values})


def confirm(pages: PageClient, **values: Any) -> Any:
    """Press the check page's button."""
    return pages.submit("/register", follow=False, **values)


def test_guest_leaves_for_stripe_after_seeing_everything_once_more(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    page = check(pages, club_session, places=2)
    assert page.status == 200 and page.h1 == "Check your booking"
    for words in (club_session.title, "Ana Lee", "ana@example.org", "NZ$24.00", "30 minutes", "Stripe"):
        assert words in page.text, words
    assert [button[0] for button in page.form("/register").buttons] == ["Pay NZ$24.00", "Change"]
    assert count_of(Order) == 0 and taken(club_session) == 0, "nothing is kept before the button is pressed"
    page = confirm(pages)
    assert (page.status, page.headers["Location"]) == (303, stripe_simulator.checkout()["url"])
    assert states(the(Order).token) == ("pending", "held", ["open"]) and taken(club_session) == 2


def test_check_page_says_the_refund_terms(sqlite_app: Flask, pages: PageClient) -> None:
    with_refund = check(pages, make_club_session())
    without = check(pages, make_club_session(refund_until=None))
    assert "refund" in with_refund.text.lower() and with_refund.text != without.text


def test_change_keeps_what_was_typed(sqlite_app: Flask, pages: PageClient) -> None:
    form = check(pages, club_session := make_club_session(), places=3).form("/register")
    sent = dict(form.filled({}, "Change"))
    shown = pages.post(f"/sessions/{club_session.slug}/register/change", sent).form("/register")  # the button's own formaction
    assert {name: shown[name] for name in ("name", "email", "places", "attempt")} == {
        "name": "Ana Lee", "email": "ana@example.org", "places": "3", "attempt": sent["attempt"],
    }  # fmt: skip
    assert count_of(Order) == 0


def test_free_is_registered_at_once(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_free_club_session()
    page = check(pages, club_session)
    assert [button[0] for button in page.form("/register").buttons][0] == "Register" and "Free" in page.text
    page = pages.submit("/register")
    assert page.redirects[0][0] == 303 and page.path == f"/orders/{the(Order).token}" and page.h1 == "You are registered"
    assert stripe_simulator.control.counts() == {} and mails() == ["confirmation"]


def test_full_session_with_a_waitlist_leads_to_the_waitlist(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=5)
    check(pages, club_session)
    confirm(pages)
    other = PageClient(sqlite_app)
    assert form_of(other, club_session).h1 == "Join the waitlist"
    other.submit("/register", name="Ben", email="ben@example.org")
    page = other.submit("/register")
    assert page.redirects[0][0] == 303 and page.h1 == "You are on the waitlist"
    assert mails() == ["waitlisted"]


# --- Shape (422) -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "message"), [
    ({"name": "  "}, "Enter your name"),
    ({"name": "x" * 201}, "Enter a name of 200 characters or fewer"),
    ({"name": "Ana\nLee"}, "Enter your name on one line, in letters"),
    ({"email": ""}, "Enter your e-mail address"),
    ({"email": "ana"}, "Enter an e-mail address in the correct format, like name@example.com"),
    ({"email": "a@x.org, v@y.org"}, "Enter an e-mail address in the correct format, like name@example.com"),
    ({"email": "a@x.org\r\nBcc: v@y.org"}, "Enter an e-mail address in the correct format, like name@example.com"),
    ({"places": "0"}, "Enter a number of places from 1 to 4"),
    ({"places": "5"}, "Enter a number of places from 1 to 4"),
    ({"places": "two"}, "Enter a number of places from 1 to 4"),
    ({"places": "9" * 30}, "Enter a number of places from 1 to 4"),
])  # fmt: skip
@pytest.mark.parametrize("step", ["check", "register"])
def test_what_cannot_be_read_comes_back_filled_in_with_an_instruction(
    sqlite_app: Flask, pages: PageClient, step: str, values: dict[str, str], message: str
) -> None:
    club_session = make_club_session()
    form = form_of(pages, club_session).form("/register")
    data = {name: form[name] for name in form.names} | {"name": "Ana Lee", "email": "ana@example.org", "places": "2"} | values
    page = pages.post(f"/sessions/{club_session.slug}/register" + ("/check" if step == "check" else ""), data)
    assert (page.status, page.errors) == (422, [message]) and page.title.startswith("Error: ")
    kept = {"name": "Ana Lee", "email": "ana@example.org"} | {k: v.strip() for k, v in values.items() if k != "places"}
    shown = page.form("/register")
    assert {name: " ".join(shown[name].split()) for name in kept} == {name: " ".join(text.split()) for name, text in kept.items()}
    assert count_of(Order) == 0 and taken(club_session) == 0


def raw(pages: PageClient, club_session: ClubSession, **changes: Any) -> Any:
    """Post the contract's fields as a program would, with the token of a form it has fetched; None leaves a field out."""
    form = form_of(pages, club_session).form("/register")
    data = {"csrf_token": form["csrf_token"], "name": "Ana", "email": "ana@example.org", "places": "1", "attempt": "a-1"}
    data |= {"expected_price_cents": "1200", **changes}
    return pages.post(f"/sessions/{club_session.slug}/register", {k: v for k, v in data.items() if v is not None}, follow=False)


def test_program_that_knows_the_contract_registers_with_one_post(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    assert raw(pages, club_session).headers["Location"] == stripe_simulator.checkout()["url"]
    assert the(Order).attempt == "a-1" and the(Order).email == "ana@example.org"


@pytest.mark.parametrize("attempt", [None, "", "../etc", "x" * 65, "é"])
def test_attempt_that_is_no_key_is_replaced(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, attempt: str | None
) -> None:
    raw(pages, make_club_session(), attempt=attempt)
    assert len(the(Order).attempt) >= 22 and the(Order).attempt != attempt


# --- The price (409) ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", ["1100", "0", "-1200", "", "twelve", None])
def test_price_that_was_not_shown_is_asked_about(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, expected: str | None
) -> None:
    club_session = make_club_session()
    page = raw(pages, club_session, expected_price_cents=expected)
    assert page.status == 409 and page.h1 == "Check your booking" and "The price has changed" in page.text
    assert count_of(Order) == 0 and taken(club_session) == 0 and stripe_simulator.control.counts() == {}


def test_price_changed_since_the_page_was_drawn_is_shown_and_asked_again(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    check(pages, club_session, places=2)
    with transaction() as db:
        db.execute(update(ClubSession).values(non_member_price_cents=1500))
    page = confirm(pages)
    assert page.status == 409 and "NZ$12.00" in page.text and "NZ$15.00" in page.text
    assert page.form("/register").buttons[0][0] == "Pay NZ$30.00" and count_of(Order) == 0 and taken(club_session) == 0
    assert confirm(pages).status == 303 and the(Order).total_cents == 3000


def member(pages: PageClient) -> str:
    user = make_user(email="member@club.example", password=PASSWORD)
    make_membership(user)
    assert pages.sign_in(user.email, PASSWORD).path == "/"
    return str(user.email)


def test_member_signed_in_sees_and_pays_the_member_price(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    page = check(pages, make_club_session(), email=member(pages), places=2)
    assert "NZ$20.00" in page.text and "you save" in page.text, "8 for the own place, 12 for the guest"
    assert confirm(pages).status == 303 and the(Order).total_cents == 2000


def test_member_who_books_for_somebody_else_is_shown_the_full_price_and_can_go_on(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    member(pages)
    page = check(pages, make_club_session(), email="friend@example.org")
    assert page.form("/register").buttons[0][0] == "Pay NZ$12.00" and "NZ$8.00" in page.text, "the form had said 8 dollars"
    assert confirm(pages).status == 303 and the(Order).total_cents == 1200


def test_member_who_books_early_for_somebody_else_is_told_when_it_opens(
    sqlite_app: Flask, pages: PageClient, clock: Any, stripe_simulator: Any
) -> None:
    opens = clock.now + timedelta(days=1)
    email = member(pages)
    club_session = make_club_session(opens_at=opens, members_open_at=clock.now)
    page = check(pages, club_session, email="friend@example.org")
    assert page.status == 409 and page.h1 == "Registration is not open yet" and count_of(Order) == 0
    assert check(pages, club_session, email=email).h1 == "Check your booking"


def test_guest_who_types_a_members_address_pays_the_full_price(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    make_membership(make_user(email="member@club.example"))
    page = check(pages, make_club_session(), email="member@club.example")
    assert page.form("/register").buttons[0][0] == "Pay NZ$12.00"
    assert confirm(pages).status == 303 and the(Order).total_cents == 1200


# --- Whether (404, 409) ------------------------------------------------------------------------------------------------------

DAY = timedelta(days=1)


@pytest.mark.parametrize(("state", "heading"), [
    ({"capacity": 0}, "This session is full"),
    ({"status": SessionStatus.CANCELLED}, "This session has been cancelled"),
    ({"status": SessionStatus.COMPLETED}, "Registration for this session is closed"),
    ({"opens_at": DAY}, "Registration is not open yet"),
    ({"closes_at": -DAY}, "Registration for this session is closed"),
    ({"starts_at": -DAY}, "Registration for this session is closed"),
])  # fmt: skip
def test_session_that_takes_nobody_has_a_page_of_its_own_at_every_step(
    sqlite_app: Flask, pages: PageClient, clock: Any, state: dict[str, Any], heading: str
) -> None:
    open_one = make_club_session()
    token = form_of(pages, open_one).form("/register")["csrf_token"]
    club_session = make_club_session(**{k: clock.now + v if isinstance(v, timedelta) else v for k, v in state.items()})
    fields = {"csrf_token": token, "name": "Ana", "email": "ana@example.org", "places": "1", "expected_price_cents": "1200"}
    path = f"/sessions/{club_session.slug}/register"
    for page in (pages.get(path), pages.post(f"{path}/check", fields), pages.post(path, fields)):
        assert (page.status, page.h1) == (409, heading)
        assert "Nothing was booked and nothing was charged." in page.text
    assert count_of(Order) == 0


def test_draft_and_unknown_sessions_are_not_found(sqlite_app: Flask, pages: PageClient) -> None:
    draft = make_club_session(status=SessionStatus.DRAFT)
    for slug in (draft.slug, "no-such-session", "Not_A_Slug"):
        assert pages.get(f"/sessions/{slug}/register").status == 404


def test_last_place_taken_meanwhile_is_told_with_the_form_or_the_full_page(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session(capacity=2)
    check(pages, club_session, places=2)
    other = PageClient(sqlite_app)
    check(other, club_session, email="ben@example.org")
    confirm(other)
    page = confirm(pages)
    assert (page.status, page.errors) == (409, ["Places left: 1. Choose a smaller number."])
    assert page.form("/register")["name"] == "Ana Lee" and taken(club_session) == 1


# --- Twice -------------------------------------------------------------------------------------------------------------------


def test_double_click_leads_to_the_same_checkout(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    check(pages, make_club_session())
    form = pages.page.form("/register") if pages.page else None
    first, second = pages.submit(form, follow=False), pages.submit(form, follow=False)
    assert first.headers["Location"] == second.headers["Location"] and second.status == 303
    assert count_of(Order) == 1 and len(stripe_simulator.control.sessions()) == 1


def test_same_browser_comes_back_to_the_same_checkout_with_a_new_form(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    check(pages, club_session)
    first = confirm(pages)
    check(pages, club_session)
    again = confirm(pages)
    assert again.status == 303 and again.headers["Location"] == first.headers["Location"]
    assert count_of(Order) == 1 and len(stripe_simulator.control.sessions()) == 1 and mails() == []


def test_stranger_gets_a_neutral_page_and_the_owner_a_mail(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    check(pages, club_session)
    confirm(pages)
    token, registration = the(Order).token, the(Registration)
    stranger = PageClient(sqlite_app)
    check(stranger, club_session, name="Mallory", email="ANA@example.org")
    page = confirm(stranger)
    assert page.status == 409 and page.h1 == "Check your e-mail" and "Location" not in page.headers
    secrets = (token, registration.token, registration.reference, the(Order).reference, "Ana Lee", "/orders/", "/c/pay/")
    assert not [secret for secret in secrets if secret in page.html]
    work()
    mail = the(OutgoingEmail)
    assert mail.to == "ana@example.org" and f"/orders/{token}" in (mail.text_body or "")
    assert count_of(Order) == 1 and taken(club_session) == 1
