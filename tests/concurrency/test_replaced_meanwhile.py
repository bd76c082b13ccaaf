"""Whoever books looks for those who wait to be replaced before they have a place; who begins to wait after that is seen all the
same, by the session's number in people's calendars.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import ClubSession, Refund, Registration
from app.rules.statuses import RegistrationStatus
from app.services import cancelling, places, registrations
from app.transaction import transaction
from tests.concurrency.racing import all_is_well, applicant
from tests.support.booking import begin, order_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import count_of, the

# On SQLite nobody cancels while somebody books.
pytestmark = pytest.mark.databases("postgresql")
PATIENCE = 30


@pytest.mark.parametrize("looked_at", [True, False], ids=["as it is", "when nobody looks at the number"])
def test_wish_that_comes_while_somebody_books_is_fulfilled(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, looked_at: bool
) -> None:
    session, leaver = too_late_for_a_refund(stripe_simulator, clock)
    take, been = places.take, []

    def others() -> None:
        with app.app_context():
            cancelling.cancel_order(leaver, when_replaced=True)
            registrations.register(session.slug, applicant(session.slug, 2))

    def taking(*args: Any, **more: Any) -> bool:
        if not been:
            been.append(threading.Thread(target=others))
            been[0].start()
            been[0].join(PATIENCE)
            assert not been[0].is_alive()
        return take(*args, **(more if looked_at else {}))

    monkeypatch.setattr(places, "take", taking)
    registrations.register(session.slug, applicant(session.slug, 1))
    assert the(ClubSession).places_taken == count_of(Registration, status=RegistrationStatus.REGISTERED) == 2
    if not looked_at:
        assert count_of(Refund) == 0, "the twin: both places are taken again, and nobody was paid back"
        return
    assert (the(Refund).reason, the(Refund).amount_cents) == ("replaced", 1200)
    work()
    all_is_well()


def too_late_for_a_refund(simulator: Any, clock: FakeClock) -> tuple[ClubSession, str]:
    """Two places, one paid for; who books from now on pays nothing."""
    session = make_club_session(capacity=2)
    leaver = begin(session)
    simulator.pay()
    simulator.deliver()
    clock.advance(days=6, hours=1)
    with transaction() as db:
        db.execute(update(ClubSession).values(member_price_cents=None, non_member_price_cents=None))
    assert the(Registration, order_id=order_of(leaver).id).status is RegistrationStatus.REGISTERED
    return session, leaver
