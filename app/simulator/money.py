"""What Stripe knows of currencies: which exist, their smallest charges, and how an amount is written.

Called by the parameter readers, the acts and the pages.
"""
from __future__ import annotations

from .errors import invalid

# Codes Stripe takes card payments in; a wrong code must fail here as it does there.
_CODES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad
cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl
hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga
mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron
rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs
vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CODES.split())
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
ZERO_DECIMAL = frozenset(_ZERO_DECIMAL.split())
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
MINIMUM_CHARGE = {
    "gbp": 30, "dkk": 250, "sek": 300, "nok": 300, "hkd": 400, "jpy": 50, "mxn": 1000, "czk": 1500, "pln": 200,
    "huf": 17500, "ron": 200, "aed": 200, "bgn": 100, "myr": 200, "thb": 1000, "krw": 500, "inr": 50,
}  # fmt: skip
MAXIMUM_CHARGE = 99_999_999
_SIGNS = {"usd": "$", "nzd": "NZ$", "aud": "A$", "cad": "CA$", "eur": "€", "gbp": "£", "jpy": "¥"}


def decimals(currency: str) -> int:
    """Digits after the point."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def check_step(amount: int, currency: str, name: str) -> None:
    """Refuse what is finer than the currency is moved in, to be charged or given back."""
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid("Amounts in a three-decimal currency must end in 0.", name)
    if currency == "isk" and amount % 100:
        raise invalid("Amounts in ISK must be divisible by 100.", name, "invalid_charge_amount_no_decimal_compatible")


def minimum_charge(currency: str) -> int:
    """The least a card can be charged, in the currency's minor unit."""
    return MINIMUM_CHARGE.get(currency, 50)


def format_amount(amount: int, currency: str) -> str:
    """`1234, "nzd"` → `NZ$12.34`; a currency without a sign of its own is written with its code."""
    digits = decimals(currency)
    number = f"{abs(amount) / 10**digits:,.{digits}f}"
    sign = _SIGNS.get(currency)
    text = f"{sign}{number}" if sign else f"{number} {currency.upper()}"
    return f"-{text}" if amount < 0 else text


def processing_fee(amount: int, per_mille: int, fixed: int) -> int:
    """The share Stripe keeps of a payment, rounded half up, never more than the payment."""
    return min(amount, (amount * per_mille + 500) // 1000 + fixed)
