"""Codes as a second proof: switching them on and off, codes for paper, and giving one for what is worth it."""

from __future__ import annotations

import segno
from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ...rules.refusals import Refusal
from ...security import signed_in
from ...services import two_factor
from . import bp, limits
from .forms import CodeForm
from .showing import local, me, show


def qr(text: str) -> Markup:
    """The text as a QR code, drawn in the page itself."""
    return Markup(segno.make(text, error="m").svg_inline(scale=5, border=2, svgclass="qr", lineclass=None, omitsize=False))  # noqa: S704 - segno's own markup, made of squares


@bp.route("/codes", methods=["GET", "POST"])
@limits.proving
@signed_in
def codes_on() -> ResponseReturnValue:
    """Switch codes on: put the secret into the app, then prove that it works. On already: what can be done about them."""
    if me().has_second_factor:
        return show("codes", CodeForm(), left=two_factor.recovery_codes_left(me().id))
    form = CodeForm()
    if form.validate_on_submit():
        try:
            made = two_factor.switch_on(me(), form.code.data)
        except Refusal as refusal:
            return _set_up(form, refusal)
        return render_template("accounts/recovery_codes.html", codes=made)
    return _set_up(form)


def _set_up(form: CodeForm, refusal: Refusal | None = None) -> ResponseReturnValue:
    setup = two_factor.set_up(me())
    return show("codes_on", form, refusal, secret=" ".join(setup.secret[i : i + 4] for i in range(0, 32, 4)), qr=qr(setup.uri))


@bp.post("/codes/off")
@limits.proving
@signed_in
def codes_off() -> ResponseReturnValue:
    """Switch codes off; takes a code."""
    form = CodeForm()
    if not form.validate():
        return show("codes", form, left=two_factor.recovery_codes_left(me().id))
    try:
        two_factor.switch_off(me(), form.code.data)
    except Refusal as refusal:
        return show("codes", form, refusal, left=two_factor.recovery_codes_left(me().id))
    return redirect(url_for("accounts.settings", note="codes-off"), 303)


@bp.post("/codes/recovery")
@limits.proving
@signed_in
def new_recovery_codes() -> ResponseReturnValue:
    """New codes for paper; takes a code."""
    form = CodeForm()
    if not form.validate():
        return show("codes", form, left=two_factor.recovery_codes_left(me().id))
    try:
        made = two_factor.new_recovery_codes(me(), form.code.data)
    except Refusal as refusal:
        return show("codes", form, refusal, left=two_factor.recovery_codes_left(me().id))
    return render_template("accounts/recovery_codes.html", codes=made)


@bp.route("/confirm-code", methods=["GET", "POST"])
@limits.proving
@signed_in
def confirm_code() -> ResponseReturnValue:
    """Give a code before something that is worth one, and go back to it."""
    form = CodeForm(next=request.args.get("next", ""))
    if form.validate_on_submit():
        try:
            two_factor.confirm(me(), form.code.data)
        except Refusal as refusal:
            return show("code", form, refusal, action=url_for("accounts.confirm_code"))
        return redirect(local(form.next.data), 303)
    return show("code", form, action=url_for("accounts.confirm_code"))
