"""Integer money: minor units, percentages with one rounding rule, and what Stripe will not charge. Called wherever cents are
made.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
MINIMUM_CHARGE = {
    **dict.fromkeys(["USD", "EUR", "CHF", "AUD", "CAD", "NZD", "SGD", "BRL"], 50),
    "GBP": 30,
    "DKK": 250,
    "SEK": 300,
    "NOK": 300,
    "HKD": 400,
    "JPY": 50,
    "MXN": 1000,
}
"""Stripe's smallest charge in minor units (its currencies page); a currency not listed has no minimum known to us."""


def exponent(currency: str) -> int:
    """Digits after the decimal point of a currency's minor unit: 0, 2 or 3."""
    code = currency.upper()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def to_decimal(cents: int, currency: str) -> Decimal:
    """Minor units as the amount people write: 1200 NZD cents → Decimal('12.00')."""
    return Decimal(cents).scaleb(-exponent(currency))


def from_decimal(amount: Decimal, currency: str) -> int:
    """The amount people write as minor units, half up; raises ValueError when it is finer than the minor unit."""
    scaled = amount.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more digits than {currency} has")
    return int(scaled)


def percentage(cents: int, percent: int) -> int:
    """``percent`` % of an amount, rounded half up to a minor unit."""
    return int((Decimal(cents) * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def chargeable(cents: int, currency: str) -> bool:
    """Whether Stripe would take this amount (0 never goes to Stripe and is fine)."""
    return cents == 0 or cents >= MINIMUM_CHARGE.get(currency.upper(), 1)
