"""The stand-ins do what tests rely on: a clock that obeys, mail that arrives, a network that is closed, Stripe that answers."""

from __future__ import annotations

import smtplib
import socket
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
import stripe
from flask import Flask

from app import clock as app_clock
from app.extensions import db
from app.models import ClubSession
from app.rules.statuses import Role
from tests.support import network
from tests.support.browser import aside
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_membership, make_user
from tests.support.mail import SmtpServer
from tests.support.rows import the
from tests.support.stripe import StripeSimulator

OUTSIDE = ("192.0.2.1", 443)  # an address reserved for documentation


def test_clock_stands_still_and_moves_when_told(clock: FakeClock) -> None:
    before = app_clock.now()
    assert app_clock.now() == before
    clock.advance(minutes=90)
    assert (app_clock.now() - before).total_seconds() == 5400
    assert clock.set(datetime(2026, 7, 1, tzinfo=UTC)) == app_clock.now()


def test_clock_refuses_a_time_without_a_zone(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="zone"):
        clock.set(datetime(2026, 7, 1))


@pytest.mark.parametrize(
    "leave",
    [
        lambda tcp, udp: tcp.connect(OUTSIDE),
        lambda tcp, udp: tcp.connect_ex(OUTSIDE),
        lambda tcp, udp: udp.sendto(b"?", OUTSIDE),
        lambda tcp, udp: socket.getaddrinfo("club.example", 443),
        lambda tcp, udp: aside(lambda: socket.create_connection(OUTSIDE)),
    ],
    ids=["connect", "connect_ex", "datagram", "look-up", "in-a-thread"],
)
def test_nothing_leaves_this_machine(leave: Any) -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(network.NetworkBlocked):
        leave(tcp, udp)


def test_block_is_what_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without the check, the call gets as far as the system, which has no such TCP address."""
    monkeypatch.setattr(network, "is_local", lambda host: True)
    with socket.socket() as tcp, pytest.raises(OSError, match="unreachable|denied|invalid|Invalid"):
        tcp.connect(("255.255.255.255", 9))


def test_loopback_and_unix_sockets_stay_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"


def test_mail_arrives_parsed_and_can_be_refused(smtp_server: SmtpServer) -> None:
    message = EmailMessage()
    message["To"], message["From"], message["Subject"] = "ada@muster.test", "office@muster.test", "Tēnā koe"
    message.set_content("Kia ora")
    smtp_server.answer_with("451 Try again later")
    with smtplib.SMTP("127.0.0.1", smtp_server.port) as client:
        with pytest.raises(smtplib.SMTPDataError):
            client.send_message(message)
        client.send_message(message)
    assert [str(m["Subject"]) for m in smtp_server.to("ada@muster.test")] == ["Tēnā koe"]
    assert smtp_server.recipients == [["ada@muster.test"]]


def test_settings_point_at_the_stand_ins(settings: Any, smtp_server: SmtpServer, stripe_server: Any) -> None:
    assert settings.mail_url == smtp_server.url
    assert settings.stripe_api_base == stripe_server.base_url


def test_factories_make_what_the_app_would(app: Flask) -> None:
    club_session = make_club_session(capacity=3, title="Pottery")
    assert the(ClubSession, title="Pottery").capacity == club_session.capacity == 3
    user = make_user(role=Role.DESK, password="a long password")
    assert user.password_hash is not None and user.password_hash.startswith("$argon2")
    assert make_membership(user).user_id == user.id


@pytest.mark.databases("sqlite")
def test_statements_counts_what_reaches_the_database(app: Flask, statements: Any) -> None:
    with statements() as seen:
        for _ in range(3):
            db.session.execute(db.text("SELECT 1"))
    db.session.execute(db.text("SELECT 2"))
    assert seen == ["SELECT 1"] * 3


@pytest.mark.databases("sqlite")
def test_real_sdk_pays_on_the_tests_clock(app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock) -> None:
    client = stripe.StripeClient("sk_test_muster_tests", base_addresses={"api": stripe_simulator.base_url})
    line: Any = {"quantity": 1, "price_data": {"currency": "nzd", "unit_amount": 1200, "product_data": {"name": "Badminton"}}}
    made = client.v1.checkout.sessions.create(
        {"mode": "payment", "line_items": [line], "success_url": "http://muster.test/", "cancel_url": "http://muster.test/"}
    )
    assert made.created == int(clock.now.timestamp())
    stripe_simulator.pay(made.id)
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"
    clock.advance(days=2)
    assert stripe_simulator.control.now() == int(clock.now.timestamp())


@pytest.mark.databases("sqlite")
def test_each_test_has_an_empty_stripe_account(app: Flask, stripe_simulator: StripeSimulator) -> None:
    assert stripe_simulator.control.sessions() == []
    assert stripe_simulator.deliver() == []
