"""Writing to the people of one session: typed, looked at with a count, tried on oneself, sent; and what came of it."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from ...config import current_settings
from ...queries import announcements
from ...queries.announcements import Audience
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import announcements as announcement_service
from .. import viewer
from . import bp
from .announcement_forms import AnnouncementForm
from .paging import page_number


@bp.route("/sessions/<slug:slug>/mail", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def session_mail(slug: str) -> ResponseReturnValue:
    """Type it, then look at it; a test to oneself and the sending itself are buttons of that look."""
    audience = announcements.audience(slug) or abort(404)
    form = AnnouncementForm(sizes=audience.sizes)
    step = request.form.get("step", "check") if request.method == "POST" else "form"
    if step in ("check", "test", "send") and form.validate():
        try:
            if step == "send":
                return _send(slug, form)
            return _look(audience, form, told=_test(slug, form) if step == "test" else "")
        except Refusal as refusal:
            form.refuse(refusal)
    sent = announcements.of_session(slug)
    return render_template("admin/session_mail.html", audience=audience, form=form, sent=sent), form.http_status


@bp.get("/sessions/<slug:slug>/mail/<int:announcement_id>")
@staff_only(Role.STAFF)
def session_mail_sent(slug: str, announcement_id: int) -> ResponseReturnValue:
    """One message and how far the mail of each person is."""
    sent = announcements.one(slug, announcement_id) or abort(404)
    page = announcements.recipients(announcement_id, page_number())
    audience = announcements.audience(slug) or abort(404)
    return render_template("admin/session_mail_sent.html", audience=audience, sent=sent, page=page)


def _send(slug: str, form: AnnouncementForm) -> ResponseReturnValue:
    made = announcement_service.send(slug, form.chosen, form.message, viewer.actor(), once=form.once.data)
    flash(_("The message is on its way."))
    return redirect(url_for("admin.session_mail_sent", slug=slug, announcement_id=made), 303)


def _test(slug: str, form: AnnouncementForm) -> str:
    """Send it to whoever is here; what to say about that."""
    to = current_user.email
    announcement_service.send_test(slug, form.message, to, current_user.name, viewer.actor(), once=form.once.data)
    return _("A test is on its way to %(email)s. Nobody else gets it.", email=to)


def _look(audience: Audience, form: AnnouncementForm, *, told: str) -> str:
    reach = announcements.reach(audience.slug, form.chosen)
    facts: dict[str, Any] = {"reach": reach, "told": told, "reply_to": current_settings().reply_to}
    button = ngettext("Send to %(num)s person", "Send to %(num)s people", reach.people)
    return render_template("admin/session_mail_check.html", audience=audience, form=form, button=button, **facts)
