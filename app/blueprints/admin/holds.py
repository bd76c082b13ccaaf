"""Ending a hold from the desk: somebody's place that is kept while they pay, and will not be paid for."""

from __future__ import annotations

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...queries import desk_registration
from ...queries.desk_registration import RegistrationPage
from ...rules.statuses import OrderStatus, Role
from ...security import staff_only
from ...services import ending_holds
from .. import viewer
from . import bp
from .action_forms import ReasonForm, walk


@bp.route("/registrations/<token:token>/end-hold", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_end_hold(token: str) -> ResponseReturnValue:
    """Free a place that is kept while somebody pays, as soon as it can no longer be paid."""
    page, form = desk_registration.page(token) or abort(404), ReasonForm()
    back = url_for("admin.registration", token=token)
    if not page.may_end_hold and request.method == "GET":
        return redirect(back, 303)

    def end() -> str:
        return _said(ending_holds.end_hold(token, form.reason.data, viewer.actor(), once=form.once.data), page)

    return walk(form, "admin/end_hold.html", end, lambda: back, page=page, back=back)


def _said(outcome: ending_holds.Outcome, page: RegistrationPage) -> str:
    name = page.r.name
    if outcome.status is OrderStatus.PAID:
        return _("%(name)s has paid in this very moment, so the booking is confirmed and nothing was ended.", name=name)
    if outcome.status is not OrderStatus.PENDING:
        return _("The hold of %(name)s is ended. It can no longer be paid, and what it kept is free.", name=name)
    if outcome.paying:
        return _("A payment of %(name)s is on its way at the bank, so the place is kept until the bank has decided.", name=name)
    return _(
        "Stripe cannot be reached right now, so the place of %(name)s is still kept: it could be paid for. We go on trying,"
        " and it comes free as soon as Stripe says that it can no longer be paid.",
        name=name,
    )
