"""The desk's view of what is in a product: files uploaded, replaced, removed; a course's pages written, ordered, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, render_template, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...config import current_settings
from ...queries import desk_products
from ...queries.desk_products import ProductRow
from ...rules.products import ALLOWED
from ...rules.refusals import Refusal
from ...rules.statuses import ProductKind, Role
from ...security import staff_only, takes_files
from ...services import course_pages, product_files
from .. import viewer
from . import bp
from .product_forms import CoursePageForm, FileForm, OnceForm
from .products import attempt, done, found


@bp.route("/products/<slug:product_slug>/files/new", methods=["GET", "POST"])
@takes_files
@staff_only(Role.STAFF)
def product_file_new(product_slug: str) -> ResponseReturnValue:
    """Upload one more file."""
    product = found(product_slug)
    pages = [(page.id, page.title) for page in desk_products.contents(product.id).pages]
    form = FileForm(pages=pages)

    def add() -> None:
        file = form.file.data
        product_files.add(product_slug, file.stream, file.filename, form.page_id, viewer.actor(), once=form.once.data)

    return _kept(form, product_slug, add, _("The file is there.")) or _file_form(product, form, None)


@bp.route("/products/<slug:product_slug>/files/<int:file_id>/replace", methods=["GET", "POST"])
@takes_files
@staff_only(Role.STAFF)
def product_file_replace(product_slug: str, file_id: int) -> ResponseReturnValue:
    """Put another file in its place: the links that people have lead to the new one."""
    product, form = found(product_slug), FileForm()
    old = _file(product, file_id)

    def replace() -> None:
        product_files.replace(product_slug, file_id, form.file.data.stream, form.file.data.filename, viewer.actor())

    return _kept(form, product_slug, replace, _("The file is replaced.")) or _file_form(product, form, old)


@bp.route("/products/<slug:product_slug>/files/<int:file_id>/remove", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def product_file_remove(product_slug: str, file_id: int) -> ResponseReturnValue:
    """Take it away from everybody, after a page that says from how many."""
    if request.method == "GET":
        product = found(product_slug)
        file = _file(product, file_id)
        return render_template("admin/product_part_remove.html", product=product, file=file, page=None)
    return attempt(product_slug, lambda: product_files.remove(product_slug, file_id, viewer.actor()), _("The file is removed."))


@bp.get("/products/<slug:product_slug>/files/<int:file_id>")
@staff_only(Role.STAFF)
def product_file(product_slug: str, file_id: int) -> ResponseReturnValue:
    """The file as its buyers get it; looking at it is not counted."""
    file = _file(found(product_slug), file_id)
    path = product_files.where(file.stored_name) or abort(404)
    return send_file(path, file.content_type, as_attachment=True, download_name=file.name)


@bp.route("/products/<slug:product_slug>/pages/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def course_page_new(product_slug: str) -> ResponseReturnValue:
    """Write one more page, and look at it before it is kept."""
    product, form = found(product_slug), CoursePageForm()
    if product.kind is not ProductKind.COURSE:
        abort(404)

    def add() -> None:
        course_pages.add(product_slug, form.fields, viewer.actor(), once=form.once.data)

    return _kept(form, product_slug, add, _("The page is there.")) or _page_form(product, form, None)


@bp.route("/products/<slug:product_slug>/pages/<int:page_id>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def course_page_edit(product_slug: str, page_id: int) -> ResponseReturnValue:
    """Change a page for everybody who has the course, and look at it before it is kept."""
    product = found(product_slug)
    page = _page(product, page_id)
    form = CoursePageForm(title=page.title, body=page.body)

    def edit() -> None:
        course_pages.edit(product_slug, page_id, form.fields, viewer.actor())

    return _kept(form, product_slug, edit, _("The page is changed.")) or _page_form(product, form, page)


@bp.post("/products/<slug:product_slug>/pages/<int:page_id>/move")
@staff_only(Role.STAFF)
def course_page_move(product_slug: str, page_id: int) -> ResponseReturnValue:
    """Put it one place earlier or later."""
    up = request.form.get("to") == "up"
    return attempt(product_slug, lambda: course_pages.move(product_slug, page_id, up, viewer.actor()), _("The order is changed."))


@bp.route("/products/<slug:product_slug>/pages/<int:page_id>/remove", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def course_page_remove(product_slug: str, page_id: int) -> ResponseReturnValue:
    """Take a page out, after a page that asks."""
    if request.method == "GET":
        product = found(product_slug)
        page = _page(product, page_id)
        return render_template("admin/product_part_remove.html", product=product, file=None, page=page)
    return attempt(product_slug, lambda: course_pages.remove(product_slug, page_id, viewer.actor()), _("The page is removed."))


def _kept(form: OnceForm, product_slug: str, keep: Callable[[], None], words: str) -> ResponseReturnValue | None:
    """Do it if it was sent and is in order; None when the form is to be shown, for the first time or again."""
    if not form.validate_on_submit() or _previews():
        return None
    try:
        keep()
    except Refusal as refusal:
        form.refuse(refusal)
        return None
    return done(product_slug, words)


def _previews() -> bool:
    return request.form.get("step") == "preview"


def _file(product: ProductRow, file_id: int) -> Any:
    files = desk_products.contents(product.id).files
    return next((file for file in files if file.id == file_id), None) or abort(404)


def _page(product: ProductRow, page_id: int) -> Any:
    pages = desk_products.contents(product.id).pages
    return next((page for page in pages if page.id == page_id), None) or abort(404)


def _file_form(product: ProductRow, form: FileForm, old: Any) -> ResponseReturnValue:
    facts = {"most": current_settings().file_megabytes, "kinds": ", ".join(ALLOWED)}
    return render_template("admin/product_file.html", product=product, form=form, old=old, **facts), form.http_status


def _page_form(product: ProductRow, form: CoursePageForm, page: Any) -> ResponseReturnValue:
    preview = form.fields if _previews() and not form.errors else None
    shown = render_template("admin/course_page.html", product=product, form=form, page=page, preview=preview)
    return shown, form.http_status
