"""The desk's form of a code, and how a code is told in words. Called by its views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovSelect, GovTextInput
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from ...queries.desk_vouchers import VoucherRow
from ...rules import money as money_rules
from ...rules.statuses import ItemKind
from ...rules.vouchers import VoucherKind, VoucherScope
from ...services.voucher_desk import VoucherFields
from ...templating import money
from ..fields import DayField, MoneyField, WholeNumberField, radios
from .membership_forms import DeskForm

KINDS = {
    ItemKind.REGISTRATION: _("Places in every session"),
    ItemKind.MEMBERSHIP: _("Memberships"),
    ItemKind.LISTING: _("Listing fees of hosts"),
    ItemKind.PRODUCT: _("Courses and files"),
}
"""What a code can be made for: the kinds that are sold on a page where one can be typed."""


class CodeForm(DeskForm):
    """A code in the club's currency: ``fields`` once it is valid."""

    code = StringField(
        _("Code"), description=_("Letters, digits and hyphens. Capitals and small letters are the same."), widget=GovTextInput()
    )
    kind = radios(
        _("What it does"),
        [
            (VoucherKind.PERCENTAGE, _("Takes a percentage off")),
            (VoucherKind.AMOUNT, _("Takes an amount off, once an order")),
            (VoucherKind.FREE, _("Makes it free")),
        ],
    )
    percent = WholeNumberField(_("Percentage"), lowest=1, description=_("Only for a percentage."))
    amount = MoneyField(_("Amount"), description=_("Only for an amount."))
    scope = radios(_("What it is for"), [(VoucherScope.EVERYTHING, _("Everything")), (VoucherScope.SESSION, _("One session"))])
    club_session = SelectField(_("Session"), description=_("Only for one session."), widget=GovSelect(), default="", choices=[])
    first_day = DayField(_("First day"), description=_("Leave it empty for now."))
    last_day = DayField(_("Last day"), description=_("Leave it empty for no end."))
    max_uses = WholeNumberField(_("How often it can be used"), lowest=1, description=_("In all. Leave it empty for no limit."))
    max_uses_each = WholeNumberField(
        _("How often by one person"), lowest=1, description=_("By one e-mail address. Leave it empty for no limit.")
    )
    members_only = BooleanField(_("Only for members"), widget=GovCheckboxInput())

    def __init__(
        self, *, currency: str, zone: str, sessions: Sequence[tuple[int, str]], row: VoucherRow | None = None
    ) -> None:
        self.currency, self.zone, self.row = currency, zone, row
        super().__init__(**(_as_typed(row, zone) if row else {}))
        kinds = [SelectChoice(value=kind.value, label=words) for kind, words in KINDS.items()]
        self.scope.choices = [self.scope.choices[0], *kinds, self.scope.choices[-1]]
        self.club_session.choices = [("", gettext("Choose a session")), *((str(id_), title) for id_, title in sessions)]
        if row is not None:
            del self.code

    def validate_amount(self, field: MoneyField) -> None:
        field.cents(self.currency)

    def validate_last_day(self, field: DayField) -> None:
        if field.data and self.first_day.data and field.data < self.first_day.data:
            raise ValidationError(_("Enter a last day that is not before the first"))

    @property
    def fields(self) -> VoucherFields:
        """What the service is asked for. A day is from its first moment to its last, by the club's clock."""
        kind = VoucherKind(self.kind.data)
        item_kind = ItemKind(self.scope.data) if self.scope.data in set(ItemKind) else None
        scope = VoucherScope.KIND if item_kind else VoucherScope(self.scope.data)
        amount = self.amount.cents(self.currency) if kind is VoucherKind.AMOUNT else None
        return VoucherFields(
            kind=kind,
            percent=self.percent.data if kind is VoucherKind.PERCENTAGE else None,
            amount_cents=amount,
            currency=self.currency if amount else None,
            scope=scope,
            item_kind=item_kind,
            club_session_id=int(self.club_session.data) if scope is VoucherScope.SESSION and self.club_session.data else None,
            starts_at=self._moment(self.first_day.data, 0, self.row.starts_at if self.row else None),
            ends_at=self._moment(self.last_day.data, 1, self.row.ends_at if self.row else None),
            members_only=self.members_only.data,
            max_uses=self.max_uses.data,
            max_uses_each=self.max_uses_each.data,
        )

    def _moment(self, day: date | None, later: int, before: datetime | None) -> datetime | None:
        """The moment that a day stands for; the one before, exactly, while the page still shows its day (ended at noon)."""
        if day is None or (before is not None and day == _day(before, later, self.zone)):
            return before if day is not None else None
        midnight = datetime.combine(day + timedelta(days=later), time())
        return midnight.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


def effect_words(row: VoucherRow) -> str:
    """What a code does: "20 % off", "NZ$5.00 off", "free"."""
    if row.kind is VoucherKind.PERCENTAGE:
        return gettext("%(percent)s %% off", percent=row.percent)
    if row.kind is VoucherKind.AMOUNT:
        return gettext("%(amount)s off", amount=money(row.amount_cents or 0, row.currency or ""))
    return gettext("Free")


def scope_words(row: VoucherRow) -> str:
    """What a code is for."""
    if row.scope is VoucherScope.SESSION:
        return row.session_title or ""
    return str(KINDS[row.item_kind]) if row.item_kind else gettext("Everything")


def _day(moment: datetime, later: int, zone: str) -> date:
    """The day that a moment was typed as: the last day is the one that holds the moment before."""
    return (moment - timedelta(microseconds=later)).astimezone(ZoneInfo(zone)).date()


def _as_typed(row: VoucherRow, zone: str) -> dict[str, Any]:
    amount = "" if row.amount_cents is None else str(money_rules.to_decimal(row.amount_cents, row.currency or ""))
    return {
        "kind": row.kind.value, "percent": row.percent, "amount": amount,
        "scope": row.item_kind.value if row.item_kind else row.scope.value, "club_session": str(row.club_session_id or ""),
        "first_day": _day(row.starts_at, 0, zone) if row.starts_at else None,
        "last_day": _day(row.ends_at, 1, zone) if row.ends_at else None,
        "max_uses": row.max_uses, "max_uses_each": row.max_uses_each, "members_only": row.members_only,
    }  # fmt: skip
