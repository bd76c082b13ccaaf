"""Every table of Muster, one noun a file. Tables, constraints and types only: no queries, no policy."""

from .audit import AuditEntry
from .cases import Case
from .club_sessions import ClubSession
from .ledger import LedgerEntry
from .memberships import Membership, MembershipPlan
from .orders import Order, OrderItem
from .outgoing_emails import OutgoingEmail
from .payments import Payment, Refund
from .reconciliations import Reconciliation
from .registrations import Registration
from .stripe_events import StripeEvent
from .users import User

__all__ = [
    "AuditEntry",
    "Case",
    "ClubSession",
    "LedgerEntry",
    "Membership",
    "MembershipPlan",
    "Order",
    "OrderItem",
    "OutgoingEmail",
    "Payment",
    "Reconciliation",
    "Refund",
    "Registration",
    "StripeEvent",
    "User",
]
