"""Our books against Stripe's: what was missed is fetched, what cannot be mended is a case, and a second run changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.extensions import Base, db
from app.integrations import gateway
from app.models import Case, Payment, Reconciliation, Refund, StripeEvent
from app.services import backups, cancelling, fulfilment, health_check, reconciling
from app.services.reconciling import Report
from tests.support.booking import balances, begin, do_not_pause, mails, order_of, payments_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.database import dispose
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

PAID = ("paid", "registered", ["succeeded"])


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def pay(stripe: Any, club_session: Any) -> str:
    """Somebody books and pays; Stripe tells nobody yet."""
    token = begin(club_session)
    stripe.pay()
    return token


def everything() -> dict[str, list[Any]]:
    """Every row but the record of the runs themselves."""
    db.session.remove()
    with db.engine.connect() as connection:
        return {
            table.name: connection.execute(text(f'SELECT * FROM "{table.name}" ORDER BY 1')).all()  # noqa: S608 - our names
            for table in Base.metadata.sorted_tables
            if table.name != "reconciliations"
        }


def changes_nothing_more() -> Report:
    """A second run finds everything as the first left it."""
    before = everything()
    report = reconciling.reconcile()
    after = everything()
    assert {name: set(map(str, rows)) ^ set(map(str, after[name])) for name, rows in before.items() if rows != after[name]} == {}
    assert not any(report.mended.values())
    return report


def test_missed_webhooks_are_fetched_and_act(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    stripe_simulator.control.drop(count=None)
    token = pay(stripe_simulator, club_session)
    clock.advance(days=2)
    report = reconciling.reconcile()
    assert report.in_order and report.mended["events"] > 0
    assert states(token) == PAID and taken(club_session) == 1
    assert {row.attempts for row in all_of(StripeEvent)} == {0}, "fetched, not delivered"
    assert health_check.silent_webhooks(), "and doctor says so"
    work()
    assert changes_nothing_more().in_order and mails() == ["confirmation"]


def test_payment_whose_event_stripe_has_forgotten_is_found_by_itself(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are kept for 30 days and may be marked as delivered; the Checkout itself says that it is paid."""
    monkeypatch.setattr(gateway(), "undelivered_events", lambda *_: iter(()))
    monkeypatch.setattr(reconciling, "_settle_open", lambda _: 0)
    token = pay(stripe_simulator, make_club_session())
    report = reconciling.reconcile()
    assert report.mended["checkouts"] == 1 and states(token) == PAID and report.in_order


