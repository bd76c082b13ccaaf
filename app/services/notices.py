"""The one writer of the WhatsApp notices that are owed beside the mails (promise 8), to those who left a number and agreed.

``letters`` calls ``owe`` in the transaction that owes the mail; the worker calls ``send_due`` and ``send_owed``; staff call
``retry``, the person ``stop``. It is the outbox over again in rows of its own, so that nothing here can delay or lose a mail:
sent at least once, by one worker at a time. The number is never copied: it is read from the booking just before sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy import Integer, bindparam, delete, null, select, update
from sqlalchemy.orm import Session

from .. import clock, jobs
from ..config import current_settings
from ..integrations import whatsapp
from ..integrations.whatsapp import WhatsAppRefused, WhatsAppUnavailable
from ..models import Order, OrderItem, OutgoingNotice, Registration
from ..rules.phone_numbers import normalise_number
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import RegistrationStatus
from ..transaction import retried, transaction
from . import audit, due
from .outbox import RETRY_AFTER, TRIES
from .writes import changed, insert_once

SEND_JOB = "send_notice"
LONGEST_PARAMETER = 150
"""A template with everything filled in may have 1024 characters."""
_N, _R = OutgoingNotice, Registration
_OWED = (_N.sent_at.is_(None), _N.failed_at.is_(None))
_OF_KEY = select(_N.id).where(_N.dedupe_key == bindparam("key"))
_DUE = (
    select(_N.id)
    .where(*_OWED, _N.next_attempt_at <= bindparam("now"))
    .order_by(_N.next_attempt_at, _N.id)
    .limit(bindparam("limit", type_=Integer))
)


class Kind(StrEnum):
    """What is told by WhatsApp. The value names the template at Meta (with ``muster_`` in front) and ours of its parameters."""

    CONFIRMED = "booking_confirmed"
    OFFERED = "place_offered"
    CANCELLED = "booking_cancelled"
    SESSION_CANCELLED = "session_cancelled"
    CHANGED = "session_changed"
    REFUNDED = "money_returned"
    ORDERED = "order_complete"


OF_LETTER = {
    "confirmation": Kind.CONFIRMED, "membership_started": Kind.CONFIRMED, "purchased": Kind.CONFIRMED,
    "offer": Kind.OFFERED, "accepted": Kind.OFFERED,
    "cancelled": Kind.CANCELLED, "session_cancelled": Kind.SESSION_CANCELLED,
    "session_changed": Kind.CHANGED, "session_changed_waiting": Kind.CHANGED, "moved": Kind.CHANGED,
    "refunded_cancelled": Kind.REFUNDED, "refunded_by_staff": Kind.REFUNDED, "refunded_late": Kind.REFUNDED,
    "refunded_double": Kind.REFUNDED, "refunded_mismatch": Kind.REFUNDED, "replaced": Kind.REFUNDED,
}  # fmt: skip
"""Which mails have a notice beside them."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    kind: Kind
    context: Mapping[str, Any]
    parameters: list[str] | None
    attempts: int
    number: str | None
    status: RegistrationStatus | None


def template_name(kind: Kind) -> str:
    """The template's name at Meta."""
    return f"muster_{kind.value}"


def agreed(number: str | None, now: datetime) -> dict[str, object]:
    """What a new booking keeps of the number that somebody left and agreed to be written to. Nothing while WhatsApp is off."""
    if number is None or not current_settings().whatsapp:
        return {}
    if normalise_number(number, None) != number:
        raise InvalidInput("whatsapp_number", words("Enter a phone number with its country in front, like +64 21 123 4567"))
    return {"whatsapp_number": number, "whatsapp_agreed_at": now}


def owe(db: Session, template: str, key: str, order_id: int, letter: Mapping[str, Any]) -> None:
    """Owe the notices that belong beside a mail, once for each booking and the mail's ``key``, in the caller's transaction.

    ``letter`` is the mail's own context. Nothing, and no statement, while WhatsApp is off.
    """
    kind = OF_LETTER.get(template)
    if kind is None or not current_settings().whatsapp:
        return
    ids = select(OrderItem.registration_id).where(OrderItem.order_id == order_id)
    consenting = (_R.whatsapp_number.is_not(None), _R.whatsapp_agreed_at.is_not(None))
    wanted = select(_R.id, _R.reference, _R.status, _R.offer_expires_at).where(_R.id.in_(ids), *consenting).order_by(_R.id)
    sessions = [item["session"] for item in letter["items"] if item["session"]]
    by_reference = {session["registration_reference"]: session for session in sessions}
    for booking in db.execute(wanted).all():
        session = by_reference.get(booking.reference)
        if not _is_about(kind, booking.status, session, letter):
            continue
        context = {
            **{name: letter[name] for name in ("name", "order_url", "order_reference", "currency")},
            **{name: letter[name] for name in ("refund", "offer") if name in letter},
            "session": session,
            "until": booking.offer_expires_at.isoformat() if booking.offer_expires_at else None,
        }
        write(db, f"{key}:{booking.id}", kind, context, registration_id=booking.id)


