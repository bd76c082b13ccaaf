"""Revision 0024: going back loses no entry, and coming again the worker makes the same sums anew."""

from __future__ import annotations

from datetime import timedelta

import flask_migrate
from flask import Flask

from app import clock as time
from app.extensions import db
from app.models import LedgerBalance, LedgerEntry
from app.services import ledger_balances
from tests.support.clock import FakeClock
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.money import many_orders
from tests.support.rows import all_of, count_of


def test_sums_are_made_anew_from_the_entries(app: Flask, clock: FakeClock) -> None:
    many_orders(make_club_session(), 3)
    clock.set(time.now() + timedelta(days=40))
    ledger_balances.carry_forward()
    before = [(sum_.debit_account, sum_.credit_account, sum_.amount_cents) for sum_ in all_of(LedgerBalance)]
    entries = count_of(LedgerEntry)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0023")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (count_of(LedgerEntry), count_of(LedgerBalance)) == (entries, 0)
    ledger_balances.carry_forward()
    assert [(sum_.debit_account, sum_.credit_account, sum_.amount_cents) for sum_ in all_of(LedgerBalance)] == before
