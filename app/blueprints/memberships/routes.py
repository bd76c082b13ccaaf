"""The plans on sale, and the way to become a member or to stay one. Anybody may join; the service decides what it costs."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ... import clock
from ...extensions import db
from ...queries import membership_plans, memberships
from ...queries.membership_plans import PlanView
from ...queries.memberships import PersonView
from ...rules import memberships as rules
from ...rules.memberships import AlreadyMember, PlanNotOnSale
from ...rules.refusals import PriceChanged, Refusal
from ...security import public
from ...services import checkout, membership_sales
from ...services.memberships import Joiner, open_order
from .. import typed_codes, viewer
from ..buyer_fields import fresh_attempt
from ..whatsapp_fields import agreed_number, with_whatsapp
from .forms import JoinForm, PayForm

bp = Blueprint("memberships", __name__, url_prefix="/membership")


@bp.get("")
@public
def plans() -> ResponseReturnValue:
    """What membership costs and gives; for somebody signed in, how theirs stands."""
    now, person = clock.now(), _person()
    today, runs_to = memberships.club_today(now), person.runs_to if person else None
    on_sale = membership_plans.on_sale(db.session(), now, today)
    to_be_had = {plan.slug for plan in on_sale if rules.may_be_had(plan.terms, today, runs_to)}
    shown = {"plans": on_sale, "to_be_had": to_be_had, "person": person, "standing": viewer.standing()}
    return render_template("memberships/plans.html", **shown)


@bp.get("/<slug:plan_slug>/join")
@public
def join(plan_slug: str) -> ResponseReturnValue:
    """Who are you? Somebody signed in is known and sees at once what they would pay."""
    plan = _plan(plan_slug)
    if not rules.on_sale(clock.now(), plan.on_sale_from, plan.on_sale_until):
        return _closed(PlanNotOnSale())
    if viewer.user_id() is None:
        return _show_form(plan, _form())
    return _show_check(plan, _form())


@bp.post("/<slug:plan_slug>/join/check")
@public
@typed_codes.trying_codes
def check(plan_slug: str) -> ResponseReturnValue:
    """Everything once more, with the price for this address, before anything is kept. Changes nothing."""
    plan, form = _plan(plan_slug), _form()
    if not form.validate():
        return _again(plan, form, 422)
    return _show_check(plan, form)


@bp.post("/<slug:plan_slug>/join")
@public
@typed_codes.trying_codes
def pay(plan_slug: str) -> ResponseReturnValue:
    """Order it and leave for Stripe. A refusal says why on the page that fits."""
    plan, form = _plan(plan_slug), _form()
    if not form.validate():
        return _again(plan, form, 422)
    try:
        destination = checkout.begin_membership(plan_slug, _joiner(form))
    except Refusal as refusal:
        return _refused(plan, form, refusal)
    viewer.remember_order(destination.order_token)
    return redirect(destination.url, 303)


def _plan(slug: str) -> PlanView:
    return membership_plans.find(db.session(), slug) or abort(404)


def _form() -> PayForm:
    return with_whatsapp(JoinForm if viewer.user_id() is None else PayForm)()


def _buyer(form: PayForm) -> tuple[str, str]:
    """Name and address: typed by somebody new, the account's for somebody signed in."""
    return (form.name.data, form.email.data) if isinstance(form, JoinForm) else (current_user.name, current_user.email)


def _joiner(form: PayForm) -> Joiner:
    name, email = _buyer(form)
    seen, attempt, code = form.expected_price_cents.data, form.attempt.data, form.code.data
    return Joiner(name, email, seen, attempt, viewer.user_id(), viewer.known_orders(), code, agreed_number(form))


def _person() -> PersonView | None:
    user_id = viewer.user_id()
    return None if user_id is None else memberships.of_person(db.session(), user_id, clock.now())


def _show_form(plan: PlanView, form: PayForm, notice: Refusal | None = None) -> str:
    return render_template("memberships/form.html", plan=plan, form=form, notice=notice)


def _show_check(plan: PlanView, form: PayForm, *, changed: bool = False, notice: Refusal | None = None) -> ResponseReturnValue:
    """What they would pay and get. Somebody whose next span is paid for is told so, here and not after paying."""
    name, email = _buyer(form)
    person, now = _person(), clock.now()
    try:
        span = rules.next_span(plan.terms, memberships.club_today(now), person.runs_to if person else None)
    except Refusal as refusal:
        return _closed(refusal)
    sale = membership_sales.priced(plan, viewer.user_id(), email, viewer.standing())
    try:
        typed = "" if form.code.errors else form.code.data
        earlier = open_order(plan.slug, _joiner(form)) if typed else None
        code = membership_sales.with_code(db.session(), sale, typed, viewer.user_id(), email, now, earlier)
    except Refusal as refusal:
        return _again(plan, form, refusal.status, None if typed_codes.refused(form, refusal) else refusal)
    facts = {"name": name, "email": email, "sale": sale, "code": code, "span": span, "person": person}
    facts |= {"whatsapp_number": agreed_number(form) if isinstance(form, JoinForm) else None}
    return render_template("memberships/check.html", plan=plan, form=form, changed=changed, notice=notice, **facts)


def _again(plan: PlanView, form: PayForm, status: int, notice: Refusal | None = None) -> ResponseReturnValue:
    """The page on which it was typed: somebody new has a form for that, somebody signed in sees the price at once."""
    if isinstance(form, JoinForm):
        return _show_form(plan, form, notice), status
    shown = _show_check(plan, form, notice=notice)
    return (shown, status) if isinstance(shown, str) else shown


def _closed(refusal: Refusal) -> ResponseReturnValue:
    runs_to = refusal.runs_to if isinstance(refusal, AlreadyMember) else None
    return render_template("memberships/closed.html", refusal=refusal, runs_to=runs_to), refusal.status


def _refused(plan: PlanView, form: PayForm, refusal: Refusal) -> ResponseReturnValue:
    if isinstance(refusal, AlreadyMember | PlanNotOnSale):
        return _closed(refusal)
    if isinstance(refusal, PriceChanged):
        return _status(_show_check(plan, form, changed=True), refusal)
    form.attempt.data = fresh_attempt()  # the one before has been used up by the order that came to nothing
    if typed_codes.refused(form, refusal):
        return _again(plan, form, refusal.status)
    return _status(_show_check(plan, form, notice=refusal), refusal)


def _status(shown: ResponseReturnValue, refusal: Refusal) -> ResponseReturnValue:
    return (shown, refusal.status) if isinstance(shown, str) else shown
