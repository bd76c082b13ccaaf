"""Hands one written e-mail to the mail server, or to a folder of `.eml` files where there is none. Called by services.outbox.

A mailer says whether a failure is final (``MailRefused``) or may pass (``MailUnavailable``); it logs nothing, and its errors
name no address.
"""

from __future__ import annotations

import base64
import os
import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import SplitResult, unquote, urlsplit

from flask import current_app
from flask_mailman import EmailMultiAlternatives  # type: ignore[import-untyped]
from flask_mailman.message import SafeMIMEMultipart, sanitize_address  # type: ignore[import-untyped]

from .. import clock, transaction
from ..config import INSTANCE, Settings, current_settings
from ..rules.addresses import normalise_email

TIMEOUT_SECONDS = 20.0
"""The longest wait for any one answer of the mail server; a whole send stays well under the outbox's lease."""


class MailRefused(Exception):
    """The mail can never be delivered as it is: no such recipient, refused content, or a header that would inject another."""


class MailUnavailable(Exception):
    """Not now: no connection, a temporary answer, or a server that does not accept our sign-in or sender. Try again later."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file of the mail; ``mime_type`` may carry parameters (``text/calendar; method=PUBLISH``).

    With a ``content_id`` it is a picture in base64, which the HTML shows where it names ``cid:…``.
    """

    name: str
    mime_type: str
    content: str
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail to one address. ``html`` empty: plain text only. ``message_id`` with its angle brackets, same on each try."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    from_: str
    attachments: Sequence[Attachment] = ()
    reply_to: str = ""
    """Where answers go; empty: to ``from_``."""


class Mailer(Protocol):
    def send(self, message: Message) -> None:
        """Deliver, or raise MailRefused or MailUnavailable. Raises TransactionMisuse when a transaction is open."""
        ...


def make_mailer(settings: Settings) -> Mailer:
    """The mailer that MAIL_URL names: `smtp://`, `smtps://`, `file:///folder`; files in `instance/mail/` when it is empty."""
    parts = urlsplit(settings.mail_url)
    if parts.scheme in ("smtp", "smtps"):
        return SmtpMailer(parts, settings.host)
    folder = unquote(parts.path)
    return FileMailer(Path(folder) if folder.strip("/") else INSTANCE / "mail")


def mailer() -> Mailer:
    """The mailer of the running app: the one wired in as ``muster_mailer``, else what MAIL_URL names."""
    wired = current_app.extensions.get("muster_mailer")
    return cast(Mailer, wired) if wired is not None else make_mailer(current_settings())


class SmtpMailer:
    """One connection a send. STARTTLS wherever it is offered, with the certificate checked unless the server is this machine."""

    def __init__(self, parts: SplitResult, our_name: str) -> None:
        self._implicit_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._port = parts.port or (465 if self._implicit_tls else 587 if self._user else 25)
        self._our_name = our_name

    def send(self, message: Message) -> None:
        transaction.require_none_open("sending mail")
        sender, body = _compose(message)
        try:
            server = self._connect()
            try:
                server.sendmail(sender, [message.to], body)
            finally:
                # Once the server took the mail, a failing goodbye must not make it be sent again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            raise _failure(code, reply, message.to) from None
        except smtplib.SMTPDataError as error:
            raise _failure(error.smtp_code, error.smtp_error, message.to) from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnavailable(_without(message.to, f"{type(error).__name__}: {error}")) from None

    def _connect(self) -> smtplib.SMTP:
        if self._implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, self._our_name, timeout=TIMEOUT_SECONDS, context=self._tls()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, self._our_name, timeout=TIMEOUT_SECONDS)
        try:
            self._secure_and_sign_in(server)
        except BaseException:
            server.close()
            raise
        return server

    def _secure_and_sign_in(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        secure = self._implicit_tls
        if not secure and server.has_extn("starttls"):
            server.starttls(context=self._tls())
            secure = True
        if not self._user:
            return
        if not secure and not _is_this_machine(self._host):
            raise smtplib.SMTPNotSupportedError("the server offers no encryption; the password is not sent in the clear")
        server.login(self._user, self._password)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if _is_this_machine(self._host):  # a relay on the same machine has a certificate nobody signed
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class FileMailer:
    """Writes each mail as a file that any mail program opens; readable by its owner only, because mails carry secret links."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: Message) -> None:
        transaction.require_none_open("sending mail")
        _, body = _compose(message)
        stem = re.sub(r"[^A-Za-z0-9_-]", "", message.message_id.partition("@")[0])[:60]
        path = self.folder / f"{clock.now():%Y%m%dT%H%M%S%f}-{stem}.eml"
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(body)
            part.rename(path)
        except OSError as error:
            raise MailUnavailable(f"the mail folder cannot be written ({error.strerror})") from None


class _Mail(EmailMultiAlternatives):  # type: ignore[misc]
    """A mail whose HTML part carries its own pictures: beside it, not as files, in every mail program."""

    pictures: Sequence[Attachment] = ()

    def _create_mime_attachment(self, content: Any, mimetype: str) -> Any:
        part = super()._create_mime_attachment(content, mimetype)
        if mimetype != "text/html" or not self.pictures:
            return part
        related = SafeMIMEMultipart(_subtype="related", encoding=self.encoding)
        related.attach(part)
        for picture in self.pictures:
            shown = MIMEBase(*picture.mime_type.split("/", 1))
            shown.set_payload(base64.b64decode(picture.content))
            encode_base64(shown)
            shown.add_header("Content-ID", f"<{picture.content_id}>")
            shown.add_header("Content-Disposition", "inline", filename=picture.name)
            related.attach(shown)
        return related


def _compose(message: Message) -> tuple[str, bytes]:
    """The envelope sender and the mail as bytes; raises MailRefused for more than one address or a header with a line break."""
    if normalise_email(message.to) != message.to.lower():
        raise MailRefused("the recipient is not exactly one e-mail address")
    headers = {
        "Message-ID": message.message_id,
        "Date": format_datetime(clock.now()),
        "Auto-Submitted": "auto-generated",
    }
    if message.reply_to:
        headers["Reply-To"] = message.reply_to
    mail = _Mail(message.subject, message.text, message.from_, [message.to], headers=headers)
    mail.encoding = "utf-8"
    mail.pictures = [attachment for attachment in message.attachments if attachment.content_id]
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    try:
        for attachment in message.attachments:
            if not attachment.content_id:
                mail.attach(attachment.name, attachment.content, attachment.mime_type)
        sender = sanitize_address(message.from_, "utf-8").rpartition("<")[2].rstrip(">")
        body: bytes = mail.message().as_bytes(linesep="\r\n")
        return sender, body
    except ValueError as error:  # flask-mailman's BadHeaderError is one
        raise MailRefused(_without(message.to, str(error))) from None


def _failure(code: int, reply: bytes | str, recipient: str) -> MailRefused | MailUnavailable:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    kind = MailRefused if 500 <= code < 600 else MailUnavailable
    return kind(_without(recipient, f"{code} {text}"))


def _without(recipient: str, text: str) -> str:
    """A server's words fit for the record: one line, not endless, and without the address."""
    text = re.sub(re.escape(recipient), "(recipient)", text, flags=re.IGNORECASE)
    return " ".join(text.split())[:300]


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
