"""The desk's memberships: the plans, who is a member, and giving, changing and ending a membership with a reason."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...config import current_settings
from ...extensions import db
from ...queries import desk_memberships, desk_person, membership_plans
from ...queries.desk_cases import HIGHEST_ID
from ...queries.desk_memberships import MemberRow
from ...queries.desk_person import Account
from ...queries.memberships import club_today
from ...rules.memberships import on_sale
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import fresh_second_factor, staff_only
from ...services import membership_plans as plans
from ...services import memberships as service
from ...services.membership_plans import PlanFields
from ...templating import money, refusal_text
from ...wording import long_date
from .. import viewer
from . import bp
from .action_forms import walk
from .membership_forms import EXTEND, REFUND, ChangeForm, GrantForm, PlanForm
from .paging import page_number

LONGEST_SEARCH = 200


@bp.get("/memberships")
@staff_only(Role.STAFF)
def memberships() -> ResponseReturnValue:
    """Every plan, and the members page by page; ``?q=`` searches them by name or address."""
    now, search = clock.now(), request.args.get("q", "").strip()[:LONGEST_SEARCH]
    every = membership_plans.everything(db.session())
    sold = {plan.slug for plan in every if on_sale(now, plan.on_sale_from, plan.on_sale_until)}
    page = desk_memberships.members(club_today(now), search, page_number())
    return render_template("admin/memberships.html", plans=every, sold=sold, page=page, search=search, now=now)


@bp.route("/memberships/plans/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def plan_new() -> ResponseReturnValue:
    """Make a plan; it is on sale at once, or from the day that is asked for."""
    form = PlanForm(currency=current_settings().currency, zone=current_settings().time_zone)
    if request.method == "POST" and form.validate():
        try:
            plans.create_plan(form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal, price_cents="price", student_price_cents="student_price")
        else:
            return _done(_saved(form.fields))
    return render_template("admin/plan_form.html", form=form, plan=None), form.http_status


@bp.route("/memberships/plans/<slug:plan_slug>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def plan_edit(plan_slug: str) -> ResponseReturnValue:
    """Change a plan for those who buy it from now on."""
    plan = membership_plans.find(db.session(), plan_slug) or abort(404)
    form = PlanForm(currency=plan.currency, zone=current_settings().time_zone, plan=plan)
    if request.method == "POST" and form.validate():
        try:
            plans.edit_plan(plan_slug, form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal, price_cents="price", student_price_cents="student_price")
        else:
            return _done(_saved(form.fields))
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
    """Give a membership to somebody with an account; ``?person=`` says whom, when their page led here."""
    person = _person_asked_for()
    form = GrantForm(email=person.email if person else None)
    here = url_for("admin.person", user_id=person.id) if person else url_for("admin.memberships")

    def give() -> str:
        service.grant(form.email.data, form.ends_on.data, form.reason.data, viewer.actor())
        said = {"date": long_date(form.ends_on.data), "email": form.email.data}
        return _("They are a member until %(date)s. We write to %(email)s.", **said)

    return walk(form, "admin/membership_give.html", give, lambda: here, back=here)


@bp.route("/memberships/<int:membership_id>/change", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def membership_change(membership_id: int) -> ResponseReturnValue:
    """Change a membership's last day, end it, or end it and give back what is left of its price."""
    member = desk_memberships.member(membership_id) or abort(404)
    back_cents = desk_memberships.refundable(membership_id)
    form = ChangeForm(refundable=bool(back_cents))
    here = url_for("admin.person", user_id=member.user_id)
    facts = {"member": member, "back_cents": back_cents, "back": here}
    return walk(form, "admin/membership_change.html", lambda: _change(member, form), lambda: here, **facts)


def _change(member: MemberRow, form: ChangeForm) -> str:
    reason, actor, said = form.reason.data, viewer.actor(), {"email": member.email}
    if form.deed.data == EXTEND:
        service.extend(member.id, form.ends_on.data, reason, actor)
        return _("The last day is changed to %(date)s. We write to %(email)s.", date=long_date(form.ends_on.data), **said)
    if form.deed.data == REFUND:
        owed = service.refund(member.id, reason, actor)
        back = money(owed, member.currency or current_settings().currency)
        return _("The membership has ended, and %(amount)s goes back. We write to %(email)s.", amount=back, **said)
    service.revoke(member.id, reason, actor)
    return _("The membership has ended. We write to %(email)s.", **said)


def _person_asked_for() -> Account | None:
    user_id = request.args.get("person", type=int)
    return None if user_id is None else desk_person.account(min(max(0, user_id), HIGHEST_ID), clock.now()) or abort(404)


def _saved(fields: PlanFields) -> str:
    """What is true of a plan that was just saved."""
    now = clock.now()
    if on_sale(now, fields.on_sale_from, fields.on_sale_until):
        return _("The plan is saved and on sale.")
    if fields.on_sale_from and fields.on_sale_from > now:
        first = fields.on_sale_from.astimezone(ZoneInfo(current_settings().time_zone)).date()
        return _("The plan is saved. It goes on sale on %(date)s.", date=long_date(first))
    return _("The plan is saved. It is off sale.")


def _done(words: str) -> ResponseReturnValue:
    flash(words)
    return redirect(url_for("admin.memberships"), 303)
