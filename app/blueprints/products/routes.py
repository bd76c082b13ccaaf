"""The courses and files on sale, and the page of one. Anybody may see them; what is bought goes through the basket."""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from ...queries import products as queries
from ...security import public
from .. import viewer

bp = Blueprint("products", __name__, url_prefix="/products")


@bp.get("")
@public
def products() -> ResponseReturnValue:
    """What can be bought, at the viewer's price."""
    on_sale = queries.on_sale(is_member=viewer.is_member())
    return render_template("products/products.html", products=on_sale)


@bp.get("/<slug:slug>")
@public
def product(slug: str) -> ResponseReturnValue:
    """What it is, what is in it, what it costs and how many are left; for somebody who has it, the way in."""
    page = queries.page(slug, is_member=viewer.is_member()) or abort(404)
    user_id = viewer.user_id()
    owned = queries.owned_token(user_id, page.id) if user_id is not None else None
    return render_template("products/product.html", page=page, owned=owned)
