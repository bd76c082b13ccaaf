"""The shape of paying a listing fee: the one-time key, what the page showed, and a code. The host's views make it."""

from __future__ import annotations

import re
import secrets

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField
from wtforms.validators import Optional
from wtforms.widgets import HiddenInput

from ..typed_codes import code_field

ATTEMPT = re.compile(r"[A-Za-z0-9_-]{16,64}")


def fresh_attempt() -> str:
    """A key for one form; the same form sent twice makes one order."""
    return secrets.token_urlsafe(18)


class FeeForm(FlaskForm):
    """Who pays is signed in; the fee is the club's."""

    expected_total_cents = IntegerField(widget=HiddenInput(), validators=[Optional()])
    attempt = HiddenField(default=fresh_attempt)
    code = code_field()

    def validate_expected_total_cents(self, field: IntegerField) -> None:
        """What is no number is no expectation."""
        if field.data is None:
            field.errors = []

    def validate_attempt(self, field: HiddenField) -> None:
        """What is no key of ours is no attempt either: it gets a fresh one."""
        if not ATTEMPT.fullmatch(field.data or ""):
            field.data = fresh_attempt()
