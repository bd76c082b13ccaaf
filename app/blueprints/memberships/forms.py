"""The shape of joining: who somebody is who has no account yet, and the price they saw. The membership views make it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm

from ..buyer_fields import AttemptField, ExpectedField, email_field, name_field
from ..typed_codes import code_field


class PayForm(FlaskForm):
    """For somebody signed in: everything is known but what they saw."""

    expected_price_cents = ExpectedField()
    attempt = AttemptField()
    code = code_field()


class JoinForm(PayForm):
    """For somebody new."""

    name = name_field()
    email = email_field(
        _("We send the link to choose your password here. Use your student address for a student price.")
    )
