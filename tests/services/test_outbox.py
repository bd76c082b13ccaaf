"""Mail is owed, not attempted (promise 8): written with its cause, sent at least once under one Message-ID, by one worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import icalendar
import pytest
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader

from app import transaction as app_transaction
from app.integrations.mailer import Attachment, MailRefused, MailUnavailable, Message
from app.models import AuditEntry, Case, OutgoingEmail
from app.rules.refusals import InvalidInput
from app.services import mail_retries, outbox
from app.transaction import TransactionMisuse, transaction
from tests.support.clock import FakeClock
from tests.support.rows import all_of, count_of, the

LETTER = {
    "emails/letter/subject.txt": "Kia ora\n {{ name }}\n",
    "emails/letter/body.txt": "Hello {{ name }}, see {{ url }}\n",
    "emails/letter/body.html": (
        "<html><head><style>p { color: red } @media (max-width: 9em) { p { margin: 0 } }</style></head>"
        "<body><p>Hello {{ name }}</p></body></html>"
    ),
    "emails/broken/subject.txt": "{{ missing.thing }}",
    "emails/broken/body.txt": "",
    "emails/broken/body.html": "",
    "emails/confirmation/subject.txt": "You are in",
    "emails/confirmation/body.txt": "See you",
    "emails/confirmation/body.html": "<p>See you</p>",
}


class Post:
    """A mailer that keeps what it is given, or fails as told."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.failures: list[Exception] = []

    def send(self, message: Message) -> None:
        app_transaction.require_none_open("sending mail")
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)


@pytest.fixture(autouse=True)
def templates(app: Flask) -> Iterator[None]:
    before = app.jinja_env.loader
    assert before is not None
    app.jinja_env.loader = ChoiceLoader([DictLoader(LETTER), before])
    yield
    app.jinja_env.loader = before


@pytest.fixture
def post(app: Flask) -> Post:
    app.extensions["muster_mailer"] = Post()
    return app.extensions["muster_mailer"]  # type: ignore[no-any-return]


def owe(key: str = "letter:1", **changes: Any) -> None:
    values: dict[str, Any] = {
        "dedupe_key": key,
        "to": "aroha@example.org",
        "template": "letter",
        "context": {"name": "Aroha & Sons", "url": "http://muster.test/orders/x"},
        **changes,
    }
    with transaction() as db:
        outbox.owe(db, **values)


def test_a_mail_is_owed_once_however_many_triggers(app: Flask) -> None:
    owe()
    owe()
    with transaction() as db:
        for _ in range(2):
            outbox.owe(db, dedupe_key="letter:1", to="other@example.org", template="letter", context={})
    mail = the(OutgoingEmail)
    assert mail.to == "aroha@example.org"
    assert mail.message_id.startswith("<") and mail.message_id.endswith("@muster.test>")
    assert mail.subject is None, "nothing is rendered in the transaction"


def test_what_is_rolled_back_owes_nothing(app: Flask, post: Post) -> None:
    with pytest.raises(RuntimeError), transaction() as db:
        outbox.owe(db, dedupe_key="letter:1", to="aroha@example.org", template="letter", context={})
        raise RuntimeError
    assert count_of(OutgoingEmail) == 0
    assert outbox.send_due() == 0 and post.sent == []


def test_a_due_mail_is_rendered_stored_and_sent(app: Flask, post: Post, clock: FakeClock) -> None:
    owe(attachments=[Attachment("a.txt", "text/plain", "x")])
    assert outbox.send_due() == 1
    (message,) = post.sent
    assert message.subject == "Kia ora Aroha & Sons", "one line, whatever the template does"
    assert message.text == "Hello Aroha & Sons, see http://muster.test/orders/x\n"
    assert "Aroha &amp; Sons" in message.html and 'style="color: red' in message.html
    assert "@media" in message.html
    assert message.attachments == [Attachment("a.txt", "text/plain", "x")]
    assert message.from_ == app.extensions["muster_settings"].mail_from
    mail = the(OutgoingEmail)
    assert (mail.sent_at, mail.attempts, mail.subject) == (clock.now, 1, message.subject)
    assert outbox.send_due() == 0 and len(post.sent) == 1


