"""The record in the committee's words: what an action, an account or a case is called. Given to the desk's templates.

A word that is not here yet is shown as it is written down, without its underscores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from ...templating import money

ACTORS = {"guest": _("The person who booked"), "stripe": _("Stripe"), "worker": _("By itself"), "command": _("The operator")}
ACTIONS = {
    "ordered": _("Membership ordered"),
    "checked_out": _("Basket ordered"),
    "held": _("Place kept for paying"),
    "registered": _("Registered"),
    "waitlisted": _("Joined the waitlist"),
    "under_review": _("Applied"),
    "in_reserve": _("Put in reserve"),
    "applications_offered": _("Applications accepted"),
    "applications_in_reserve": _("Applications put in reserve"),
    "applications_declined": _("Applications declined"),
    "listing_in_review": _("Listing paid: the committee looks at it"),
    "listing_approved": _("Listing approved"),
    "listing_rejected": _("Listing rejected"),
    "listing_refused": _("Paid for a listing that could not be published any more"),
    "co_host_invited": _("Co-host invited"),
    "co_host_joined": _("Co-host joined"),
    "co_host_removed": _("Co-host removed"),
    "offered": _("Offered a place"),
    "promoted": _("Got a place from the waitlist"),
    "passed_over": _("Passed over: too many places wanted"),
    "cancelled": _("Cancelled"),
    "expired": _("Ended: the time was up"),
    "declined": _("Declined"),
    "replaced": _("Somebody took the place: money owed back"),
    "cancel_requested": _("Gave up the place"),
    "hold_ended": _("Hold ended by the committee"),
    "comparison_asked": _("Books compared on request"),
    "payment_captured": _("Payment arrived"),
    "paid": _("Paid"),
    "refund_requested": _("Refund decided"),
    "refund_pending": _("Refund on its way"),
    "refund_succeeded": _("Refund arrived"),
    "refund_failed": _("Refund failed"),
    "refund_paid_by_hand": _("Refund paid out by hand"),
    "refund_adopted": _("Refund found at Stripe"),
    "refund_attributed": _("Refund assigned to what it was for"),
    "refunded_by_staff": _("Refunded by the committee"),
    "checked_in": _("Ticked in at the door"),
    "check_in_undone": _("Tick at the door taken back"),
    "announced": _("Message sent to people"),
    "announcement_tested": _("Message tried on oneself"),
    "mail_sent_again": _("Letter sent again"),
    "event_retried": _("Message from Stripe tried again"),
    "stripe_checked": _("Stripe asked how its webhook is set up"),
    "notice_retried": _("WhatsApp notice tried again"),
    "notices_stopped": _("WhatsApp notices stopped"),
    "mail_retried": _("E-mail tried again"),
    "case_closed": _("Case closed"),
    "added_by_hand": _("Added by the committee"),
    "paid_by_hand": _("Paid by hand"),
    "overbooked": _("Overbooked by the committee"),
    "moved": _("Moved to another session"),
    "moved_away": _("A booking was moved to another session"),
    "places_changed": _("Number of places changed"),
    "difference_asked": _("Difference in price asked for"),
    "difference_paid": _("Difference in price paid"),
    "difference_unpaid": _("Difference in price not paid"),
    "added_places_ended": _("Added places gone: not paid"),
    "owed_settled": _("What was owed was settled"),
    "contact_changed": _("Name or address changed"),
    "answers_changed": _("Answers changed"),
    "noted": _("Note written"),
    "code_created": _("Code made"),
    "code_edited": _("Code changed"),
    "code_ended": _("Code ended"),
    "promotion_used": _("Promotion code of Stripe’s taken off"),
    "code_used": _("Code used"),
    "code_given_back": _("Use of a code given back"),
    "code_used_again": _("Code used again: paid late"),
    "code_used_over": _("Paid late at the price of a code that has none left"),
    "session_created": _("Session made"),
    "session_edited": _("Session changed"),
    "session_repeated": _("Session repeated"),
    "session_published": _("Session published"),
    "session_unpublished": _("Session taken back to a draft"),
    "session_completed": _("Session said to be over"),
    "question_added": _("Question added"),
    "question_edited": _("Question changed"),
    "question_moved": _("Questions reordered"),
    "question_removed": _("Question removed"),
    "questions_copied": _("Questions taken from another session"),
    "session_imported": _("Session imported"),
    "session_sampled": _("Sample session made"),
    "user_created": _("Account made"),
    "role_changed": _("Role changed"),
    "student_approved": _("Student prices approved"),
    "student_withdrawn": _("Student prices ended"),
    "plan_created": _("Membership plan made"),
    "plan_edited": _("Membership plan changed"),
    "plan_retired": _("Membership plan taken off sale"),
    "membership_started": _("Membership began"),
    "membership_extended": _("Membership’s last day changed"),
    "membership_ended": _("Membership ended"),
    "membership_refused": _("Membership could not be had"),
    "product_created": _("Course or file made"),
    "product_edited": _("Course or file changed"),
    "product_published": _("Put on sale"),
    "product_unpublished": _("Taken off sale"),
    "product_refused": _("Paid for a course or file that could not be had any more"),
    "file_added": _("File uploaded"),
    "file_replaced": _("File replaced"),
    "file_removed": _("File removed"),
    "course_page_added": _("Page written"),
    "course_page_edited": _("Page changed"),
    "course_page_moved": _("Pages reordered"),
    "course_page_removed": _("Page removed"),
    "access_granted": _("Course or file opened to the buyer"),
    "access_ended": _("Course or file closed to the buyer"),
    "access_given_back": _("Course or file opened again: the refund failed"),
    "password_set": _("Password set"),
    "renamed": _("Name changed"),
    "address_changed": _("E-mail address changed"),
    "second_factor_on": _("Codes switched on"),
    "second_factor_off": _("Codes switched off"),
    "recovery_codes_made": _("New recovery codes made"),
    "recovery_code_used": _("Signed in with a recovery code"),
    "provider_linked": _("Sign-in provider linked"),
    "signed_out_elsewhere": _("Signed out elsewhere"),
    "calendar_address_made": _("New calendar address"),
    "account_deleted": _("Account deleted"),
    "forgotten": _("Name and address removed"),
    "exported": _("Exported"),
    "dispute_won": _("Dispute won"),
    "dispute_lost": _("Dispute lost"),
    "dispute_needs_response": _("Dispute opened"),
}
ACCOUNTS = {
    "revenue:registration": _("Sessions"),
    "revenue:membership": _("Memberships"),
    "revenue:listing": _("Listing fees"),
    "revenue:product": _("Products"),
    "revenue:other": _("Other money kept"),
    "owed:refunds": _("Owed back to people"),
    "cash:desk": _("Cash"),
    "bank:account": _("Bank transfers"),
    "suspense": _("Not explained yet"),
    "fees:stripe": _("Stripe’s fees"),
    "disputes": _("Held back in disputes"),
    "stripe:clearing": _("At Stripe, or paid out by it"),
}
REFUND_REASONS = {
    "by_staff": _("by the committee"),
    "cancelled": _("cancelled in time"),
    "session_cancelled": _("session cancelled"),
    "too_late": _("paid too late"),
    "paid_twice": _("paid twice"),
    "mismatch": _("did not fit the order"),
    "made_at_stripe": _("made at Stripe"),
    "replaced": _("somebody took the place"),
    "difference": _("difference of a change"),
}

REFUND_ERRORS = {
    "charge_for_pending_refund_disputed": _("the payment is disputed meanwhile"),
    "charge_already_refunded": _("all of it was paid back already"),
    "charge_disputed": _("the payment is disputed, and while it is nothing can be paid back"),
    "declined": _("the bank declined it"),
    "expired_or_canceled_card": _("the card has expired or was cancelled"),
    "insufficient_funds": _("there was not enough money in the Stripe account"),
    "lost_or_stolen_card": _("the card was lost or stolen"),
    "merchant_request": _("it was called off in Stripe’s dashboard"),
    "unknown": _("no reason given"),
}
"""Stripe's `failure_reason` of a refund, and codes of its answer to the call."""
CASES = {
    "payment_mismatch": _("A payment that does not fit its order"),
    "payment_elsewhere": _("A payment that went to another Stripe account"),
    "refund_failed": _("A refund that Stripe could not make"),
    "refund_stuck": _("A refund that Stripe does not take, however often it is asked"),
    "refund_by_hand": _("A refund to pay out by hand"),
    "refund_unattributed": _("A refund made at Stripe, for part of an order"),
    "unknown_payment": _("A payment for an order we do not know"),
    "books_differ": _("Our books and Stripe’s differ"),
    "currency_converted": _("Stripe keeps payments in another currency"),
    "dispute_opened": _("A cardholder disputes a payment"),
    "dispute_lost": _("A dispute was lost"),
    "dispute_won": _("A dispute was won, and money may be owed"),
    "event_unmatched": _("A message from Stripe that we cannot place"),
    "mail_failed": _("An e-mail that could not be delivered"),
    "payment_used_twice": _("One payment, used for two orders"),
}
DECISIONS = {
    "refunded": _("Given back"),
    "kept": _("Kept"),
    "tried again": _("Tried again"),
    "paid by hand": _("Paid out by hand"),
    "attributed": _("Assigned"),
    "given back since": _("Given back since"),
    "equal again": _("The books are equal again"),
    "won": _("Dispute won"),
    "lost": _("Dispute lost"),
    "sent": _("The e-mail went"),
}
LATE_WORK = {
    "mail": _("e-mails to send"),
    "holds": _("places to free"),
    "payments": _("payments to check"),
    "refunds": _("refunds to send"),
    "events": _("messages from Stripe to take in"),
    "notices": _("WhatsApp notices"),
    "changes": _("changed sessions to tell people of"),
}
DETAILS = {
    "question": _("question"), "reason": _("reason"), "places": _("places"), "role": _("role"), "devices": _("devices"),
    "resolution": _("decision"), "overbooked": _("past capacity"), "waiting": _("people waiting were passed over"),
    "means": _("by"), "from": _("from"), "to": _("to"), "passed": _("passed over"), "subject": _("subject"),
    "code": _("code"), "recipients": _("people"), "list": _("list"), "form": _("as"), "rows": _("rows"), "event": _("event"),
    "file": _("file"), "page": _("page"),
}  # fmt: skip
"""What of an entry's detail is for people to read; the rest is for machines."""


