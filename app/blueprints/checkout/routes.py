"""The order page and what leads to it: the return from Stripe, "Pay now", "Give up my place". By secret link only."""

from __future__ import annotations

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from markupsafe import Markup

from ... import clock
from ...config import current_settings
from ...integrations import qr_code
from ...queries import desk_door, orders
from ...queries.orders import OrderView
from ...rules.refusals import NotPaidYet, OrderNotOpen, Refusal, StripeAway
from ...rules.statuses import OrderStatus, Role
from ...security import by_secret_link, keep_private, may
from ...services import cancelling, checkout, ending, notices, returning
from .. import viewer

bp = Blueprint("checkout", __name__)
bp.after_request(keep_private)


@bp.get("/orders/<token:token>")
@by_secret_link
def order(token: str) -> ResponseReturnValue:
    """The truth about this order, and what can be done with it."""
    return _show(_order(token))


@bp.get("/registrations/<token:token>")
@by_secret_link
def registration(token: str) -> ResponseReturnValue:
    """A registration's own link, and its code: staff come to the door's page, everybody else to the order it is part of."""
    if may(Role.DESK) and (booking := desk_door.of_token(token)):
        return redirect(url_for("admin.door", slug=booking.slug, q=booking.reference), 303)
    order_token = orders.token_of_registration(token) or abort(404)
    return redirect(url_for("checkout.order", token=order_token), 303)


@bp.get("/orders/<token:token>/status")
@by_secret_link
def status(token: str) -> ResponseReturnValue:
    """The states alone, for the page that waits and for programs."""
    view = _order(token)
    items = [
        {
            "kind": item.kind,
            "registrationStatus": item.registration.status if item.registration else None,
            "paymentStatus": item.registration.payment_status if item.registration else None,
        }
        for item in view.items
    ]
    return jsonify(order=view.status, payment=view.payment, items=items)


@bp.get("/orders/<token:token>/success")
@by_secret_link
def success(token: str) -> ResponseReturnValue:
    """Back from Stripe: fulfil what Stripe itself says is paid, then show the order. The one GET that may change something."""
    view = _order(token)
    try:
        returning.confirm(token, request.args.get("session_id", ""))
    except NotPaidYet as refusal:
        return render_template("checkout/checking.html", order=view, now=clock.now()), refusal.status
    except Refusal as refusal:
        return render_template("checkout/problem.html", order=view, refusal=refusal), refusal.status
    viewer.remember_order(token)
    return redirect(url_for("checkout.order", token=token), 303)


@bp.get("/orders/<token:token>/cancelled")
@by_secret_link
def cancelled(token: str) -> ResponseReturnValue:
    """Back from Stripe without paying. Changes nothing: says until when the place is kept."""
    return render_template("checkout/cancelled.html", order=_order(token), action_form=FlaskForm(), now=clock.now())


@bp.post("/orders/<token:token>/pay")
@by_secret_link
def pay(token: str) -> ResponseReturnValue:
    """Go on to the same Checkout, or to a new one when that has ended while the place is still kept."""
    view = _order(token)
    try:
        return redirect(checkout.pay(token).url, 303)
    except OrderNotOpen:
        return redirect(url_for("checkout.order", token=token), 303)
    except StripeAway as refusal:
        return render_template("checkout/problem.html", order=view, refusal=refusal), refusal.status


@bp.post("/orders/<token:token>/cancel")
@by_secret_link
def give_up(token: str) -> ResponseReturnValue:
    """Give up what is not paid, or cancel what is; the order page then says what came of it."""
    view = _order(token)
    try:
        if view.status is OrderStatus.PENDING and view.hold_expires_at is not None:
            ending.give_up(token, viewer.actor())
        else:
            booking, wish = request.form.get("booking") or None, bool(request.form.get("when_replaced"))
            cancelling.cancel_order(token, viewer.actor(), when_replaced=wish, booking=booking)
    except OrderNotOpen as refusal:
        return render_template("checkout/problem.html", order=_order(token), refusal=refusal), refusal.status
    return redirect(url_for("checkout.order", token=token), 303)


@bp.post("/orders/<token:token>/stop-notices")
@by_secret_link
def stop_notices(token: str) -> ResponseReturnValue:
    """No more notices by WhatsApp: the number and the consent are gone, the e-mails go on."""
    _order(token)
    notices.stop(token, viewer.actor())
    return redirect(url_for("checkout.order", token=token), 303)


def _order(token: str) -> OrderView:
    return orders.page(token) or abort(404)


def _show(view: OrderView) -> str:
    return render_template("checkout/order.html", order=view, action_form=FlaskForm(), now=clock.now(), door_code=_door_code)


def _door_code(registration_token: str, title: str) -> Markup:
    """The picture of a registration's own address, for the phone of whoever stands at the door."""
    address = f"{current_settings().site_url}{url_for('checkout.registration', token=registration_token)}"
    return Markup(qr_code.svg(address, title))  # noqa: S704 - drawn by us from an address of ours
