"""Every status in Muster and the table of moves it allows. Services ask ``may_become`` or build guarded UPDATEs from ``sources``.

Source: DESIGN §5. An ended status never goes back, but for a late payment that still finds its place free (promise 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar


class SessionStatus(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Entry(StrEnum):
    OPEN = "open"
    APPLICATION = "application"


class WaitlistPayment(StrEnum):
    ON_OFFER = "on_offer"
    UPFRONT = "upfront"


class RefundPolicy(StrEnum):
    """What a club session gives back to somebody who cancels in time."""

    FULL = "full"
    PERCENTAGE = "percentage"
    FEE_KEPT = "fee_kept"
    NONE = "none"


class QuestionKind(StrEnum):
    """How a session's own question is answered."""

    TEXT = "text"
    CHOICE = "choice"
    TICK = "tick"


class RegistrationStatus(StrEnum):
    HELD = "held"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    REGISTERED = "registered"
    UNDER_REVIEW = "under_review"
    IN_RESERVE = "in_reserve"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DECLINED = "declined"


class PaymentState(StrEnum):
    """What a registration owes or has paid (`registrations.payment_status`)."""

    FREE = "free"
    PENDING = "pending"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class OrderStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    """One attempt to pay (`payments.status`)."""

    CREATED = "created"
    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    REQUESTED = "requested"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ProductKind(StrEnum):
    """What a product gives: files to download, or pages to read with files beside them."""

    FILE = "file"
    COURSE = "course"


class ProductStatus(StrEnum):
    DRAFT = "draft"
    """Not on sale: not yet, or not any more. Whoever has it keeps it."""
    PUBLISHED = "published"


class ItemKind(StrEnum):
    REGISTRATION = "registration"
    MEMBERSHIP = "membership"
    LISTING = "listing"
    PRODUCT = "product"


class Role(StrEnum):
    NONE = "none"
    DESK = "desk"
    STAFF = "staff"
    ADMIN = "admin"


class ComparisonOutcome(StrEnum):
    """How a comparison of the books with Stripe's went that somebody had asked for."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNREACHABLE = "unreachable"
    FAILED = "failed"


class ReviewState(StrEnum):
    """What the committee says of a host's session before it is published."""

    NONE = "none"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


class CaseStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


TAKEN = frozenset({RegistrationStatus.HELD, RegistrationStatus.OFFERED, RegistrationStatus.REGISTERED})
"""Registrations that count in ``places_taken``."""
WAITING = frozenset({RegistrationStatus.WAITLISTED})
"""Registrations that count in ``waitlist_taken``."""
UNDECIDED = frozenset({RegistrationStatus.UNDER_REVIEW, RegistrationStatus.IN_RESERVE})
"""Applications that may still be accepted; they count in neither."""
ACTIVE = TAKEN | WAITING | UNDECIDED
"""At most one registration of these for each club session and e-mail."""
ENDED = frozenset(RegistrationStatus) - ACTIVE

HAS_PAID = frozenset({PaymentState.PAID, PaymentState.PARTIALLY_REFUNDED})
"""Nothing is left to pay for these: what the club gave back of it, it gave of its own accord."""

UNSETTLED = frozenset({PaymentStatus.CREATED, PaymentStatus.OPEN, PaymentStatus.PROCESSING})
"""Payments that may still become money."""

_R, _P, _F, _S = RegistrationStatus, PaymentStatus, RefundStatus, SessionStatus
REGISTRATION_MOVES: Mapping[RegistrationStatus, frozenset[RegistrationStatus]] = {
    _R.HELD: frozenset({_R.REGISTERED, _R.EXPIRED, _R.CANCELLED}),
    _R.WAITLISTED: frozenset({_R.OFFERED, _R.REGISTERED, _R.CANCELLED, _R.EXPIRED}),
    _R.OFFERED: frozenset({_R.REGISTERED, _R.HELD, _R.CANCELLED, _R.EXPIRED, _R.DECLINED, _R.WAITLISTED}),
    _R.REGISTERED: frozenset({_R.CANCELLED}),
    _R.UNDER_REVIEW: frozenset({_R.IN_RESERVE, _R.OFFERED, _R.DECLINED, _R.CANCELLED, _R.EXPIRED}),
    _R.IN_RESERVE: frozenset({_R.OFFERED, _R.DECLINED, _R.CANCELLED, _R.EXPIRED}),
    _R.CANCELLED: frozenset(),
    _R.EXPIRED: frozenset({_R.REGISTERED}),  # a late payment that still finds its place free
    _R.DECLINED: frozenset(),
}
ORDER_MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.PAID, OrderStatus.EXPIRED, OrderStatus.CANCELLED}),
    OrderStatus.PAID: frozenset({OrderStatus.CANCELLED}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.PAID}),  # late payment, place still free
    OrderStatus.CANCELLED: frozenset(),
}
PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _P.CREATED: frozenset({_P.OPEN, _P.PROCESSING, _P.SUCCEEDED, _P.FAILED, _P.EXPIRED}),
    _P.OPEN: frozenset({_P.PROCESSING, _P.SUCCEEDED, _P.FAILED, _P.EXPIRED}),
    _P.PROCESSING: frozenset({_P.SUCCEEDED, _P.FAILED}),
    # Money outranks every other word: Stripe's "paid" is final whatever was believed before.
    _P.FAILED: frozenset({_P.SUCCEEDED}),
    _P.EXPIRED: frozenset({_P.SUCCEEDED}),
    _P.SUCCEEDED: frozenset(),
}
REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    _F.REQUESTED: frozenset({_F.PENDING, _F.SUCCEEDED, _F.FAILED}),
    _F.PENDING: frozenset({_F.SUCCEEDED, _F.FAILED}),
    _F.SUCCEEDED: frozenset({_F.FAILED}),  # a bank may return the money days later
    _F.FAILED: frozenset(),
}
SESSION_MOVES: Mapping[SessionStatus, frozenset[SessionStatus]] = {
    _S.DRAFT: frozenset({_S.PUBLISHED, _S.CANCELLED}),
    _S.PUBLISHED: frozenset({_S.DRAFT, _S.CANCELLED, _S.COMPLETED}),
    _S.CANCELLED: frozenset(),
    _S.COMPLETED: frozenset(),
}

Status = TypeVar("Status", bound=StrEnum)


def may_become(moves: Mapping[Status, frozenset[Status]], now: Status, then: Status) -> bool:
    """Say whether the table allows the move ``now`` → ``then`` (staying is no move)."""
    return then in moves[now]


def sources(moves: Mapping[Status, frozenset[Status]], then: Status) -> list[Status]:
    """Every status from which ``then`` may be reached: the WHERE of a guarded UPDATE."""
    return [now for now, targets in moves.items() if then in targets]
