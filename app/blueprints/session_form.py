"""The shape of a club session as the committee types it. The session views make it; whether it may be so, the service decides.

The rules for single values are the import's too (services.club_session_fields); the words are this form's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovTextArea, GovTextInput
from wtforms import BooleanField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, ValidationError

from ..queries.desk_sessions import SessionRecord
from ..rules import money
from ..rules.refusals import Refusal
from ..rules.statuses import Entry, RefundPolicy, SessionStatus, WaitlistPayment
from ..services import club_sessions
from ..services.club_session_fields import RESERVED, ClubSessionFields, FieldsRefused, Problem, check_fields
from ..services.club_sessions import NoSuchTime
from ..templating import refusal_text
from .fields import ClockField, DayField, MoneyField, WholeNumberField, radios
from .session_form_groups import is_open
from .session_words import WORDS, price_words

MOMENTS = {
    "starts": "starts_at", "ends": "ends_at", "opens": "opens_at", "members_open": "members_open_at",
    "closes": "closes_at", "refund": "refund_until", "early": "early_price_until",
}  # fmt: skip
"""Each is typed as a day and a time of the session's own zone: ``starts_day`` and ``starts_time`` are ``starts_at``."""
PRICES = {
    "non_member_price": "non_member_price_cents", "member_price": "member_price_cents", "student_price": "student_price_cents",
    "early_non_member_price": "early_non_member_price_cents", "early_member_price": "early_member_price_cents",
    "refund_fee": "refund_fee_cents",
}  # fmt: skip
"""Each is typed as an amount of money."""
AS_TYPED = (
    "title", "slug", "summary", "description", "location", "time_zone", "capacity", "waitlist_capacity", "max_places",
    "currency", "status", "entry", "waitlist_payment", "waitlist_members_first", "refund_policy", "refund_percent",
    "allow_promotion_codes",
)  # fmt: skip
SHOWN_AT = {"starts_at": "starts_day", "ends_at": "ends_time", **{at: f"{name}_day" for name, at in list(MOMENTS.items())[2:]}}
SHOWN_AT |= {at: name for name, at in PRICES.items()}
"""Where the form shows a problem with a field of the record, when it has no field of that name."""
READ_FROM = {
    **{at: (f"{name}_day", f"{name}_time", "time_zone") for name, at in MOMENTS.items()},
    "ends_at": ("ends_day", "ends_time", "time_zone", "starts_day", "starts_time"),
    **{at: (name, "non_member_price", "currency") for name, at in PRICES.items()},
    "early_member_price_cents": ("early_member_price", "member_price", "non_member_price", "currency"),
    "refund_fee_cents": ("refund_fee", "currency"),
}
"""What a field of the record is made of or measured by: while one of these is wrong, it is too early to complain about it."""
DEFAULTS = {"refund_percent": 100, "refund_fee_cents": 0}


def _strip(text: str | None) -> str:
    return (text or "").strip()


def _local(moment: datetime | None, zone: str) -> datetime | None:
    return None if moment is None else moment.astimezone(ZoneInfo(zone))


def _same(before: datetime, zone: str, day: date, clock: time | None) -> bool:
    """Whether the page showed just this: then the moment stays exact, with its seconds and in the hour that comes twice."""
    local = before.astimezone(ZoneInfo(zone))
    return local.date() == day and clock is not None and (local.hour, local.minute) == (clock.hour, clock.minute)


def _line(label: Any, **kwargs: Any) -> StringField:
    return StringField(label, filters=[_strip], widget=GovTextInput(), **kwargs)


def _shown(record: SessionRecord, name: str) -> Any:
    """What the form shows of a field; a percentage or fee that was never asked for is left empty."""
    value = getattr(record, name)
    policy = {"refund_percent": RefundPolicy.PERCENTAGE, "refund_fee_cents": RefundPolicy.FEE_KEPT}.get(name)
    return None if policy is not None and record.refund_policy is not policy and value == DEFAULTS[name] else value


