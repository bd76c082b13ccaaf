"""The treasurer's page: the books of a period, how they compare with Stripe's, and a button that compares them now."""

from __future__ import annotations

from flask import flash, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...queries import desk_money
from ...rules.statuses import Role
from ...security import staff_only
from ...services import comparing
from .. import viewer
from . import bp
from .periods import days


@bp.get("/money")
@staff_only(Role.STAFF)
def money() -> ResponseReturnValue:
    """The books from one day to another, today unless asked otherwise; days that cannot be used are told so."""
    asked = days()
    books, standing = desk_money.books(asked.period), desk_money.standing()
    shown = {"form": asked.form, "period": asked.period, "periods": asked.usual}
    return render_template("admin/money.html", books=books, standing=standing, **shown), asked.http_status


@bp.post("/money/compare")
@staff_only(Role.STAFF)
def money_compare() -> ResponseReturnValue:
    """Have the books compared with Stripe's by the worker, and mended. Safe to press at any time, and twice."""
    comparing.ask(viewer.actor())
    flash(_("The books are being compared with Stripe’s. The result will stand here."))
    return redirect(url_for("admin.money"), 303)


@bp.get("/money/comparison")
@staff_only(Role.STAFF)
def money_comparison() -> ResponseReturnValue:
    """Whether a comparison is under way, for the page that waits for it."""
    asked = desk_money.last_asked()
    return jsonify(comparing=asked is not None and asked.finished_at is None)
