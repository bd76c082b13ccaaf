"""The basket asks for a number and consent, too; what did not go is a figure and a finding of the self-check."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import OutgoingNotice, Registration
from app.queries import due_work
from app.rules.statuses import RegistrationStatus
from app.services import health_check
from app.transaction import transaction
from tests.support.booking import begin, work
from tests.support.clock import FakeClock
from tests.support.factories import make_free_club_session
from tests.support.notices import NUMBER, book, told
from tests.support.pages import PageClient
from tests.support.rows import all_of, the
from tests.support.whatsapp import error
from tests.web.test_watching import figures

pytestmark = pytest.mark.databases("sqlite")
PERSON = {"name": "Ana Lee", "email": "ana@example.org"}


def findings() -> list[str]:
    """What the doctor says of notices, read afresh."""
    db.session.remove()
    return [finding for finding in health_check.findings() if "WhatsApp" in finding]


def put(pages: PageClient, kind: str, slug: str, **fields: object) -> Any:
    pages.get(f"/basket/add/{kind}/{slug}")
    return pages.submit(**fields)


def test_number_typed_in_the_basket_is_every_bookings_and_is_told_of_each(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient
) -> None:
    for _ in range(2):
        put(pages, "registration", make_free_club_session().slug, quantity=1)
    page = pages.submit("/basket/checkout", **PERSON, whatsapp_number="call me")
    assert page.status == 422 and page.form("/basket/checkout")["whatsapp_number"] == "call me"
    page = pages.submit("/basket/checkout", whatsapp_number="021 123 4567")
    assert page.status == 422 and "Tick the box to get notices by WhatsApp" in page.text
    pages.submit("/basket/checkout", button="Confirm", whatsapp_agreed=True)
    assert [r.whatsapp_number for r in all_of(Registration)] == [NUMBER, NUMBER]
    work()
    assert told(whatsapp_server) == ["muster_booking_confirmed"] * 2


def test_basket_asks_for_none_while_whatsapp_is_off(sqlite_app: Flask, pages: PageClient) -> None:
    page = put(pages, "registration", make_free_club_session().slug, quantity=1)
    assert "whatsapp_number" not in page.form("/basket/checkout").names


def test_notices_owed_and_given_up_are_figures_and_a_finding(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, clock: FakeClock
) -> None:
    book(make_free_club_session())
    assert figures(pages.get("/metrics").html)["muster_notices_owed"] == 1
    clock.advance(minutes=10)
    assert due_work.ages(clock.now)["notices"] == 600
    whatsapp_server.answer_with(error(131026, "Message undeliverable"))
    work()
    seen = figures(pages.get("/metrics").html)
    assert (seen["muster_notices_owed"], seen["muster_notices_failed"]) == (0, 1)
    assert seen['muster_oldest_due_seconds{kind="notices"}'] == 0
    assert findings() == ["1 WhatsApp notices could not be delivered: see the notices in the admin."]


def test_an_offer_answered_before_its_notice_went_needs_nobody(whatsapp_server: Any, sqlite_app: Flask, clock: FakeClock) -> None:
    book(make_free_club_session())
    with transaction() as own:
        own.query(OutgoingNotice).update({"kind": "place_offered", "failed_at": clock.now})
    assert the(Registration).status is RegistrationStatus.REGISTERED
    assert findings() == []


def test_notices_wait_without_being_late_while_whatsapp_is_off(sqlite_app: Flask) -> None:
    begin(make_free_club_session(), expected_price_cents=0)
    assert "notices" not in due_work.ages(the(Registration).created_at)
