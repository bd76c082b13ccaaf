"""The test cards and what happens to each, with Stripe's words for every refusal.

Asked by the payment page and by `control.pay`; the page also prints this table for its reader.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Turn = Literal["none", "refund_pending", "refund_fails", "disputed"]


@dataclass(frozen=True)
class Decline:
    """Why a bank said no."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True)
class Card:
    """A number and its fate."""

    number: str
    says: str
    decline: Decline | None = None
    authenticate: bool = False
    turn: Turn = "none"
    brand: str = "visa"

    @property
    def spaced(self) -> str:
        """As printed on plastic."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))


_DECLINED = "Your card was declined."
CARDS: dict[str, Card] = {
    card.number: card
    for card in (
        Card("4242424242424242", "Paid"),
        Card("5555555555554444", "Paid (Mastercard)", brand="mastercard"),
        Card("4000000000000002", "Declined", Decline("card_declined", "generic_decline", _DECLINED)),
        Card("4000000000009995", "Declined: insufficient funds",
             Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")),
        Card("4000000000009987", "Declined: lost card", Decline("card_declined", "lost_card", _DECLINED)),
        Card("4000000000000069", "Declined: expired card",
             Decline("expired_card", "expired_card", "Your card has expired.")),
        Card("4000000000000127", "Declined: incorrect security code",
             Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")),
        Card("4000000000000119", "Declined: processing error",
             Decline("processing_error", "processing_error",
                     "An error occurred while processing your card. Try again in a little bit.")),
        Card("4000002500003155", "Paid after 3-D Secure", authenticate=True),
        Card("4000002760003184", "Paid after 3-D Secure (every time)", authenticate=True),
        Card("4000000000007726", "Paid; refunds stay pending, then succeed", turn="refund_pending"),
        Card("4000000000005126", "Paid; refunds succeed, then fail", turn="refund_fails"),
        Card("4000000000000259", "Paid, then disputed", turn="disputed"),
    )
}  # fmt: skip
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    "authentication_required",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
TRANSFER_FAILED = Decline(
    "payment_intent_payment_attempt_failed", "generic_decline", "The bank transfer did not arrive."
)
_NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card.",
)


def is_card_number(digits: str) -> bool:
    """12 to 19 digits whose check digit is right (Luhn)."""
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19):
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def card_for(number: str) -> Card:
    """The card behind a number; a real-looking number that is no test card is declined, as in test mode."""
    digits = number.replace(" ", "").replace("-", "")
    return CARDS.get(digits) or Card(digits, "Declined: not a test card", _NOT_A_TEST_CARD)