def test_books_equal_stripes_to_the_cent_with_fees_refunds_and_disputes(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session, control = make_club_session(), stripe_simulator.control
    kept, cancelled, dashboard, won, lost = (pay(stripe_simulator, club_session) for _ in range(5))
    stripe_simulator.deliver()
    cancelling.cancel_order(cancelled)
    work()
    intent = {token: payments_of(token)[0].payment_intent_id for token in (kept, dashboard, won, lost)}
    control.drop(count=None)
    control.refund(intent[dashboard], 500)
    for token, verdict in ((won, "won"), (lost, "lost")):
        control.close_dispute(control.dispute(intent[token])["id"], verdict)
    clock.advance(minutes=11)
    report = reconciling.reconcile()
    net = sum(line["net"] for line in control.transactions())
    assert (report.stripe_cents, report.ledger_cents, report.difference_cents) == (net, net, 0)
    books = balances()
    assert books["stripe:clearing"] == net and sum(books.values()) == 0
    assert books["fees:stripe"] == sum(line["fee"] for line in control.transactions()) > 0
    assert books["disputes"] == 1200 and books["revenue:registration"] == -(4 * 1200 - 500)
    assert {case.kind for case in all_of(Case) if case.closed_at is None} == {"dispute_lost"}
    assert the(Refund, reason="made_at_stripe").amount_cents == 500
    assert [p.fee_cents for p in payments_of(kept)] == [62]
    changes_nothing_more()
    assert health_check.findings() == []


def test_run_is_written_down_and_in_order_only_while_nothing_is_open(app: Flask, stripe_simulator: Any) -> None:
    pay(stripe_simulator, make_club_session())
    assert reconciling.reconcile().in_order
    assert (the(Reconciliation).difference_cents, the(Reconciliation).open_cases) == (0, 0)
    stripe_simulator.control.dispute(the(Payment).payment_intent_id)
    assert not reconciling.reconcile().in_order


def test_stripe_unreachable_is_reported_and_harmless(app: Flask, stripe_simulator: Any) -> None:
    token = pay(stripe_simulator, make_club_session())
    stripe_simulator.control.fail("*", "timeout", times=50, seconds=0)
    report = reconciling.reconcile()
    assert report.unreachable and not report.in_order
    assert states(token) == ("pending", "held", ["open"]) and count_of(Case) == 0
    assert count_of(Reconciliation) == 0, "a run that saw nothing does not say that the books are equal"
    stripe_simulator.control.clear_faults()
    assert reconciling.reconcile().in_order and states(token) == PAID


def test_one_thing_that_cannot_be_mended_does_not_hide_the_rest(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    club_session = make_club_session()
    poison, other = pay(stripe_simulator, club_session), pay(stripe_simulator, club_session)
    bad, apply = payments_of(poison)[0].id, fulfilment.apply

    def apply_or_raise(db: Any, attempt: Any, *args: Any, **kwargs: Any) -> Any:
        if attempt.payment.id == bad:
            raise ValueError("a bug")
        return apply(db, attempt, *args, **kwargs)

    with monkeypatch.context() as broken:
        broken.setattr(fulfilment, "apply", apply_or_raise)
        report = reconciling.reconcile()
    assert states(other) == PAID and report.failed and not report.in_order
    assert reconciling.reconcile().in_order and states(poison) == PAID


def test_payments_of_another_app_on_the_account_are_left_alone(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    params = {**payments_of(token)[0].params, "metadata": {}, "payment_intent_data": {}, "client_reference_id": "theirs"}
    stripe_simulator.pay(gateway().create_checkout(params, "another-app").id)
    report = reconciling.reconcile()
    assert report.in_order and report.stripe_cents == 0 and count_of(Case) == 0


def test_somebody_who_pays_during_the_comparison_is_no_case(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    token, movements = begin(make_club_session()), gateway().movements

    def paid_meanwhile() -> Any:
        stripe_simulator.pay()
        return movements()

    with monkeypatch.context() as busy:
        busy.setattr(gateway(), "movements", paid_meanwhile)
        reconciling.reconcile()
    assert count_of(Case) == 0
    clock.advance(minutes=1)
    work()
    assert states(token) == PAID and reconciling.reconcile().in_order and count_of(Case) == 0


def test_lasting_difference_is_a_case_that_closes_when_it_is_gone(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """A refund made at Stripe that no list shows any more: the books differ, and staff are told."""
    token = pay(stripe_simulator, make_club_session())
    reconciling.reconcile()
    payment = payments_of(token)[0]
    stripe_simulator.control.refund(payment.payment_intent_id, 300)
    clock.advance(minutes=11)
    with pytest.MonkeyPatch.context() as forgotten:
        forgotten.setattr(gateway(), "refunds", lambda *_: iter(()))
        forgotten.setattr(gateway(), "undelivered_events", lambda *_: iter(()))
        report = reconciling.reconcile()
    assert report.difference_cents == -300 and report.open_cases == 1
    case = the(Case, kind="books_differ")
    assert (case.payment_id, case.detail["stripe_cents"] - case.detail["ledger_cents"]) == (payment.id, -300)
    assert reconciling.reconcile().difference_cents == 0
    assert the(Case, kind="books_differ").resolution == "equal again"


# --- with no webhook at all ----------------------------------------------------------------------------------------------------


def test_without_any_webhook_everything_settles_within_a_minute(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    stripe_simulator.control.drop(count=None)
    tokens = [pay(stripe_simulator, club_session) for _ in range(3)]
    for _ in range(6):
        clock.advance(seconds=10)
        work()
    assert [states(token) for token in tokens] == [PAID] * 3 and mails() == ["confirmation"] * 3
    cancelling.cancel_order(tokens[0])
    clock.advance(seconds=60)
    work()
    assert the(Refund).status == "succeeded" and stripe_simulator.control.refunds()[0]["amount"] == 1200
    assert reconciling.reconcile().in_order


# --- at night ------------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_nightly_run_comes_once_a_night_in_the_clubs_zone(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """Tests begin at ten in the morning in Auckland; its night is 03:00 to 06:00."""
    runs = []
    for _ in range(48):
        before = count_of(Reconciliation)
        reconciling.reconcile_if_due()
        if count_of(Reconciliation) > before:
            runs.append(clock.now)
        clock.advance(hours=1)
    assert [run.hour for run in runs] == [14, 14], "three in the morning there is two in the afternoon in UTC"
    assert runs[1] - runs[0] == timedelta(days=1)


@pytest.mark.databases("sqlite")
def test_run_that_was_missed_for_two_nights_comes_at_once(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    reconciling.reconcile()
    clock.advance(hours=49)
    reconciling.reconcile_if_due()
    assert count_of(Reconciliation) == 2
    reconciling.reconcile_if_due()
    assert count_of(Reconciliation) == 2


# --- after an old backup was restored -----------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_restored_backup_ends_each_stripe_object_as_a_place_a_refund_or_a_case(
    app: Flask, stripe_simulator: Any, clock: FakeClock, tmp_path: Path
) -> None:
    control, club_session = stripe_simulator.control, make_club_session()
    early, given_back, held = (begin(club_session) for _ in range(3))
    checkouts = {token: payments_of(token)[0].checkout_id for token in (early, given_back, held)}
    stripe_simulator.pay(checkouts[given_back])
    stripe_simulator.deliver()
    backups.write(tmp_path / "old.sqlite")

    stripe_simulator.pay(checkouts[early])
    stripe_simulator.deliver()
    cancelling.cancel_order(given_back)
    late, gone = pay(stripe_simulator, club_session), pay(stripe_simulator, club_session)
    stripe_simulator.deliver()
    work()
    lost = {order_of(token).reference for token in (late, gone)}
    control.refund(payments_of(gone)[0].payment_intent_id)
    restore(app, tmp_path / "old.sqlite")
    assert states(early)[0] == "pending" and count_of(Refund) == 0

    clock.advance(minutes=20)
    report = reconciling.reconcile()
    assert states(early) == PAID
    assert states(held) == ("pending", "held", ["open"])
    assert the(Refund).amount_cents == 1200 and the(Refund).status == "succeeded", "adopted: the row that asked for it is lost"
    assert {case.detail["reference"] for case in all_of(Case, kind="unknown_payment")} == lost
    assert report.open_cases == 2 and report.difference_cents == 0, "what we do not know is in suspense"
    assert balances()["suspense"] == -1200, "the one of the two that Stripe still has"
    clock.advance(minutes=15)
    work()
    stripe_simulator.deliver()
    assert {case.kind for case in all_of(Case)} == {"unknown_payment"} and count_of(Case) == 2
    report = changes_nothing_more()
    assert (report.difference_cents, report.open_cases) == (0, 2)
    assert health_check.findings() == [] and count_of(Payment) == 3


def restore(app: Flask, backup: Path) -> None:
    """Stop, copy the file back, start."""
    live = Path(app.extensions["muster_settings"].database_url.removeprefix("sqlite:///"))
    dispose()
    for name in (live, live.with_name(f"{live.name}-wal"), live.with_name(f"{live.name}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(backup, live)
    with closing(sqlite3.connect(live)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
