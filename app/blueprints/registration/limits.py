"""How often somebody may try codes from one address. Called by the booking form's views.

Bookings without a code are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, g, request

from ...extensions import limiter
from ...rules.refusals import Refusal
from ...rules.vouchers import VoucherRefused

View = TypeVar("View", bound=Callable[..., Any])


def trying_codes(view: View) -> View:
    """Wrong codes. A right one is never counted, and without a code nobody is ever kept out."""
    limit = limiter.limit("10/minute;40/hour", methods=["POST"], deduct_when=_wrong, exempt_when=_no_code)
    return limit(view)  # type: ignore[no-any-return]


def note(refusal: Refusal) -> None:
    """Remember, until the answer is sent, that it was the code that was refused."""
    g.wrong_code = isinstance(refusal, VoucherRefused)


def _wrong(_response: Response) -> bool:
    return bool(g.get("wrong_code", False))


def _no_code() -> bool:
    return not request.form.get("code", "").strip()
