"""A local Stripe for development, demos and tests: the API, the payment page, webhooks, and a hand to bend them all.

Started by `flask demo`, by `python -m app.simulator` and by tests; no production path imports it, and it imports
nothing else of `app`.
"""
from __future__ import annotations

from .acts.payments import Attempt
from .control import Control, ControlError
from .faults import NoAnswer
from .settings import LiveKeyRefused, Settings, WebhookTarget
from .simulator import Simulator, create_simulator
from .webhooks import Answer

__all__ = [
    "Answer",
    "Attempt",
    "Control",
    "ControlError",
    "LiveKeyRefused",
    "NoAnswer",
    "Settings",
    "Simulator",
    "WebhookTarget",
    "create_simulator",
]
