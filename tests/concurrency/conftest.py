"""What every race of money stands on."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def stripe(stripe_simulator: Any) -> Any:
    """Stripe's stand-in, told nothing by itself."""
    return stripe_simulator