def test_the_confirmation_carries_a_calendar_file_without_the_secret_link(app: Flask, post: Post) -> None:
    session = {
        "title": "Badminton; evening", "slug": "badminton-1", "url": "http://muster.test/sessions/badminton-1",
        "location": "Hall 2", "starts_at": "2026-03-10T06:00:00+00:00", "ends_at": "2026-03-10T08:00:00+00:00",
        "calendar_sequence": 4,
    }  # fmt: skip
    owe(template="confirmation", context={"order_url": "http://muster.test/orders/secret", "items": [{"session": session},
                                                                                              {"session": None}]})  # fmt: skip
    outbox.send_due()
    (attachment,) = post.sent[0].attachments
    assert (attachment.name, attachment.mime_type) == ("badminton-1.ics", "text/calendar; method=PUBLISH")
    (event,) = icalendar.Calendar.from_ical(attachment.content).walk("VEVENT")
    assert (event["SUMMARY"], event["UID"], event["SEQUENCE"]) == ("Badminton; evening", "badminton-1@muster.test", 4)
    assert event.start == datetime.fromisoformat(session["starts_at"])  # type: ignore[arg-type]
    assert "secret" not in attachment.content


def test_a_passing_failure_rests_five_minutes_and_is_sent_under_the_same_message_id(
    app: Flask, post: Post, clock: FakeClock
) -> None:
    owe()
    post.failures = [MailUnavailable("451 try later")]
    assert outbox.send_due() == 1
    mail = the(OutgoingEmail)
    assert (mail.last_error, mail.sent_at, mail.failed_at) == ("451 try later", None, None)
    clock.advance(minutes=4, seconds=59)
    assert outbox.send_due() == 0
    clock.advance(seconds=1)
    assert outbox.send_due() == 1
    assert [message.message_id for message in post.sent] == [mail.message_id]
    assert the(OutgoingEmail).last_error is None


def test_a_template_changed_between_tries_does_not_change_the_mail(app: Flask, post: Post, clock: FakeClock) -> None:
    owe()
    post.failures = [MailUnavailable("down")]
    outbox.send_due()
    app.jinja_env.loader = DictLoader({})
    app.jinja_env.cache.clear()  # type: ignore[union-attr]
    clock.advance(minutes=5)
    outbox.send_due()
    assert post.sent[0].subject == "Kia ora Aroha & Sons"


def test_a_refused_mail_is_a_case_at_once(app: Flask, post: Post, clock: FakeClock) -> None:
    owe()
    post.failures = [MailRefused("550 no such user")]
    outbox.send_due()
    mail = the(OutgoingEmail)
    assert mail.failed_at == clock.now and mail.last_error == "550 no such user"
    assert the(Case).kind == "mail_failed"
    clock.advance(days=2)
    assert outbox.send_due() == 0


def test_four_hours_of_trying_end_in_a_case(app: Flask, post: Post, clock: FakeClock) -> None:
    owe()
    post.failures = [MailUnavailable("down")] * outbox.TRIES
    for _ in range(outbox.TRIES - 1):
        assert outbox.send_due() == 1
        clock.advance(minutes=5)
    assert the(OutgoingEmail).failed_at is None and count_of(Case) == 0
    assert outbox.send_due() == 1
    assert the(OutgoingEmail).failed_at is not None and count_of(Case) == 1


def test_staff_may_try_again_and_it_is_on_the_record(app: Flask, post: Post) -> None:
    owe()
    post.failures = [MailRefused("550")]
    outbox.send_due()
    mail = the(OutgoingEmail)
    mail_retries.retry(mail.id, "user:1")
    assert outbox.send_due() == 1 and len(post.sent) == 1
    assert the(AuditEntry, action="mail_retried").actor == "user:1"
    assert the(Case).closed_at is not None, "sent after all: nothing is left to decide"
    with pytest.raises(InvalidInput):
        mail_retries.retry(mail.id, "user:1")


