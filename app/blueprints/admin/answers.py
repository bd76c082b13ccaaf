"""Staff mend what a booking answered to its session's own questions: filled in, checked, done."""

from __future__ import annotations

from flask import abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...extensions import db
from ...queries import desk_registration
from ...rules.statuses import Role
from ...security import staff_only
from ...services import answering
from .. import asking, viewer
from . import bp
from .booking_forms import AnswersForm
from .booking_pages import Check, ask, of_booking


@bp.route("/registrations/<token:token>/answers", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_answers(token: str) -> ResponseReturnValue:
    """Fill in or change what the session asks."""
    page = desk_registration.page(token) or abort(404)
    asked = answering.asked_of_staff(db.session(), page.session.id, page.r.answers)
    kept = {q.field: page.r.answers.get(q.key, {}).get("answer") for q in asked}
    form, (back, back_words) = asking.form_class(AnswersForm, asked)(data=kept), of_booking(page)

    def check() -> Check:
        rows = [*asking.answered(form), (_("Reason"), form.reason.data), (_("Who is told"), _("Nobody"))]
        return Check(_("Check these answers"), rows, _("Keep these answers"))

    def act() -> str:
        done = answering.edit(token, asking.given(form), form.reason.data, viewer.actor(), once=form.once.data)
        return _("The answers are kept.") if done else _("This was done already. Nothing was done twice.")

    intro = [] if asked else [_("%(title)s asks nothing of its own.", title=page.session.title)]
    return ask(form, check, act, lambda: url_for("admin.registration", token=token), title=_("Change answers"), back=back,
               back_words=back_words, intro=intro)  # fmt: skip
