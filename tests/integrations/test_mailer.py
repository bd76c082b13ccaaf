"""The mailer against a real SMTP server (aiosmtpd): what arrives, what is refused for good, and what may be tried again."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from app.config import Settings
from app.integrations.mailer import Attachment, FileMailer, MailRefused, MailUnavailable, Message, make_mailer

MAIL = Message(
    to="aroha@example.org",
    subject="Your place: Ngā mihi",
    text="Kia ora Aroha,\n\nyour place is confirmed.\n",
    html="<p>Kia ora <b>Aroha</b></p>",
    message_id="<abc123@club.example>",
    from_="The Club <office@club.example>",
    attachments=(Attachment("session.ics", "text/calendar; method=PUBLISH", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),),
)


def make_settings(mail_url: str = "") -> Settings:
    return Settings("s" * 32, "https://club.example", "sqlite:////nowhere", "sk_test_x", mail_url=mail_url)


class Post:
    """A mail server's hands: keeps what it was given, or answers RCPT and DATA as told."""

    def __init__(self) -> None:
        self.received: list[Envelope] = []
        self.users: list[str] = []
        self.to_rcpt = "250 OK"
        self.to_data = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if self.to_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.to_rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.to_data.startswith("250"):
            self.received.append(envelope)
        return self.to_data

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        self.users.append(f"{data.login.decode()}:{data.password.decode()}")
        right = data.password == b"p@ss/w:rd"
        return AuthResult(success=right, handled=right)  # unhandled, the server itself says 535 to a wrong one

    def mail(self) -> EmailMessage:
        return as_mail(self.received[-1].original_content or b"")


def as_mail(content: bytes) -> EmailMessage:
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


Start = Callable[..., tuple[Post, int]]
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Controller] = []

    def begin(**options: Any) -> tuple[Post, int]:
        post = Post()
        if options.pop("sign_in", False):
            options |= {"authenticator": post.authenticate, "auth_required": True, "auth_require_tls": False}
        with socket.socket() as probe:  # aiosmtpd greets itself on the port it was told, so 0 will not do
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        controller = Controller(post, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return post, port

    yield begin
    for controller in running:
        controller.stop()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    openssl = shutil.which("openssl") or pytest.skip("no openssl command here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(  # noqa: S603
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=mail.example", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_mail_arrives_once_and_whole(start: Start) -> None:
    post, port = start()
    make_mailer(make_settings(f"smtp://127.0.0.1:{port}")).send(MAIL)
    assert len(post.received) == 1
    assert post.received[0].mail_from == "office@club.example"
    assert post.received[0].rcpt_tos == ["aroha@example.org"]
    mail = post.mail()
    assert mail["Subject"] == "Your place: Ngā mihi"
    assert mail["From"] == "The Club <office@club.example>"
    assert mail["To"] == "aroha@example.org"
    assert mail["Message-ID"] == "<abc123@club.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] and mail["Reply-To"] is None
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html is not None and "<b>Aroha</b>" in html.get_content()


def test_the_calendar_file_is_attached_as_text_calendar(start: Start) -> None:
    post, port = start()
    make_mailer(make_settings(f"smtp://127.0.0.1:{port}")).send(MAIL)
    (calendar,) = post.mail().iter_attachments()
    assert calendar.get_content_type() == "text/calendar"
    assert calendar.get_param("method") == "PUBLISH"
    assert calendar.get_filename() == "session.ics"
    assert calendar.get_content().splitlines() == ["BEGIN:VCALENDAR", "END:VCALENDAR"]


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Hello\r\nBcc: victim@example.org"},
        {"from_": "Club <office@club.example>\nBcc: victim@example.org"},
        {"message_id": "<a@b>\r\nX-Evil: 1"},
        {"to": "a@example.org, victim@example.org"},
        {"to": "a@example.org\nBcc: victim@example.org"},
        {"to": "not an address"},
    ],
)
def test_a_header_that_would_inject_another_is_refused_for_good(start: Start, change: dict[str, str]) -> None:
    post, port = start()
    values = {name: getattr(MAIL, name) for name in MAIL.__dataclass_fields__} | change
    with pytest.raises(MailRefused):
        make_mailer(make_settings(f"smtp://127.0.0.1:{port}")).send(Message(**values))
    assert post.received == []


