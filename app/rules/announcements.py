"""To whom staff may write about a session, and how much. Asked by the form, the queries and the service."""

from __future__ import annotations

from enum import StrEnum

from .statuses import UNDECIDED, PaymentState, RegistrationStatus

LONGEST_SUBJECT = 150
LONGEST_TEXT = 10_000


class Group(StrEnum):
    """Some of a session's people. Somebody may be in two; they get one mail."""

    REGISTERED = "registered"
    WAITING = "waiting"
    UNPAID = "unpaid"


IN_GROUP = {
    Group.REGISTERED: frozenset({RegistrationStatus.REGISTERED}),
    Group.WAITING: frozenset({RegistrationStatus.WAITLISTED, RegistrationStatus.OFFERED} | UNDECIDED),
    Group.UNPAID: frozenset({RegistrationStatus.REGISTERED, RegistrationStatus.HELD, RegistrationStatus.OFFERED}),
}
"""The statuses of each group; for the unpaid ones the money must be owed too."""


def why(status: RegistrationStatus, payment: PaymentState) -> Group:
    """In one word, why somebody of this session is written to: what the mail itself tells them."""
    if status is RegistrationStatus.WAITLISTED or status in UNDECIDED:
        return Group.WAITING
    if payment is PaymentState.PENDING:
        return Group.UNPAID
    return Group.WAITING if status is RegistrationStatus.OFFERED else Group.REGISTERED  # offered for nothing: still to be taken
