"""The desk's forms of a product, a page of a course and a file to upload. Called by its views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from govuk_frontend_wtf.wtforms_widgets import GovFileInput, GovSelect, GovTextArea, GovTextInput
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from ...queries.desk_products import ProductRow
from ...rules import money
from ...rules.statuses import ProductKind
from ...services.course_pages import PageFields
from ...services.products import ProductFields
from ..fields import MoneyField, WholeNumberField, radios
from .action_forms import KEY, fresh_key
from .membership_forms import DeskForm

MARKDOWN = _("Plain words with an empty line between paragraphs. **bold**, # a heading, - a list, [words](https://…) a link.")


def _strip(text: str | None) -> str:
    return (text or "").strip()


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


class ProductForm(DeskForm):
    """A product in the club's currency: ``fields`` once it is valid. ``row``: the one that is changed."""

    kind = radios(
        _("What is it?"),
        [(ProductKind.FILE, _("Files to download")), (ProductKind.COURSE, _("A course: pages to read, with files if you like"))],
    )
    title = StringField(_("Title"), filters=[_one_line], validators=[InputRequired(_("Enter a title"))], widget=GovTextInput())
    summary = StringField(_("Summary"), description=_("One sentence for the list."), filters=[_one_line], widget=GovTextInput())
    description = TextAreaField(_("Description"), description=MARKDOWN, filters=[_strip], widget=GovTextArea())
    price = MoneyField(_("Price"), description=_("Empty or 0: free."))
    member_price = MoneyField(_("Member price"), description=_("Leave it empty if members pay the same. 0: free for members."))
    stock = WholeNumberField(_("Stock"), lowest=1, description=_("How many can have it. Leave it empty for no limit."))

    def __init__(self, *args: Any, currency: str, row: ProductRow | None = None, **kwargs: Any) -> None:
        self.currency = currency
        super().__init__(*args, **(_as_typed(row) if row else {}), **kwargs)
        if row is not None:
            del self.kind

    def validate_price(self, field: MoneyField) -> None:
        field.cents(self.currency)

    def validate_member_price(self, field: MoneyField) -> None:
        field.cents(self.currency)

    @property
    def fields(self) -> ProductFields:
        return ProductFields(
            title=self.title.data or "",
            summary=self.summary.data or "",
            description=self.description.data or "",
            price_cents=self.price.cents(self.currency) or 0,
            member_price_cents=self.member_price.cents(self.currency),
            stock=self.stock.data,
        )


def _as_typed(row: ProductRow) -> dict[str, Any]:
    def amount(cents: int | None) -> str:
        return "" if cents is None else str(money.to_decimal(cents, row.currency))

    return {
        "title": row.title, "summary": row.summary, "description": row.description, "price": amount(row.price_cents),
        "member_price": amount(row.member_price_cents), "stock": row.stock,
    }  # fmt: skip


class OnceForm(DeskForm):
    """A form that acts once, however often it is sent."""

    once = HiddenField(default=fresh_key)

    def validate_once(self, field: HiddenField) -> None:
        """What is no key of ours gets a fresh one."""
        if not KEY.fullmatch(field.data or ""):
            field.data = fresh_key()


class CoursePageForm(OnceForm):
    """A page of a course: ``fields`` once it is valid."""

    title = StringField(_("Title"), filters=[_one_line], validators=[InputRequired(_("Enter a title"))], widget=GovTextInput())
    body = TextAreaField(_("Text"), description=MARKDOWN, filters=[_strip], widget=GovTextArea())

    @property
    def fields(self) -> PageFields:
        return PageFields(self.title.data or "", self.body.data or "")


class FileForm(OnceForm):
    """A file to upload, and for a course the page that it is for."""

    file = FileField(_("File"), widget=GovFileInput())
    course_page = SelectField(_("Where is it shown?"), widget=GovSelect(), default="")

    def __init__(self, *args: Any, pages: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not pages:
            del self.course_page
            return
        offered = [SelectChoice(value=str(page_id), label=title) for page_id, title in pages]
        self.course_page.choices = [SelectChoice(value="", label=_("Beside the contents of the course")), *offered]

    @property
    def page_id(self) -> int | None:
        return int(self.course_page.data) if "course_page" in self and self.course_page.data else None

    def validate_file(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Choose a file"))
