"""The twins: with one defence taken away, a death that is survived otherwise is not, and the matrix says so."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app import jobs
from app.integrations import mailer
from app.integrations.stripe_gateway import StripeGateway
from app.services import holds, outbox, product_access
from tests.support.booking import do_not_pause
from tests.support.stripe import StripeServer

from .matrix import Maker, Tally, die_everywhere
from .world import World

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def make(
    new_database: Callable[..., str], tmp_path: Path, stripe_server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> Maker:
    do_not_pause(monkeypatch)
    number = count()

    def made(webhooks: bool) -> AbstractContextManager[World]:
        return World.made(new_database(), tmp_path / f"mail-{next(number)}", stripe_server, webhooks=webhooks)

    return made


def deaths(make: Maker, flow: str, point: str, *, webhooks: bool = False) -> Tally:
    """Die there, with the defence and (the caller has taken it away) without."""
    return die_everywhere(flow, webhooks, make, only=point)


def test_new_key_for_each_call_makes_a_second_refund(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, point = "cancel-and-the-next-is-offered-the-place", "after create_refund"
    assert deaths(make, flow, point).lost == []
    create = StripeGateway.create_refund

    def forgetful(self: StripeGateway, intent: str, cents: int, key: str, metadata: Any) -> Any:
        return create(self, intent, cents, secrets.token_hex(8), metadata)

    monkeypatch.setattr(StripeGateway, "create_refund", forgetful)
    assert len(deaths(make, flow, point).lost) == 1


def test_new_key_for_each_checkout_leaves_a_second_one_to_pay(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, point = "end-of-a-hold", "after create_checkout"
    assert deaths(make, flow, point).lost == []
    create = StripeGateway.create_checkout
    monkeypatch.setattr(StripeGateway, "create_checkout", lambda self, params, _: create(self, params, secrets.token_hex(8)))
    assert len(deaths(make, flow, point).lost) == 1


def test_nobody_asks_stripe_and_a_payment_is_lost(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, point = "register-pay-return", "after retrieve_checkout"
    assert deaths(make, flow, point).lost == []
    nothing = {name: scan for name, scan in jobs._scans.items() if scan is not holds.settle_unsettled_payments}
    monkeypatch.setattr(jobs, "_register", lambda *_: None)
    monkeypatch.setattr(jobs, "_scans", nothing)
    assert len(deaths(make, flow, point).lost) == 1


def test_message_id_drawn_at_each_try_makes_two_mails(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, point = "free", "after send"
    assert deaths(make, flow, point).lost == []
    message = outbox._message

    def forgetful(*args: Any) -> mailer.Message:
        return replace(message(*args), message_id=f"<{secrets.token_hex(8)}@muster.test>")

    monkeypatch.setattr(outbox, "_message", forgetful)
    assert deaths(make, flow, point).lost != []


def test_course_whose_money_went_back_stays_open_when_nothing_shuts_it(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, point = "course-goes-back-and-the-next-has-it", "after create_refund"
    assert deaths(make, flow, point).lost == []
    monkeypatch.setattr(product_access, "revoke", lambda *_: None)
    assert len(deaths(make, flow, point).lost) == 1
