"""The operations on what money did: payment intents, charges, refunds, disputes and the books.

Bound to URLs by `api.dispatch`.
"""
from __future__ import annotations

from ..acts import refunds
from ..listing import CREATED, IGNORED, PAGING, list_page
from ..objects.balance import build_balance
from ..schema import Anything, Currency, Fields, Text
from ..store import Json, Record
from .operation import Call, Operation, retrieve
from .parameters import METADATA_ONLY, REFUND_CREATE


def _matches(call: Call, record: Record, *names: str) -> bool:
    """Equality filters, and none found for customers, whom the simulator does not have."""
    asked = call.params
    return all(asked.get(n, record.object[n]) == record.object[n] for n in names) and not {"customer"} & set(asked)


def _intents(call: Call) -> Json:
    return list_page(call.core, "payment_intent", call.params, call.path, lambda r: _matches(call, r))


def _charges(call: Call) -> Json:
    return list_page(
        call.core, "charge", call.params, call.path, lambda r: _matches(call, r, "payment_intent", "transfer_group")
    )


def _create_refund(call: Call) -> Json:
    return call.show(refunds.create(call.core, call.params, call.cause))


def _of_payment(call: Call, kind: str) -> Json:
    return list_page(call.core, kind, call.params, call.path, lambda r: _matches(call, r, "charge", "payment_intent"))


def _refunds(call: Call) -> Json:
    return _of_payment(call, "refund")


def _update_refund(call: Call) -> Json:
    return call.show(refunds.update(call.core, call.record("refund", "refund"), call.params, call.cause))


def _cancel_refund(call: Call) -> Json:
    return call.show(refunds.cancel(call.core, call.record("refund", "refund"), call.cause))


def _disputes(call: Call) -> Json:
    return _of_payment(call, "dispute")


def _transactions(call: Call) -> Json:
    # Nothing is ever paid out here, so a filter on a payout finds nothing.
    return list_page(
        call.core, "balance_transaction", call.params, call.path,
        lambda r: _matches(call, r, "type", "source", "currency") and "payout" not in call.params,
    )  # fmt: skip


def _balance(call: Call) -> Json:
    return build_balance(call.core.objects("balance_transaction"), call.core.clock.now())


_INTENT, _CHARGE, _REFUND, _DISPUTE = "/v1/payment_intents", "/v1/charges", "/v1/refunds", "/v1/disputes"
_BOOKS = "/v1/balance_transactions"
_FILTER = {"charge": Text(), "payment_intent": Text()}
OPERATIONS = (
    Operation("GET", _INTENT, "payment_intent.list", _intents, Fields({**PAGING, **CREATED, **IGNORED})),
    retrieve(_INTENT, "payment_intent.retrieve", "payment_intent", "intent"),
    Operation(
        "GET", _CHARGE, "charge.list", _charges,
        Fields({**PAGING, **CREATED, "payment_intent": Text(), "transfer_group": Text(), "customer": Anything()}),
    ),
    retrieve(_CHARGE, "charge.retrieve", "charge"),
    Operation("POST", _REFUND, "refund.create", _create_refund, REFUND_CREATE),
    Operation("GET", _REFUND, "refund.list", _refunds, Fields({**PAGING, **CREATED, **_FILTER})),
    retrieve(_REFUND, "refund.retrieve", "refund", "refund"),
    Operation("POST", f"{_REFUND}/<id>", "refund.update", _update_refund, METADATA_ONLY),
    Operation("POST", f"{_REFUND}/<id>/cancel", "refund.cancel", _cancel_refund),
    Operation("GET", _DISPUTE, "dispute.list", _disputes, Fields({**PAGING, **CREATED, **_FILTER})),
    retrieve(_DISPUTE, "dispute.retrieve", "dispute", "dispute"),
    Operation(
        "GET", _BOOKS, "balance_transaction.list", _transactions,
        Fields({**PAGING, **CREATED, "type": Text(), "source": Text(), "payout": Text(), "currency": Currency()}),
    ),
    retrieve(_BOOKS, "balance_transaction.retrieve", "balance_transaction"),
    Operation("GET", "/v1/balance", "balance.retrieve", _balance),
)  # fmt: skip
