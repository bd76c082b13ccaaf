"""Reads the text of one setting: the value as the app takes it, or ``SettingsError`` with the variable's name. For ``config``.

What may hold a password (MAIL_URL, DATABASE_URL, REDIS_URL) is never repeated in the error: it ends in a log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from email.headerregistry import Address
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from babel.numbers import UnknownCurrencyError, validate_currency
from flask_mailman.message import sanitize_address  # type: ignore[import-untyped]
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

WHOLE_NUMBER = re.compile(r"-?[0-9]{1,12}")
HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
SENDER = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([\w-]+(\.[\w-]+)*|\[[0-9A-Za-z.:]+\])", re.ASCII)
SEVERAL_REDIS = ("redis+sentinel://", "redis+cluster://")
"""These name several machines, in a form of their own."""


class SettingsError(RuntimeError):
    """A setting is missing, wrong or unsafe; the message names it and says what to do."""


def integer(env: Mapping[str, str], variable: str, default: int, low: int, high: int) -> int:
    """A whole number within its bounds."""
    text = env.get(variable, str(default))
    if not WHOLE_NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise SettingsError(f"{variable} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def name(variable: str, text: str) -> str:
    """A name that fits one line of a mail's head and of a page."""
    if not _on_one_line(text):
        raise SettingsError(f"{variable} must be a name on one line, without control characters.")
    return text


def url(env: Mapping[str, str], variable: str, default: str) -> str:
    """An address of the web, without a slash at its end."""
    text = env.get(variable, default).rstrip("/")
    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https") or "@" in parts.netloc or re.search(r"[\s?#\\]", text):
        shown = "" if "@" in text else f", not {text!r}"  # what stands before an @ may be a password
        raise SettingsError(f"{variable} must be a web address such as https://club.example{shown}.")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Where a form may lead, several with commas: each becomes a word of a header, so it is scheme, host and port alone."""
    named = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
    for origin in named:
        if urlsplit(url({}, "CHECKOUT_ORIGINS", origin)).path or not origin.isascii():
            raise SettingsError(f"CHECKOUT_ORIGINS must be addresses such as https://pay.club.example, not {origin!r}.")
    return named


def database(text: str, folder: Path) -> str:
    """The address as SQLAlchemy takes it; a SQLite file without a whole path is in ``folder``."""
    if not text:
        return f"sqlite:///{folder / 'muster.sqlite'}"
    scheme, separator, rest = text.partition("://")
    kind = scheme.partition("+")[0]
    if not separator or kind not in ("sqlite", "postgresql", "postgres") or (kind == "sqlite" and rest and rest[0] != "/"):
        raise SettingsError("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    if kind == "sqlite":
        if not rest.strip("/") or ":memory:" in rest:
            raise SettingsError("DATABASE_URL must name a SQLite file: a database in memory is lost with the process.")
        return f"sqlite://{rest}" if rest.startswith("//") else f"sqlite:///{folder / rest[1:]}"
    try:
        port = make_url(f"postgresql+psycopg://{rest}").port
    except (ArgumentError, ValueError):
        port = 0
    if port is not None and not 0 < port < 65536:
        raise SettingsError("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    return f"postgresql+psycopg://{rest}"


def redis(text: str) -> str:
    """The address of the shared counts; "" for none."""
    if text and not text.startswith(SEVERAL_REDIS):
        parts = _parts(text, host_needed=False)
        if parts is None or not {"redis": parts.hostname, "rediss": parts.hostname, "redis+unix": parts.path}.get(parts.scheme):
            raise SettingsError("REDIS_URL must look like redis://host:6379/0, rediss://… or redis+unix:///path/of/the/socket.")
    return text


def mail(text: str) -> str:
    """Where mail goes; "" for files in the instance's folder."""
    if not text:
        return ""
    parts = _parts(text, host_needed=False)
    if parts is not None and parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return text
    if parts is None or parts.scheme not in ("smtp", "smtps") or parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(
            "MAIL_URL must look like smtp://user:password@host:587, smtps://… or file:///folder."
            " In the user and the password, write / as %2F, ? as %3F, # as %23 and @ as %40."
        )
    if not parts.hostname:
        raise SettingsError("MAIL_URL names no mail server.")
    return text


def sender(site_name: str, host: str) -> str:
    """What mail comes from unless MAIL_FROM says: the club's name, quoted where it must be, at the site's host."""
    return str(Address(site_name, "no-reply", f"[IPv6:{host}]" if ":" in host else host.rstrip(".")))


def mail_address(variable: str, text: str) -> str:
    """One address, with or without a name, that the mailer itself can read; "" stays."""
    if not text:
        return ""
    try:
        address = sanitize_address(text, "utf-8").rpartition("<")[2].rstrip(">")
    except (ValueError, IndexError):
        address = ""
    closed = text.endswith(">") == ("<" in text)
    if not closed or not SENDER.fullmatch(address) or not _on_one_line(text):
        raise SettingsError(
            f"{variable} must be one e-mail address, with or without a name: Club <office@club.example>."
            ' A name with a comma or the like stands in quotes: "Badminton, Tennis & Co" <office@club.example>.'
        )
    return text


def currency(text: str) -> str:
    """A currency's code, in capitals."""
    try:
        validate_currency(text.upper())
    except UnknownCurrencyError:
        raise SettingsError(f"CURRENCY must be a three-letter currency code such as NZD, not {text!r}.") from None
    return text.upper()


def time_zone(text: str) -> str:
    """A zone that this machine knows."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise SettingsError(f"TIME_ZONE must be a zone such as Pacific/Auckland, not {text!r}.") from None
    return text


def colour(text: str) -> str:
    """Six hexadecimal digits, with a # in front whether or not there was one."""
    digits = text.removeprefix("#")
    if len(digits) != 6 or not set(digits.lower()) <= set("0123456789abcdef"):
        raise SettingsError(f"SITE_COLOUR must be a colour such as #0b6e4f, not {text!r}.")
    return f"#{digits.lower()}"


def files_dir(text: str, instance: Path) -> str:
    """The folder of uploaded files, as a whole path."""
    folder = Path(text or instance / "files").absolute()
    if folder.resolve().is_relative_to(Path(__file__).resolve().parent / "static"):
        raise SettingsError("FILES_DIR must not be inside app/static, which is served to everybody.")
    return str(folder)


def domains(text: str) -> tuple[str, ...]:
    """Whose addresses are students': ``university.example``, several with commas; an @ in front is forgiven."""
    named = tuple(d.strip().lstrip("@").lower() for d in text.split(",") if d.strip())
    for domain in named:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            raise SettingsError(f"STUDENT_DOMAINS must be names such as university.example with commas between, not {domain!r}.")
    return named


def _parts(text: str, *, host_needed: bool = True) -> SplitResult | None:
    """The parts of an address, with a host and a port that can be read; None when there are none such."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        if host and ":" in host:
            ip_address(host)
        elif host and not HOST.fullmatch(host):
            return None
    except ValueError:  # its words may repeat a password
        return None
    fine = _on_one_line(text) and port != 0 and bool(host or not host_needed)
    return parts if fine else None


def _on_one_line(text: str) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text)
