"""The shape of paying a listing fee: the one-time key, what the page showed, and a code. The host's views make it."""

from __future__ import annotations

from flask_wtf import FlaskForm

from ..buyer_fields import AttemptField, ExpectedField
from ..typed_codes import code_field


class FeeForm(FlaskForm):
    """Who pays is signed in; the fee is the club's."""

    expected_total_cents = ExpectedField()
    attempt = AttemptField()
    code = code_field()
