"""The desk's listings: sessions that hosts have paid for and the committee looks at before they are published."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...queries import desk_sessions, hosting
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import fresh_second_factor, staff_only
from ...services import reviewing
from ...templating import money, refusal_text
from .. import viewer
from . import bp
from .action_forms import ReasonForm, walk


@bp.get("/listings")
@staff_only(Role.STAFF)
def listings() -> ResponseReturnValue:
    """What waits for the committee's word, what begins first at the head."""
    return render_template("admin/listings.html", waiting=hosting.in_review())


@bp.post("/listings/<slug:slug>/approve")
@staff_only(Role.STAFF)
def listing_approve(slug: str) -> ResponseReturnValue:
    """Publish it and tell the host."""
    try:
        reviewing.approve(slug, viewer.actor())
        flash(_("It is published, and we write to the host."))
    except Refusal as refusal:
        if refusal.status == 404:
            abort(404)
        flash(refusal_text(refusal))
    return redirect(url_for("admin.listings"), 303)


@bp.route("/listings/<slug:slug>/reject", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def listing_reject(slug: str) -> ResponseReturnValue:
    """Say no with a reason that the host reads; the fee goes back."""
    hosted = hosting.reviewed(slug)
    if hosted is None:
        if desk_sessions.one(slug) is None:
            abort(404)
        return redirect(url_for("admin.listings"), 303)
    form = ReasonForm()
    form.reason.description = _("One or two sentences. The host reads them.")
    fees = [fee for fee in hosting.fees(hosted.id) if not fee.open and not fee.refunded]

    def reject() -> str:
        owed = reviewing.reject(slug, form.reason.data, viewer.actor())
        return _("The host is told.") + (" " + _("%(amount)s goes back.", amount=money(owed, fees[0].currency)) if owed else "")

    back = url_for("admin.listings")
    return walk(form, "admin/listing_reject.html", reject, lambda: back, hosted=hosted, fees=fees, back=back)
