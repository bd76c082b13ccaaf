"""Where Stripe posts. Raw body in, one transaction, a quick and correct answer however often it asks; never 2xx before the
commit.
"""

from __future__ import annotations

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ...integrations.payments import SignatureInvalid
from ...security import signed_by_stripe
from ...services import stripe_inbox

bp = Blueprint("webhooks", __name__)


@bp.post("/webhooks/stripe")
@signed_by_stripe
def stripe() -> ResponseReturnValue:
    """200 when the event and its effects are committed or were before; 400 unsigned; 503 when the database is away."""
    body = request.get_data(cache=False)
    try:
        received = stripe_inbox.receive(body, request.headers.get("Stripe-Signature"))
    except SignatureInvalid as error:
        current_app.logger.warning("webhook refused: %s", error)
        return {"error": "signature"}, 400
    except (OperationalError, PoolTimeout):
        current_app.logger.error("webhook not taken: database unavailable")
        return {"error": "unavailable"}, 503, {"Retry-After": "5"}
    except Exception:
        current_app.logger.exception("webhook not taken")
        return {"error": "internal"}, 500
    return {"received": received}
