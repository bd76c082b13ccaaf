"""What staff do to one booking and to a whole session: refund, cancel, send the letter again. Each is checked first."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...queries import desk_ending, desk_registration
from ...queries.desk_registration import RegistrationPage
from ...rules import money
from ...rules.refusals import Refusal
from ...rules.statuses import Role, SessionStatus
from ...security import fresh_second_factor, staff_only
from ...services import staff_actions, winding_up
from ...templating import money as money_words
from ...templating import refusal_text
from .. import viewer
from . import bp
from .action_forms import AmountForm, ReasonForm, walk


@bp.get("/registrations/<token:token>")
@staff_only(Role.STAFF)
def registration(token: str) -> ResponseReturnValue:
    """One booking with its whole history."""
    return render_template("admin/registration.html", page=_page(token), letter=ReasonForm(formdata=None), note=None)


@bp.route("/registrations/<token:token>/refund", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def registration_refund(token: str) -> ResponseReturnValue:
    """Give part or all of the money back; the booking goes on."""
    page = _page(token)
    form = AmountForm(left_cents=page.left_cents, currency=page.order.currency, amount=_as_typed(page.left_cents, page))
    back = url_for("admin.registration", token=token)
    if not page.left_cents and request.method == "GET":
        return redirect(back, 303)

    def refund() -> str:
        owed = staff_actions.refund(token, form.cents, form.reason.data, viewer.actor(), once=form.once.data)
        if not owed:
            return _("This refund was made already. Nothing was done twice.")
        return _refunded(owed, page)

    return walk(form, "admin/refund.html", refund, lambda: back, page=page, back=back)


@bp.route("/registrations/<token:token>/cancel", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def registration_cancel(token: str) -> ResponseReturnValue:
    """End a booking with any refund; the place goes to whoever waits."""
    page = _page(token)
    usual = _as_typed(page.terms_cents(clock.now()), page)
    form = AmountForm(left_cents=page.left_cents, currency=page.order.currency, optional=True, amount=usual)
    back = url_for("admin.registration", token=token)
    if not page.may_cancel and request.method == "GET":
        return redirect(back, 303)

    def cancel() -> str:
        staff_actions.cancel(token, form.cents, form.reason.data, viewer.actor(), once=form.once.data)
        return _cancelled(form.cents, page)

    return walk(form, "admin/cancel_booking.html", cancel, lambda: back, page=page, back=back, now=clock.now())


@bp.post("/registrations/<token:token>/send-again")
@staff_only(Role.STAFF)
def registration_send_again(token: str) -> ResponseReturnValue:
    """Send the letter that says how the booking stands once more."""
    page, form = _page(token), ReasonForm()
    form.validate()  # only its one-time key counts
    try:
        staff_actions.resend(token, viewer.actor(), once=form.once.data)
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        flash(_("We send the letter to %(email)s again.", email=page.order.email))
    return redirect(url_for("admin.registration", token=token), 303)


@bp.route("/sessions/<slug:slug>/cancel", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def session_cancel(slug: str) -> ResponseReturnValue:
    """Cancel a whole session. Once it is cancelled this page says how far telling and refunding everybody has come."""
    ending, form = desk_ending.of_session(slug) or abort(404), ReasonForm()
    if ending.status is SessionStatus.CANCELLED:
        return render_template("admin/session_cancelled.html", ending=ending)
    if not ending.may_cancel:
        return redirect(url_for("admin.session_registrations", slug=slug), 303)

    def cancel() -> str:
        winding_up.cancel_session(slug, viewer.actor(), form.reason.data)
        return _("The session is cancelled.")

    here = url_for("admin.session_cancel", slug=slug)
    return walk(form, "admin/cancel_session.html", cancel, lambda: here, ending=ending)


def _page(token: str) -> RegistrationPage:
    return desk_registration.page(token) or abort(404)


def _as_typed(cents: int, page: RegistrationPage) -> str:
    """An amount as somebody would type it into the form."""
    return str(money.to_decimal(cents, page.order.currency))


def _refunded(cents: int, page: RegistrationPage) -> str:
    return " ".join([*_goes_back(cents, page), _("We write to %(email)s.", email=page.order.email)])


def _cancelled(cents: int, page: RegistrationPage) -> str:
    return " ".join([_("The booking of %(name)s is cancelled.", name=page.r.name), _refunded(cents, page)])


def _goes_back(cents: int, page: RegistrationPage) -> list[str]:
    """What happens to the money, a sentence for each way; ``page`` is from before."""
    back, currency = page.back(cents), page.order.currency
    card = _("%(amount)s goes back to the card.", amount=money_words(back.card_cents, currency))
    hand = _("%(amount)s is owed back: pay it out by hand, then close its case.", amount=money_words(back.hand_cents, currency))
    return [*([card] if back.card_cents else []), *([hand] if back.hand_cents else [])]
