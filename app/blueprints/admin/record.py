"""The desk's inbox and outbox: what Stripe told us and what became of it, what we mail and whether it went."""

from __future__ import annotations

import json

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ...queries import desk_record
from ...queries.desk_record import MailState
from ...rules.redaction import without_secrets
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import mail_retries, stripe_inbox
from ...templating import refusal_text
from .. import viewer
from . import bp
from .paging import page_number


@bp.get("/inbox")
@staff_only(Role.STAFF)
def inbox() -> ResponseReturnValue:
    """Events from Stripe, or with ``?show=waiting`` those that are not processed."""
    show = "waiting" if request.args.get("show") == "waiting" else "all"
    page = desk_record.inbox(page_number(), unprocessed_only=show == "waiting")
    return render_template("admin/inbox.html", page=page, show=show)


@bp.get("/inbox/<event:event_id>")
@staff_only(Role.STAFF)
def inbox_event(event_id: str) -> ResponseReturnValue:
    """One event: its state, its errors and what Stripe sent, without what is secret in it."""
    view = desk_record.event(event_id) or abort(404)
    payload = json.dumps(without_secrets(view.payload), indent=2, ensure_ascii=False, sort_keys=True)
    return render_template("admin/inbox_event.html", event=view.line, payload=payload, order_token=view.order_token)


@bp.post("/inbox/<event:event_id>/retry")
@staff_only(Role.STAFF)
def inbox_retry(event_id: str) -> ResponseReturnValue:
    """Try an event again that was not processed."""
    try:
        done = stripe_inbox.retry(event_id, viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        flash(_("It is processed now.") if done else _("It still cannot be processed: the last error says why."))
    return redirect(url_for("admin.inbox_event", event_id=event_id), 303)


@bp.get("/outbox")
@staff_only(Role.STAFF)
def outbox() -> ResponseReturnValue:
    """E-mails owed, sent and failed, or with ``?show=`` one of the three."""
    show = request.args.get("show", "")
    state = MailState(show) if show in set(MailState) else None
    page, failed = desk_record.outbox(page_number(), state=state), desk_record.failed_mails()
    return render_template("admin/outbox.html", page=page, state=state, failed=failed)


@bp.post("/outbox/retry-all")
@staff_only(Role.STAFF)
def outbox_retry_all() -> ResponseReturnValue:
    """Owe every failed e-mail again."""
    try:
        number = mail_retries.retry_all(viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        flash(ngettext("We try %(num)s e-mail again now.", "We try %(num)s e-mails again now.", number))
    return redirect(url_for("admin.outbox"), 303)


@bp.post("/outbox/<int:email_id>/retry")
@staff_only(Role.STAFF)
def outbox_retry(email_id: int) -> ResponseReturnValue:
    """Owe a failed e-mail again; the worker sends it within the minute."""
    try:
        mail_retries.retry(email_id, viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        flash(_("We try this e-mail again now. Reload this page in a minute to see whether it went."))
    return redirect(url_for("admin.outbox"), 303)
