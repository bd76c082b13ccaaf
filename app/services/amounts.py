"""An amount of money, and why a price is what it is, in people's words. Called where a service hands words on to Stripe, and by
``templating`` and ``wording`` for the pages and the mails: so all of them say the same.
"""

from __future__ import annotations

from functools import lru_cache

from babel import Locale
from babel import numbers as babel_numbers
from flask_babel import get_locale, gettext  # type: ignore[import-untyped]
from flask_babel import lazy_gettext as _

from ..rules import money as money_rules
from ..rules.pricing import Reason

UNAMBIGUOUS = Locale("en", "001")
"""The locale in which every dollar says whose it is: NZ$, A$, US$."""


def money(cents: int, currency: str) -> str:
    """Minor units as people write them, with a symbol that names the country: 1200 NZD is "NZ$12.00", -1200 "−NZ$12.00"."""
    return _money(cents, currency, get_locale() or UNAMBIGUOUS)


@lru_cache(4096)
def _money(cents: int, currency: str, locale: Locale) -> str:
    text = babel_numbers.format_currency(money_rules.to_decimal(cents, currency), currency, locale=locale)
    local, clear = (babel_numbers.get_currency_symbol(currency, locale=at) for at in (locale, UNAMBIGUOUS))
    return plain(text.replace(local, clear, 1).replace("-", "−"))


def price_reason(reason: Reason | str, saved_cents: int, currency: str) -> str:
    """Why a price is what it is: "Member price, you save NZ$4.00"; empty for what everybody pays."""
    words = str(_WHY.get(Reason(reason), ""))
    if not words or not saved_cents:
        return words
    return str(gettext("%(reason)s, you save %(saved)s", reason=words, saved=money(saved_cents, currency)))


_WHY = {
    Reason.MEMBER: _("Member price"),
    Reason.STUDENT: _("Student price"),
    Reason.EARLY: _("Early price"),
    Reason.EARLY_MEMBER: _("Early member price"),
}


def plain(text: str) -> str:
    """Babel's narrow and thin spaces as usual ones, which no phone's font and no mail program shows as boxes.

    What it keeps together, a number and its "pm" or currency, stays together.
    """
    return text.translate({0x202F: "\xa0", 0x2009: " "})
