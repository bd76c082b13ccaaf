"""The desk's inbox and outbox: what Stripe told us and what became of it, what we mail and whether it went."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...queries import desk_record
from ...queries.desk_record import MailState
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import outbox as outbox_service
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


@bp.get("/outbox")
@staff_only(Role.STAFF)
def outbox() -> ResponseReturnValue:
    """E-mails owed, sent and failed, or with ``?show=`` one of the three."""
    show = request.args.get("show", "")
    state = MailState(show) if show in set(MailState) else None
    return render_template("admin/outbox.html", page=desk_record.outbox(page_number(), state=state), state=state)


@bp.post("/outbox/<int:email_id>/retry")
@staff_only(Role.STAFF)
def outbox_retry(email_id: int) -> ResponseReturnValue:
    """Owe a failed e-mail again; the worker sends it within the minute."""
    try:
        outbox_service.retry(email_id, viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        flash(_("We try this e-mail again now. Reload this page in a minute to see whether it went."))
    return redirect(url_for("admin.outbox"), 303)
