"""A real mail server on loopback that keeps what it is given. Called through the `smtp_server` fixture."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class SmtpServer:
    """``messages`` in the order they came; ``answer_with`` makes it refuse the next ones as a mail server would."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self._answers: list[str] = []
        self._lock = threading.Lock()
        self._controller = _Controller(self)
        self.port = self._controller.port

    @property
    def url(self) -> str:
        """What MAIL_URL would be."""
        return f"smtp://127.0.0.1:{self.port}"

    def answer_with(self, *answers: str) -> None:
        """Answer the next mails with these lines, in order (``"451 Try again later"``), then accept again."""
        with self._lock:
            self._answers.extend(answers)

    def to(self, address: str) -> list[EmailMessage]:
        """What was sent to one address."""
        return [message for message in self.messages if message["To"] is not None and address in str(message["To"])]

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop(no_assert=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Called by aiosmtpd for each mail."""
        with self._lock:
            if self._answers:
                return self._answers.pop(0)
            content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
            message = message_from_bytes(content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.recipients.append(list(envelope.rcpt_tos))
        return "250 Kept"


class _Controller(Controller):
    """Listens on a port the system picks, known before it starts."""

    def __init__(self, handler: SmtpServer) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        super().__init__(handler, hostname="127.0.0.1", port=self.listening.getsockname()[1])

    def _create_server(self) -> Awaitable[Any]:
        return self.loop.create_server(self._factory_invoker, sock=self.listening)
