"""Staff add a booking to a session by hand: typed, checked with its price, done. The door's walk-ins use the same service."""

from __future__ import annotations

from flask import abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...extensions import db
from ...queries import desk_changes
from ...queries.desk_changes import Effect
from ...rules.statuses import Role
from ...security import staff_only
from ...services import adding, answering
from ...services.adding import Added, How, Wanted
from ...templating import money, when
from .. import asking, viewer
from . import bp
from .booking_forms import AddForm
from .booking_pages import Check, ask, overbooking, places_words, told


@bp.route("/sessions/<slug:slug>/add", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def registration_add(slug: str) -> ResponseReturnValue:
    """Add somebody who did not register themselves."""
    session = (desk_changes.adding(slug, None, 1, clock.now()) or abort(404)).session
    asked = answering.asked_of_staff(db.session(), session.id)
    form, made = asking.form_class(AddForm, asked)(), []
    form.about(session.time_zone, session.ends_at)
    form.currency = session.currency
    back = url_for("admin.session_registrations", slug=slug)

    def add() -> str:
        made.append(adding.add(slug, _wanted(form), viewer.actor()))
        return _said(made[0], form)

    title = _("Add a booking")
    intro = [f"{session.title}, {when(session.starts_at, session.ends_at, session.time_zone)}",
             _("%(taken)s of %(capacity)s places are taken.", taken=session.places_taken, capacity=session.capacity)]  # fmt: skip
    return ask(form, lambda: _check(slug, form), add, lambda: url_for("admin.registration", token=made[0].token),
               title=title, back=back, back_words=session.title, intro=intro)  # fmt: skip


def _wanted(form: AddForm) -> Wanted:
    price = form.price.cents(form.currency)
    return Wanted(
        form.name.data, form.places.data, How(form.how.data), form.once.data, form.email.data or None, form.reason.data, price,
        form.expected_cents if price is None and form.how.data != How.COMP else None, form.overbook, form.deadline,
        asking.given(form),
    )  # fmt: skip


def _check(slug: str, form: AddForm) -> Check:
    effect = desk_changes.adding(slug, form.email.data or None, form.places.data, clock.now()) or abort(404)
    cents, why = _price(form, effect)
    over, over_words = overbooking(effect)
    rows = [
        (_("Who"), form.name.data),
        (_("Session"), f"{effect.session.title}, {when(effect.session.starts_at, None, effect.session.time_zone)}"),
        (_("Places"), places_words(form.places.data)),
        (_("Price"), f"{money(cents, form.currency) if cents else _('Free')}, {why}"),
        (_("Paid"), _paid(form, cents)),
        *asking.answered(form),
        (_("Reason"), form.reason.data),
        told(form.email.data) if form.email.data else (_("Who is told"), _("Nobody: there is no address")),
    ]
    waiting = effect.session.waitlist_taken
    warnings = [_("People wait for a place here: %(number)s. This goes past them.", number=waiting)] if waiting else []
    button = _("Add and keep the place") if form.how.data == How.LINK and cents else _("Add this booking")
    return Check(_("Check this booking"), rows, button, effect.cents, over, over_words, warnings)


def _price(form: AddForm, effect: Effect) -> tuple[int, str]:
    if form.how.data == How.COMP:
        return 0, _("given by the club")
    typed = form.price.cents(form.currency)
    if typed is not None:
        return typed, _("typed by you")
    member = effect.quote is not None and effect.quote.reason in ("member", "early_member")
    return effect.cents, _("as a member") if member else _("the session’s own")


def _paid(form: AddForm, cents: int) -> str:
    if not cents:
        return str(_("Nothing is to pay"))
    until = when(form.deadline, None, form.zone) if form.deadline else "–"
    words = {
        How.CASH: _("%(amount)s in cash, now", amount=money(cents, form.currency)),
        How.BANK: _("%(amount)s by bank transfer, it has arrived", amount=money(cents, form.currency)),
        How.LINK: _("By a link in the mail, until %(until)s; not paid, the place comes free by itself", until=until),
    }
    return str(words[How(form.how.data)])


def _said(added: Added, form: AddForm) -> str:
    if added.again:
        return str(_("This booking was added already. Nothing was done twice."))
    if form.how.data == How.LINK and added.total_cents:
        return str(_("The place is kept, and the link goes to %(email)s.", email=form.email.data))
    return str(_("%(name)s is registered.", name=form.name.data))
