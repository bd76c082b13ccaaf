"""Questions of a session's own: asked of whoever books, frozen with the booking, changed without losing an answer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, Question, Registration
from app.queries import questions as queries
from app.rules.questions import AnswerRefused
from app.rules.refusals import InvalidInput, SessionNotFound
from app.rules.statuses import QuestionKind, RegistrationStatus
from app.services import club_session_actions, questions, registrations, repeating
from app.services.questions import QuestionFields, QuestionGone
from app.services.repeating import Wish
from tests.support.booking import applicant
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of, the

ACTOR = "user:7"
LEVEL = QuestionFields(QuestionKind.CHOICE, "Your level", "", ("Beginner", "Advanced"), True)
DIET = QuestionFields(QuestionKind.TEXT, "What do you not eat?", "We cook together.")
CAR = QuestionFields(QuestionKind.TICK, "I have a car")


def ask(session: ClubSession, *asked: QuestionFields) -> list[str]:
    """Let the session ask these; their keys."""
    for number, fields in enumerate(asked, start=1):
        questions.add(session.slug, f"question{number}", fields, ACTOR)
    return [question.key for question in queries.asked_by(session.slug)]


def register(session: ClubSession, answers: dict[str, object] | None, **changes: Any) -> Registration:
    values = {"expected_price_cents": 0, "answers": answers, **changes}
    person = applicant(**values)
    registrations.register(session.slug, person)
    return the(Registration, email=person.email)


def test_answers_are_frozen_with_the_booking_and_outlive_the_question(app: Flask) -> None:
    session = make_free_club_session()
    level, diet, car = ask(session, LEVEL, DIET, CAR)
    booking = register(session, {level: "Advanced", diet: " nuts ", car: True})
    said = [("Your level", "Advanced"), ("What do you not eat?", "nuts"), ("I have a car", "Yes")]
    assert queries.answer_rows(booking.answers) == said
    questions.edit(session.slug, level, QuestionFields(QuestionKind.CHOICE, "How good are you?", "", ("So so", "Very")), ACTOR)
    questions.remove(session.slug, diet, ACTOR)
    assert queries.answer_rows(the(Registration).answers) == said
    later = register(session, {level: "Very"})
    assert queries.answer_rows(later.answers) == [("How good are you?", "Very"), ("I have a car", "No")]
    every = [booking.answers, later.answers]
    columns = {level: "How good are you?", diet: "What do you not eat?", car: "I have a car"}
    assert queries.answer_columns(every) == columns
    assert [queries.answers_in(kept, (level, diet, car)) for kept in every] == [["Advanced", "nuts", "Yes"], ["Very", "", "No"]]


def test_what_is_required_is_required_inside_the_transaction_too(app: Flask) -> None:
    session = make_free_club_session(capacity=1)
    (level,) = ask(session, LEVEL)
    for answers in ({}, {level: "Expert"}, {level: ""}):
        with pytest.raises(AnswerRefused) as refused:
            register(session, answers)
        assert refused.value.field == f"answer_{level}"
    assert count_of(Registration) == 0 and the(ClubSession).places_taken == 0
    assert register(session, {level: "Beginner"}).status is RegistrationStatus.REGISTERED


def test_who_waits_is_asked_too_and_whom_the_committee_books_is_not(app: Flask) -> None:
    session = make_free_club_session(capacity=1, waitlist_capacity=5)
    (level,) = ask(session, LEVEL)
    assert register(session, None).answers == {}
    with pytest.raises(AnswerRefused):
        register(session, {}, accept_waitlist=True)
    waiting = register(session, {level: "Beginner"}, accept_waitlist=True)
    assert waiting.status is RegistrationStatus.WAITLISTED
    assert queries.answer_rows(waiting.answers) == [("Your level", "Beginner")]


def test_questions_are_put_in_order_and_a_form_sent_twice_adds_one(app: Flask) -> None:
    session = make_free_club_session()
    level, diet, car = ask(session, LEVEL, DIET, CAR)
    questions.add(session.slug, level, CAR, ACTOR)
    assert count_of(Question) == 3
    questions.move(session.slug, car, True, ACTOR)
    questions.move(session.slug, level, False, ACTOR)
    questions.move(session.slug, car, True, ACTOR)
    assert [q.key for q in queries.asked_by(session.slug)] == [car, level, diet]
    assert {e.action for e in all_of(AuditEntry, subject_kind="club_session")} == {"question_added", "question_moved"}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        (QuestionFields(QuestionKind.TEXT, ""), "words"), (QuestionFields(QuestionKind.TEXT, "x" * 301), "words"),
        (QuestionFields(QuestionKind.TEXT, "x", "y" * 301), "hint"), (QuestionFields(QuestionKind.CHOICE, "x"), "choices"),
        (QuestionFields(QuestionKind.CHOICE, "x", "", ("same", "same")), "choices"),
        (QuestionFields(QuestionKind.CHOICE, "x", "", ("a", "b" * 201)), "choices"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_at_its_field(sqlite_app: Flask, fields: QuestionFields, where: str) -> None:
    session = make_free_club_session()
    with pytest.raises(InvalidInput) as refused:
        questions.add(session.slug, "question1", fields, ACTOR)
    assert refused.value.field == where and count_of(Question) == 0


def test_no_more_than_twenty_and_nothing_of_what_is_not_there(sqlite_app: Flask) -> None:
    session = make_free_club_session()
    ask(session, *[DIET] * 20)
    with pytest.raises(InvalidInput):
        questions.add(session.slug, "question21", DIET, ACTOR)
    with pytest.raises(SessionNotFound):
        questions.add("nowhere", "question1", DIET, ACTOR)
    with pytest.raises(QuestionGone):
        questions.remove(session.slug, "question99", ACTOR)


def test_copies_and_repetitions_ask_the_same_under_the_same_keys(app: Flask, clock: FakeClock) -> None:
    session = make_club_session(slug="badminton", starts_at=datetime(2026, 3, 20, 5, 30, tzinfo=UTC), refund_until=None)
    keys = ask(session, LEVEL, DIET, CAR)
    asked = queries.asked_by("badminton")
    copy = club_session_actions.duplicate("badminton", date(2026, 7, 1), ACTOR)
    wish = Wish(2, None, frozenset(), the(ClubSession, slug=copy).status)
    weeks = repeating.repeat_weekly("badminton", wish, ACTOR, seen=repeating.plan("badminton", wish).fingerprint)
    for slug in (copy, *weeks):
        assert queries.asked_by(slug) == asked
    questions.remove("badminton", keys[0], ACTOR)
    assert queries.asked_by(copy) == asked


def test_the_rest_of_a_series_can_be_given_the_same_questions(app: Flask) -> None:
    session = make_club_session(slug="badminton", starts_at=datetime(2026, 3, 20, 5, 30, tzinfo=UTC), refund_until=None)
    wish = Wish(2, None, frozenset(), session.status)
    first, second = repeating.repeat_weekly("badminton", wish, ACTOR, seen=repeating.plan("badminton", wish).fingerprint)
    questions.add(first, "question9", DIET, ACTOR)
    ask(session, LEVEL)
    questions.add(first, "question8", CAR, ACTOR)
    assert questions.give_to_following(first, ACTOR) == 1
    assert [q.words for q in queries.asked_by(second)] == ["What do you not eat?", "I have a car"]
    assert questions.give_to_following("badminton", ACTOR) == 2
    assert [q.words for slug in (first, second) for q in queries.asked_by(slug)] == ["Your level", "Your level"]
    alone = make_club_session(slug="alone")
    assert questions.give_to_following(alone.slug, ACTOR) == 0


def test_the_desk_sees_how_many_answered_and_how_many_are_in(app: Flask) -> None:
    session = make_free_club_session(capacity=5)
    (level,) = ask(session, LEVEL)
    register(session, {level: "Beginner"})
    register(session, None)
    questions.add(session.slug, "question2", DIET, ACTOR)
    asked, bookings = queries.for_desk(session.slug)
    assert [(one.question.words, one.answered) for one in asked] == [("Your level", 1), ("What do you not eat?", 0)]
    assert bookings == 2
