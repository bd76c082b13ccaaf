"""The field in which somebody types a code, and how often they may try from one address, over all forms that have it.

Called by the views and forms of whatever sells. What is bought without a code is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, g, request
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovTextInput
from wtforms import StringField
from wtforms.validators import Length

from ..extensions import limiter
from ..rules.refusals import Refusal
from ..rules.vouchers import VoucherRefused, normalise
from ..templating import refusal_text

View = TypeVar("View", bound=Callable[..., Any])


def code_field() -> StringField:
    """What somebody may type to pay less; its data is as codes are stored."""
    return StringField(
        _("Code (optional)"),
        description=_("If the club gave you one."),
        filters=[normalise],
        validators=[Length(max=40, message=_("Enter a code of %(max)d characters or fewer"))],
        widget=GovTextInput(),
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"},
    )


def trying_codes(view: View) -> View:
    """Wrong codes. A right one is never counted, and without a code nobody is ever kept out."""
    limited = limiter.shared_limit("10/minute;40/hour", scope="codes", methods=["POST"], deduct_when=_wrong)(view)

    @wraps(view)
    def tried(*args: Any, **kwargs: Any) -> Any:
        return limited(*args, **kwargs) if request.form.get("code", "").strip() else view(*args, **kwargs)

    return cast(View, tried)


def note(refusal: Refusal) -> None:
    """Remember, until the answer is sent, that it was the code that was refused."""
    g.wrong_code = isinstance(refusal, VoucherRefused)


def refused(form: FlaskForm, refusal: Refusal) -> bool:
    """Whether it was the code that was refused: then it counts as a try, and the field says so."""
    note(refusal)
    if isinstance(refusal, VoucherRefused):
        form["code"].errors = [refusal_text(refusal)]
    return isinstance(refusal, VoucherRefused)


def _wrong(_response: Response) -> bool:
    return bool(g.get("wrong_code", False))