def _is_about(kind: Kind, status: RegistrationStatus, session: object, letter: Mapping[str, Any]) -> bool:
    """Whether this booking has such news: in an order of several it may be lost, or wait."""
    if kind is Kind.REFUNDED:
        return "refund" in letter
    return session is not None and (kind is not Kind.CONFIRMED or status is RegistrationStatus.REGISTERED)


def write(db: Session, key: str, kind: Kind, context: dict[str, Any], **about: int) -> None:
    """Owe one notice, once for each key. ``about``: the id of its ``registration_id`` or ``order_id``."""
    values = {"kind": kind.value, "context": context, "next_attempt_at": clock.now()}
    if insert_once(db, _N, _N.dedupe_key, dedupe_key=key, **values, **about):
        jobs.enqueue(db, SEND_JOB, key)


def send_due(limit: int = 50) -> int:
    """Try what is due, oldest first; returns how many were tried. None while WhatsApp is off: they wait."""
    if whatsapp.whatsapp() is None:
        return 0
    return sum(send_one(notice_id) for notice_id in due.found(_DUE, now=clock.now(), limit=limit))


def send_owed(dedupe_key: str) -> None:
    """Send the notice that was just owed under this key: the prompt way, beside the scan."""
    for notice_id in due.found(_OF_KEY, key=dedupe_key):
        send_one(notice_id)


def send_one(notice_id: int) -> bool:
    """Claim ‖ fill in and store ‖ send ‖ note what came of it. False when it is not due, another worker has it, or all is off."""
    client = whatsapp.whatsapp()
    notice = _claim(notice_id) if client is not None else None
    if client is None or notice is None:
        return False
    try:
        if notice.number is None:
            raise WhatsAppRefused("the person wants no more notices")
        if notice.kind is Kind.OFFERED and notice.status is not RegistrationStatus.OFFERED:
            raise WhatsAppRefused("the offer had been answered or was over")
        parameters = notice.parameters or _store(notice.id, parameters_of(notice.kind, notice.context))
        language = current_settings().whatsapp_language
        client.send(whatsapp.Notice(notice.number, template_name(notice.kind), language, parameters))
    except WhatsAppRefused as error:
        _failed(notice, str(error), final=True)
    except WhatsAppUnavailable as error:
        _failed(notice, str(error), final=False)
    except Exception as error:  # one that cannot be filled in must not stop those behind it
        _failed(notice, type(error).__name__, final=False)
    else:
        _sent(notice.id)
    return True


def parameters_of(kind: Kind, context: Mapping[str, Any]) -> list[str]:
    """What is filled into the template, in its order: a line each of ``templates/whatsapp``. Meta takes no line break in one."""
    text = current_app.jinja_env.get_template(f"whatsapp/{kind.value}.txt").render(_on_one_line(context))
    return [line if len(line) <= LONGEST_PARAMETER else f"{line[: LONGEST_PARAMETER - 1]}…" for line in text.split("\n")]


def _on_one_line(value: Any) -> Any:
    """No text that somebody typed may become two parameters, or none."""
    if isinstance(value, Mapping):
        return {key: _on_one_line(held) for key, held in value.items()}
    return " ".join(value.split()) or "–" if isinstance(value, str) else value


@retried
def retry(notice_id: int, actor: str) -> None:
    """Try a failed notice again from the start of its patience; raises InvalidInput when it has not failed."""
    with transaction() as db:
        failed = update(_N).where(_N.id == notice_id, _N.failed_at.is_not(None), _N.sent_at.is_(None))
        if not changed(db, failed.values(failed_at=None, attempts=0, next_attempt_at=clock.now())):
            raise InvalidInput(None, words("This notice was sent, is being tried already, or is not wanted any more."))
        about = db.execute(select(_N.registration_id, _N.order_id).where(_N.id == notice_id)).one()
        subject = ("registration", about.registration_id) if about.registration_id is not None else ("order", about.order_id)
        audit.record(db, actor, "notice_retried", *subject)