@pytest.mark.parametrize(("where", "answer", "error"), [
    ("to_rcpt", "550 5.1.1 <aroha@example.org>: no such user", MailRefused),
    ("to_rcpt", "450 4.2.1 <Aroha@example.org> greylisted, try later", MailUnavailable),
    ("to_data", "554 5.7.1 looks like spam", MailRefused),
    ("to_data", "452 4.3.1 disk full", MailUnavailable),
])  # fmt: skip
def test_the_servers_answer_decides_whether_trying_again_helps(
    start: Start, where: str, answer: str, error: type[Exception]
) -> None:
    post, port = start()
    setattr(post, where, answer)
    with pytest.raises(error) as caught:
        make_mailer(make_settings(f"smtp://127.0.0.1:{port}")).send(MAIL)
    assert answer[:3] in str(caught.value)
    assert "aroha" not in str(caught.value).lower(), "an error must name no address"
    assert post.received == []


def test_no_connection_is_only_temporary(start: Start) -> None:
    post, port = start()
    mailer = make_mailer(make_settings(f"smtp://127.0.0.1:{port}"))
    mailer.send(MAIL)
    for free_port in (1, 9):
        with pytest.raises(MailUnavailable):
            make_mailer(make_settings(f"smtp://127.0.0.1:{free_port}")).send(MAIL)
    assert len(post.received) == 1


def test_a_server_that_never_answers_does_not_hold_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.integrations.mailer.TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(MailUnavailable, match="(?i)time"):
            make_mailer(make_settings(f"smtp://127.0.0.1:{silent.getsockname()[1]}")).send(MAIL)


def test_user_and_password_are_percent_decoded(start: Start) -> None:
    post, port = start(sign_in=True)
    make_mailer(make_settings(f"smtp://club%40mail:p%40ss%2Fw%3Ard@127.0.0.1:{port}")).send(MAIL)
    assert set(post.users) == {"club@mail:p@ss/w:rd"}
    assert len(post.received) == 1


def test_a_wrong_password_is_the_operators_to_mend_and_is_not_told(start: Start) -> None:
    _, port = start(sign_in=True)
    with pytest.raises(MailUnavailable) as caught:
        make_mailer(make_settings(f"smtp://club:wrong-secret@127.0.0.1:{port}")).send(MAIL)
    assert "wrong-secret" not in str(caught.value)


def test_a_password_is_not_sent_in_the_clear_to_another_machine(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    post, port = start(sign_in=True)
    monkeypatch.setattr("app.integrations.mailer._is_this_machine", lambda host: False)
    with pytest.raises(MailUnavailable, match="encryption"):
        make_mailer(make_settings(f"smtp://club:p%40ss@127.0.0.1:{port}")).send(MAIL)
    assert post.users == [] and post.received == []


def test_tls_is_used_wherever_it_is_offered(start: Start, tls: ssl.SSLContext) -> None:
    post, port = start(tls_context=tls, require_starttls=True)
    make_mailer(make_settings(f"smtp://127.0.0.1:{port}")).send(MAIL)
    assert len(post.received) == 1
    post, port = start(ssl_context=tls)
    make_mailer(make_settings(f"smtps://127.0.0.1:{port}")).send(MAIL)
    assert len(post.received) == 1


def test_a_certificate_of_another_machine_must_be_good(
    start: Start, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, port = start(tls_context=tls, require_starttls=True)
    monkeypatch.setattr("app.integrations.mailer._is_this_machine", lambda host: False)
    with pytest.raises(MailUnavailable, match="(?i)certificate"):
        make_mailer(make_settings(f"smtp://127.0.0.1:{port}")).send(MAIL)
    assert post.received == []


def test_without_a_server_the_mail_is_a_file_of_its_owner(tmp_path: Path) -> None:
    mailer = make_mailer(make_settings(f"file://{tmp_path}/my%20mail"))
    mailer.send(MAIL)
    (file,) = (tmp_path / "my mail").iterdir()
    assert file.suffix == ".eml" and file.stat().st_mode & 0o077 == 0
    assert as_mail(file.read_bytes())["Message-ID"] == MAIL.message_id


def test_the_folder_of_mails_is_in_the_instance_by_default() -> None:
    mailer = make_mailer(make_settings())
    assert isinstance(mailer, FileMailer) and mailer.folder.parts[-2:] == ("instance", "mail")
