"""The whole record at one moment, read from outside the app, and Stripe's own beside it. Used by `invariants` and `calm`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, bindparam, select

from app.extensions import db
from app.models import (
    AuditEntry,
    Case,
    ClubSession,
    LedgerEntry,
    Membership,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    Product,
    ProductPurchase,
    Refund,
    Registration,
)
from app.rules.statuses import TAKEN, WAITING, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus
from app.services.ledger import CLEARING

BY_HAND = "refund_by_hand"
SETTLED = (PaymentState.PAID, PaymentState.FREE)


@dataclass
class Rows:
    """Rows by id, newest last. Histories are small: everything is read after every step."""

    club_sessions: dict[int, RowMapping] = field(default_factory=dict)
    registrations: dict[int, RowMapping] = field(default_factory=dict)
    orders: dict[int, RowMapping] = field(default_factory=dict)
    order_items: dict[int, RowMapping] = field(default_factory=dict)
    payments: dict[int, RowMapping] = field(default_factory=dict)
    refunds: dict[int, RowMapping] = field(default_factory=dict)
    cases: dict[int, RowMapping] = field(default_factory=dict)
    memberships: dict[int, RowMapping] = field(default_factory=dict)
    products: dict[int, RowMapping] = field(default_factory=dict)
    product_purchases: dict[int, RowMapping] = field(default_factory=dict)
    """By the id of the line they were bought by."""

    def taken(self, session_id: int) -> int:
        return self._places(session_id, TAKEN)

    def waiting(self, session_id: int) -> int:
        return self._places(session_id, WAITING)

    def _places(self, session_id: int, statuses: Any) -> int:
        rows = self.registrations.values()
        return sum(r["places"] for r in rows if r["club_session_id"] == session_id and r["status"] in statuses)

    def line(self, session_id: int) -> list[RowMapping]:
        """Those who wait and may be served now, in the published order. Who pays upfront is in line once paid."""
        members_first = self.club_sessions[session_id]["waitlist_members_first"]
        found = [
            r
            for r in self.registrations.values()
            if r["club_session_id"] == session_id and r["status"] is RegistrationStatus.WAITLISTED
            and (r["payment_status"] in SETTLED or self.orders[r["order_id"]]["hold_expires_at"] is None)
        ]  # fmt: skip
        return sorted(found, key=lambda r: (members_first and not r["is_member"], r["waitlisted_at"], r["id"]))

    def payments_of(self, order_id: int) -> list[RowMapping]:
        return [p for p in self.payments.values() if p["order_id"] == order_id]

    def given_back(self, payment_id: int, *, but: tuple[RefundStatus, ...] = (RefundStatus.FAILED,)) -> int:
        """What refunds promise of this payment, those in ``but`` left out."""
        mine = (r for r in self.refunds.values() if r["payment_id"] == payment_id)
        return sum(r["amount_cents"] for r in mine if r["status"] not in but)

    def kept(self, order_id: int) -> list[RowMapping]:
        """Captured payments of an order that are not promised back in full."""
        succeeded = (p for p in self.payments_of(order_id) if p["status"] is PaymentStatus.SUCCEEDED)
        return [p for p in succeeded if self.given_back(p["id"]) < p["captured_cents"]]

    def has_case(self, payment_id: int) -> bool:
        """Whether a person has to say what this money is. What must only be handed over in cash is known."""
        return any(c["payment_id"] == payment_id and c["kind"] != BY_HAND for c in self.cases.values())

    def lines_of(self, registration_id: int) -> list[RowMapping]:
        """What a booking was ordered by: its own line, then one for each difference."""
        return [item for item in self.order_items.values() if item["registration_id"] == registration_id]

    def bookings_of(self, order_id: int) -> list[RowMapping]:
        return [r for r in self.registrations.values() if r["order_id"] == order_id]

    def together(self, order_id: int) -> set[int]:
        """An order and those of its bookings' differences."""
        lines = [line for r in self.bookings_of(order_id) for line in self.lines_of(r["id"])]
        return {order_id} | {line["order_id"] for line in lines}

    def differences(self) -> set[int]:
        """The orders that are a difference: of another order's booking."""
        lines = [item for item in self.order_items.values() if item["registration_id"] is not None]
        return {item["order_id"] for item in lines if self.registrations[item["registration_id"]]["order_id"] != item["order_id"]}


