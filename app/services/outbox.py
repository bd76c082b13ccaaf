"""The one writer of the mails that are owed (promise 8): written in the transaction that causes them, sent afterwards.

Services call ``owe`` inside their transaction; the worker calls ``send_due`` and ``send_owed``.
What failed is tried again by services.mail_retries.
A mail is sent at least once, always under the same Message-ID, and by one worker at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from css_inline import CSSInliner
from flask import current_app
from sqlalchemy import Integer, Row, Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from .. import clock, jobs
from ..config import current_settings
from ..extensions import db as flask_db
from ..integrations import calendar_file, mailer, qr_code
from ..integrations.mailer import Attachment, MailRefused, MailUnavailable
from ..models import Case, OutgoingEmail
from ..rules.addresses import has_mailbox
from ..transaction import retried, transaction
from . import cases, due
from .writes import changed, insert_all_once, insert_once

SEND_JOB = "send_email"
RETRY_AFTER = timedelta(minutes=5)
"""How long a worker may take over one mail before another may, and how long a failed one rests."""
TRIES = 48
"""Four hours of trying, then a person must look."""
WITH_CALENDAR = frozenset({"confirmation", "moved", "session_changed"})
"""Templates whose mail puts each session it is about into the calendar; others strike out those they name as struck."""
WITH_QR = frozenset({"confirmation", "moved"})
"""Templates whose mail shows a code for the door for each booking that it is about."""
_M = OutgoingEmail
_OWED = (_M.sent_at.is_(None), _M.failed_at.is_(None))
_OF_KEY = select(_M.id).where(_M.dedupe_key == bindparam("key"))
_DUE = select(_M.id).where(*_OWED, _M.next_attempt_at <= bindparam("now")).limit(bindparam("limit", type_=Integer))
_OLDEST_FIRST, _NEWEST_FIRST = _DUE.order_by(_M.next_attempt_at, _M.id), _DUE.order_by(_M.next_attempt_at.desc(), _M.id.desc())
_inliner = CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


_after_sent: dict[str, Callable[[Session, Mapping[str, Any]], None]] = {}


def after_sent(template: str, hook: Callable[[Session, Mapping[str, Any]], None]) -> None:
    """Have ``hook(db, context)`` run in the transaction that records that a mail of this template was handed over."""
    _after_sent[template] = hook


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail filled in. Attachments as they are stored: ``{name, type, content}``, with ``content_id`` for pictures."""

    subject: str
    text: str
    html: str
    attachments: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One of many mails of the same template."""

    dedupe_key: str
    to: str
    context: Mapping[str, Any]
    order_id: int | None


def owe(
    db: Session,
    *,
    dedupe_key: str,
    to: str,
    template: str,
    context: Mapping[str, Any],
    order_id: int | None = None,
    attachments: Sequence[Attachment] = (),
) -> None:
    """Owe one mail, once for each ``dedupe_key`` (which names no person), inside the caller's transaction.

    ``context`` is JSON and complete: it is all that ``templates/emails/<template>`` will know. Nothing is rendered here.
    Somebody who gave no address is owed none.
    """
    if not has_mailbox(to):
        return
    values = _values(template, Letter(dedupe_key, to, context, order_id), attachments)
    if insert_once(db, _M, _M.dedupe_key, **values):
        jobs.enqueue(db, SEND_JOB, dedupe_key)


def owe_all(db: Session, template: str, letters: Sequence[Letter]) -> None:
    """Owe many people a mail each, in one statement; who is owed theirs already, or gave no address, is left out.

    The scan sends them, so that a mail to a thousand holds up nobody's confirmation, which has a job of its own.
    """
    rows = [_values(template, letter) for letter in letters if has_mailbox(letter.to)]
    insert_all_once(db, _M, _M.dedupe_key, rows)


def _values(template: str, letter: Letter, attachments: Sequence[Attachment] = ()) -> dict[str, Any]:
    return {
        "dedupe_key": letter.dedupe_key,
        "to": letter.to,
        "template": template,
        "context": dict(letter.context),
        "order_id": letter.order_id,
        "attachments": [_stored(attachment) for attachment in attachments],
        "message_id": f"<{secrets.token_hex(16)}@{current_settings().host}>",
        "next_attempt_at": clock.now(),
    }


def send_due(limit: int = 50) -> int:
    """Try what is due, oldest first; returns how many were tried. One that fails rests and does not stop the others."""
    return _send(_OLDEST_FIRST, limit)


def send_owed(dedupe_key: str) -> None:
    """Send the mail that was just owed under this key, and the newest of the others: the prompt way, beside the scan.

    Newest first, so that the mails of a burst of bookings overtake those to a thousand that the scan is at.
    """
    for email_id in due.found(_OF_KEY, key=dedupe_key):
        send_one(email_id)
    _send(_NEWEST_FIRST, 50)


def _send(in_order: Select[Any], limit: int) -> int:
    return sum(send_one(email_id) for email_id in due.found(in_order, now=clock.now(), limit=limit))


def send_one(email_id: int) -> bool:
    """Claim ‖ render and store ‖ send ‖ note what came of it. False when it is not due, or another worker has it."""
    mail = _claim(email_id)
    if mail is None:
        return False
    try:
        rendered = _as_stored(mail) or _store(mail.id, _render(mail))
        mailer.mailer().send(_message(mail, rendered))
    except MailRefused as error:
        _failed(mail, str(error), final=True)
    except MailUnavailable as error:
        _failed(mail, str(error), final=False)
    except Exception as error:  # a template that cannot be rendered must not stop the mails behind it
        _failed(mail, f"{type(error).__name__}: {error}", final=False)
    else:
        _sent(mail.id)
    return True


def owed_age(now: datetime) -> timedelta:
    """By how much the most overdue mail is late; zero when none is due. What /readyz watches: it grows when no worker runs."""
    oldest = flask_db.session.execute(select(func.min(_M.next_attempt_at)).where(*_OWED)).scalar_one()
    return max(timedelta(), now - oldest) if oldest else timedelta()


@retried
def _claim(email_id: int) -> Row[Any] | None:
    """Lease the mail: the guarded UPDATE lets one worker through, and a crash only delays the next try."""
    now = clock.now()
    lease = update(_M).where(_M.id == email_id, *_OWED, _M.next_attempt_at <= now)
    with transaction() as db:
        return db.execute(
            lease.values(attempts=_M.attempts + 1, next_attempt_at=now + RETRY_AFTER).returning(
                _M.id, _M.to, _M.template, _M.context, _M.subject, _M.text_body, _M.html_body,
                _M.attachments, _M.message_id, _M.order_id, _M.attempts, _M.created_at,
            )
        ).first()  # fmt: skip


def _as_stored(mail: Row[Any]) -> Rendered | None:
    """What the first try wrote down, so that every try sends the same; None before that."""
    if mail.subject is None:
        return None
    return Rendered(mail.subject, mail.text_body or "", mail.html_body or "", mail.attachments)


def render(template: str, context: Mapping[str, Any]) -> Rendered:
    """Fill in a template from this context alone: a worker has no request, so addresses in it are absolute.

    Called for each mail before it is sent, and by the desk to show what the automatic mails say.
    """

    def fill(name: str) -> str:
        return current_app.jinja_env.get_template(f"emails/{template}/{name}").render(context)

    subject = " ".join(fill("subject.txt").split())[:300]
    return Rendered(subject, fill("body.txt").strip() + "\n", _inliner.inline(fill("body.html")), _pictures(template, context))


def _render(mail: Row[Any]) -> Rendered:
    filled = render(mail.template, mail.context)
    return replace(filled, attachments=[*mail.attachments, *_calendar_files(mail), *filled.attachments])


def _pictures(template: str, context: Mapping[str, Any]) -> list[dict[str, str]]:
    """The code that opens each booking: for the person its own page, for the staff at the door the page that ticks it in."""
    if template not in WITH_QR:
        return []
    sessions = [item["session"] for item in context.get("items", ()) if item.get("session")]
    return [
        _stored(Attachment(f"{session['registration_reference']}.png", "image/png", qr_code.png(session["registration_url"]),
                           session["qr_id"]))
        for session in sessions if session.get("qr_id")
    ]  # fmt: skip


def _calendar_files(mail: Row[Any]) -> list[dict[str, str]]:
    """One file a session: what is confirmed is put into the calendar, what is lost is struck out of it.

    It is made to be shared, so it carries the session's address and never the booking's secret link.
    """
    sessions = [item["session"] for item in mail.context.get("items", ()) if item.get("session")]
    told = [session for session in sessions if mail.template in WITH_CALENDAR or session.get("calendar_cancelled")]
    left = [mail.context["left"]] if "left" in mail.context else []
    return [_stored(_calendar_file(session, mail.created_at)) for session in [*left, *told]]


def _calendar_file(session: Mapping[str, Any], changed_at: datetime) -> Attachment:
    struck = bool(session.get("calendar_cancelled"))
    event = calendar_file.Event(
        uid=calendar_file.uid(session["slug"], current_settings().host),
        sequence=session["calendar_sequence"],
        starts_at=datetime.fromisoformat(session["starts_at"]),
        ends_at=datetime.fromisoformat(session["ends_at"]),
        changed_at=changed_at,
        title=session["title"],
        location=session["location"],
        url=session["url"],
        cancelled=struck,
        organizer=parseaddr(current_settings().mail_from)[1],
    )
    method = "CANCEL" if struck else "PUBLISH"
    return Attachment(f"{session['slug']}.ics", f"text/calendar; method={method}", calendar_file.event_file(event))


def _stored(attachment: Attachment) -> dict[str, str]:
    stored = {"name": attachment.name, "type": attachment.mime_type, "content": attachment.content}
    return {**stored, "content_id": attachment.content_id} if attachment.content_id else stored


def _message(mail: Row[Any], rendered: Rendered) -> mailer.Message:
    return mailer.Message(
        to=mail.to,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=mail.message_id,
        from_=current_settings().mail_from,
        attachments=[Attachment(a["name"], a["type"], a["content"], a.get("content_id", "")) for a in rendered.attachments],
        reply_to=current_settings().reply_to,
    )


@retried
def _store(email_id: int, rendered: Rendered) -> Rendered:
    values = {
        "subject": rendered.subject,
        "text_body": rendered.text,
        "html_body": rendered.html,
        "attachments": rendered.attachments,
    }
    with transaction() as db:
        db.execute(update(_M).where(_M.id == email_id).values(values))
    return rendered


@retried
def _sent(email_id: int) -> None:
    with transaction() as db:
        now = clock.now()
        db.execute(update(_M).where(_M.id == email_id).values(sent_at=now, last_error=None))
        case = update(Case).where(Case.dedupe_key == f"mail:{email_id}", Case.closed_at.is_(None))
        db.execute(case.values(closed_at=now, resolution="sent"))
        mail = db.execute(select(_M.template, _M.context).where(_M.id == email_id)).one()
        if hook := _after_sent.get(mail.template):
            hook(db, mail.context)


@retried
def _failed(mail: Row[Any], error: str, *, final: bool) -> None:
    """Note the failure; after the last try it is a case on the staff's desk."""
    final = final or mail.attempts >= TRIES
    current_app.logger.warning("mail %s not sent at try %s%s", mail.id, mail.attempts, ", given up" if final else "")
    with transaction() as db:
        now = clock.now()
        values = {"last_error": error[:500], "failed_at": now if final else None, "next_attempt_at": now + RETRY_AFTER}
        if changed(db, update(_M).where(_M.id == mail.id, *_OWED).values(values)) and final:
            cases.open_case(db, f"mail:{mail.id}", "mail_failed", order_id=mail.order_id, email=mail.id)
