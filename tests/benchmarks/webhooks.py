"""How many of Stripe's messages a second: signature, inbox and fulfilment, beside a bare site that only does as many statements,
and the SDK's own parsing alone.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import stripe

from app.models import Order
from app.rules.statuses import OrderStatus
from app.services import checkout
from app.services.registrations import Applicant
from tests.support.rows import count_of
from tests.support.run import Run
from tests.support.settings import WEBHOOK_SECRET

from . import bare, filling, servers
from .asked import Asked
from .load import Measured, request, send_all
from .table import Table

ORDERS, EACH, WARM, CONNECTIONS = 450, 50, 50, 8


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """Paid Checkouts told once, then the same messages again, then the floor. The first few wake the workers, uncounted."""
    table = Table(f"Webhooks on {asked.kind}", ["what", "a second", "p50 ms", "p95 ms", "not 200"])
    with filling.database(where, asked.kind, directory) as url, servers.simulator(directory) as stripe_url:
        with filling.app_on(url, stripe=stripe_url):
            _orders(stripe_url)
        events = [e for e in servers.control(stripe_url, "events") if e["type"] == "checkout.session.completed"]
        with servers.muster(url, directory, stripe=stripe_url) as site:
            address = f"{site.url}/webhooks/stripe"
            send_all(address, CONNECTIONS, _signed(address, events[:WARM]))
            events = events[WARM:]
            _row(table, "completed: signature, inbox, fulfilment", send_all(address, CONNECTIONS, _signed(address, events)))
            _row(table, "the same again", send_all(address, CONNECTIONS, _signed(address, events)))
        with filling.app_on(url):
            least = filling.sessions(1)[0]
        with servers.bare(url, directory) as floor:
            address = f"{floor.url}/told/{least}"
            send_all(address, CONNECTIONS, _signed(address, events[:WARM]))
            _row(table, f"bare site: {bare.STATEMENTS} statements", send_all(address, CONNECTIONS, _signed(address, events)))
        with filling.app_on(url):
            table.row(f"(orders paid: {count_of(Order, status=OrderStatus.PAID)} of {ORDERS})", "", "", "", "")
        table.row("construct_event alone, one process", f"{_floor(events):.0f}", "", "", "")
    return table


def _orders(stripe_url: str) -> None:
    """Bookings whose Checkouts were paid while nobody was told."""
    slug = ""
    for number in range(ORDERS):
        if number % EACH == 0:
            slug = filling.sessions(1, capacity=EACH)[0]
        person = Applicant(f"Person {number}", f"person{number}@example.org", 1, 1200, f"attempt-{number}")
        checkout.begin_registration(slug, person)
    for session in servers.control(stripe_url, "sessions"):
        servers.control(stripe_url, "pay", session_id=session["id"])


def _signed(address: str, events: list[dict[str, Any]]) -> list[bytes]:
    sent = []
    for event in events:
        body = json.dumps(event)
        signature = stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET, int(time.time()))
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json; charset=utf-8"}
        sent.append(request(address, body=body.encode(), headers=headers))
    return sent


def _row(table: Table, name: str, measured: Measured) -> None:
    refused = len(measured.times) - measured.statuses[200]
    table.row(name, f"{measured.rate:.0f}", f"{measured.percentile(50):.1f}", f"{measured.percentile(95):.1f}", refused)


def _floor(events: list[dict[str, Any]]) -> float:
    client = stripe.StripeClient("sk_test_x")
    bodies = [json.dumps(event) for event in events]
    headers = [stripe.WebhookSignature.generate_signature_header(b, WEBHOOK_SECRET, int(time.time())) for b in bodies]
    began = time.perf_counter()
    for body, header in zip(bodies, headers, strict=True):
        client.construct_event(body, header, WEBHOOK_SECRET)
    return len(bodies) / (time.perf_counter() - began)
