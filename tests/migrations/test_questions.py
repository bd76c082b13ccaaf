"""Revision 0007 with questions and answers in the tables: down, the answers stay with their bookings; up, nothing is asked."""

from __future__ import annotations

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import Question, Registration
from app.rules.statuses import QuestionKind
from app.services import questions
from app.services.questions import QuestionFields
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_free_club_session
from tests.support.rows import count_of, the


def test_down_and_up_again_keeps_what_was_answered(app: Flask) -> None:
    session = make_free_club_session()
    questions.add(session.slug, "question1", QuestionFields(QuestionKind.TEXT, "Shoe size"), "user:7")
    begin(session, expected_price_cents=0, answers={"question1": "39"})
    kept = the(Registration).answers
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0006")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert count_of(Question) == 0 and the(Registration).answers == kept
    assert kept["question1"]["answer"] == "39"
