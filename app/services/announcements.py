"""Staff write to the people of one session: those registered, waiting or unpaid. One mail each, through the outbox.

Called by the desk. The words, the list of people and all their mails are one transaction: a crash sends to everybody or nobody,
and pressing the button twice sends once, by the form's one-time key and by one dedupe key for each message and registration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import Announcement, ClubSession, Order, Registration
from ..queries.announcements import dedupe_key, in_groups
from ..rules.addresses import has_mailbox
from ..rules.announcements import LONGEST_SUBJECT, LONGEST_TEXT, Group, why
from ..rules.refusals import InvalidInput, SessionNotFound, words
from ..transaction import retried, transaction
from . import audit, letters, outbox
from .outbox import Letter

TEMPLATE = "announcement"


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said, in plain text with empty lines between paragraphs."""

    subject: str
    text: str


@retried
def send(slug: str, groups: Collection[Group], message: Message, actor: str, *, once: str) -> int:
    """Owe the message to everybody of these groups; its id, the same when this very form was sent before.

    Raises SessionNotFound, and InvalidInput for an empty or endless message or when nobody would get it.
    """
    _check(message)
    with transaction() as db:
        club_session = _session(db, slug)
        before = db.execute(select(Announcement.id).where(Announcement.once == once)).scalar_one_or_none()
        if before is not None:
            return before
        people = _people(db, club_session.id, groups)
        if not people:
            raise InvalidInput("groups", words("Nobody is in there who could be written to."))
        values = {
            "club_session_id": club_session.id, "groups": sorted(groups), "subject": message.subject, "text": message.text,
            "recipients": len(people), "actor": actor, "once": once,
        }  # fmt: skip
        made = int(db.execute(insert(Announcement).values(values).returning(Announcement.id)).scalar_one())
        outbox.owe_all(db, TEMPLATE, [_letter(made, message, club_session, *person) for person in people])
        detail = {"announcement": made, "subject": message.subject, "recipients": len(people), "groups": sorted(groups)}
        audit.record(db, actor, "announced", "club_session", club_session.id, **detail)
        return made


@retried
def send_test(slug: str, message: Message, to: str, name: str, actor: str, *, once: str) -> None:
    """Owe the same mail to whoever wrote it, marked as a test; once for each form and wording."""
    _check(message)
    with transaction() as db:
        club_session = _session(db, slug)
        worded = hashlib.sha256(f"{once}\n{to}\n{message.subject}\n{message.text}".encode()).hexdigest()[:40]
        context = _context(message, club_session, name) | {
            "order_url": f"{current_settings().site_url}/sessions/{slug}", "order_reference": "TEST", "why": "test",
            "subject": f"Test: {message.subject}",
        }  # fmt: skip
        outbox.owe(db, dedupe_key=f"announcement-test:{worded}", to=to, template=TEMPLATE, context=context)
        audit.record(db, actor, "announcement_tested", "club_session", club_session.id, subject=message.subject)


def _check(message: Message) -> None:
    for field, text, longest in (("subject", message.subject, LONGEST_SUBJECT), ("text", message.text, LONGEST_TEXT)):
        if not text.strip():
            raise InvalidInput(field, words("Enter a subject and a text."))
        if len(text) > longest:
            raise InvalidInput(field, words("That is too long for one mail."))


def _session(db: Session, slug: str) -> ClubSession:
    club_session = db.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one_or_none()
    if club_session is None:
        raise SessionNotFound
    return club_session


def _people(db: Session, club_session_id: int, groups: Collection[Group]) -> list[tuple[Registration, Order | None]]:
    """Everybody of these groups who has an address, each once."""
    if not groups:
        return []
    rows = db.execute(
        select(Registration, Order)
        .outerjoin(Order, Order.id == Registration.order_id)
        .where(Registration.club_session_id == club_session_id, in_groups(groups))
        .order_by(Registration.id)
    ).all()
    return [(registration, order) for registration, order in rows if has_mailbox(registration.email)]


def _letter(
    announcement_id: int, message: Message, club_session: ClubSession, registration: Registration, order: Order | None
) -> Letter:
    site = current_settings().site_url
    own = {
        "order_url": f"{site}/orders/{order.token}" if order is not None else f"{site}/registrations/{registration.token}",
        "order_reference": order.reference if order is not None else registration.reference,
        "why": why(registration.status, registration.payment_status).value,
    }
    return Letter(
        dedupe_key=dedupe_key(announcement_id, registration.id),
        to=registration.email,
        context=_context(message, club_session, registration.name) | own,
        order_id=registration.order_id,
    )


def _context(message: Message, club_session: ClubSession, name: str) -> dict[str, Any]:
    return {
        "site_name": current_settings().site_name,
        "name": name,
        "subject": message.subject,
        "text": message.text,
        "session": letters.when_and_where(club_session),
    }
