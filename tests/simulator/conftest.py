"""Fixtures for the simulator's own tests: a running simulator, the real SDK pointed at it, and Stripe's schema.

Asked for by name in the files beside this one.
"""
from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
import stripe

from app.simulator import Answer, Control, Settings, WebhookTarget
from app.simulator.server import RunningSimulator, serve

CHECKER = Path(__file__).resolve().parents[3] / "shared" / "stripe" / "check_stripe.py"
KEY = "sk_test_simulated"
URL = "http://site.example/webhooks/stripe"
SECRET = "whsec_first"
NOON = 1_900_000_000  # far from the machine's clock, so that a test notices whoever reads the wrong one


@dataclass
class Mailbox:
    """Stands for the site's webhook endpoint: keeps what comes, answers `answers` in turn and then 200."""

    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    answers: list[int | Exception] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        self.got.append((url, headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, f"answered {answer}")

    def types(self) -> list[str]:
        return [self.event(i)["type"] for i in range(len(self.got))]

    def event(self, i: int) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.got[i][2])
        return event


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def settings() -> Settings:
    return Settings(webhooks=(WebhookTarget(URL, (SECRET,)),), frozen_at=NOON, environment={})


@pytest.fixture
def start(settings: Settings, mailbox: Mailbox) -> Iterator[Callable[..., RunningSimulator]]:
    """Starts simulators with changed settings; all are stopped after the test."""
    running = []

    def begin(**changes: Any) -> RunningSimulator:
        background = changes.pop("background", False)
        running.append(serve(replace(settings, **changes), background=background, post=mailbox.post))
        return running[-1]

    yield begin
    for simulator in running:
        simulator.stop()


@pytest.fixture
def running(start: Callable[..., RunningSimulator]) -> RunningSimulator:
    return start()


@pytest.fixture
def control(running: RunningSimulator) -> Control:
    return running.control


@pytest.fixture
def connect() -> Iterator[Callable[..., stripe.StripeClient]]:
    """Makes real SDK clients; their connections are closed after the test."""
    kept = stripe.enable_telemetry
    stripe.enable_telemetry = False
    made = []

    def begin(base_url: str, retries: int = 0, key: str = KEY, timeout: float = 10) -> stripe.StripeClient:
        http = stripe.RequestsClient(timeout=timeout)
        made.append(http)
        return stripe.StripeClient(key, base_addresses={"api": base_url}, max_network_retries=retries, http_client=http)

    yield begin
    for http in made:
        http.close()
    stripe.enable_telemetry = kept


@pytest.fixture
def client(running: RunningSimulator, connect: Callable[..., stripe.StripeClient]) -> stripe.StripeClient:
    return connect(running.base_url)


@pytest.fixture
def order() -> Callable[..., dict[str, Any]]:
    """Parameters of a usual session: two places at NZ$12.50."""

    def build(unit_amount: int = 1250, quantity: int = 2, currency: str = "nzd", **changes: Any) -> dict[str, Any]:
        price = {"currency": currency, "unit_amount": unit_amount, "product_data": {"name": "Court hire – Mo"}}
        return {
            "mode": "payment",
            "success_url": "https://site.example/ok?sid={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://site.example/back",
            "line_items": [{"quantity": quantity, "price_data": price}],
            **changes,
        }

    return build


@pytest.fixture
def new_session(client: stripe.StripeClient, order: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    return lambda **changes: client.v1.checkout.sessions.create(order(**changes))


@pytest.fixture
def paid(new_session: Callable[..., Any], control: Control) -> Callable[..., str]:
    """Pays a new session and gives its payment intent's id."""

    def pay(card: str = "4242424242424242", **changes: Any) -> str:
        session = new_session(**changes)
        assert control.pay(session.id, card).outcome == "paid"
        intent = next(p["id"] for p in control.payments() if p["session"] == session.id)
        assert isinstance(intent, str)
        return intent

    return pay


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def card_form() -> Callable[..., dict[str, str]]:
    """What a payer types."""

    def fill(number: str = "4242 4242 4242 4242", **changes: str) -> dict[str, str]:
        typed = {"email": "ana@example.org", "method": "card", "card_number": number}
        return {**typed, "expiry": "12/60", "cvc": "123", "name": "Ana", **changes}

    return fill


@pytest.fixture(scope="session")
def stripe_schema() -> ModuleType:
    """Stripe's own schema and its checker: reference data that stands beside the repository and is never copied here."""
    if not CHECKER.exists():
        pytest.skip("Stripe's schema (../shared/stripe) is not beside this checkout, so answers were not compared with it.")
    spec = importlib.util.spec_from_file_location("check_stripe", CHECKER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
