"""What goes to WhatsApp, over HTTP to a local stand-in that checks its shape, and how each answer is taken."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from flask import Flask

from app.config import SettingsError, from_environment
from app.integrations.whatsapp import FINAL, Notice, WhatsAppRefused, WhatsAppUnavailable, make_whatsapp, whatsapp
from app.services.notices import Kind, template_name
from app.transaction import TransactionMisuse, transaction
from tests.support.source import ROOT
from tests.support.whatsapp import HANG_UP, PHONE_ID, TOKEN, error

pytestmark = pytest.mark.databases("sqlite")
NUMBER = "+64211234567"
NOTICE = Notice(NUMBER, "muster_booking_confirmed", "en_GB", ["Aroha", "Walk – Rangitoto “north”", "https://muster.test/orders/x"])


@pytest.fixture
def client(whatsapp_server: Any, app: Flask) -> Any:
    return whatsapp()


def test_request_is_what_the_endpoint_takes(whatsapp_server: Any, client: Any) -> None:
    client.send(NOTICE)
    assert whatsapp_server.sent == [("64211234567", NOTICE.template, list(NOTICE.parameters))]


@pytest.mark.parametrize("code", sorted(FINAL))
def test_what_is_about_this_recipient_is_final(whatsapp_server: Any, client: Any, code: int) -> None:
    whatsapp_server.answer_with(error(code))
    with pytest.raises(WhatsAppRefused, match=str(code)):
        client.send(NOTICE)


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        error(190, "Access token has expired", 401),
        error(130429, "Rate limit hit", 429),
        error(131000, "Something went wrong", 500),
        error(132001, "Template name does not exist", 404),
        (500, "<html>busy</html>"),
        (503, ""),
        (302, ""),
        (200, "<html>a proxy's page</html>"),
        (200, {}),
        (200, {"messages": []}),
        (200, ["odd"]),
        (400, {"error": "odd"}),
        (200, error(131026)[1]),
    ],
)
def test_what_may_pass_or_is_not_clear_is_tried_again(whatsapp_server: Any, client: Any, answer: Any) -> None:
    whatsapp_server.answer_with(answer)
    with pytest.raises(WhatsAppUnavailable):
        client.send(NOTICE)
    assert whatsapp_server.asked == 1, "a redirect is not followed: the token would go along"


def test_nobody_there_is_tried_again(whatsapp_server: Any, client: Any, app: Flask) -> None:
    away = make_whatsapp(app.extensions["muster_settings"].with_(whatsapp_api_base="http://127.0.0.1:9"))
    assert away is not None
    with pytest.raises(WhatsAppUnavailable, match="ConnectionError"):
        away.send(NOTICE)


def test_errors_and_logs_name_no_number_and_no_token(whatsapp_server: Any, client: Any, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    whatsapp_server.answer_with(error(131026, "Recipient 64211234567 (+64 21 123-4567) is away"), HANG_UP)
    said = []
    for _ in range(2):
        with pytest.raises((WhatsAppRefused, WhatsAppUnavailable)) as caught:
            client.send(NOTICE)
        said.append(str(caught.value))
    everything = " ".join([*said, caplog.text])
    assert "131026" in said[0] and "1234567" not in everything and "123-4567" not in everything and TOKEN not in everything
    assert not any(PHONE_ID in text for text in said), "what staff read names no account"


def test_nothing_is_sent_inside_a_transaction(whatsapp_server: Any, client: Any) -> None:
    with transaction(), pytest.raises(TransactionMisuse):
        client.send(NOTICE)
    assert whatsapp_server.asked == 0


def test_without_settings_there_is_no_way_to_whatsapp(app: Flask) -> None:
    assert whatsapp() is None


# --- The settings ------------------------------------------------------------------------------------------------------------

ON = {"WHATSAPP_TOKEN": "EAAGm0PX4", "WHATSAPP_PHONE_ID": "106540352242922"}


def test_settings_switch_it_on_and_off() -> None:
    on, off = from_environment(ON, development=True), from_environment({}, development=True)
    assert on.whatsapp and make_whatsapp(on) is not None and not off.whatsapp and make_whatsapp(off) is None
    assert (on.whatsapp_api_base, on.whatsapp_language, on.territory) == ("https://graph.facebook.com", "en", "NZ")
    assert "EAAGm0PX4" not in repr(on)
    assert from_environment({"TIME_ZONE": "UTC"}, development=True).territory is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"WHATSAPP_TOKEN": ""}, "WHATSAPP_TOKEN"),
        ({"WHATSAPP_PHONE_ID": ""}, "WHATSAPP_PHONE_ID"),
        ({"WHATSAPP_TOKEN": "two words"}, "WHATSAPP_TOKEN"),
        ({"WHATSAPP_PHONE_ID": "+64211234567"}, "WHATSAPP_PHONE_ID"),
        ({"WHATSAPP_PHONE_ID": "1/../2"}, "WHATSAPP_PHONE_ID"),
        ({"WHATSAPP_API_BASE": "http://graph.facebook.com"}, "WHATSAPP_API_BASE"),
        ({"WHATSAPP_API_BASE": "graph"}, "WHATSAPP_API_BASE"),
        ({"WHATSAPP_LANGUAGE": "English"}, "WHATSAPP_LANGUAGE"),
    ],
)
def test_a_bad_setting_is_named_at_the_start_without_the_secret(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        from_environment({**ON, **changes}, development=True)
    assert "EAAGm0PX4" not in str(caught.value) and "two words" not in str(caught.value)


def test_this_machine_may_stand_in_without_encryption() -> None:
    for base in ("http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"):
        assert from_environment({**ON, "WHATSAPP_API_BASE": base}, development=True).whatsapp_api_base == base


def test_every_template_is_in_the_readme_with_as_many_gaps_as_are_filled_in(app: Flask) -> None:
    rows = re.findall(r"^\| `(muster_\w+)` \| (.*) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    gaps = {name: re.findall(r"\{\{(\d)\}\}", body) for name, body in rows}
    assert set(gaps) == {template_name(kind) for kind in Kind}
    folder = ROOT / "app" / "templates" / "whatsapp"
    for kind in Kind:
        lines = (folder / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
        assert gaps[template_name(kind)] == [str(number) for number in range(1, len(lines) + 1)], kind
