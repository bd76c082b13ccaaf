"""The desk's codes: all of them with their uses, making one, changing it, ending it."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...config import current_settings
from ...queries import desk_vouchers
from ...queries.desk_vouchers import VoucherRow
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import voucher_desk
from ...templating import when
from .. import viewer
from . import bp
from .code_forms import CodeForm, effect_words, scope_words


@bp.get("/codes")
@staff_only(Role.STAFF)
def codes() -> ResponseReturnValue:
    """Every code, what it does, and how often it was used."""
    rows, words = desk_vouchers.everything(), {"effect_words": effect_words, "scope_words": scope_words}
    return render_template("admin/codes.html", codes=rows, now=clock.now(), **words)


@bp.route("/codes/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def code_new() -> ResponseReturnValue:
    """Make a code; it can be used at once, or from the day that is asked for."""
    form = _form(None)
    if request.method == "POST" and form.validate():
        try:
            voucher_desk.create(form.code.data or "", form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return _done(_("The code is made."))
    return render_template("admin/code_form.html", form=form, row=None), form.http_status


@bp.route("/codes/<int:voucher_id>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def code_edit(voucher_id: int) -> ResponseReturnValue:
    """Change a code for those who use it from now on."""
    row = desk_vouchers.find(voucher_id) or abort(404)
    form = _form(row)
    if request.method == "POST" and form.validate():
        try:
            voucher_desk.edit(voucher_id, form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return _done(_("The code is changed."))
    return render_template("admin/code_form.html", form=form, row=row), form.http_status


@bp.post("/codes/<int:voucher_id>/end")
@staff_only(Role.STAFF)
def code_end(voucher_id: int) -> ResponseReturnValue:
    """Nobody can use it from now on."""
    row = desk_vouchers.find(voucher_id) or abort(404)
    voucher_desk.end(voucher_id, viewer.actor())
    return _done(_("%(code)s has ended. Nobody can use it any more.", code=row.code))


def _form(row: VoucherRow | None) -> CodeForm:
    coming = desk_vouchers.sessions(clock.now())
    offered = [(id_, f"{title}, {when(starts_at, zone=zone)}") for id_, title, starts_at, zone in coming]
    if row is not None and row.club_session_id is not None and row.club_session_id not in dict(offered):
        offered.append((row.club_session_id, row.session_title or ""))
    settings = current_settings()
    return CodeForm(currency=settings.currency, zone=settings.time_zone, sessions=offered, row=row)


def _done(words: str) -> ResponseReturnValue:
    flash(words)
    return redirect(url_for("admin.codes"), 303)