def look() -> Rows:
    """Read everything that the checks of each step need, in one snapshot."""
    rows = Rows()
    with db.engine.connect() as connection:
        for statement, key, name in _TABLES:
            setattr(rows, name, {row[key]: row for row in connection.execute(statement).mappings()})
    return rows


def _all_of(model: Any) -> tuple[Any, str, str]:
    """A statement that is built once, for it remembers what it compiles to; the key of a row, and the table."""
    [key] = model.__table__.primary_key.columns
    return select(model.__table__).order_by(key), key.name, model.__tablename__


_TABLES = [
    _all_of(model)
    for model in (ClubSession, Registration, Order, OrderItem, Payment, Refund, Case, Membership, Product, ProductPurchase)
]
_SINCE = select(AuditEntry.__table__).where(AuditEntry.id > bindparam("last_id")).order_by(AuditEntry.id)


def audit_since(last_id: int) -> list[RowMapping]:
    with db.engine.connect() as connection:
        return list(connection.execute(_SINCE, {"last_id": last_id}).mappings())


def clearing() -> dict[int | None, int]:
    """What the books say that Stripe holds, by payment."""
    sums: dict[int | None, int] = defaultdict(int)
    with db.engine.connect() as connection:
        for entry in connection.execute(select(LedgerEntry.__table__)).mappings():
            sums[entry["payment_id"]] += entry["amount_cents"] * (entry["debit_account"] == CLEARING)
            sums[entry["payment_id"]] -= entry["amount_cents"] * (entry["credit_account"] == CLEARING)
    return dict(sums)


def mails() -> list[RowMapping]:
    with db.engine.connect() as connection:
        return list(connection.execute(select(OutgoingEmail.__table__).order_by(OutgoingEmail.id)).mappings())


def cents_of(item: RowMapping) -> int:
    """What a line costs."""
    return int(item["unit_amount_cents"] * item["quantity"])


def balance(account: str) -> int:
    """Debits minus credits of one account of the books."""
    with db.engine.connect() as connection:
        entries = connection.execute(select(LedgerEntry.__table__)).mappings().all()
    debit = sum(entry["amount_cents"] for entry in entries if entry["debit_account"] == account)
    return debit - sum(entry["amount_cents"] for entry in entries if entry["credit_account"] == account)


def revenue_of(account: str) -> dict[int | None, int]:
    """What an account of revenue holds, by session."""
    sums: dict[int | None, int] = defaultdict(int)
    with db.engine.connect() as connection:
        for entry in connection.execute(select(LedgerEntry.__table__)).mappings():
            sign = (entry["credit_account"] == account) - (entry["debit_account"] == account)
            sums[entry["club_session_id"]] += sign * entry["amount_cents"]
    return dict(sums)


@dataclass
class AtStripe:
    """Stripe's own record of our money, by payment intent: what came, what went back, and what its books add up to."""

    captured: dict[str, int]
    refunded: dict[str, int]
    net: dict[str, int]
    refund_keys: list[str]
    checkouts: dict[str, dict[str, Any]]
    disputed: set[str]
    returned: set[str]
    """Payments of which a refund came back from the bank."""


def at_stripe(core: Any) -> AtStripe:
    """Read from the simulator itself, not over its API."""
    intents = {c["payment_intent"]: c for c in core.objects("charge") if c["paid"]}
    about = {c["id"]: c["payment_intent"] for c in core.objects("charge")}
    about |= {r["id"]: r["payment_intent"] for r in core.objects("refund")}
    about |= {d["id"]: d["payment_intent"] for d in core.objects("dispute")}
    net: dict[str, int] = defaultdict(int)
    for line in core.objects("balance_transaction"):
        net[about[line["source"]]] += line["net"]
    return AtStripe(
        captured={intent: charge["amount_captured"] for intent, charge in intents.items()},
        refunded={intent: charge["amount_refunded"] for intent, charge in intents.items()},
        net=dict(net),
        refund_keys=[r["metadata"]["refundId"] for r in core.objects("refund") if (r["metadata"] or {}).get("refundId")],
        checkouts={s["id"]: s for s in core.objects("checkout.session")},
        disputed={d["payment_intent"] for d in core.objects("dispute")},
        returned={r["payment_intent"] for r in core.objects("refund") if r["status"] == "failed"},
    )
