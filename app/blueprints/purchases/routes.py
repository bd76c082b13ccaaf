"""A course or a file for whoever has its secret link: the course page by page, the files to download. Nobody else's to keep.

A download leaves a count, and nothing else a GET does here changes anything.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request, send_file
from flask.typing import ResponseReturnValue

from ...queries import products as queries
from ...queries.products import PurchaseView
from ...rules.products import PartGone
from ...security import by_secret_link, keep_private
from ...services import product_access

bp = Blueprint("purchases", __name__, url_prefix="/purchases")
bp.after_request(keep_private)


@bp.get("/<token:token>")
@by_secret_link
def purchase(token: str) -> ResponseReturnValue:
    """What was bought: its pages and its files, or that it was paid back."""
    bought = _bought(token)
    return render_template("purchases/purchase.html", bought=bought), 410 if bought.revoked else 200


@bp.get("/<token:token>/pages/<int:number>")
@by_secret_link
def page(token: str, number: int) -> ResponseReturnValue:
    """One page of a course, with the way to the next."""
    bought = _bought(token)
    if bought.revoked:
        return render_template("purchases/purchase.html", bought=bought), 410
    opened = queries.open_page(bought, number) or abort(404)
    return render_template("purchases/page.html", bought=bought, opened=opened)


@bp.get("/<token:token>/files/<token:file_token>")
@by_secret_link
def file(token: str, file_token: str) -> ResponseReturnValue:
    """A file, to be kept by the person alone: counted once, however many pieces a browser fetches it in."""
    begins = request.range is None or request.range.ranges[0][0] == 0
    try:
        found = product_access.download(token, file_token, count=begins and request.method == "GET")
        response = send_file(found.path, found.content_type, as_attachment=True, download_name=found.name, conditional=True)
    except (PartGone, FileNotFoundError):
        abort(404)
    return _unshared(response)


def _unshared(response: Response) -> Response:
    """No proxy keeps it, and no browser guesses what it is or runs it."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _bought(token: str) -> PurchaseView:
    return queries.purchase(token) or abort(404)
