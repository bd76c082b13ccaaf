"""What staff change about one booking: take its payment by hand, move it, change its places, give it a place out of turn, mend
who it is for, leave a note. Each is checked first, with the exact amount and who is told.
"""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...extensions import db
from ...queries import desk_changes, desk_registration
from ...queries.desk_registration import RegistrationPage
from ...rules.refusals import Refusal
from ...rules.statuses import HAS_PAID, Role
from ...security import fresh_second_factor, staff_only
from ...services import booking_contact, differences, ending, moving, out_of_turn, taking_payment
from ...services.by_hand import Means
from ...services.moving import Changed
from ...services.out_of_turn import Way
from ...templating import money, refusal_text, when
from .. import viewer
from . import bp
from .booking_forms import ContactForm, MoveForm, NoteForm, OutOfTurnForm, OwedForm, PaymentForm, PlacesForm
from .booking_pages import Check, ask, difference_rows, from_door, of_booking, overbooking, places_words, told


@bp.route("/registrations/<token:token>/payment", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_payment(token: str) -> ResponseReturnValue:
    """Book what is still to be paid as handed over; the person's Checkout is ended first."""
    page, form = _page(token), PaymentForm()
    (back, back_words), currency = from_door(page) or of_booking(page), page.order.currency
    if request.method == "GET" and page.nothing_asked:
        return redirect(url_for("admin.registration_owed", token=token) if page.r.owed_cents else back, 303)
    amount, others = money(page.to_pay_cents, currency), ", ".join(page.paid_with)
    with_others = [(_("Pays for"), f"{page.session.title}, {others}")] if others else []

    def check() -> Check:
        how = _("In cash") if form.how.data == "cash" else _("By bank transfer")
        rows = [(_("From"), page.r.name), (_("Amount"), amount), *with_others, (_("How"), how), (_("Reason"), form.reason.data),
                (_("Paying by card"), _("ends now: nobody can pay twice")), told(page.order.email)]  # fmt: skip
        return Check(_("Check this payment"), rows, _("Book %(amount)s", amount=amount))

    def act() -> str:
        cents = taking_payment.take(token, Means(form.how.data), form.reason.data, viewer.actor(), once=form.once.data)
        return _("%(amount)s is booked.", amount=money(cents, currency)) if cents else _nothing_twice()

    return ask(form, check, act, lambda: back, title=_("Take payment by hand"), back=back, back_words=back_words,
               intro=[_("%(name)s has %(amount)s to pay.", name=page.r.name, amount=amount),
                      *([_("That is for the whole order, with %(others)s.", others=others)] if others else [])])  # fmt: skip


@bp.route("/registrations/<token:token>/owed", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_owed(token: str) -> ResponseReturnValue:
    """Settle a difference that was not paid: ask again, take it by hand, or waive it."""
    page, form = _page(token), OwedForm()
    (back, back_words), cents = of_booking(page), page.r.owed_cents
    if (not cents or page.open_difference) and request.method == "GET":
        return redirect(back, 303)
    form.about(page.session.time_zone, page.session.ends_at)
    amount = money(cents, page.order.currency)

    def check() -> Check:
        rows = [(_("Still owed"), amount), (_("Settled"), form.chosen_words()), (_("Reason"), form.reason.data),
                told(page.order.email)]  # fmt: skip
        return Check(_("Check this"), rows, _("Settle %(amount)s", amount=amount), cents)

    def act() -> str:
        done = differences.settle_owed(token, form.settlement(form.expected_cents), viewer.actor())
        return _("%(amount)s is settled.", amount=amount) if done else _nothing_twice()

    return ask(form, check, act, lambda: back, title=_("Settle what is owed"), back=back, back_words=back_words)


@bp.post("/registrations/<token:token>/owed/withdraw")
@staff_only(Role.STAFF)
def registration_owed_withdraw(token: str) -> ResponseReturnValue:
    """Take the link for a difference back: places that were added for it go again, the rest stays owed."""
    page = _page(token)
    try:
        if page.open_difference is not None:
            ending.give_up(page.open_difference.token, viewer.actor())
            flash(_("The link is taken back."))
    except Refusal as refusal:
        flash(refusal_text(refusal))
    return redirect(url_for("admin.registration", token=token), 303)


@bp.route("/registrations/<token:token>/move", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def registration_move(token: str) -> ResponseReturnValue:
    """Move a booking to another session."""
    page = _page(token)
    form, (back, back_words) = MoveForm(), of_booking(page)
    form.offer(desk_changes.targets(page.r, page.order.currency, clock.now()))
    if not page.may_change and request.method == "GET":
        return redirect(back, 303)
    here = f"{page.session.title}, {when(page.session.starts_at, None, page.session.time_zone)}"
    return ask(form, lambda: _move_check(page, form, here), lambda: _move(page, form), lambda: back,
               title=_("Move this booking"), back=back, back_words=back_words,
               intro=[_("%(name)s, %(places)s, is in %(session)s.", name=page.r.name, places=places_words(page.r.places),
                        session=here)])  # fmt: skip


def _move_check(page: RegistrationPage, form: MoveForm, here: str) -> Check:
    effect = desk_changes.moving(page.r, form.to.data, clock.now()) or abort(404)
    form.about(effect.session.time_zone, effect.session.ends_at)
    over, over_words = overbooking(effect)
    there = f"{effect.session.title}, {when(effect.session.starts_at, None, effect.session.time_zone)}"
    rows = [(_("Who"), page.r.name), (_("From"), here), (_("To"), there), (_("Places"), places_words(page.r.places)),
            *difference_rows(form, effect, page.order.currency), (_("Reason"), form.reason.data),
            told(page.order.email, _("with the new entry for their calendar"))]  # fmt: skip
    return Check(_("Check this move"), rows, _("Move this booking"), effect.cents, over, over_words)


def _move(page: RegistrationPage, form: MoveForm) -> str:
    effect = desk_changes.moving(page.r, form.to.data, clock.now()) or abort(404)
    form.about(effect.session.time_zone, effect.session.ends_at)
    changed = moving.move(page.r.token, form.to.data, form.settlement(form.expected_cents), viewer.actor())
    return _done(changed, page, _("The booking is moved."))


@bp.route("/registrations/<token:token>/places", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def registration_places(token: str) -> ResponseReturnValue:
    """Give a booking more places or fewer."""
    page = _page(token)
    form, (back, back_words) = PlacesForm(places=page.r.places), of_booking(page)
    form.about(page.session.time_zone, page.session.ends_at)
    if not page.may_change and request.method == "GET":
        return redirect(back, 303)

    def act() -> str:
        changed = moving.change_places(token, form.places.data, form.settlement(form.expected_cents), viewer.actor())
        return _done(changed, page, _("The places are changed."))

    return ask(form, lambda: _places_check(page, form), act, lambda: back, title=_("Change places"), back=back,
               back_words=back_words, intro=[_("%(name)s has %(places)s now.", name=page.r.name,
                                               places=places_words(page.r.places))])  # fmt: skip


def _places_check(page: RegistrationPage, form: PlacesForm) -> Check:
    effect = desk_changes.changing_places(page.r, page.session, form.places.data, clock.now())
    over, over_words = overbooking(effect)
    rows = [(_("Who"), page.r.name), (_("Now"), places_words(page.r.places)), (_("Then"), places_words(form.places.data)),
            *difference_rows(form, effect, page.order.currency), (_("Reason"), form.reason.data),
            told(page.order.email)]  # fmt: skip
    return Check(_("Check this change"), rows, _("Change places"), effect.cents, over, over_words)


@bp.route("/registrations/<token:token>/place", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_place(token: str) -> ResponseReturnValue:
    """Give somebody who waits a place out of turn."""
    page = _page(token)
    form, (back, back_words) = OutOfTurnForm(), of_booking(page)
    form.about(page.session.time_zone, page.session.ends_at)
    paid = page.r.payment_status in HAS_PAID
    form.offer(at_once=paid or not page.r.price_cents, paid=paid)
    if not page.may_serve and request.method == "GET":
        return redirect(back, 303)
    passed = out_of_turn.passed_over(db.session(), page.r)
    names = ", ".join(one.name for one in passed[:20]) or _("nobody: next in line")

    def act() -> str:
        done = out_of_turn.serve(token, form.wish(), viewer.actor())
        return _("%(name)s has a place.", name=page.r.name) if done else _nothing_twice()

    return ask(form, lambda: _place_check(page, form, names), act, lambda: back, title=_("Give a place out of turn"), back=back,
               back_words=back_words, intro=[_("Passed over: %(names)s", names=names)])  # fmt: skip


def _place_check(page: RegistrationPage, form: OutOfTurnForm, names: str) -> Check:
    effect = desk_changes.Effect(page.session, 0, page.r.places)
    over, over_words = overbooking(effect)
    until = [(_("Until"), when(form.deadline, None, form.zone))] if form.how.data == Way.LINK and form.deadline else []
    price = money(page.r.price_cents, page.order.currency) if page.r.price_cents else _("Free")
    rows = [(_("Who"), page.r.name), (_("Places"), places_words(page.r.places)), (_("Price"), price),
            (_("How"), form.chosen_words()), *until, (_("Passed over"), names), (_("Reason"), form.reason.data),
            told(page.order.email)]  # fmt: skip
    return Check(_("Check this"), rows, _("Give the place"), 0, over, over_words)


@bp.route("/registrations/<token:token>/contact", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_contact(token: str) -> ResponseReturnValue:
    """Mend the name or the address of a booking; with the address its link changes, so a second click has the old one."""
    if request.method == "POST" and (now := desk_registration.token_after_contact(request.form.get("once", ""))):
        flash(_nothing_twice())
        return redirect(url_for("admin.registration", token=now), 303)
    page, after = _page(token), [token]
    form, (back, back_words) = ContactForm(obj=page.contact), of_booking(page)

    def check() -> Check:
        moved = form.email.data not in ("", page.r.email)
        link = _("a new one: the old one no longer works") if moved else _("stays as it is")
        who = told(form.email.data) if moved else (_("Who is told"), _("Nobody"))
        along = [(_("Goes along"), _("%(others)s: one order has one address", others=", ".join(page.other_bookings)))]
        rows = [(_("Name"), form.name.data), (_("E-mail"), form.email.data or _("None")), (_("Its link"), link),
                *(along if moved and page.other_bookings else []), (_("Reason"), form.reason.data), who]  # fmt: skip
        return Check(_("Check who it is for"), rows, _("Save name and address"))

    def act() -> str:
        typed = (form.name.data, form.email.data or page.r.email, form.reason.data)
        after.append(booking_contact.edit(token, *typed, viewer.actor(), once=form.once.data))
        return _("The booking is for %(name)s now.", name=form.name.data)

    return ask(form, check, act, lambda: url_for("admin.registration", token=after[-1]), title=_("Change name or address"),
               back=back, back_words=back_words)  # fmt: skip


@bp.post("/registrations/<token:token>/note")
@staff_only(Role.STAFF)
def registration_note(token: str) -> ResponseReturnValue:
    """Leave a note for the committee. One that cannot be kept comes back with the reason."""
    page, form = _page(token), NoteForm()
    form.validate_once(form.once)
    try:
        booking_contact.note(token, form.reason.data or "", viewer.actor(), once=form.once.data)
    except Refusal as refusal:
        form.refuse(refusal)
        letter = NoteForm(formdata=None)
        return render_template("admin/registration.html", page=page, letter=letter, note=form), form.http_status
    flash(_("The note is kept."))
    return redirect(url_for("admin.registration", token=token), 303)


def _page(token: str) -> RegistrationPage:
    return desk_registration.page(token) or abort(404)


def _nothing_twice() -> str:
    return str(_("This was done already. Nothing was done twice."))


def _done(changed: Changed, page: RegistrationPage, words: str) -> str:
    if changed.again:
        return _nothing_twice()
    back = _("%(amount)s goes back.", amount=money(changed.refund_cents, page.order.currency)) if changed.refund_cents else ""
    return f"{words} {back}".strip()
