"""Every table of Muster, one noun a file. Tables, constraints and types only: no queries, no policy."""

from .account_identities import AccountIdentity
from .account_second_factors import RecoveryCode, SecondFactor
from .account_sign_ins import SignIn
from .account_tokens import AccountToken, TokenPurpose
from .announcements import Announcement
from .audit import AuditEntry
from .baskets import Basket, BasketItem
from .booking_notes import BookingNote
from .cases import Case
from .club_sessions import ClubSession
from .comparison_requests import ComparisonRequest
from .ledger import LedgerBalance, LedgerEntry
from .listings import HostRole, Listing, ListingPurchase
from .memberships import Membership, MembershipPlan
from .orders import Order, OrderItem
from .outgoing_emails import OutgoingEmail
from .outgoing_notices import OutgoingNotice
from .payments import PAYMENT_UNSETTLED, REFUND_UNSETTLED, Payment, Refund
from .products import CoursePage, Product, ProductFile, ProductPurchase
from .questions import Question
from .reconciliations import Reconciliation
from .registrations import Registration
from .session_changes import SessionChange
from .stripe_events import StripeEvent
from .users import User
from .vouchers import Voucher, VoucherUse

__all__ = [
    "PAYMENT_UNSETTLED",
    "REFUND_UNSETTLED",
    "AccountIdentity",
    "AccountToken",
    "Announcement",
    "AuditEntry",
    "Basket",
    "BasketItem",
    "BookingNote",
    "Case",
    "ClubSession",
    "ComparisonRequest",
    "CoursePage",
    "HostRole",
    "LedgerBalance",
    "LedgerEntry",
    "Listing",
    "ListingPurchase",
    "Membership",
    "MembershipPlan",
    "Order",
    "OrderItem",
    "OutgoingEmail",
    "OutgoingNotice",
    "Payment",
    "Product",
    "ProductFile",
    "ProductPurchase",
    "Question",
    "Reconciliation",
    "RecoveryCode",
    "Refund",
    "Registration",
    "SecondFactor",
    "SessionChange",
    "SignIn",
    "StripeEvent",
    "TokenPurpose",
    "User",
    "Voucher",
    "VoucherUse",
]
