"""The desk's memberships: the plans, who is a member, and giving, changing and ending a membership with a reason."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...config import current_settings
from ...extensions import db
from ...queries import desk_memberships, membership_plans
from ...queries.desk_memberships import MemberRow
from ...queries.memberships import club_today
from ...rules.memberships import on_sale
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import membership_plans as plans
from ...services import memberships as service
from ...templating import money, refusal_text
from .. import viewer
from . import bp
from .membership_forms import EXTEND, REFUND, ChangeForm, GrantForm, PlanForm

LONGEST_SEARCH = 200


@bp.get("/memberships")
@staff_only(Role.STAFF)
def memberships() -> ResponseReturnValue:
    """Every plan, and the members; ``?q=`` searches them by name or address."""
    now, search = clock.now(), request.args.get("q", "").strip()[:LONGEST_SEARCH]
    every = membership_plans.everything(db.session())
    sold = {plan.slug for plan in every if on_sale(now, plan.on_sale_from, plan.on_sale_until)}
    members = desk_memberships.members(db.session(), club_today(now), search)
    return render_template("admin/memberships.html", plans=every, sold=sold, members=members, search=search)


@bp.route("/memberships/plans/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def plan_new() -> ResponseReturnValue:
    """Make a plan; it is on sale at once."""
    form = PlanForm(currency=current_settings().currency)
    if request.method == "POST" and form.validate():
        try:
            plans.create_plan(form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal, price_cents="price", student_price_cents="student_price")
        else:
            return _done(_("The plan is on sale."))
    return render_template("admin/plan_form.html", form=form, plan=None), form.http_status


@bp.route("/memberships/plans/<slug:plan_slug>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def plan_edit(plan_slug: str) -> ResponseReturnValue:
    """Change a plan for those who buy it from now on."""
    plan = membership_plans.find(db.session(), plan_slug) or abort(404)
    form = PlanForm(currency=plan.currency, plan=plan)
    if request.method == "POST" and form.validate():
        try:
            plans.edit_plan(plan_slug, form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal, price_cents="price", student_price_cents="student_price")
        else:
            return _done(_("The changes are saved."))
    return render_template("admin/plan_form.html", form=form, plan=plan), form.http_status


@bp.post("/memberships/plans/<slug:plan_slug>/retire")
@staff_only(Role.STAFF)
def plan_retire(plan_slug: str) -> ResponseReturnValue:
    """Take a plan off sale; those who have it keep it."""
    try:
        plans.retire_plan(plan_slug, viewer.actor())
    except Refusal as refusal:
        return _done(refusal_text(refusal))
    return _done(_("The plan is off sale. Those who have it keep it."))


@bp.route("/memberships/give", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def membership_give() -> ResponseReturnValue:
    """Give a membership to somebody with an account."""
    form = GrantForm()
    if request.method == "POST" and form.validate():
        try:
            service.grant(form.email.data, form.ends_on.data, form.reason.data, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return _done(_("They are a member."))
    return render_template("admin/membership_form.html", form=form, member=None), form.http_status


@bp.route("/memberships/<int:membership_id>/change", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def membership_change(membership_id: int) -> ResponseReturnValue:
    """Change a membership's last day, end it, or end it and refund it."""
    member = desk_memberships.member(db.session(), membership_id) or abort(404)
    form = ChangeForm(bought=bool(member.paid_cents))
    if request.method == "POST" and form.validate():
        try:
            return _done(_change(member, form))
        except Refusal as refusal:
            form.refuse(refusal)
    return render_template("admin/membership_form.html", form=form, member=member), form.http_status


def _change(member: MemberRow, form: ChangeForm) -> str:
    reason, actor = form.reason.data, viewer.actor()
    if form.deed.data == EXTEND:
        service.extend(member.id, form.ends_on.data, reason, actor)
        return str(_("The last day is changed."))
    if form.deed.data == REFUND:
        back = money(service.refund(member.id, reason, actor), member.currency or current_settings().currency)
        return str(_("The membership has ended, and %(amount)s go back.", amount=back))
    service.revoke(member.id, reason, actor)
    return str(_("The membership has ended."))


def _done(words: str) -> ResponseReturnValue:
    flash(words)
    return redirect(url_for("admin.memberships"), 303)
