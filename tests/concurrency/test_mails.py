"""Several workers at the outbox at once: each mail is handed to the mail server once. The twin sends it twice."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest.mock import patch

from flask import Flask

from app.models import OutgoingEmail
from app.services import outbox, registrations
from tests.concurrency.racing import Meeting, applicant, race, values
from tests.support.factories import make_free_club_session
from tests.support.mail import SmtpServer
from tests.support.rows import all_of, the

MAILS = 20
WORKERS = 4


def owe(count: int) -> None:
    """So many confirmations."""
    session = make_free_club_session(capacity=count)
    for number in range(count):
        registrations.register(session.slug, applicant(session.slug, number))


def test_several_workers_send_each_mail_once(app: Flask, smtp_server: SmtpServer) -> None:
    owe(MAILS)
    values(race(app, [outbox.send_due] * WORKERS))
    owed = all_of(OutgoingEmail)
    assert Counter(message["Message-ID"] for message in smtp_server.messages) == dict.fromkeys((m.message_id for m in owed), 1)
    assert [(mail.attempts, mail.sent_at is not None) for mail in owed] == [(1, True)] * MAILS


def test_job_and_scan_of_the_same_mail_send_it_once(app: Flask, smtp_server: SmtpServer) -> None:
    owe(1)
    mail = the(OutgoingEmail)
    values(race(app, [lambda: outbox.send_owed(mail.dedupe_key), outbox.send_due] * 2))
    assert len(smtp_server.messages) == 1


def test_mail_is_sent_twice_when_it_is_claimed_by_looking(app: Flask, smtp_server: SmtpServer) -> None:
    """The twin: both workers see the mail as owed before either says that it has it."""
    owe(1)
    meeting = Meeting(2)

    def look(email_id: int) -> Any:
        mail = the(OutgoingEmail, id=email_id)
        assert mail.sent_at is None
        meeting.wait()
        return mail

    with patch.object(outbox, "_claim", look):
        values(race(app, [outbox.send_due] * 2))
    assert [message["Message-ID"] for message in smtp_server.messages] == [the(OutgoingEmail).message_id] * 2
