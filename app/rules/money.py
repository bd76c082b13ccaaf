"""Integer money: minor units, percentages with one rounding rule, and what Stripe will not charge. Called wherever cents are
made.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
STEPS = {**dict.fromkeys(THREE_DECIMAL, 10), "ISK": 100}
"""Where Stripe moves no single minor unit: thousandths end in 0, and the króna's hundredths are only written."""
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


def step(currency: str) -> int:
    """What every amount that Stripe moves is a multiple of, in minor units: 1 in most currencies."""
    return STEPS.get(currency.upper(), 1)


def least(currency: str) -> int:
    """The smallest charge known to us, in minor units."""
    return max(MINIMUM_CHARGE.get(currency.upper(), 1), step(currency))


def digits(currency: str) -> int:
    """How many digits after the decimal point an amount that Stripe moves can have: 0 or 2."""
    return exponent(currency) - len(str(step(currency))) + 1


def to_decimal(cents: int, currency: str) -> Decimal:
    """Minor units as the amount people write: 1200 NZD cents → Decimal('12.00')."""
    return Decimal(cents).scaleb(-exponent(currency))


def from_decimal(amount: Decimal, currency: str) -> int:
    """The amount people write as minor units; raises ValueError when it is finer than what Stripe moves."""
    scaled = amount.scaleb(exponent(currency))
    if scaled % step(currency):
        raise ValueError(f"{amount} has more digits than can be paid in {currency}")
    return int(scaled)


def percentage(cents: int, percent: int, to: int = 1) -> int:
    """``percent`` % of an amount, rounded half up to a multiple of ``to``: the ``step`` of its currency."""
    return int((Decimal(cents) * percent / 100 / to).quantize(Decimal(1), rounding=ROUND_HALF_UP)) * to


def chargeable(cents: int, currency: str) -> bool:
    """Whether Stripe would take this amount (0 never goes to Stripe and is fine)."""
    return cents == 0 or (cents >= least(currency) and cents % step(currency) == 0)
