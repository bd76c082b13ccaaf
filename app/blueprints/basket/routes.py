"""The basket's pages. Its cookie is opaque and set only when something is put in; what is in it stays in the database."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ...config import current_settings
from ...rules.refusals import AlreadyRegistered, BasketEmpty, BasketGone, PriceChanged, Refusal
from ...rules.statuses import ItemKind
from ...security import keep_private, public
from ...services import baskets, checkout, items
from ...services.items import Buyer, Wanted
from ...templating import refusal_text
from .. import typed_codes, viewer
from ..buyer_fields import fresh_attempt
from ..whatsapp_fields import agreed_number, with_whatsapp
from .forms import AddForm, ChangeForm, CheckoutForm, GuestForm

bp = Blueprint("basket", __name__, url_prefix="/basket")
bp.after_request(keep_private)


@bp.get("")
@public
def basket() -> ResponseReturnValue:
    """What is in it, what it costs this viewer now, and the way to pay. Changes nothing."""
    return _show(_form())


@bp.route("/add/<slug:kind>/<slug:slug>", methods=["GET", "POST"])
@public
def add(kind: str, slug: str) -> ResponseReturnValue:
    """How many of this? Sent, it is in the basket."""
    sold = _kind(kind)
    form, single = AddForm(), items.handler(sold).single
    asked = request.method == "POST"
    if asked and not single and not form.validate():
        return _show_add(sold, slug, form)
    wanted = Wanted(sold, slug, 1 if single or not asked else form.quantity.data)
    if not asked:
        return _show_add(sold, slug, form)
    try:
        token = baskets.add(_token(), wanted, _buyer())
    except Refusal as refusal:
        return _show_add(sold, slug, form, refusal)
    return _carry(redirect(url_for("basket.basket"), 303), token)


@bp.post("/lines/<int:item_id>")
@public
def change(item_id: int) -> ResponseReturnValue:
    """Change how many of a line there are; what is no such number changes nothing and is shown again at its line."""
    wish = ChangeForm()
    if not wish.validate():
        return _show(_form(), wrong=(item_id, wish))
    return _change(item_id, wish.quantity.data)


@bp.post("/lines/<int:item_id>/remove")
@public
def remove(item_id: int) -> ResponseReturnValue:
    """Take a line out."""
    return _change(item_id, 0)


@bp.post("/code")
@public
@typed_codes.trying_codes
def code() -> ResponseReturnValue:
    """What it costs with the code that was typed; nothing typed, without one. Whatever else was typed stays."""
    form = _form()
    try:
        if not form.code.validate(form):
            return _show(form, typed=True), 422
        baskets.use_code(_token() or "", form.code.data, _buyer(form))
    except Refusal as refusal:
        return _show(form, refusal, typed=True)
    return _show(form, typed=True)


@bp.post("/checkout")
@public
@typed_codes.trying_codes
def pay() -> ResponseReturnValue:
    """Order everything in it and leave for Stripe, or say which line cannot be had: then nothing was taken."""
    form = _form()
    if not form.validate():
        return _show(form, typed=True), 422
    try:
        if (token := _token()) is None:
            raise BasketEmpty
        seen, code = form.expected_total_cents.data, form.code.data
        destination = checkout.begin_basket(token, _buyer(form), seen, form.attempt.data, code)
    except Refusal as refusal:
        form.attempt.data = fresh_attempt()  # the one before has been used up by the order that came to nothing
        return _show(form, refusal, typed=True)
    viewer.remember_order(destination.order_token)
    return redirect(destination.url, 303)


def _change(item_id: int, quantity: int) -> ResponseReturnValue:
    try:
        baskets.change(_token() or "", item_id, quantity, _buyer())
    except Refusal as refusal:
        return _show(_form(), refusal)
    return redirect(url_for("basket.basket"), 303)


def _kind(name: str) -> ItemKind:
    return next((kind for kind in items.kinds() if kind == name and items.handler(kind).in_baskets), None) or abort(404)


def _form() -> CheckoutForm:
    return with_whatsapp(GuestForm if viewer.user_id() is None else CheckoutForm)()


def _buyer(form: CheckoutForm | None = None) -> Buyer:
    """Who buys: typed by a guest, the account's for somebody signed in, nobody known yet before that."""
    if viewer.user_id() is not None:
        known = Buyer(current_user.name, current_user.email, viewer.user_id(), viewer.standing())
    else:
        known = Buyer(form.name.data, form.email.data) if isinstance(form, GuestForm) else Buyer()
    return replace(known, whatsapp_number=agreed_number(form)) if form is not None else known


def _show_add(kind: ItemKind, slug: str, form: AddForm, refusal: Refusal | None = None) -> ResponseReturnValue:
    handler, quoted = items.handler(kind), None
    try:
        quoted = baskets.offered(Wanted(kind, slug), _buyer())
    except Refusal as error:
        refusal = refusal or error
    if quoted is None and refusal is not None and refusal.status == 404:
        abort(404)
    facts = {"kind": kind, "slug": slug, "quoted": quoted, "single": handler.single, "path": handler.path(slug)}
    page = render_template("basket/add.html", form=form, notice=refusal, **facts)
    return page, refusal.status if refusal else 422 if form.errors else 200


def _show(
    form: CheckoutForm, refusal: Refusal | None = None, *, typed: bool = False, wrong: tuple[int, ChangeForm] | None = None
) -> ResponseReturnValue:
    """The basket; with a refusal, what it says and of which line. ``typed``: with the code of the form, not the one kept.

    ``wrong``: the line whose number cannot be, and what was typed there.
    """
    view, gone = baskets.View(), None
    try:
        view = baskets.view(token, _buyer(form), form.code.data if typed else None) if (token := _token()) else view
    except BasketGone as error:
        gone = error
    if wrong is not None and not any(line.id == wrong[0] and not line.single for line in view.lines):
        wrong = None  # that line has gone meanwhile
    notice = refusal or gone or view.code_refusal
    if _refuse_code(form, view, refusal):
        notice = None
    page = render_template(
        "basket/basket.html", view=view, form=form, notice=notice, words=_words(notice, form), settings=current_settings(),
        changed=isinstance(refusal, PriceChanged), about=notice.about if notice else None, wrong=wrong,
    )  # fmt: skip
    answer = refusal or gone
    response = make_response(page, answer.status if answer else 422 if wrong else 200)
    if gone is not None:
        response.delete_cookie(_cookie_name(), path="/", secure=_https(), httponly=True, samesite="Lax")
    return response


def _refuse_code(form: CheckoutForm, view: baskets.View, refusal: Refusal | None) -> bool:
    """Fill in the code; whether it is what was refused, which its field says."""
    form.code.data = view.code or form.code.data
    refused = refusal or view.code_refusal
    return refused is not None and typed_codes.refused(form, refused)


def _words(notice: Refusal | None, form: CheckoutForm) -> str:
    """What the refusal says; of an address that has a booking, no more than its own mail does."""
    if isinstance(notice, AlreadyRegistered):
        return ""
    return refusal_text(notice) if notice is not None else ""


def _token() -> str | None:
    return request.cookies.get(_cookie_name()) or None


def _carry(response: Response | ResponseReturnValue, token: str) -> Response:
    made = make_response(response)
    age = int(baskets.KEEP.total_seconds())
    made.set_cookie(_cookie_name(), token, max_age=age, path="/", secure=_https(), httponly=True, samesite="Lax")
    return made


def _https() -> bool:
    return current_settings().site_url.startswith("https://")


def _cookie_name() -> str:
    return "__Host-basket" if _https() else "basket"
