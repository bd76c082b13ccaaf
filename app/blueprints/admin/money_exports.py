"""Exports of the treasurer's lists and of a session's registrations: exactly what their filter shows, all pages of it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, abort, request

from ...integrations.spreadsheets import Column, Table
from ...queries import desk_listing, desk_orders, desk_people
from ...rules.statuses import Role
from ...security import staff_only
from . import bp, export_columns
from .exporting import club_zone, send
from .money_lists import asked

COLUMNS: dict[str, Callable[[str], list[Column]]] = {
    "orders": export_columns.orders,
    "payments": export_columns.payments,
    "refunds": lambda zone: export_columns.refunds(zone, desk_people.names(desk_orders.refund_actors())),
    "ledger": export_columns.ledger,
}


@bp.post("/money/orders/export")
@staff_only(Role.STAFF)
def money_orders_export() -> Response:
    """The orders that the list shows."""
    return _export("orders")


@bp.post("/money/payments/export")
@staff_only(Role.STAFF)
def money_payments_export() -> Response:
    """The payments that the list shows."""
    return _export("payments")


@bp.post("/money/refunds/export")
@staff_only(Role.STAFF)
def money_refunds_export() -> Response:
    """The refunds that the list shows."""
    return _export("refunds")


@bp.post("/money/ledger/export")
@staff_only(Role.STAFF)
def money_ledger_export() -> Response:
    """The rows of the books that the list shows."""
    return _export("ledger")


def _export(name: str) -> Response:
    ask = asked(name, request.form)
    if ask.period.errors:
        abort(422)
    zone = club_zone()
    listing, wanted = ask.list.listing, ask.wanted
    table = Table(str(ask.list.title), COLUMNS[name](zone), desk_listing.every(listing, wanted), zone)
    return send(table, name, desk_listing.count(listing, wanted), narrowed=ask.filtered)
