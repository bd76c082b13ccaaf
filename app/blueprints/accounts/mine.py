"""My account: my bookings and what can be done about them, my calendar, my membership card, and everything known about me."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from ... import clock
from ...config import current_settings
from ...extensions import db
from ...integrations import calendar_file
from ...queries import memberships, my_data, my_page, products
from ...security import by_secret_link, signed_in
from ...services import accounts_changing
from . import bp
from .codes import qr
from .forms import AccountForm
from .showing import me


@bp.get("")
@signed_in
def mine() -> ResponseReturnValue:
    """What I have booked, and my membership."""
    person, now = me(), clock.now()
    site, token, email = current_settings().site_url, my_page.calendar_token(person.id), my_page.confirmed_email(person.id)
    return render_template(
        "accounts/mine.html",
        person=person,
        bookings=my_page.bookings(person.id, email, now),
        owned=products.owned(person.id, email),
        **_membership(person.id),
        feed=site + url_for("accounts.calendar", token=token),
        form=AccountForm(),
        now=now,
    )


@bp.post("/calendar")
@signed_in
def new_calendar_address() -> ResponseReturnValue:
    """Another secret address for my calendar; the old one stops working."""
    accounts_changing.new_calendar_address(me())
    return redirect(url_for("accounts.mine"), 303)


@bp.get("/calendar/<token:token>.ics")
@by_secret_link
def calendar(token: str) -> ResponseReturnValue:
    """The calendar to subscribe to, for whoever knows its address."""
    feed = my_page.feed(token) or abort(404)
    text = calendar_file.feed([_event(booking) for booking in feed.bookings], _("My sessions"))
    return Response(text, mimetype="text/calendar")


def _event(booking: my_page.Booking) -> calendar_file.Event:
    """It is made to be shared between devices, so it carries the session's address and never the booking's secret link."""
    settings = current_settings()
    return calendar_file.Event(
        uid=calendar_file.uid(booking.slug, settings.host),
        sequence=booking.calendar_sequence,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        changed_at=booking.changed_at,
        title=booking.title,
        location=booking.location,
        url=f"{settings.site_url}{url_for('public.session_page', slug=booking.slug)}",
        cancelled=booking.session_cancelled,
    )


@bp.get("/card")
@signed_in
def card() -> ResponseReturnValue:
    """My membership card. Its code leads whoever scans it to the page that says whether it is good."""
    person = me()
    token = my_page.card_token(person.id) or abort(404)
    address = current_settings().site_url + url_for("accounts.shown_card", token=token)
    return render_template("accounts/card.html", name=person.name, qr=qr(address), mine=True, **_membership(person.id))


@bp.get("/card/<token:token>")
@by_secret_link
def shown_card(token: str) -> ResponseReturnValue:
    """What a scanned card says: whose it is, and whether they are a member today."""
    found = my_page.card(token) or abort(404)
    return render_template("accounts/card.html", name=found.name, qr=None, mine=False, **_membership(found.user_id))


def _membership(user_id: int) -> dict[str, Any]:
    """What a page says about a membership: its spans, and the last day in words."""
    membership = memberships.of_person(db.session(), user_id, clock.now())
    runs_to = membership.runs_to
    return {"membership": membership, "runs_to": format_date(runs_to, "d MMMM y") if runs_to else None}


@bp.get("/data.json")
@signed_in
def export() -> ResponseReturnValue:
    """Everything that is known about me, as a file."""
    text = json.dumps(my_data.everything(me().id), ensure_ascii=False, indent=2)
    name = f"{request.host.partition(':')[0]}-{clock.now():%Y-%m-%d}.json"
    return Response(text, mimetype="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})
