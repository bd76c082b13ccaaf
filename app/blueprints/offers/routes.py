"""An offered place: look (GET changes nothing, mail scanners follow links), say yes, say no. By secret link only."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from ... import clock
from ...queries import orders
from ...queries.orders import OrderView, RegistrationView
from ...rules.refusals import OfferOver, OrderNotOpen, PaymentsDown
from ...rules.statuses import RegistrationStatus
from ...security import by_secret_link, keep_private
from ...services import checkout, offers
from .. import viewer

bp = Blueprint("offers", __name__, url_prefix="/offers/<token:token>")
bp.after_request(keep_private)


@bp.get("")
@by_secret_link
def offer(token: str) -> ResponseReturnValue:
    """What is offered and until when; once answered or over, the order page tells how it stands."""
    order, registration = _found(token)
    if registration.status is not RegistrationStatus.OFFERED:
        return redirect(url_for("checkout.order", token=order.token), 303)
    return render_template(
        "offers/offer.html", order=order, booking=registration, token=token, action_form=FlaskForm(), now=clock.now()
    )


@bp.post("/accept")
@by_secret_link
def accept(token: str) -> ResponseReturnValue:
    """Yes: registered at once when nothing is to pay, else on to Stripe (or to the order page while Stripe is away)."""
    order, _registration = _found(token)
    try:
        order_token = offers.accept(token, viewer.actor())
    except OfferOver as refusal:
        return render_template("checkout/problem.html", order=order, refusal=refusal), refusal.status
    viewer.remember_order(order_token)
    try:
        return redirect(checkout.pay(order_token).url, 303)
    except (OrderNotOpen, PaymentsDown):
        return redirect(url_for("checkout.order", token=order_token), 303)


@bp.post("/decline")
@by_secret_link
def decline(token: str) -> ResponseReturnValue:
    """No: the place goes to the next in line at once."""
    order, _registration = _found(token)
    try:
        order_token = offers.decline(token, viewer.actor())
    except OfferOver as refusal:
        return render_template("checkout/problem.html", order=order, refusal=refusal), refusal.status
    return redirect(url_for("checkout.order", token=order_token), 303)


def _found(token: str) -> tuple[OrderView, RegistrationView]:
    order_token = orders.token_of_registration(token) or abort(404)
    order = orders.page(order_token) or abort(404)
    bookings = (item.registration for item in order.items if item.registration is not None)
    return order, next((booking for booking in bookings if booking.token == token), None) or abort(404)