@retried
def stop(order_token: str, actor: str) -> None:
    """The person wants no more: number, consent and what was still owed go, for every booking of the order; twice is once."""
    with transaction() as db:
        ids = select(OrderItem.registration_id).join(Order, Order.id == OrderItem.order_id).where(Order.token == order_token)
        mine = select(_R.id).where(_R.id.in_(ids), _R.whatsapp_number.is_not(None)).order_by(_R.id).with_for_update()
        for registration_id in db.execute(mine).scalars().all():
            forget_number(db, registration_id)
            audit.record(db, actor, "notices_stopped", "registration", registration_id)
        numbered = select(Order.id).where(Order.token == order_token, Order.whatsapp_number.is_not(None)).with_for_update()
        for order_id in db.execute(numbered).scalars().all():
            forget_order(db, order_id)
            audit.record(db, actor, "notices_stopped", "order", order_id)


def forget_order(db: Session, order_id: int, *, sent_too: bool = False) -> None:
    """Empty an order's number and consent and owe nothing more about it. ``sent_too``: nothing is left of what was sent."""
    values = {"whatsapp_number": None, "whatsapp_agreed_at": None}
    db.execute(update(Order).where(Order.id == order_id).values(values).execution_options(synchronize_session=False))
    gone = (_N.order_id == order_id,) if sent_too else (_N.order_id == order_id, _N.sent_at.is_(None))
    db.execute(delete(_N).where(*gone))


def forget_number(db: Session, registration_id: int) -> None:
    """Empty number and consent and owe nothing more, in the caller's transaction: also when a booking goes to somebody else."""
    values = {"whatsapp_number": None, "whatsapp_agreed_at": None}
    db.execute(update(_R).where(_R.id == registration_id).values(values).execution_options(synchronize_session=False))
    db.execute(delete(_N).where(_N.registration_id == registration_id, _N.sent_at.is_(None)))


def forget(db: Session, registration_id: int) -> None:
    """The same, and of what was sent nothing is left either: for retention and for people who delete their account."""
    forget_number(db, registration_id)
    db.execute(delete(_N).where(_N.registration_id == registration_id))


@retried
def _claim(notice_id: int) -> _Claimed | None:
    """Lease the notice: the guarded UPDATE lets one worker through, and a crash only delays the next try."""
    now = clock.now()
    lease = update(_N).where(_N.id == notice_id, *_OWED, _N.next_attempt_at <= now)
    with transaction() as db:
        row = db.execute(
            lease.values(attempts=_N.attempts + 1, next_attempt_at=now + RETRY_AFTER)
            .returning(_N.id, _N.kind, _N.context, _N.parameters, _N.attempts, _N.registration_id, _N.order_id)
            .execution_options(synchronize_session=False)
        ).first()
        if row is None:
            return None
        number, status = _number(db, row.registration_id, row.order_id)
        return _Claimed(row.id, Kind(row.kind), row.context, row.parameters, row.attempts, number, status)


def _number(db: Session, registration_id: int | None, order_id: int | None) -> tuple[str | None, RegistrationStatus | None]:
    """Where it goes, None without consent; and how the booking stands that it is about."""
    booking = select(_R.whatsapp_number, _R.whatsapp_agreed_at, _R.status).where(_R.id == registration_id)
    order = select(Order.whatsapp_number, Order.whatsapp_agreed_at, null().label("status")).where(Order.id == order_id)
    to = db.execute(booking if registration_id is not None else order).one()
    return (to.whatsapp_number if to.whatsapp_agreed_at else None), to.status


@retried
def _store(notice_id: int, parameters: list[str]) -> list[str]:
    """So that every try sends the same."""
    with transaction() as db:
        db.execute(update(_N).where(_N.id == notice_id).values(parameters=parameters))
    return parameters


@retried
def _sent(notice_id: int) -> None:
    with transaction() as db:
        db.execute(update(_N).where(_N.id == notice_id).values(sent_at=clock.now(), last_error=None))


@retried
def _failed(notice: _Claimed, error: str, *, final: bool) -> None:
    """Note the failure; after the last try the outbox and the booking say that it did not go. The mail went its own way."""
    final = final or notice.attempts >= TRIES
    current_app.logger.warning("notice %s not sent at try %s%s", notice.id, notice.attempts, ", given up" if final else "")
    with transaction() as db:
        now = clock.now()
        values = {"last_error": error[:500], "failed_at": now if final else None, "next_attempt_at": now + RETRY_AFTER}
        changed(db, update(_N).where(_N.id == notice.id, *_OWED).values(values))
