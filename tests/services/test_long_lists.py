"""A club of fifty thousand past bookings: what the desk lists and looks up goes by an index, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.extensions import db
from app.models import Refund
from app.queries import (
    desk,
    desk_audit,
    desk_ledger,
    desk_listing,
    desk_orders,
    desk_record,
    desk_registrations,
    desk_takings,
    desk_today,
    due_work,
    webhooks,
)
from app.queries.desk_listing import Wanted
from app.queries.desk_money import Period
from app.queries.desk_registrations import Sort as ByTime
from app.queries.desk_registrations import Wanted as Bookings
from app.queries.desk_takings import By
from app.services import health_check, holds, refunds, registration_quotes, resale
from tests.support.factories import ZONE, make_club_session
from tests.support.money import many_orders
from tests.support.plans import plans

_W = Wanted
TODAY = Period(date(2026, 3, 3), date(2026, 3, 3), ZONE)


def since() -> Wanted:
    return Wanted(begins_at=clock.now(), ends_at=clock.now())


LOOKS: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "orders of a period": (lambda: desk_listing.page(desk_orders.ORDERS, since()), {"ix_orders_created_at"}),
    "refunds of a period": (lambda: desk_listing.page(desk_orders.REFUNDS, since()), {"ix_refunds_created_at"}),
    "ledger of a period": (lambda: desk_listing.page(desk_ledger.LEDGER, since()), {"ix_ledger_entries_created_at"}),
    "an order by Stripe's id": (lambda: desk_listing.count(desk_orders.ORDERS, _W("re_1")), {"provider_ref"}),
    "newest bookings of all": (
        lambda: desk_registrations.everywhere(Bookings(sort=ByTime.NEWEST), with_checkouts=False),
        {"ix_registrations_created_at"},
    ),
    "accounts of the books": (desk_ledger.accounts, {"ix_ledger_entries_debit_account", "ix_ledger_entries_credit_account"}),
    "record by action": (lambda: desk_audit.entries(desk_audit.Wanted(action="paid")), {"ix_audit_entries_action"}),
    "inbox": (desk_record.inbox, {"ix_stripe_events_created_at"}),
    "last payment": (webhooks.silence, {"ix_payments_paid_at"}),
    "fees of a period": (lambda: desk_takings.takings(TODAY, By.SESSION), {"ix_ledger_entries_debit_account"}),
    "money checked by the page": (
        lambda: health_check.groups(clock.now()), {"ix_payments_paid_at", "ix_refunds_created_at"},
    ),
    "books against refunds": (health_check.findings, {"ix_ledger_entries_refund_id"}),
    "who waits to be replaced": (
        lambda: db.session.execute(resale._WISHES, {"club_session_id": 1}).all(), {"ix_registrations_replacement_wanted"},
    ),
    "whether somebody does": (
        lambda: db.session.execute(registration_quotes._WANTED, {"slug": "a"}).all(), {"ix_registrations_replacement_wanted"},
    ),
    "refunds of a line": (
        lambda: db.session.execute(select(Refund.id).where(Refund.order_item_id == 1)).all(), {"ix_refunds_order_item_id"},
    ),
}  # fmt: skip


SMALL: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "what is not settled": (lambda: due_work.ages(clock.now()), {"ix_payments_due", "ix_refunds_due"}),
    "stuck payments": (lambda: desk_today.page(clock.now(), clock.now()), {"ix_payments_due"}),
    "payments to look up": (holds.settle_unsettled_payments, {"ix_payments_due"}),
    "refunds to send": (refunds.send_due_refunds, {"ix_refunds_due"}),
    "places checked by the page": (lambda: health_check.groups(clock.now()), {"ix_club_sessions_status_ends_at"}),
    "mails that failed": (desk_record.failed_mails, {"ix_outgoing_emails_failed"}),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_looked_up_goes_by_an_index(app: Flask, name: str) -> None:
    many_orders(make_club_session(), 20)
    look, indexes = LOOKS[name]
    plan = plans(look)
    assert all(index in plan or f"autoindex_{index}" in plan for index in indexes) or _by_unique(plan, indexes), plan


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", SMALL)
def test_what_is_not_over_goes_by_a_small_index(app: Flask, name: str) -> None:
    """SQLite uses an index of some rows only when the condition stands in the statement and is no parameter of it."""
    many_orders(make_club_session(), 20)
    look, indexes = SMALL[name]
    assert all(index in plans(look) for index in indexes), plans(look)


def _by_unique(plan: str, columns: set[str]) -> bool:
    """SQLite names the index of a UNIQUE by a number; its plan says which column it looks up instead."""
    return all(f"({column}=?)" in plan for column in columns)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("listing", [desk_orders.ORDERS, desk_orders.PAYMENTS, desk_orders.REFUNDS, desk_ledger.LEDGER])
def test_the_newest_page_is_read_without_sorting_the_rest(app: Flask, listing: desk_listing.Listing) -> None:
    assert "TEMP B-TREE" not in plans(lambda: desk_listing.page(listing, Wanted()))
    assert "TEMP B-TREE" in plans(lambda: desk_listing.page(listing, Wanted(sort=desk_listing.Sort.LARGEST))), "this one sorts"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("listing", [desk_orders.ORDERS, desk_orders.PAYMENTS, desk_orders.REFUNDS, desk_ledger.LEDGER])
def test_far_into_a_list_the_rows_are_those_that_come_next(
    app: Flask, monkeypatch: pytest.MonkeyPatch, listing: desk_listing.Listing
) -> None:
    many_orders(make_club_session(), 120)
    for sort in desk_listing.Sort:
        near = [desk_listing.page(listing, Wanted(sort=sort), number).items for number in (1, 2, 3)]
        monkeypatch.setattr(desk, "FAR", 0)
        assert [desk_listing.page(listing, Wanted(sort=sort), number).items for number in (1, 2, 3)] == near
        monkeypatch.undo()
