"""The pages for writing to a session's people, and for reading what the automatic mails say."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from app.models import Announcement, ClubSession, OutgoingEmail, Registration
from app.rules.statuses import PaymentState, RegistrationStatus, Role
from app.services import sample_letters
from app.transaction import transaction
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of
from tests.support.settings import SITE_URL
from tests.web.desk import book, sign_in

MAIL = "/admin/sessions/badminton/mail"
TEXT = "Bring something warm.\n\nThe <heating> is broken: https://club.example/heating"


@pytest.fixture(autouse=True)
def session(app: Flask) -> ClubSession:
    return make_club_session(slug="badminton", title="Badminton", capacity=3000, waitlist_capacity=9)


def typed(pages: PageClient, **changes: Any) -> Any:
    pages.get(MAIL)
    values = {"groups": ["registered"], "subject": "This Friday", "text": TEXT, **changes}
    return pages.submit("/mail", button="Look at it", **values)


def test_a_message_is_looked_at_tried_and_sent_and_its_result_names_everybody(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana Lee")
    book(session, "Ben Moss")
    book(session, "Wendy", RegistrationStatus.WAITLISTED)
    sign_in(pages, Role.STAFF)
    page = typed(pages)
    assert page.status == 200 and page.h1 == "Check your message" and "2 people: registered" in page.text
    assert "The <heating> is broken" in page.text and "office@muster.test" in page.text
    assert count_of(OutgoingEmail) == 0, "a look sends nothing"
    page = pages.submit("/mail", button="Send a test to myself")
    assert "A test is on its way to staff" in page.text and [m.context["why"] for m in all_of(OutgoingEmail)] == ["test"]
    page = pages.submit("/mail", button="Send to 2 people")
    assert page.redirects[0][0] == 303 and page.h1 == "This Friday" and "2 to be sent" in page.text
    assert "Ana Lee" in page.text and "Ben Moss" in page.text and "Wendy" not in page.text
    texts = {mail.context["text"] for mail in all_of(OutgoingEmail)}
    assert texts == {TEXT}, "line breaks stay what they were on the way through the check"
    assert "This Friday" in pages.get(MAIL).text
    assert pages.get("/admin/sessions/badminton").links["Write to people"].endswith(MAIL)


def test_a_form_sent_twice_leads_to_the_same_result(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana Lee")
    sign_in(pages, Role.STAFF)
    form = typed(pages).form("/mail")
    first = pages.submit(form, button="Send to 1 person")
    again = pages.submit(form, button="Send to 1 person")
    assert first.path == again.path and (count_of(Announcement), count_of(OutgoingEmail)) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"groups": []}, "Choose who gets this message"),
        ({"subject": " "}, "Enter a subject"),
        ({"subject": "x" * 151}, "150 characters or fewer"),
        ({"text": "\n\n"}, "Enter what you want to say"),
    ],
)
def test_what_is_missing_is_asked_for_and_what_was_typed_stays(pages: PageClient, changes: dict[str, Any], error: str) -> None:
    sign_in(pages, Role.STAFF)
    page = typed(pages, **changes)
    assert page.status == 422 and any(error in words for words in page.errors)
    assert page.form("/mail")["text"].strip() == ("" if "text" in changes else TEXT)


def test_back_from_the_look_everything_is_still_typed(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana Lee")
    sign_in(pages, Role.STAFF)
    typed(pages, groups=["registered", "unpaid"])
    form = pages.submit("/mail", button="Back to the form").form("/mail")
    assert (form["subject"], form["text"], form.values["groups"]) == ("This Friday", TEXT, ["registered", "unpaid"])


def test_nobody_to_write_to_is_said_before_and_refused_after(pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    page = typed(pages)
    assert "Nobody is in there who could be written to." in page.text and "Send to" not in page.text
    page = pages.post(MAIL, {"csrf_token": page.form("/mail")["csrf_token"], "step": "send", "groups": "waiting", "subject": "x",
                             "text": "x"})  # fmt: skip
    assert page.status == 422 and page.errors == ["Nobody is in there who could be written to."]


def test_a_line_break_in_the_subject_cannot_add_a_header(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana Lee")
    sign_in(pages, Role.STAFF)
    typed(pages, subject="Hello\r\nBcc: everybody@club.example")
    pages.submit("/mail", button="Send to 1 person")
    assert [mail.context["subject"] for mail in all_of(OutgoingEmail)] == ["Hello Bcc: everybody@club.example"]


TEXTS = ("/admin/mail/texts", "/admin/mail/texts/offer", "/admin/mail/texts/offer/1/html")


@pytest.mark.parametrize("path", [MAIL, f"{MAIL}/1", *TEXTS])
def test_the_desk_neither_writes_nor_reads_there(pages: PageClient, path: str) -> None:
    sign_in(pages, Role.DESK)
    assert pages.get(path).status == 403
    assert pages.get("/admin/sessions/badminton").links.get("Write to people") is None


def test_what_is_not_there_is_not_found(pages: PageClient, session: ClubSession) -> None:
    sign_in(pages, Role.STAFF)
    elsewhere = make_club_session(slug="chess")
    book(elsewhere, "Ana Lee")
    pages.get("/admin/sessions/chess/mail")
    pages.submit("/mail", button="Look at it", groups=["registered"], subject="x", text="x")
    sent = pages.submit("/mail", button="Send to 1 person")
    number = sent.path.rpartition("/")[2]
    for path in (f"{MAIL}/{number}", f"{MAIL}/{2**70}", "/admin/sessions/nowhere/mail", "/admin/mail/texts/nothing",
                 "/admin/mail/texts/offer/9/html"):  # fmt: skip
        assert pages.get(path).status == 404


def test_a_session_of_a_thousand_takes_as_many_statements_as_one_of_two(
    pages: PageClient, session: ClubSession, statements: Any
) -> None:
    sign_in(pages, Role.STAFF)
    book(session, "Ana Lee")
    counts = []
    for more in (1, 1000):
        _add(session, more)
        page = typed(pages)
        with statements() as sending:
            page = pages.submit("/mail", button=f"Send to {2 if more == 1 else 1002} people")
        assert page.h1 == "This Friday"
        seen = [len(sending)]
        for path in (MAIL, page.path, f"{page.path}?page=2"):
            with statements() as shown:
                assert pages.get(path).status == 200
            seen.append(len(shown))
        counts.append(seen)
    assert counts[0] == counts[1] and max(counts[0]) <= 25


def _add(session: ClubSession, count: int) -> None:
    rows = [
        {"club_session_id": session.id, "name": f"Person {n}", "email": f"p{count}-{n}@club.example", "places": 1,
         "status": RegistrationStatus.REGISTERED, "payment_status": PaymentState.FREE, "price_cents": 0, "amount_paid_cents": 0}
        for n in range(count)
    ]  # fmt: skip
    with transaction() as db:
        db.execute(insert(Registration), rows)


# --- What the automatic mails say -----------------------------------------------------------------------------------------------


def test_every_automatic_mail_can_be_read_as_html_and_as_text(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    assert pages.get("/admin/outbox").links["What the automatic mails say"].endswith("/admin/mail/texts")
    listed = pages.get("/admin/mail/texts")
    for template in sample_letters.templates():
        path = f"/admin/mail/texts/{template.replace('_', '-')}"
        assert f"{SITE_URL}{path}" in listed.links.values()
        page = pages.get(path)
        frames = [frame.get("src") for frame in page.tree.all("iframe")]
        assert page.status == 200 and frames == [f"{path}/{n + 1}/html" for n in range(len(sample_letters.rendered(template)))]
    with pages.http.get("/admin/mail/texts/confirmation/1/html", base_url=SITE_URL) as alone:
        assert "data:image/png;base64," in alone.text and "cid:" not in alone.text
        policy = alone.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
    assert "script-src" not in policy and "frame-src 'self'" in listed.headers["Content-Security-Policy"]
    assert count_of(OutgoingEmail) == 0, "to read, not to send"
