"""A local WhatsApp: the Cloud API's message endpoint over HTTP, which checks a request's shape as Meta does. Called through the
`whatsapp_server` fixture, which also switches notices on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema

from app.integrations.whatsapp import API_VERSION

TOKEN, PHONE_ID = "EAAGm0PX4ZCpsBAtests", "106540352242922"
HANG_UP = "hang up"
_text = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": r"^(?!.*( {5}|[\n\t])).*$"}
REQUEST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["messaging_product", "to", "type", "template"],
    "properties": {
        "messaging_product": {"const": "whatsapp"},
        "recipient_type": {"const": "individual"},
        "to": {"type": "string", "pattern": "^[1-9][0-9]{6,14}$"},
        "type": {"const": "template"},
        "template": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "language", "components"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z0-9_]{1,512}$"},
                "language": {"type": "object", "additionalProperties": False, "required": ["code"],
                             "properties": {"code": {"type": "string", "pattern": "^[a-z]{2,3}(_[A-Z]{2})?$"}}},
                "components": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["type", "parameters"],
                    "properties": {
                        "type": {"const": "body"},
                        "parameters": {"type": "array", "minItems": 1, "items": {
                            "type": "object", "additionalProperties": False, "required": ["type", "text"],
                            "properties": {"type": {"const": "text"}, "text": _text},
                        }},
                    },
                }},
            },
        },
    },
}  # fmt: skip


def error(code: int, message: str = "Something went wrong", status: int = 400) -> tuple[int, Any]:
    """An answer in the shape of the Graph API's errors."""
    told = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code, "fbtrace_id": "Az8or2yhqkZfEZ"}
    return status, {"error": told}


class WhatsAppServer:
    """``sent``: every request that was taken, as ``(to, template, parameters)``. ``answer_with`` makes the next end otherwise."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, list[str]]] = []
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._answers: list[Any] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def settings(self) -> dict[str, object]:
        """What switches notices on, and sends them here."""
        return {"whatsapp_token": TOKEN, "whatsapp_phone_id": PHONE_ID, "whatsapp_api_base": self.url}

    def answer_with(self, *answers: Any) -> None:
        """End the next requests so, in order: ``(status, JSON or text)``, or HANG_UP after it was read."""
        with self._lock:
            self._answers.extend(answers)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def judge(self, path: str, headers: Any, body: bytes) -> Any:
        """What the endpoint answers; a request of the wrong shape is refused as Meta does, which no test expects."""
        with self._lock:
            self.asked += 1
            if path != f"/{API_VERSION}/{PHONE_ID}/messages":
                return error(100, f"Unsupported post request to {path}")
            if headers["Authorization"] != f"Bearer {TOKEN}":
                return error(190, "Invalid OAuth access token", 401)
            if headers["Content-Type"] != "application/json":
                return error(100, "Not JSON")
            try:
                told = json.loads(body)
                jsonschema.validate(told, REQUEST)
            except (ValueError, jsonschema.ValidationError) as wrong:
                return error(100, f"Invalid parameter {str(wrong).splitlines()[0]}")
            self.meanwhile()
            if self._answers:
                return self._answers.pop(0)
            template = told["template"]
            self.sent.append((told["to"], template["name"], [p["text"] for p in template["components"][0]["parameters"]]))
        message = {"id": f"wamid.{len(self.sent)}", "message_status": "accepted"}
        contact = {"input": told["to"], "wa_id": told["to"]}
        return 200, {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 - http.server's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = house.judge(self.path, self.headers, body)
                if answer == HANG_UP:
                    self.close_connection = True
                    return
                status, told = answer
                text = (told if isinstance(told, str) else json.dumps(told)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                if status == 302:
                    self.send_header("Location", f"{house.url}/elsewhere")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """A test's output is not for requests."""

        return Handler

