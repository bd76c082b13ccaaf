"""Every page of the desk and every export, from the URL map: no more statements with two thousand bookings than with twenty."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, cast, insert, literal, select, update

from app import clock
from app.models import AuditEntry, Case, ClubSession, Order, OutgoingEmail, Registration, StripeEvent
from app.rules.statuses import PaymentState, QuestionKind, RegistrationStatus, Role
from app.services import questions
from app.services.questions import QuestionFields
from app.transaction import transaction
from tests.support.factories import make_club_session, make_membership, make_plan, make_user
from tests.support.money import many_orders
from tests.support.pages import PageClient
from tests.support.rows import the
from tests.support.settings import SITE_URL
from tests.support.shop import make_course
from tests.web.desk import sign_in

FEW, MANY = 20, 1980


def more_bookings(session: ClubSession, number: int, user_id: int) -> None:
    """So many more in one session by one person, half of them with a place, each with an entry of the record and a mail."""
    many_orders(session, number)
    with transaction() as db:
        db.execute(update(Order).values(user_id=user_id))
        email = literal("person") + cast(Registration.id, String) + literal("@club.example")
        db.execute(update(Registration).values(user_id=user_id, email=email))
        half = update(Registration).where(Registration.id % 2 == 0)
        db.execute(half.values(status=RegistrationStatus.REGISTERED, payment_status=PaymentState.PAID))
        known = select(OutgoingEmail.order_id).where(OutgoingEmail.order_id.is_not(None))
        new = db.execute(select(Order.id).where(Order.id.not_in(known))).scalars().all()
        entries, mails = [], []
        for one in new:
            entries.append({"actor": "guest", "action": "registered", "subject_kind": "order", "subject_id": one, "detail": {}})
            mails.append({
                "dedupe_key": f"m{one}", "to": "p@club.example", "template": "confirmation", "context": {}, "order_id": one,
                "message_id": f"<{one}@x>", "next_attempt_at": clock.now(), "sent_at": clock.now(), "attachments": [],
            })  # fmt: skip
        db.execute(insert(AuditEntry), entries)
        db.execute(insert(OutgoingEmail), mails)


@pytest.fixture
def names(sqlite_app: Flask) -> dict[str, Any]:
    """What stands in the addresses of the desk: a session with bookings, all of one person's, and one of everything else."""
    session, member, plan = make_club_session(slug="badminton", capacity=5000, series="evenings"), make_user(), make_plan()
    more_bookings(session, FEW, member.id)
    questions.add("badminton", "shoesize1", QuestionFields(QuestionKind.TEXT, "Shoe size"), "user:1")
    membership, course = make_membership(member), make_course("Footwork")
    with transaction() as db:
        db.add(case := Case(dedupe_key="one", kind="mail_failed", detail={}))
        db.add(StripeEvent(id="evt_1", type="charge.refunded", payload={}, attempts=1))
        db.flush()
        row = db.execute(select(Registration.token, Order.token).join(Order, Order.id == Registration.order_id)).first()
        assert row is not None
        return {
            "slug": "badminton", "token": row[0], "order": row[1], "user_id": member.id, "case_id": case.id, "number": 1,
            "event_id": "evt_1", "name": "confirmation", "key": "shoesize1", "plan_slug": plan.slug,
            "membership_id": membership.id, "product_slug": course,
        }  # fmt: skip


def addresses(app: Flask, names: dict[str, Any]) -> list[str]:
    """Every page of the desk, built with these names."""
    urls, found = app.url_map.bind("muster.test"), []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/admin") or "GET" not in (rule.methods or ()) or not rule.arguments <= set(names):
            continue  # what it is about is not there, and has no bookings: a message, a code, a file of a product
        values = {name: names[name] for name in rule.arguments}
        if rule.endpoint == "admin.money_order":
            values["token"] = names["order"]
        found.append(urls.build(rule.endpoint, values))
    return sorted({*found, "/admin/sessions?show=past", "/admin/registrations?q=person&status=registered&sort=name",
                   "/admin/money?from=2026-01-01&to=2026-12-31", "/admin/money/takings?by=month"})  # fmt: skip


def exports(app: Flask) -> list[str]:
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin") and rule.rule.endswith("/export")]
    return sorted(rule.replace("<slug:slug>", "badminton") for rule in rules)


def test_two_thousand_bookings_take_the_statements_of_twenty(
    sqlite_app: Flask, pages: PageClient, names: dict[str, Any], statements: Any
) -> None:
    sign_in(pages, Role.ADMIN)
    csrf = pages.get("/admin/money/orders").form("/export")["csrf_token"]

    shown: defaultdict[int, set[str]] = defaultdict(set)

    def cost(method: str, address: str, **data: Any) -> int:
        with statements() as seen:
            answer = pages.http.open(address, method=method, data=data, base_url=SITE_URL)
            answer.get_data()
            answer.close()  # as a server does: an export's file is gone
        assert answer.status_code in (200, 303, 404), f"{method} {address}: {answer.status_code}"
        shown[answer.status_code].add(address)
        return len(seen)

    def costs() -> dict[str, int]:
        pages = {address: cost("GET", address) for address in addresses(sqlite_app, names)}
        return pages | {address: cost("POST", address, csrf_token=csrf, format="csv") for address in exports(sqlite_app)}

    few = costs()
    more_bookings(the(ClubSession), MANY, names["user_id"])
    many = costs()
    assert {address: (few[address], many[address]) for address in few if few[address] < many[address]} == {}
    assert max(many.values()) <= 20 and len(shown[200]) > 60, sorted(shown[303] | shown[404])
