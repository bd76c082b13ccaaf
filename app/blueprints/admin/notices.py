"""The desk's other outbox: what goes by WhatsApp beside the e-mails, whether it went, and trying again."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ...queries import desk_notices
from ...queries.desk_record import MailState
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import notices as notices_service
from ...services.notices import Kind
from ...templating import refusal_text
from .. import viewer
from . import bp
from .paging import page_number

WORDS = {
    Kind.CONFIRMED: lazy_gettext("Booking confirmed"),
    Kind.OFFERED: lazy_gettext("Place offered"),
    Kind.CANCELLED: lazy_gettext("Booking cancelled"),
    Kind.SESSION_CANCELLED: lazy_gettext("Session cancelled"),
    Kind.CHANGED: lazy_gettext("Time or place changed"),
    Kind.REFUNDED: lazy_gettext("Money returned"),
    Kind.ORDERED: lazy_gettext("Order complete"),
}
bp.context_processor(lambda: {"notice_words": WORDS, "has_notices": desk_notices.any_yet})


@bp.get("/outbox/whatsapp")
@staff_only(Role.STAFF)
def outbox_notices() -> ResponseReturnValue:
    """Notices owed, sent and failed, or with ``?show=`` one of the three."""
    show = request.args.get("show", "")
    state = MailState(show) if show in set(MailState) else None
    return render_template("admin/notices.html", page=desk_notices.lines(page_number(), state=state), state=state)


@bp.post("/outbox/whatsapp/<int:notice_id>/retry")
@staff_only(Role.STAFF)
def notice_retry(notice_id: int) -> ResponseReturnValue:
    """Owe a failed notice again; the worker sends it within the minute."""
    try:
        notices_service.retry(notice_id, viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        flash(_("We try this notice again now. Reload this page in a minute to see whether it went."))
    return redirect(url_for("admin.outbox_notices"), 303)