def _plain(word: str) -> str:
    return word.replace("_", " ").replace(":", ": ").capitalize()


def action_words(action: str) -> str:
    """What was done."""
    return str(ACTIONS.get(action, _plain(action)))


def actor_words(actor: str, name: str | None = None) -> str:
    """Who did it, by name when it is somebody with an account."""
    if name:
        return name
    return gettext("A former account") if actor.startswith("user:") else str(ACTORS.get(actor, _plain(actor)))


def account_words(account: str) -> str:
    """An account of the books."""
    return str(ACCOUNTS.get(account, _plain(account.removeprefix("revenue:"))))


def case_words(kind: str) -> str:
    """What a case is, in a line."""
    return str(CASES.get(kind, _plain(kind)))


def decision_words(resolution: str) -> str:
    """How a case was closed: the decision and the reason behind it, or a person's own words."""
    word, _colon, note = resolution.partition(": ")
    known = DECISIONS.get(word)
    return f"{known}: {note}" if known and note else str(known or resolution)


def refund_reason_words(reason: str) -> str:
    """Why money went back."""
    return str(REFUND_REASONS.get(reason, _plain(reason)))


def refund_error_words(error: str) -> str:
    """Why Stripe could not pay money back; what we have no words for as it stands."""
    return str(next((REFUND_ERRORS[word] for word in error.split() if word in REFUND_ERRORS), error))


def detail_words(detail: Mapping[str, Any], currency: str) -> list[str]:
    """What an entry says besides: amounts, reasons, numbers."""
    found = [money(detail["cents"], currency)] if isinstance(detail.get("cents"), int) and detail["cents"] else []
    shown = {**detail, "reason": REFUND_REASONS.get(str(detail.get("reason")), detail.get("reason"))}
    if isinstance(shown.get("resolution"), str):
        shown["resolution"] = decision_words(shown["resolution"])
    plain = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in shown.items()}
    return found + [f"{words}: {plain[name]}" for name, words in DETAILS.items() if plain.get(name) not in (None, "")]




def late_words(late: Mapping[str, int]) -> str:
    """The kinds of background work that wait."""
    return ", ".join(str(LATE_WORK.get(kind, _plain(kind))) for kind in late)


WORDS = {
    function.__name__: function
    for function in (
        action_words, actor_words, account_words, case_words, decision_words, refund_reason_words, refund_error_words,
        detail_words, late_words,
    )
}  # fmt: skip
