"""The ways Muster says no, each with words that tell the person what to do. Raised by rules and services, shown by views.

The words are English source strings; whoever shows them translates them (gettext) and fills in ``params``.
"""

from __future__ import annotations

from typing import ClassVar


def words(text: str) -> str:
    """Mark a string for translation without translating it here (the rules know no Flask)."""
    return text


class Refusal(Exception):
    """An expected "no".

    ``status`` is the HTTP status that fits, ``field`` the form field it belongs to (None: the whole request),
    ``page`` the name of a page of its own when the refusal is no mistake in the form ("full", "closed", …).
    """

    status: ClassVar[int] = 422
    text: ClassVar[str] = words("That is not possible.")
    field: ClassVar[str | None] = None
    page: ClassVar[str | None] = None
    about: object | None = None
    """Which line of an order of several it is about, if it is about one."""

    def __init__(self, **params: object) -> None:
        super().__init__(self.text)
        self.params = params


class SessionNotFound(Refusal):
    status = 404
    text = words("There is no such session.")


class SessionFull(Refusal):
    """No place and no room on the waitlist; or somebody else was faster."""

    status = 409
    text = words("This session is full.")
    page = "full"


class NotEnoughPlaces(Refusal):
    status = 409
    text = words("Places left: %(left)s. Choose a smaller number.")
    field = "places"


class WaitlistNotAccepted(Refusal):
    """A place could not be had, and the person has not said that the waitlist is fine."""

    status = 409
    text = words("The places have just gone. You can join the waitlist instead.")
    page = "waitlist"


class NotYetOpen(Refusal):
    status = 409
    text = words("Registration is not open yet.")
    page = "closed"


class RegistrationClosed(Refusal):
    status = 409
    text = words("Registration for this session is closed.")
    page = "closed"


class SessionCancelled(Refusal):
    status = 409
    text = words("This session has been cancelled.")
    page = "closed"


class ByApplicationOnly(Refusal):
    status = 409
    text = words("This session takes applications, not registrations.")
    page = "closed"


class NoApplicationNeeded(Refusal):
    """Applied for by an old page."""

    status = 409
    text = words("This session takes registrations now. No application is needed.")
    page = "closed"


class TooManyPlaces(Refusal):
    text = words("Choose between 1 and %(max_places)s places.")
    field = "places"


class PriceChanged(Refusal):
    """The price is not what the page showed (promise 15): show the new one and ask again."""

    status = 409
    text = words("The price has changed since you opened this page. Check the new price and try again.")
    page = "check"


class AlreadyRegistered(Refusal):
    """This e-mail address already has a booking here; its link goes by e-mail, the page reveals nothing."""

    status = 409
    text = words("Check your e-mail.")
    page = "check_email"


class PaymentsDown(Refusal):
    """The payment provider cannot be reached or refused; nothing is kept."""

    status = 503
    text = words(
        "We cannot take payments right now. Nothing was charged and no place is kept. Please try again in a few minutes."
    )


class OrderNotOpen(Refusal):
    status = 409
    text = words("This order is no longer open.")
    page = "ended"


class OfferOver(Refusal):
    """The offer was answered before, or its time is up."""

    status = 409
    text = words("This offer is no longer open.")
    page = "ended"


class BookingUnknown(Refusal):
    """No booking of this session has that code."""

    status = 404
    text = words("There is no booking %(reference)s in this session.")


class BookingNotRegistered(Refusal):
    """It has no place: not paid in time, cancelled, or still waiting."""

    status = 409
    text = words("%(name)s is not registered, so nobody was ticked in. See below how it stands.")


class BasketEmpty(Refusal):
    status = 400
    text = words("Your basket is empty. Add something to it first.")


class BasketGone(Refusal):
    """Nobody knows this basket, or it was left alone for too long."""

    status = 404
    text = words("Your basket is no longer here: we keep it for two weeks. Please fill a new one.")


class BasketFull(Refusal):
    text = words("Your basket is full. Pay for what is in it first, or take something out.")


class CheckoutUnknown(Refusal):
    status = 400
    text = words("We do not know this payment.")


class CheckoutOfAnotherOrder(Refusal):
    status = 403
    text = words("This payment belongs to another order.")


class CheckoutAlreadyUsed(Refusal):
    status = 409
    text = words("This payment was already used for another order.")


class NotPaidYet(Refusal):
    status = 402
    text = words("We are checking your payment.")


class StripeAway(Refusal):
    """Stripe cannot be asked right now; nothing is lost, the worker asks again."""

    status = 503
    text = words(
        "We cannot reach our payment provider right now. If you have paid, your payment is safe: we check again by ourselves."
    )


class RefundsUnknown(Refusal):
    """Staff want to pay out by hand, and Stripe cannot be asked whether the money has gone back by card meanwhile."""

    status = 503
    text = words(
        "Stripe does not answer, so we cannot tell whether this money has gone back already. Please try again in a few minutes."
    )


class CheckoutNotEnded(Refusal):
    """Staff want to take money by hand, and Stripe cannot be asked whether the person can still pay by card."""

    status = 503
    text = words("Stripe cannot be reached, so the person could still pay by card. Nothing was booked. Try again in a minute.")


class InvalidInput(Refusal):
    """What was typed cannot be used; ``problem`` says what to do about it."""

    text = words("%(problem)s")

    def __init__(self, field: str | None, problem: str) -> None:
        super().__init__(problem=problem)
        self.field = field  # type: ignore[misc]
