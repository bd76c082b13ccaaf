"""What the session form says about a field that cannot be so, in instructions. Called by the form.

Whether it can be so is decided by services.club_session_fields, for the import too, whose words name fields instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from ..rules import money
from ..services.club_session_fields import CHEAPER, ClubSessionFields, warnings
from ..templating import money as money_words

WORDS = {
    "title": _("Enter a title on one line, of 200 characters or fewer"),
    "slug": _("Use only small letters, digits and single hyphens, like badminton-3-december, and no more than 80 of them"),
    "summary": _("Enter a summary on one line, of 300 characters or fewer"),
    "description": _("Enter a description of 20,000 characters or fewer"),
    "location": _("Enter a place on one line, of 300 characters or fewer"),
    "starts_at": _("Enter a start in the future, before the year 2100: check the year"),
    "ends_at": _("Enter an end after the start. If it ends on another day, enter that day too"),
    "time_zone": _("Enter a time zone like Pacific/Auckland"),
    "capacity": _("Enter a number of places from 0 to 100,000"),
    "waitlist_capacity": _("Enter a number of spots up to 100,000, or leave it empty for no waitlist"),
    "max_places": _("Enter a number from 1 to 100"),
    "currency": _("Enter a currency by its three letters, like NZD"),
    "opens_at": _("Registration must open before it closes and before the session starts. Enter an earlier date or time"),
    "members_open_at": _("Registration must open before it closes and before the session starts. Enter an earlier date or time"),
    "closes_at": _("Registration must close before the session starts, or when it does. Enter an earlier date or time"),
    "refund_until": _("Enter until when people can cancel in time, before the year 2100, or choose that nothing is given back"),
    "refund_percent": _("Enter a percentage from 0 to 100, like 50"),
    "early_price_until": _("Enter when the early price ends: a date before the session starts, or when it does"),
    "status": _("Choose whether everybody can see it"),
}
"""What to do about a field, whatever is wrong with it."""
WARNINGS = {
    "refund_fee_cents": _(
        "Please check the fee that the club keeps: it is more than a place costs somebody here, who would get nothing back."
    ),
}
"""What was saved as typed, and is hardly meant."""
CHANGES = {
    "title": _("the title"),
    "summary": _("the summary"),
    "description": _("the description"),
    "starts_at": _("the time"),
    "ends_at": _("the time"),
    "location": _("the place"),
    "capacity": _("the number of places"),
    "waitlist_capacity": _("the waitlist"),
    "waitlist_payment": _("the waitlist"),
    "waitlist_members_first": _("the waitlist"),
    "max_places": _("the most places in one booking"),
    **dict.fromkeys(
        ("non_member_price_cents", "member_price_cents", "student_price_cents", "early_non_member_price_cents",
         "early_member_price_cents", "early_price_until", "allow_promotion_codes"), _("prices"),
    ),
    "entry": _("how people get a place"),
    **dict.fromkeys(("opens_at", "members_open_at", "closes_at"), _("when registration opens or closes")),
    **dict.fromkeys(("refund_policy", "refund_percent", "refund_fee_cents", "refund_until"), _("what people get back")),
    "slug": _("the address of this one"),
    "status": _("who can see this one"),
}  # fmt: skip
"""What an edit of several sessions changes, in the order in which it is told."""


def show_warnings(fields: ClubSessionFields) -> None:
    """Say on the next page what was saved and is hardly meant."""
    for problem in warnings(fields):
        flash(str(WARNINGS.get(problem.field, problem.text)))


def price_words(field: str, amounts: Mapping[str, int | None], currency: str) -> str:
    """What to do about an amount; ``amounts`` has every amount of the record in minor units, None where nothing is typed."""
    cents = amounts[field]
    if field == "refund_fee_cents":
        return gettext("Enter the fee that the club keeps, like 5.00")
    if cents is None:
        return gettext("Enter the early price that ends then, or leave its date and time empty")
    if cents and not money.chargeable(cents, currency):
        least = money_words(money.least(currency), currency)
        return gettext("Enter %(least)s or more, or nothing if it is free: less cannot be paid by card", least=least)
    usual = next((amounts[other] for other in CHEAPER.get(field, ()) if amounts[other] is not None), None)
    if cents > (usual or 0) and field in CHEAPER:
        return _dearer(field)
    return gettext("Enter an amount like 12.00, up to a million")


def _dearer(field: str) -> str:
    if field == "member_price_cents":
        return gettext("Members never pay more than others. Enter the price of a place or less, or leave it empty")
    if field == "early_member_price_cents":
        return gettext("An early price is never more than the usual one. Enter the price for members or less, or leave it empty")
    return gettext("This is never more than the usual price. Enter the price of a place or less, or leave it empty")
