"""The booking form, the check page and the way to Stripe. Anybody may ask; the service decides inside its transaction."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ... import clock
from ...config import current_settings
from ...few_at_once import few_at_once
from ...queries import club_sessions, questions
from ...queries.club_sessions import SessionView
from ...queries.membership_plans import PlanView
from ...queries.memberships import VISITOR
from ...queries.raw_rows import Facts
from ...rules import capacity
from ...rules.questions import Question
from ...rules.refusals import PriceChanged, Refusal
from ...rules.vouchers import VoucherRefused
from ...security import public
from ...services import checkout
from ...services.registration_item import PLENTY
from ...services.registrations import Applicant
from ...templating import refusal_text
from .. import asking, drawn, typed_codes, viewer
from ..buyer_fields import fresh_attempt
from ..whatsapp_fields import agreed_number, with_whatsapp
from . import joining
from .forms import RegistrationForm

bp = Blueprint("registration", __name__, url_prefix="/sessions/<slug:slug>/register")


@bp.route("", methods=["GET", "POST"])
@public
@typed_codes.trying_codes
def register(slug: str) -> ResponseReturnValue:
    """Ask for a place. Success leaves for Stripe or the order page; a refusal shows the form, the check or a page of its own."""
    if request.method == "GET":
        return _fresh_form(slug)
    with few_at_once():
        return _book(slug)


def _book(slug: str) -> ResponseReturnValue:
    page, form, valid = _sent(slug)
    if not valid:
        return _show_form(page, form), 422
    try:
        destination = checkout.begin_registration(slug, _applicant(form, page))
    except Refusal as refusal:
        return _refused(_after(page, form), form, refusal)
    viewer.remember_order(destination.order_token)
    return redirect(destination.url, 303)


@bp.post("/check")
@public
@typed_codes.trying_codes
def check(slug: str) -> ResponseReturnValue:
    """Check your answers: everything once more, with the total, before anything is kept. Changes nothing."""
    facts = _facts(slug)
    page = _page_of(facts)
    form = _form(page)
    if page.bookable:
        if not form.validate():
            return _show_form(page, form), 422
        page = _page_of(facts, form.email.data)  # a member who books for somebody else pays what they would
    if not page.bookable:
        return _closed_or_form(page, form)
    try:
        capacity.check_open(page.window, clock.now(), is_member=viewer.is_member(form.email.data), asked=form.entry)
        _decide(page, form.places.data)
        return _show_check(page, form, changed_price=form.expected_price_cents.data not in (None, page.quote.unit_cents))
    except Refusal as refusal:
        return _refused(page, form, refusal)


@bp.post("/change")
@public
def change(slug: str) -> ResponseReturnValue:
    """Back from the check page to the form with everything kept. Changes nothing."""
    page = _page(slug)
    return _show_form(page, _form(page))


def _facts(slug: str) -> Facts:
    return club_sessions.page_facts(slug) or abort(404)


def _page_of(facts: Facts, email: str | None = None) -> SessionView:
    """The session as it is for the viewer; once the address is known, as it is for a booking under it."""
    return club_sessions.page_of(facts, clock.now(), standing=viewer.standing(email)) or abort(404)


def _page(slug: str, email: str | None = None) -> SessionView:
    return _page_of(_facts(slug), email)


def _sent(slug: str) -> tuple[SessionView, RegistrationForm, bool]:
    """The session, the form as it was sent, and whether it is filled in as it should be.

    The session is as it was a moment ago where that says yes and much is left, for the service reads it once more; else as it is
    now. Nobody is told no by what has passed, and who comes too late is told before the service asks.
    """
    facts = club_sessions.lately_page_facts(slug)
    if facts and (page := _page_of(facts)).places_left >= PLENTY and (form := _form(page)).validate():
        return page, form, True
    page = _page(slug)
    form = _form(page)
    return page, form, form.validate()


def _after(page: SessionView, form: RegistrationForm) -> SessionView:
    """The session as it is for somebody just refused. A visitor who came too late has it before them: it was full already."""
    return page if page.state is capacity.State.FULL and drawn.is_visitor() else _page(page.slug, form.email.data)


def _form(page: SessionView) -> RegistrationForm:
    return _form_asking(page, _questions(page), joining.plans_for(page, viewer.standing()))


def _questions(page: SessionView) -> Sequence[Question]:
    return questions.asked_by(page.slug) if page.asks else ()


def _form_asking(page: SessionView, asked: Sequence[Question], plans: Sequence[PlanView]) -> RegistrationForm:
    form = with_whatsapp(asking.form_class(RegistrationForm, asked))(max_places=page.max_places)
    joining.offer(form, plans)
    return form


def _fresh_form(slug: str) -> ResponseReturnValue:
    """The form as nobody has filled it in yet; whoever is not signed in gets one that is kept once drawn."""
    facts = _facts(slug)
    page = _page_of(facts)
    if not page.bookable or not drawn.is_visitor():
        form = _form(page)
        if viewer.user_id() is not None:  # whoever books for somebody else writes over it
            form.name.data, form.email.data = current_user.name, current_user.email
        return _closed_or_form(page, form)
    asked, plans = _questions(page), joining.plans_for(page, VISITOR)

    def draw(attempt: str) -> drawn.Drawing:
        form = _form_asking(page, asked, plans)
        form.attempt.data = attempt
        return _show_form(page, form), [page]

    return drawn.form_for_visitor((facts, tuple(asked), tuple(plans)), draw, fresh_attempt())


def _applicant(form: RegistrationForm, page: SessionView) -> Applicant:
    return Applicant(
        name=form.name.data,
        email=form.email.data,
        places=form.places.data,
        expected_price_cents=form.expected_price_cents.data,
        attempt=form.attempt.data,
        accept_waitlist=form.accept_waitlist.data,
        expected_total_cents=form.expected_total_cents.data,
        join_plan=form.join_plan.data if form.join_plan else "",
        code=form.code.data or "",
        asked=form.entry,
        user_id=viewer.user_id(),
        known_orders=viewer.known_orders(),
        answers=asking.given(form),
        whatsapp_number=agreed_number(form),
        seen_full=page.state is capacity.State.FULL,
    )


def _decision(page: SessionView) -> capacity.Decision:
    if page.by_application:
        return capacity.Decision.REVIEW
    return capacity.Decision.WAITLIST if page.counters.waitlist_open else capacity.Decision.PLACE


def _decide(page: SessionView, places: int) -> None:
    """Raise the Refusal that says why so many places cannot be had; anybody may apply for them."""
    if not page.by_application:
        capacity.decide_entry(page.counters, places, accept_waitlist=True)


def _closed_or_form(page: SessionView, form: RegistrationForm) -> ResponseReturnValue:
    if page.bookable:
        return _show_form(page, form)
    try:
        capacity.check_open(page.window, clock.now(), is_member=viewer.is_member(form.email.data))
        _decide(page, 1)
    except Refusal as refusal:
        return _refused(page, form, refusal)
    return _show_form(page, form)


def _show_form(page: SessionView, form: RegistrationForm, notice: Refusal | None = None) -> str:
    return render_template("registration/form.html", page=page, form=form, decision=_decision(page), notice=notice)


def _show_check(page: SessionView, form: RegistrationForm, *, changed_price: bool = False) -> str:
    """Everything once more. Most visitors type only who they are, and get the page that was drawn for the one before."""
    bill, number, answers = joining.bill(page, form, viewer.standing(form.email.data)), agreed_number(form), asking.answered(form)
    decision, uncounted = _decision(page), page.uncounted

    def draw(*who: str) -> drawn.Drawing:
        form.name.data, form.email.data, form.attempt.data = who
        return render_template(
            "registration/check.html",
            page=uncounted,
            form=form,
            quote=bill.quote,
            bill=bill,
            answers=answers,
            sent_again=asking.sent_again(form),
            whatsapp_number=number,
            decision=decision,
            hold_minutes=current_settings().hold_minutes,
            changed_price=changed_price,
        ), [page]

    who = (form.name.data, form.email.data, form.attempt.data or "")
    if changed_price or number or page.asks or form.code.data or not drawn.is_visitor():
        return draw(*who)[0]
    return drawn.form_for_visitor((uncounted, decision, bill, form.accept_waitlist.data), draw, *who)


def _closed(page: SessionView, refusal: Refusal) -> bytes | str:
    """No place, or not now. In a rush it is the answer to most, so it is kept like a page."""

    def draw() -> drawn.Drawing:
        return render_template("registration/closed.html", page=page, refusal=refusal), [page]

    said = (refusal.text, tuple(sorted(refusal.params.items())))
    return drawn.answer_for_visitor((page, said), draw) if drawn.is_visitor() else draw()[0]


def _refused(page: SessionView, form: RegistrationForm, refusal: Refusal) -> ResponseReturnValue:
    """The same words for the same refusal: on its field, above the form, on the check page, or on a page of its own."""
    match refusal.page:
        case "check_email":
            return render_template("registration/check_email.html", page=page, email=form.email.data), refusal.status
        case "check" if isinstance(refusal, PriceChanged):
            try:
                return _show_check(page, form, changed_price=True), refusal.status
            except VoucherRefused as gone:  # the code has been used up meanwhile as well
                return _refused(page, form, gone)
        case "full" | "closed" | "ended":
            return _closed(page, refusal), refusal.status
    typed_codes.note(refusal)
    if refusal.field is not None and refusal.field not in form:
        form = _form(page)  # the session asks something that it did not ask when this form was made
    form.attempt.data = fresh_attempt()  # the one before has been used up by the order that came to nothing
    if refusal.field is not None:
        form[refusal.field].errors = [refusal_text(refusal)]
        return _show_form(page, form), refusal.status
    return _show_form(page, form, notice=refusal), refusal.status
