"""A session's own questions on the pages: made by the committee, asked in the form, kept on the check page, shown afterwards."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import ClubSession, Question, Registration
from app.queries.questions import answer_rows
from app.rules.statuses import QuestionKind, Role
from app.services import questions
from app.services.questions import QuestionFields
from tests.support.factories import make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import sign_in

HERE = "/admin/sessions/climbing/questions"
SHOES = QuestionFields(QuestionKind.CHOICE, "Shoe size", "We lend shoes.", ("38", "39"), True)
RULES = QuestionFields(QuestionKind.TICK, "I know the rules of the wall", required=True)
DIET = QuestionFields(QuestionKind.TEXT, "Anything we should know?")


@pytest.fixture
def session(app: Flask) -> ClubSession:
    return make_free_club_session(slug="climbing", title="Climbing", capacity=2, waitlist_capacity=5)


def ask(*asked: QuestionFields) -> None:
    for number, fields in enumerate(asked, start=1):
        questions.add("climbing", f"question{number}", fields, "user:7")


def test_the_form_asks_and_says_what_is_missing_with_everything_kept(session: ClubSession, pages: PageClient) -> None:
    ask(SHOES, RULES, DIET)
    pages.get("/sessions/climbing/register")
    page = pages.submit("/register", name="Ana Lee", email="ana@example.org", answer_question3="I <b>fall</b> often,\nsometimes")
    assert page.status == 422 and page.title.startswith("Error:")
    assert page.errors == ["Choose an answer: “Shoe size”", "Tick the box to go on: “I know the rules of the wall”"]
    form = page.form("/register")
    assert form["answer_question3"] == "I <b>fall</b> often,\nsometimes" and form["name"] == "Ana Lee"


def test_answers_pass_the_check_page_and_are_shown_to_the_person_and_to_staff(session: ClubSession, pages: PageClient) -> None:
    ask(SHOES, RULES, DIET)
    pages.get("/sessions/climbing/register")
    said = {"answer_question1": "39", "answer_question2": True, "answer_question3": "I <b>fall</b>\noften"}
    page = pages.submit("/register", name="Ana Lee", email="ana@example.org", **said)
    assert page.h1 == "Check your booking" and "Shoe size 39" in page.text and "I know the rules of the wall Yes" in page.text
    page = pages.post("/sessions/climbing/register/change", page.form("/register").values)
    assert (page.form("/register")["answer_question1"], page.form("/register")["answer_question2"]) == ("39", "y")
    pages.submit("/register")
    page = pages.submit("/register", button="Register")
    assert page.h1 == "You are registered"
    assert "Shoe size 39" in page.text and "Anything we should know? I <b>fall</b> often" in page.text
    booking = the(Registration)
    assert answer_rows(booking.answers)[2] == ("Anything we should know?", "I <b>fall</b>\noften")
    sign_in(pages, Role.STAFF)
    assert "Answers Shoe size 39" in pages.get(f"/admin/registrations/{booking.token}").text


def test_a_program_that_posts_the_contracts_fields_is_told_what_is_asked(session: ClubSession, pages: PageClient) -> None:
    ask(RULES)
    token = pages.get("/sessions/climbing/register").form("/register")["csrf_token"]
    fields = {"name": "Ana", "email": "ana@example.org", "places": "1", "expected_price_cents": "0", "attempt": "a1",
              "csrf_token": token}  # fmt: skip
    assert pages.post("/sessions/climbing/register", fields).status == 422
    assert count_of(Registration) == 0
    page = pages.post("/sessions/climbing/register", {**fields, "answer_question1": "y"})
    assert page.h1 == "You are registered"


def test_a_question_that_came_meanwhile_is_asked_when_the_check_page_is_sent(session: ClubSession, pages: PageClient) -> None:
    pages.get("/sessions/climbing/register")
    pages.submit("/register", name="Ana Lee", email="ana@example.org")
    ask(RULES)
    page = pages.submit("/register", button="Register")
    assert page.status == 422 and page.errors == ["Tick the box to go on: “I know the rules of the wall”"]
    pages.submit("/register", answer_question1=True)
    assert pages.submit("/register", button="Register").h1 == "You are registered"


def test_who_waits_answers_too(session: ClubSession, pages: PageClient) -> None:
    ask(SHOES)
    for name in ("bo", "cy", "di"):
        pages.get("/sessions/climbing/register")
        pages.submit("/register", name=name, email=f"{name}@example.org", answer_question1="38")
        page = pages.submit("/register", button="Join the waitlist" if name == "di" else "Register")
    assert page.h1 == "You are on the waitlist" and "Shoe size 38" in page.text
    assert {booking.answers["question1"]["answer"] for booking in all_of(Registration)} == {"38"}


def test_the_committee_adds_changes_reorders_and_removes(session: ClubSession, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    pages.get("/admin/sessions/climbing")
    assert "Nothing else is asked" in pages.click("Questions").text
    pages.click("Add a question")
    page = pages.submit("/new", words="Shoe size", kind="choice", choices="38")
    assert page.status == 422 and page.errors == ["Enter from 2 to 30 answers to choose from, one on each line"]
    page = pages.submit("/new", choices="38\r\n\r\n 39 ", required=True)
    assert page.path == HERE and "The question is added." in page.text and "One of: 38; 39 · 0 answers" in page.text
    pages.click("Add a question")
    pages.submit("/new", words="Anything we should know?")
    key = the(Question, words="Anything we should know?").key
    page = pages.submit(f"/{key}/move")
    assert page.text.index("Anything we should know?") < page.text.index("Shoe size")
    pages.click("Change Anything we should know?")
    page = pages.submit("/edit", hint="Allergies, for example.")
    assert "Allergies, for example." in page.text
    page = pages.click("Remove Shoe size")
    assert "It has not been answered yet." in page.text
    assert "The question is removed." in pages.submit("/remove").text
    assert [question.words for question in all_of(Question)] == ["Anything we should know?"]


@pytest.mark.databases("sqlite")
def test_a_question_that_is_gone_says_so(session: ClubSession, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    ask(DIET)
    pages.get(f"{HERE}/question1/remove")
    questions.remove("climbing", "question1", "user:7")
    assert "This question was removed meanwhile." in pages.submit("/remove").text
    assert pages.get(f"{HERE}/question1/edit").status == 404 and pages.get("/admin/sessions/nowhere/questions").status == 404


def test_a_session_that_asks_is_not_offered_for_the_basket(session: ClubSession, pages: PageClient) -> None:
    assert "Put it in your basket" in pages.get("/sessions/climbing").text
    ask(DIET)
    assert "Put it in your basket" not in pages.get("/sessions/climbing").text
    page = pages.get("/basket/add/registration/climbing")
    assert (page.status, page.h1) == (409, "This cannot be put in your basket")
    assert "Register for it on its own page" in page.text
