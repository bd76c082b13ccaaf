"""Which parts of the session form are folded away, so that it is short on a phone. Called by the form for its template."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField

GROUPS = {
    "share": ("refund_percent", "refund_fee"),
    "opening": ("opens_day", "opens_time", "members_open_day", "members_open_time", "closes_day", "closes_time"),
    "entry": ("entry", "waitlist_payment", "waitlist_members_first"),
    "prices": (
        "student_price", "early_non_member_price", "early_member_price", "early_day", "early_time", "allow_promotion_codes",
    ),
    "where": ("slug", "time_zone", "currency"),
}
"""Fields that most sessions leave as they are."""
ALWAYS_FILLED = frozenset({"slug", "time_zone", "currency"})


def is_open(form: FlaskForm, group: str) -> bool:
    """Whether a group is shown unfolded: something in it is wrong, or says more than nothing."""
    return any(form[name].errors or _says_something(form, name) for name in GROUPS[group])


def _says_something(form: FlaskForm, name: str) -> bool:
    field = form[name]
    if name in ALWAYS_FILLED:
        return False
    if isinstance(field, BooleanField):
        return bool(field.data)
    return field.data != field.default if isinstance(field, RadioField) else field.data not in (None, "")