def test_a_mail_that_cannot_be_rendered_does_not_stop_the_rest(app: Flask, post: Post) -> None:
    owe("broken:1", template="broken", context={})
    owe("broken:2", template="never-written", context={})
    owe("letter:1")
    assert outbox.send_due() == 3
    assert len(post.sent) == 1
    assert [(mail.last_error or "").split(":")[0] for mail in all_of(OutgoingEmail)] == ["UndefinedError", "TemplateNotFound", ""]


def test_a_worker_that_dies_after_sending_sends_the_same_mail_again(
    app: Flask, post: Post, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(_: int) -> None:
        raise Killed

    owe()
    with monkeypatch.context() as context:
        context.setattr(outbox, "_sent", die)
        with pytest.raises(Killed):
            outbox.send_due()
    assert outbox.send_due() == 0, "the lease is still its"
    clock.advance(minutes=5)
    assert outbox.send_due() == 1
    first, again = post.sent
    assert first == again


def test_two_workers_send_a_mail_once(app: Flask, post: Post) -> None:
    for number in range(10):
        owe(f"letter:{number}")
    start = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            start.wait()
            outbox.send_due()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(post.sent) == 10
    assert len({message.message_id for message in post.sent}) == 10


def test_without_the_lease_two_workers_would_send_it_twice(app: Flask, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the test above: the guard is what keeps it to one."""
    owe()
    mail = the(OutgoingEmail)
    monkeypatch.setattr(outbox, "_claim", lambda _: mail)
    outbox.send_one(mail.id)
    outbox.send_one(mail.id)
    assert len(post.sent) == 2


def test_the_job_sends_what_was_just_owed(app: Flask, post: Post) -> None:
    owe("letter:7")
    outbox.send_owed("letter:7")
    outbox.send_owed("letter:7")
    outbox.send_owed("letter:unknown")
    assert len(post.sent) == 1


def test_the_job_takes_along_what_was_owed_beside_it_before_what_was_owed_to_many(
    app: Flask, post: Post, clock: FakeClock
) -> None:
    for number in range(60):
        owe(f"bulk:{number}", to=f"bulk{number}@example.org")
    clock.advance(seconds=1)
    for number in (1, 2, 3):
        owe(f"letter:{number}", to=f"booked{number}@example.org")
    outbox.send_owed("letter:1")
    assert [message.to for message in post.sent][:3] == [f"booked{number}@example.org" for number in (1, 3, 2)]
    assert len(post.sent) == 51 and outbox.send_due() == 12


def test_no_mail_leaves_inside_a_transaction(app: Flask, post: Post) -> None:
    owe()
    with pytest.raises(TransactionMisuse), transaction():
        outbox.send_due()
    assert post.sent == []


def test_lateness_is_seen_from_outside(app: Flask, post: Post, clock: FakeClock) -> None:
    assert outbox.owed_age(clock.now) == timedelta()
    owe()
    clock.advance(minutes=7)
    assert outbox.owed_age(clock.now) == timedelta(minutes=7)
    post.failures = [MailUnavailable("greylisted")]
    outbox.send_due()
    assert outbox.owed_age(clock.now) == timedelta(), "a mail that rests after a failure is not late"


def test_a_mail_reaches_a_real_server(app: Flask, smtp_server: Any, caplog: pytest.LogCaptureFixture, clock: FakeClock) -> None:
    owe()
    smtp_server.answer_with("451 4.3.0 <aroha@example.org> try again later")
    outbox.send_due()
    clock.advance(minutes=5)
    outbox.send_due()
    (mail,) = smtp_server.messages
    assert mail["Message-ID"] == the(OutgoingEmail).message_id
    assert "aroha" not in caplog.text, "no address in logs"
