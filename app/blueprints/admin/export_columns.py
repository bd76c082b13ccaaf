"""What stands in an export of each of the treasurer's lists, column by column. Called by the export views.

Amounts are Decimals with the digits of their currency, which stands in a column of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from ...integrations.spreadsheets import Cell, Column
from ...rules import money
from .exporting import at
from .money_words import kind_words, money_state, provider_words
from .record_words import account_words, actor_words, refund_reason_words


def amount(name: str) -> Any:
    """Reads an amount of minor units; nothing known is an empty cell."""

    def read(row: Any) -> Decimal | None:
        cents = getattr(row, name)
        return None if cents is None else money.to_decimal(cents, row.currency)

    return read


def value(name: str) -> Any:
    """Reads a value as it is."""

    def read(row: Any) -> Cell:
        found: Cell = getattr(row, name)
        return found

    return read


def _whose() -> list[Column]:
    return [Column(_("Reference"), value("reference")), Column(_("Name"), value("name")), Column(_("E-mail"), value("email")),
            Column(_("For"), value("what"))]  # fmt: skip


def _state(row: Any) -> str:
    return money_state(row.status)[0]


def _kinds(row: Any) -> str:
    return "; ".join(kind_words(kind) for kind in (row.kinds or "").split(";") if kind)


def orders(zone: str) -> list[Column]:
    return [
        Column(at(_("Made"), zone), value("created_at")),
        *_whose(),
        Column(_("Kind"), _kinds),
        Column(_("Currency"), value("currency")),
        Column(_("Total"), amount("total_cents")),
        Column(_("Paid"), amount("captured_cents")),
        Column(_("Given back"), amount("refunded_cents")),
        Column(_("State"), _state),
        Column(at(_("Paid at"), zone), value("paid_at")),
    ]


def payments(zone: str) -> list[Column]:
    return [
        Column(at(_("Paid at"), zone), value("paid_at")),
        Column(at(_("Begun"), zone), value("created_at")),
        *_whose(),
        Column(_("Paid by"), lambda row: provider_words(row.provider)),
        Column(_("Currency"), value("currency")),
        Column(_("Asked"), amount("amount_cents")),
        Column(_("Paid"), amount("captured_cents")),
        Column(_("Fee"), amount("fee_cents")),
        Column(_("Given back"), amount("refunded_cents")),
        Column(_("State"), _state),
        Column(_("Stripe payment"), value("payment_intent_id")),
        Column(_("Stripe checkout"), value("checkout_id")),
    ]


def refunds(zone: str, names: Mapping[str, str]) -> list[Column]:
    return [
        Column(at(_("When"), zone), value("created_at")),
        *_whose(),
        Column(_("Goes to"), lambda row: provider_words(row.provider)),
        Column(_("Currency"), value("currency")),
        Column(_("Amount"), amount("amount_cents")),
        Column(_("Why"), lambda row: refund_reason_words(row.reason)),
        Column(_("Decided by"), lambda row: actor_words(row.actor, names.get(row.actor))),
        Column(_("State"), _state),
        Column(_("Stripe refund"), value("provider_ref")),
        Column(_("Stripe payment"), value("payment_intent_id")),
        Column(_("Error"), value("last_error")),
    ]


def ledger(zone: str) -> list[Column]:
    return [
        Column(at(_("When"), zone), value("created_at")),
        Column(_("To (debit)"), lambda row: account_words(row.debit_account)),
        Column(_("From (credit)"), lambda row: account_words(row.credit_account)),
        Column(_("Currency"), value("currency")),
        Column(_("Amount"), amount("amount_cents")),
        Column(_("Session"), value("title")),
        Column(_("Reference"), value("reference")),
        Column(_("Name"), value("name")),
        Column(_("Stripe refund"), value("provider_ref")),
        Column(_("Stripe payment"), value("payment_intent_id")),
        Column(_("Entry"), value("entry_key")),
    ]
