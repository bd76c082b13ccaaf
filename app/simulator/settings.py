"""What a simulator can be told before it starts, and the refusal to start anywhere near real money.

Made by tests, by `python -m app.simulator` and by whoever runs the demo; read by every other file here.
"""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

API_VERSION = "2026-10-28.endive"
LIVE_PREFIXES = ("sk_live_", "rk_live_")
TEST_PREFIXES = ("sk_test_", "rk_test_")
SignatureTime = Literal["wall", "simulated"]


class LiveKeyRefused(Exception):
    """The simulator was started with, or beside, a key that moves real money."""


@dataclass(frozen=True)
class WebhookTarget:
    """One place that wants events: its address, every secret in force, and the types it asked for (None: all)."""

    url: str
    secrets: tuple[str, ...]
    enabled_events: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Settings:
    """Everything adjustable. Durations are seconds, amounts minor units; `path=None` keeps all in memory."""

    webhooks: tuple[WebhookTarget, ...] = ()
    api_keys: tuple[str, ...] = ()  # empty: any sk_test_/rk_test_ key is accepted
    base_url: str | None = None  # None: taken from the server, or from the request's own Host
    path: str | None = None
    merchant_name: str = "The club"
    frozen_at: int | None = None
    latency: float = 0.0
    redirect_waits: bool = False
    redirect_wait_seconds: float = 10.0
    webhook_timeout: float = 10.0
    webhook_workers: int = 1
    retry_base_seconds: int = 5
    retry_cap_seconds: int = 3600
    retry_for_seconds: int = 3 * 24 * 3600
    signature_time: SignatureTime = "wall"
    refund_turn_seconds: int = 60  # when 7726's refunds succeed and 5126's fail by themselves
    fee_per_mille: int = 27
    fee_fixed: int = 30
    dispute_fee: int = 1500
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


def refuse_live_keys(settings: Settings) -> None:
    """Raise `LiveKeyRefused` when a live key is given or is the one the environment works with."""
    given = [*settings.api_keys, settings.environment.get("STRIPE_SECRET_KEY", "")]
    if any(key.strip().startswith(LIVE_PREFIXES) for key in given):
        raise LiveKeyRefused(
            "STRIPE_SECRET_KEY (or a key given to the simulator) is a live key. The simulator runs with test keys only."
        )
