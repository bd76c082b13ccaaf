"""The revision of listings with a paid one and a co-host in the tables: sessions and orders stay, down and up."""

from __future__ import annotations

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import ClubSession, HostRole, Listing, ListingPurchase, OrderItem
from app.services import host_roles
from tests.support.booking import payments_of
from tests.support.database import MIGRATIONS
from tests.support.hosting import begin_listing, make_draft, make_host
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator


def test_down_and_up_again_keeps_sessions_and_what_was_paid(app: Flask, stripe_simulator: StripeSimulator) -> None:
    host, helper = make_host(), make_host()
    draft = make_draft(host)
    token = begin_listing(host, draft)
    stripe_simulator.pay(payments_of(token)[0].checkout_id or "")
    stripe_simulator.deliver()
    host_roles.invite(draft.slug, helper.email, host.id)
    assert (count_of(Listing), count_of(ListingPurchase), count_of(HostRole)) == (1, 1, 1)
    items = [(item.id, item.kind) for item in all_of(OrderItem)]
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0011")
    db.session.remove()
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (count_of(Listing), count_of(ListingPurchase), count_of(HostRole)) == (0, 0, 0)
    assert [(item.id, item.kind) for item in all_of(OrderItem)] == items
    kept = the(ClubSession, id=draft.id)
    assert (kept.status.value, kept.host_user_id) == ("published", host.id)
