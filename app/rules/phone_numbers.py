"""What counts as one phone number, and how it is written down. Called by the booking form and by what is told to phones."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

MAX_LENGTH = 40
"""No number is longer, however it is typed."""


def normalise_number(text: str, territory: str | None) -> str | None:
    """The number in E.164 ("+6421…") as stored, or None when this is not exactly one number that can be called.

    Without a country in front it is one of ``territory`` ("NZ"); None: the country must be there.
    """
    if len(text) > MAX_LENGTH:
        return None
    try:
        number = phonenumbers.parse(text, territory)
    except NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def in_words(number: str) -> str:
    """A stored number as people write it: "+64 21 123 4567"."""
    return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)