class ClubSessionForm(FlaskForm):
    """Every field of a club session that a person decides. ``seen`` is the state of the record that the page showed."""

    title = _line(_("Title"), validators=[InputRequired(_("Enter a title, like “Social badminton”"))])
    slug = _line(
        _("Address on this site"),
        description=_("The end of its link: small letters, digits and hyphens. Leave it empty to make it from title and date."),
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    summary = _line(_("Summary"), description=_("One sentence for the list of sessions."))
    description = TextAreaField(
        _("Description"),
        description=_(
            "What people need to know: level, what to bring, how to get in. An empty line starts a new paragraph. "
            "**Bold**, - lists, ## headings and [links](https://…) work as in Markdown."
        ),
        filters=[_strip],
        widget=GovTextArea(),
    )
    location = _line(_("Place"), description=_("Name and address, so that people find it."))
    starts_day = DayField(_("Start date"), validators=[InputRequired(_("Enter the date it starts"))])
    starts_time = ClockField(_("Start time"), validators=[InputRequired(_("Enter the time it starts"))])
    ends_day = DayField(_("End date, if not the same day"))
    ends_time = ClockField(_("End time"), validators=[InputRequired(_("Enter the time it ends"))])
    time_zone = _line(
        _("Time zone"),
        description=_("All times on this page are in this zone. Change it only for a session elsewhere, like Australia/Sydney."),
        validators=[InputRequired(_("Enter a time zone, like Pacific/Auckland"))],
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    capacity = WholeNumberField(
        _("Number of places"),
        description=_("How many people can take part."),
        validators=[InputRequired(_("Enter how many places there are"))],
    )
    waitlist_capacity = WholeNumberField(_("Spots on the waitlist"), description=_("Empty: no waitlist."))
    max_places = WholeNumberField(
        _("Most places in one booking"), lowest=1, default=1, description=_("How many one person may book.")
    )
    non_member_price = MoneyField(_("Price of a place"), description=_("Like 12.00. Empty: free."))
    member_price = MoneyField(_("Price for members"), description=_("Empty: the same price."))
    student_price = MoneyField(_("Price for students"), description=_("Empty: no price of their own."))
    early_non_member_price = MoneyField(_("Early price"), description=_("For whoever books early. Empty: no early price."))
    early_member_price = MoneyField(_("Early price for members"), description=_("Empty: no early price for members."))
    early_day = DayField(_("Early prices until: date"), description=_("Needed with an early price."))
    early_time = ClockField(_("Early prices until: time"), description=_("Empty: midnight, when that day begins."))
    allow_promotion_codes = BooleanField(
        _("Take Stripe’s promotion codes"),
        description=_("Codes made in Stripe’s dashboard, typed on its page, when somebody books this session and nothing else."),
        widget=GovCheckboxInput(),
    )
    currency = _line(
        _("Currency"), description=_("Three letters, like NZD."), validators=[InputRequired(_("Enter a currency, like NZD"))]
    )
    status = radios(_("Who can see it"), [
        (SessionStatus.DRAFT, _("Only the committee: it is a draft")),
        (SessionStatus.PUBLISHED, _("Everybody: it is published")),
    ])  # fmt: skip
    entry = radios(_("How people get a place"), [
        (Entry.OPEN, _("They register, first come, first served")),
        (Entry.APPLICATION, _("They apply, and the committee chooses")),
    ])  # fmt: skip
    waitlist_payment = radios(_("When people on the waitlist pay"), [
        (WaitlistPayment.ON_OFFER, _("When they are offered a place")),
        (WaitlistPayment.UPFRONT, _("When they join it; they get it all back if no place comes free")),
    ])  # fmt: skip
    waitlist_members_first = radios(_("Who on the waitlist is offered a place first"), [
        ("no", _("Whoever joined it first")),
        ("yes", _("Members, then everybody else, each in the order they joined")),
    ])  # fmt: skip
    refund_policy = radios(_("What people get back when they cancel in time"), [
        (RefundPolicy.FULL, _("All that they paid")),
        (RefundPolicy.PERCENTAGE, _("A percentage of what they paid")),
        (RefundPolicy.FEE_KEPT, _("What they paid, less a fee that the club keeps")),
        (RefundPolicy.NONE, _("Nothing: no refunds once paid")),
    ])  # fmt: skip
    refund_percent = WholeNumberField(_("Percentage given back"), description=_("For a percentage: from 0 to 100, like 50."))
    refund_fee = MoneyField(_("Fee the club keeps"), description=_("For a fee: once for each booking, like 5.00."))
    opens_day = DayField(_("Registration opens: date"), description=_("Empty: at once."))
    opens_time = ClockField(_("Registration opens: time"), description=_("Empty: midnight."))
    members_open_day = DayField(_("Opens for members: date"), description=_("Empty: with everybody else."))
    members_open_time = ClockField(_("Opens for members: time"), description=_("Empty: midnight."))
    closes_day = DayField(_("Registration closes: date"), description=_("Empty: when the session starts."))
    closes_time = ClockField(_("Registration closes: time"), description=_("Empty: midnight, when that day begins."))
    refund_day = DayField(_("Refunds until: date"), description=_("Who cancels before it cancels in time. Empty: no refunds."))
    refund_time = ClockField(_("Refunds until: time"), description=_("Empty: midnight, when that day begins."))
    seen = HiddenField()

    def __init__(self, *args: Any, record: SessionRecord | None = None, **kwargs: Any) -> None:
        self.record = record
        self.refused: Refusal | None = None
        self.fields: ClubSessionFields | None = None
        """What was typed, read; there after a ``validate`` that found nothing wrong."""
        super().__init__(*args, **kwargs)
        if record is not None and record.status not in club_sessions.FORM_STATUSES:
            del self.status

    @classmethod
    def of(cls, record: SessionRecord) -> ClubSessionForm:
        """The form filled in with a session as it is."""
        values: dict[str, Any] = {name: _shown(record, name) for name in AS_TYPED}
        values["allow_promotion_codes"] = record.allow_promotion_codes
        values["waitlist_members_first"] = "yes" if record.waitlist_members_first else "no"
        for name, at in MOMENTS.items():
            local = _local(getattr(record, at), record.time_zone)
            values |= {f"{name}_day": local and local.date(), f"{name}_time": local and local.time()}
        for name, field in PRICES.items():
            cents = _shown(record, field)
            values[name] = "" if cents is None else str(money.to_decimal(cents, record.currency))
        return cls(record=record, seen=record.fingerprint, **values)

    @property
    def http_status(self) -> int:
        """What the page that shows this form answers: a refusal's own status, 422 for mistakes, else 200."""
        return self.refused.status if self.refused is not None else 422 if self.errors else 200

    def shows(self, group: str) -> bool:
        """Whether this part of the page is unfolded."""
        return is_open(self, group)

    def filter_currency(self, text: str | None) -> str:
        """However it is typed, a currency is written large."""
        return (text or "").upper()

    def validate(self, extra_validators: Any = None) -> bool:
        """Read everything, and say everything that is wrong at once."""
        fine = bool(super().validate(extra_validators))
        typed = ((name, self[name].data) for name in AS_TYPED if name in self)
        values: dict[str, object] = {name: str(data) for name, data in typed if data is not None}
        if self.record is not None:
            values.setdefault("status", self.record.status.value)
        values |= {at: self._moment(name, at) for name, at in MOMENTS.items()}
        values |= {field: self._cents(name) for name, field in PRICES.items()}
        try:
            self.fields = check_fields(values, time_zone="", currency="")
        except FieldsRefused as refused:
            self._show(refused.problems)
        return fine and not self.errors

    def refuse(self, refusal: Refusal | FieldsRefused) -> None:
        """Show why the service said no: at its field, or above the form."""
        if isinstance(refusal, FieldsRefused):
            self._show(refusal.problems)
        elif refusal.field is not None:
            self.refused = refusal
            self[refusal.field].errors = [refusal_text(refusal)]
        else:
            self.refused = refusal
            if self.record is not None:  # shown what became of it, the person decides again
                self.seen.data = self.record.fingerprint

    def _moment(self, name: str, at: str) -> str | None:
        """The moment typed, for ``check_fields``; None when there is none or what was typed has an error already."""
        day, clock = self[f"{name}_day"], self[f"{name}_time"]
        on = day.data or (self.starts_day.data if name == "ends" else None)
        if on is None or day.errors or clock.errors:
            if clock.data and not on and not day.errors and name != "ends":
                day.errors = [gettext("Enter a date too, or leave both empty")]
            return None
        before: datetime | None = getattr(self.record, at, None)
        zone = self.time_zone.data
        try:
            if before is not None and self.record and self.record.time_zone == zone and _same(before, zone, on, clock.data):
                return before.isoformat()
            return club_sessions.moment_at(on, clock.data or time(), zone).isoformat()
        except NoSuchTime:
            clock.errors = [gettext("The clocks go forward that night and skip this time. Enter one that is an hour later")]
        except (KeyError, ValueError, OSError):  # ZoneInfo's ways to say that there is no such zone
            self.time_zone.errors = [gettext("Enter a time zone like Pacific/Auckland")]
        return None

    def _cents(self, name: str) -> int | None:
        """The price typed, for ``check_fields``; the field says what is wrong with it."""
        field = self[name]
        try:
            return field.cents(self.currency.data)
        except ValidationError as error:
            field.errors = [str(error)]
            return None

    def _show(self, problems: Iterable[Problem]) -> None:
        """Each problem at its field in this form's words, unless something more exact is said there already."""
        for problem in problems:
            name = SHOWN_AT.get(problem.field, problem.field)
            if not any(self[source].errors for source in READ_FROM.get(problem.field, (name,))):
                self[name].errors = [self._words(problem)]

    def _words(self, problem: Problem) -> str:
        """What to do about a problem; a field that can be wrong in several ways is looked at again."""
        name, before = problem.field, self.record
        if name in PRICES.values():
            return self._price_words(name)
        if name == "slug" and self.slug.data in RESERVED:
            return gettext("This is the address of another page. Choose another one, or leave it empty")
        if name == "status" and before is not None:
            return gettext("People are registered, waiting or paying, so it cannot become a draft. Cancel the session instead")
        if name in ("slug", "currency") and before is not None and self.fields is not None:
            kept = getattr(before, name)
            return gettext("People have booked with “%(before)s”, so this can no longer change. Enter it again", before=kept)
        return str(WORDS.get(name, gettext(problem.text)))

    def _price_words(self, field: str) -> str:
        amounts = {at: self._cents(name) for name, at in PRICES.items()}
        return price_words(field, amounts, self.currency.data)
