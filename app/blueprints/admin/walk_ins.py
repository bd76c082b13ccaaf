"""Somebody comes without a booking: a form, what to take in cash, then added, paid and in with one button. For staff."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovInput, GovTextInput
from wtforms import BooleanField, HiddenField, IntegerField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError
from wtforms.widgets import HiddenInput

from ...queries import desk_door
from ...rules.addresses import normalise_email
from ...rules.refusals import NotEnoughPlaces, PriceChanged, Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import walk_ins
from ...services.adding import Wanted
from .. import viewer
from ..fields import WholeNumberField
from . import bp
from .action_forms import KEY, fresh_key
from .session_action_forms import ActionForm


class WalkInForm(ActionForm):
    """Who came, for how many places. The rest is asked on the check, when the session is full."""

    name = StringField(
        _("Name"),
        filters=[lambda text: " ".join((text or "").split())],
        validators=[DataRequired(_("Enter a name")), Length(max=200, message=_("Enter a name of %(max)d characters or fewer"))],
        widget=GovTextInput(),
        render_kw={"autocomplete": "off"},
    )
    places = WholeNumberField(_("Places"), lowest=1, default=1, validators=[InputRequired(_("Enter how many places"))])
    email = StringField(
        _("E-mail address, if they want a receipt"),
        description=_("A member’s address gets the member price. Empty is fine."),
        filters=[lambda text: (text or "").strip()],
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": "off", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"},
    )
    reason = StringField(
        _("Why it is overbooked"), description=_("It stays on the record, for the committee only."), widget=GovTextInput(),
        filters=[lambda text: " ".join((text or "").split())],
        validators=[Length(max=500, message=_("Enter a reason of %(max)d characters or fewer"))],
    )  # fmt: skip
    overbook = BooleanField(widget=GovCheckboxInput())
    over = IntegerField(widget=HiddenInput(), validators=[Optional()])
    """How far past capacity the check said it would be: the tick allows as much and no more."""
    expected = IntegerField(widget=HiddenInput(), validators=[Optional()])
    once = HiddenField(default=fresh_key)

    def validate_email(self, field: StringField) -> None:
        """One address in the form that is stored, or none."""
        if field.data:
            address = normalise_email(field.data)
            if address is None:
                raise ValidationError(gettext("Enter an e-mail address in the correct format, like name@example.com"))
            field.data = address

    def validate_once(self, field: HiddenField) -> None:
        """What is no key of ours gets a fresh one."""
        if not KEY.fullmatch(field.data or ""):
            field.data = fresh_key()

    def refuse(self, refusal: Refusal) -> None:
        """That there is no place is said above the check, which has the tick that helps."""
        if isinstance(refusal, NotEnoughPlaces):
            self.refused = refusal
        else:
            super().refuse(refusal)

    @property
    def wanted(self) -> Wanted:
        """What was typed and seen; after a ``validate`` that found nothing wrong."""
        return walk_ins.in_cash(
            self.name.data, self.email.data or None, self.places.data, once=self.once.data, expected_cents=self.expected.data,
            overbook_to=(self.over.data or 0) if self.overbook.data else 0, reason=self.reason.data or "",
        )  # fmt: skip


@bp.route("/sessions/<slug:slug>/door/walk-in", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def door_walk_in(slug: str) -> ResponseReturnValue:
    """Who came, then what to take, then they are in."""
    form, step = WalkInForm(), request.form.get("step", "check") if request.method == "POST" else "form"
    session = desk_door.session(slug) or abort(404)
    if step in ("check", "do"):
        try:
            if form.validate() and step == "do":
                reference, name = walk_ins.add(slug, form.wanted, viewer.actor())
                flash(gettext("%(name)s is in.", name=name))
                return redirect(url_for("admin.door", slug=slug, last=reference), 303)
        except Refusal as refusal:
            form.refuse(refusal)
        if _belongs_to_check(form):
            price = walk_ins.price(slug, form.email.data or None, form.places.data)
            page = render_template("admin/door_walk_in_check.html", session=session, form=form, price=price)
            return page, form.http_status
    return render_template("admin/door_walk_in.html", session=session, form=form), form.http_status


def _belongs_to_check(form: WalkInForm) -> bool:
    """Whether the answer is on the check: another price, no place without overbooking, no reason for that or too long a one."""
    refused = form.refused
    known = refused is None or isinstance(refused, PriceChanged | NotEnoughPlaces) or refused.field == "reason"
    return known and set(form.errors) <= {"reason"}
