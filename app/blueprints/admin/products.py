"""The desk's courses and files: made, changed, put on sale and taken off it; who bought them; and paying one back."""

from __future__ import annotations

from collections.abc import Callable

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...config import current_settings
from ...queries import desk_products
from ...queries import products as queries
from ...queries.desk_products import ProductRow
from ...rules import money
from ...rules.refusals import Refusal
from ...rules.statuses import ProductKind, Role
from ...security import fresh_second_factor, staff_only
from ...services import product_access
from ...services import products as service
from ...templating import money as money_words
from ...templating import refusal_text
from .. import viewer
from . import bp
from .action_forms import AmountForm, walk
from .paging import page_number
from .product_forms import ProductForm


@bp.get("/products")
@staff_only(Role.STAFF)
def products() -> ResponseReturnValue:
    """Every course and file, those on sale first."""
    return render_template("admin/products.html", products=desk_products.everything())


@bp.route("/products/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def product_new() -> ResponseReturnValue:
    """Make one. It is not on sale before there is something in it and staff say so."""
    form = ProductForm(currency=current_settings().currency)
    if form.validate_on_submit():
        try:
            slug = service.create(ProductKind(form.kind.data), form.fields, form.currency, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal, price_cents="price", member_price_cents="member_price")
        else:
            return done(slug, _("It is made, and not on sale yet. Put something in it next."))
    return render_template("admin/product_form.html", form=form, product=None), form.http_status


@bp.get("/products/<slug:product_slug>")
@staff_only(Role.STAFF)
def product(product_slug: str) -> ResponseReturnValue:
    """One with everything in it."""
    row = found(product_slug)
    return render_template("admin/product.html", product=row, contents=desk_products.contents(row.id))


@bp.get("/products/<slug:product_slug>/preview")
@staff_only(Role.STAFF)
def product_preview(product_slug: str) -> ResponseReturnValue:
    """The page of one that is not on sale as it would look; nobody but staff sees it."""
    page = queries.preview(product_slug) or abort(404)
    return render_template("products/product.html", page=page, owned=None, preview=True)


@bp.route("/products/<slug:product_slug>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def product_edit(product_slug: str) -> ResponseReturnValue:
    """Change it for those who buy it from now on."""
    row = found(product_slug)
    form = ProductForm(currency=row.currency, row=row)
    if form.validate_on_submit():
        try:
            service.edit(product_slug, form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal, price_cents="price", member_price_cents="member_price")
        else:
            return done(product_slug, _("It is changed."))
    return render_template("admin/product_form.html", form=form, product=row), form.http_status


@bp.post("/products/<slug:product_slug>/publish")
@staff_only(Role.STAFF)
def product_publish(product_slug: str) -> ResponseReturnValue:
    """Put it on sale."""
    return attempt(product_slug, lambda: service.publish(product_slug, viewer.actor()), _("It is on sale."))


@bp.post("/products/<slug:product_slug>/unpublish")
@staff_only(Role.STAFF)
def product_unpublish(product_slug: str) -> ResponseReturnValue:
    """Take it off sale; who has it keeps it."""
    words = _("It is off sale. Who has it keeps it, and who is paying for it now gets it.")
    return attempt(product_slug, lambda: service.unpublish(product_slug, viewer.actor()), words)


@bp.get("/products/<slug:product_slug>/buyers")
@staff_only(Role.STAFF)
def product_buyers(product_slug: str) -> ResponseReturnValue:
    """Who bought it, and what they downloaded."""
    row = found(product_slug)
    return render_template("admin/product_buyers.html", product=row, page=desk_products.buyers(row.id, page_number()))


@bp.route("/purchases/<int:item_id>/refund", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def purchase_refund(item_id: int) -> ResponseReturnValue:
    """Give part or all of its price back; all of it takes it away."""
    bought, left = desk_products.purchase(item_id) or abort(404), desk_products.refundable(item_id)
    form = AmountForm(left_cents=left, currency=bought.currency, amount=str(money.to_decimal(left, bought.currency)))
    back = url_for("admin.product_buyers", product_slug=bought.product_slug)
    if not left and request.method == "GET":
        flash(_("Nothing is left to refund."))
        return redirect(back, 303)

    def refund() -> str:
        owed = product_access.refund(item_id, form.cents, form.reason.data, viewer.actor(), once=form.once.data)
        if not owed:
            return _("This refund was made already. Nothing was done twice.")
        return _("%(amount)s goes back to %(name)s.", amount=money_words(owed, bought.currency), name=bought.name)

    facts = {"bought": bought, "left": left, "back": back}
    return walk(form, "admin/purchase_refund.html", refund, lambda: back, **facts)


def found(slug: str) -> ProductRow:
    """The product, or 404. Also called by the views of what is in it."""
    return desk_products.one(slug) or abort(404)


def attempt(slug: str, act: Callable[[], None], words: str) -> ResponseReturnValue:
    """Do it, and say on the product's page what came of it."""
    try:
        act()
    except Refusal as refusal:
        if refusal.status == 404:
            abort(404)
        words = refusal_text(refusal)
    return done(slug, words)


def done(slug: str, words: str) -> ResponseReturnValue:
    """Back to the product, with what was done."""
    flash(words)
    return redirect(url_for("admin.product", product_slug=slug), 303)
