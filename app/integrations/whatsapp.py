"""Hands one notice to WhatsApp by Meta's Cloud API. Called by services.notices.

It says whether a failure is final (``WhatsAppRefused``) or may pass (``WhatsAppUnavailable``); it logs nothing, and its errors
name no number and no token. A business that writes first may only fill in a *template* that Meta has approved. The request is
described at https://docs.aws.amazon.com/social-messaging/latest/userguide/send-message-text.html, the errors' codes at
https://developers.kaleyra.io/docs/cloud-api-error-codes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import requests
from flask import current_app
from requests.auth import AuthBase

from .. import transaction
from ..config import Settings

API_VERSION = "v23.0"
TIMEOUT_SECONDS = (5.0, 20.0)
"""To connect, and for the answer: far less than the outbox's lease."""
FINAL = frozenset({
    131009,  # a value is invalid: the number is none of WhatsApp's
    131021,  # the recipient is the sender
    131026,  # undeliverable: not on WhatsApp, or cannot receive this
    131030,  # a test account may only write to numbers on its list
    131050,  # the person has told WhatsApp that they want no such messages
    130472,  # the number is part of an experiment of Meta's: it gets none
})  # fmt: skip
"""What is about this recipient alone. Everything else (the token, the template, the rate, the server) can be mended meanwhile."""


class WhatsAppRefused(Exception):
    """This notice can never be delivered to this number."""


class WhatsAppUnavailable(Exception):
    """Not now, or nobody knows: no connection, no clear answer, a token or template that is not accepted. Try again later."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One approved template, filled in, to one number in E.164. ``parameters`` in the order of the template's body."""

    to: str
    template: str
    language: str
    parameters: Sequence[str]


class WhatsApp(Protocol):
    def send(self, notice: Notice) -> None:
        """Hand over, or raise WhatsAppRefused or WhatsAppUnavailable. Raises TransactionMisuse when a transaction is open."""
        ...


class CloudApi:
    """One request a notice. Where it leads is the settings' alone: redirects are not followed."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.whatsapp_api_base}/{API_VERSION}/{settings.whatsapp_phone_id}/messages"
        self._auth = _Bearer(settings.whatsapp_token)

    def send(self, notice: Notice) -> None:
        transaction.require_none_open("sending a WhatsApp notice")
        try:
            answer = requests.post(
                self._url, json=_body(notice), auth=self._auth, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:  # its words name the address and the account
            raise WhatsAppUnavailable(f"no answer ({type(error).__name__})") from None
        _judge(answer, notice.to)


class _Bearer(AuthBase):
    """As ``auth`` and not as a header: a header would give way to a machine's own ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def make_whatsapp(settings: Settings) -> WhatsApp | None:
    """The way to WhatsApp that the settings name; None: it is off. Makes no call."""
    return CloudApi(settings) if settings.whatsapp else None


def whatsapp() -> WhatsApp | None:
    """The way that ``create_app`` wired in, or None: nothing is sent."""
    return cast("WhatsApp | None", current_app.extensions["muster_whatsapp"])


def _body(notice: Notice) -> dict[str, Any]:
    parameters = [{"type": "text", "text": text} for text in notice.parameters]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": notice.to.removeprefix("+"),
        "type": "template",
        "template": {
            "name": notice.template,
            "language": {"code": notice.language},
            "components": [{"type": "body", "parameters": parameters}],
        },
    }


def _judge(answer: requests.Response, number: str) -> None:
    """Taken, refused for good, or not known: a 200 that names no message counts as not known."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    if answer.ok and _names_a_message(told):
        return
    error = told.get("error")
    error = error if isinstance(error, dict) else {}
    code = error.get("code")
    words = str(error.get("message", "")).removeprefix(f"(#{code})").strip()
    what = f"code {code}: {words}" if error else "without a clear answer"
    said = _without_numbers(f"{answer.status_code}, {what}", number)
    if not answer.ok and code in FINAL:
        raise WhatsAppRefused(said)
    raise WhatsAppUnavailable(said)


def _names_a_message(told: dict[str, Any]) -> bool:
    messages = told.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    return isinstance(first, dict) and bool(first.get("id"))


def _without_numbers(text: str, number: str) -> str:
    """Meta's words fit for the record: one line, not endless, and without the number in any spelling."""
    text = text.replace(number.removeprefix("+"), "(number)")
    return " ".join(re.sub(r"\+?\d[\d ().-]{5,}\d", "(number)", text).split())[:200]
