"""Writing to a session's people: one mail for each person of the groups, once, whatever is pressed or dies; and its state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import update

from app.extensions import db as flask_db
from app.models import Announcement, AuditEntry, ClubSession, OutgoingEmail, Registration
from app.queries import announcements as queries
from app.queries.desk_record import MailState
from app.rules.addresses import no_address
from app.rules.announcements import Group
from app.rules.refusals import InvalidInput, SessionNotFound
from app.rules.statuses import PaymentState, RegistrationStatus
from app.services import announcements, outbox, retention
from app.services.announcements import Message
from app.transaction import transaction
from tests.support.booking import at_once
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.mail import SmtpServer
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book

WORDS = Message("Bring something warm", "The heating is broken.\n\nSee https://club.example/heating <b>now</b>")
ONCE = "a-key-of-this-form"


@pytest.fixture
def session(app: Flask) -> ClubSession:
    """Two are in, one of whom has to pay; one pays now, one was offered a place, one waits, one has gone, one has no address."""
    session = make_club_session(title="Badminton & tea", capacity=20, waitlist_capacity=5)
    pending = {"payment_status": PaymentState.PENDING}
    book(session, "Ana", paid_cents=1200)
    book(session, "Ben", **pending)
    book(session, "Cy", RegistrationStatus.HELD, **pending)
    book(session, "Dee", RegistrationStatus.OFFERED, **pending)
    book(session, "Eve", RegistrationStatus.WAITLISTED, **pending)
    book(session, "Fay", RegistrationStatus.CANCELLED)
    book(session, "Gus", email=no_address("K7M4QX"))
    book(make_club_session(), "Hal")
    return session


def send(session: ClubSession, *groups: Group, once: str = ONCE, words: Message = WORDS) -> int:
    return announcements.send(session.slug, groups, words, "user:1", once=once)


def told() -> list[str]:
    return [mail.to.partition("@")[0] for mail in all_of(OutgoingEmail)]


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([Group.REGISTERED], ["ana", "ben"]),
        ([Group.WAITING], ["dee", "eve"]),
        ([Group.UNPAID], ["ben", "cy", "dee"]),
        (list(Group), ["ana", "ben", "cy", "dee", "eve"]),
    ],
)
@pytest.mark.databases("sqlite")
def test_each_person_of_the_groups_gets_one_mail(session: ClubSession, groups: list[Group], names: list[str]) -> None:
    reach = queries.reach(session.slug, groups)
    made = send(session, *groups)
    assert told() == names and reach.people == len(names) == the(Announcement, id=made).recipients
    assert reach.without_address == (1 if Group.REGISTERED in groups else 0)


def test_who_was_offered_a_free_place_is_not_told_to_be_registered(app: Flask) -> None:
    session = make_free_club_session()
    book(session, "Ana", RegistrationStatus.OFFERED, payment_status=PaymentState.FREE)
    book(session, "Ben", payment_status=PaymentState.FREE)
    send(session, Group.WAITING, Group.REGISTERED)
    assert {mail.to.partition("@")[0]: mail.context["why"] for mail in all_of(OutgoingEmail)} == {
        "ana": "waiting", "ben": "registered",
    }  # fmt: skip


def test_the_sizes_of_the_groups_are_what_would_be_sent(session: ClubSession) -> None:
    audience = queries.audience(session.slug)
    assert audience is not None and audience.sizes == {Group.REGISTERED: 2, Group.WAITING: 2, Group.UNPAID: 3}
    assert queries.audience("nowhere") is None


def test_pressed_twice_or_by_two_hands_at_once_it_is_sent_once(app: Flask, session: ClubSession) -> None:
    results = at_once(app, *(lambda: send(session, Group.REGISTERED) for _ in range(3)))
    assert len(set(results)) == 1 and isinstance(results[0], int)
    assert send(session, Group.REGISTERED) == results[0]
    assert (told(), count_of(Announcement), count_of(AuditEntry, action="announced")) == (["ana", "ben"], 1, 1)
    assert send(session, Group.REGISTERED, once="another-form-altogether") != results[0] and len(told()) == 4


def test_a_crash_before_the_end_sends_to_nobody(session: ClubSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(announcements.audit, "record", die)
        with pytest.raises(RuntimeError):
            send(session, Group.REGISTERED)
    assert (count_of(Announcement), told()) == (0, [])
    send(session, Group.REGISTERED)
    assert told() == ["ana", "ben"]


@pytest.mark.databases("sqlite")
def test_the_mail_is_the_persons_own_and_says_why_they_get_it(app: Flask, session: ClubSession, smtp_server: SmtpServer) -> None:
    send(session, *Group)
    assert outbox.send_due() == 5
    reasons = {"ana": "are registered", **dict.fromkeys(("ben", "cy", "dee"), "not paid yet"), "eve": "wait for a place"}
    for name, reason in reasons.items():
        (mail,) = smtp_server.to(f"{name}@club.example")
        text, html = (part.get_content() for part in mail.walk() if not part.is_multipart())
        own = the(OutgoingEmail, to=f"{name}@club.example").context["order_url"]
        assert mail["Subject"] == WORDS.subject and mail["Reply-To"] == app.extensions["muster_settings"].reply_to
        for body in (text, html):
            assert own in body and reason in body and "The heating is broken." in body
        assert "<b>now</b>" in text and "&lt;b&gt;now&lt;/b&gt;" in html and "Badminton &amp; tea" in html
        assert 'href="https://club.example/heating"' in html
    assert len({mail.context["order_url"] for mail in all_of(OutgoingEmail)}) == 5


def test_the_state_of_each_mail_can_be_read(session: ClubSession, smtp_server: SmtpServer) -> None:
    made = send(session, Group.REGISTERED, Group.WAITING)
    smtp_server.answer_with("550 No such mailbox here")
    outbox.send_due(limit=3)
    sent = queries.one(session.slug, made)
    assert sent is not None and sent.states == {MailState.OWED: 1, MailState.SENT: 2, MailState.FAILED: 1}
    page = queries.recipients(made)
    assert [line.state for line in page.items] == [MailState.FAILED, MailState.OWED, MailState.SENT, MailState.SENT]
    assert (page.items[0].name, "550" in (page.items[0].last_error or ""), page.total) == ("Ana", True, 4)
    assert queries.of_session(session.slug) == [sent]
    assert queries.one(make_club_session().slug, made) is None and queries.one(session.slug, 2**70) is None


@pytest.mark.databases("sqlite")
def test_a_test_goes_to_its_writer_alone_and_once_for_each_wording(session: ClubSession) -> None:
    for words in (WORDS, WORDS, Message("Other words", "Shorter.")):
        announcements.send_test(session.slug, words, "kiri@club.example", "Kiri", "user:1", once=ONCE)
    assert [mail.context["subject"] for mail in all_of(OutgoingEmail)] == ["Test: Bring something warm", "Test: Other words"]
    assert told() == ["kiri", "kiri"] and count_of(Announcement) == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("words", [Message("", "x"), Message("x", " \n"), Message("x" * 151, "x"), Message("x", "x" * 10_001)])
def test_what_is_empty_or_endless_is_not_sent(session: ClubSession, words: Message) -> None:
    with pytest.raises(InvalidInput):
        send(session, Group.REGISTERED, words=words)
    assert told() == []


@pytest.mark.databases("sqlite")
def test_nobody_to_write_to_is_said(session: ClubSession) -> None:
    with transaction() as db:
        db.execute(update(Registration).values(status=RegistrationStatus.CANCELLED))
    for groups in (list(Group), []):
        with pytest.raises(InvalidInput):
            send(session, *groups)
    with pytest.raises(SessionNotFound):
        announcements.send("nowhere", [Group.REGISTERED], WORDS, "user:1", once=ONCE)


@pytest.mark.databases("sqlite")
def test_what_retention_forgets_is_forgotten_here_too(session: ClubSession) -> None:
    made, ana = send(session, Group.REGISTERED), the(Registration, name="Ana")
    with transaction() as db:
        retention.forget(db, ana.id, ana.order_id, "command")
    assert told() == ["ben"] and [line.name for line in queries.recipients(made).items] == ["Ben"]


def test_the_table_goes_and_comes_back_and_leaves_the_mails(session: ClubSession) -> None:
    send(session, Group.REGISTERED)
    (own,) = (Path(MIGRATIONS) / "versions").glob("*_announcements.py")
    flask_db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision=f"{int(own.name[:4]) - 1:04d}")
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert count_of(Announcement) == 0 and told() == ["ana", "ben"]
    assert send(session, Group.WAITING, once="another-form-altogether") and len(told()) == 4
