"""The settings: each environment variable of the contract, checked once at the start. ``create_app`` and commands read them.

A bad value raises ``SettingsError`` with the variable's name; ``unsafe`` lists what production must not start with.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from babel.core import get_global
from flask import current_app

from . import setting_values as values
from .setting_values import SettingsError as SettingsError
from .setting_values import sender as sender

INSTANCE = Path(__file__).resolve().parent.parent / "instance"
STRIPE_API = "https://api.stripe.com"
WHATSAPP_API = "https://graph.facebook.com"
DEMO_SECRET_KEY = "demo-only-not-a-secret"  # noqa: S105 - refused outside the demo by `unsafe`
DEMO_STRIPE_KEY = "sk_test_simulator"
DEMO_WEBHOOK_SECRET = "whsec_simulator"  # noqa: S105 - the simulator's, refused with a live key
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PLACEHOLDERS = ("change", "secret", "example", "dev", "test", "demo", "password", "placeholder", "xxx")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment decides. Amounts in minor units, times in minutes."""

    secret_key: str
    site_url: str
    database_url: str
    stripe_secret_key: str
    site_name: str = "Muster"
    site_colour: str = "#0b6e4f"
    stripe_webhook_secrets: tuple[str, ...] = ()
    stripe_api_base: str = STRIPE_API
    mail_url: str = ""
    mail_from: str = ""
    mail_reply_to: str = ""
    currency: str = "NZD"
    time_zone: str = "Pacific/Auckland"
    hold_minutes: int = 30
    listing_fee_cents: int = 1200
    listing_review: bool = False
    student_domains: tuple[str, ...] = ()
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    redis_url: str = ""
    trusted_proxies: int = 0
    metrics_token: str = ""
    checkouts_at_once: int = 12
    files_dir: str = str(INSTANCE / "files")
    file_megabytes: int = 100
    whatsapp_token: str = field(default="", repr=False)
    whatsapp_phone_id: str = ""
    whatsapp_api_base: str = WHATSAPP_API
    whatsapp_language: str = "en"
    development: bool = False
    checkout_origins: tuple[str, ...] = field(default=("https://checkout.stripe.com",))

    @property
    def live(self) -> bool:
        return self.stripe_secret_key.startswith(("sk_live_", "rk_live_"))

    @property
    def whatsapp(self) -> bool:
        """Whether notices go out by WhatsApp, too."""
        return bool(self.whatsapp_token)

    @property
    def territory(self) -> str | None:
        """The country ("NZ") of the club's time zone, whose phone numbers need no country in front; None: not one country."""
        return cast("str | None", get_global("zone_territories").get(self.time_zone))

    @property
    def host(self) -> str:
        """Host of the site, without a port: the right-hand side of Message-IDs."""
        return urlsplit(self.site_url).hostname or "localhost"

    @property
    def reply_to(self) -> str:
        """Where answers to our mails go."""
        return self.mail_reply_to or self.mail_from

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    def with_(self, **changes: object) -> Settings:
        return replace(self, **changes)  # type: ignore[arg-type]


def from_environment(environ: Mapping[str, str] | None = None, *, development: bool | None = None) -> Settings:
    """Read the settings; raises SettingsError for a value that cannot be used. Missing secrets are left to ``unsafe``."""
    env = {k: v.strip() for k, v in (os.environ if environ is None else environ).items() if v.strip()}
    if development is None:
        development = env.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no")
    site_url = values.url(env, "SITE_URL", "http://127.0.0.1:5000")
    stripe_key, base = env.get("STRIPE_SECRET_KEY", ""), values.url(env, "STRIPE_API_BASE", STRIPE_API)
    webhook_secrets = tuple(s.strip() for s in env.get("STRIPE_WEBHOOK_SECRET", "").split(",") if s.strip())
    if development and not stripe_key:
        stripe_key, webhook_secrets = DEMO_STRIPE_KEY, webhook_secrets or (DEMO_WEBHOOK_SECRET,)
        base = base if base != STRIPE_API else "http://127.0.0.1:4242"
    site_name = values.name("SITE_NAME", env.get("SITE_NAME", "Muster"))
    host = urlsplit(site_url).hostname or "localhost"
    return Settings(
        secret_key=env.get("SECRET_KEY", "") or (secrets.token_urlsafe(32) if development else ""),
        site_url=site_url, site_name=site_name,
        site_colour=values.colour(env.get("SITE_COLOUR", "#0b6e4f")),
        database_url=values.database(env.get("DATABASE_URL", ""), INSTANCE),
        stripe_secret_key=stripe_key,
        stripe_webhook_secrets=webhook_secrets,
        stripe_api_base=base,
        mail_url=values.mail(env.get("MAIL_URL", "")),
        mail_from=values.mail_address("MAIL_FROM", env.get("MAIL_FROM") or sender(site_name, host)),
        mail_reply_to=values.mail_address("MAIL_REPLY_TO", env.get("MAIL_REPLY_TO", "")),
        currency=values.currency(env.get("CURRENCY", "NZD")),
        time_zone=values.time_zone(env.get("TIME_ZONE", "Pacific/Auckland")),
        hold_minutes=values.integer(env, "HOLD_MINUTES", 30, 1, 24 * 60 - 10),
        listing_fee_cents=values.integer(env, "LISTING_FEE_CENTS", 1200, 0, 10_000_000),
        listing_review=values.integer(env, "LISTING_REVIEW", 0, 0, 1) == 1,
        student_domains=values.domains(env.get("STUDENT_DOMAINS", "")),
        oidc_issuer=_issuer(env),
        oidc_client_id=env.get("OIDC_CLIENT_ID", ""), oidc_client_secret=env.get("OIDC_CLIENT_SECRET", ""),
        redis_url=values.redis(env.get("REDIS_URL", "")), files_dir=values.files_dir(env.get("FILES_DIR", ""), INSTANCE),
        trusted_proxies=values.integer(env, "TRUSTED_PROXIES", 0, 0, 10),
        metrics_token=env.get("METRICS_TOKEN", ""),
        checkouts_at_once=values.integer(env, "CHECKOUTS_AT_ONCE", 12, 1, 1000),
        file_megabytes=values.integer(env, "FILE_MEGABYTES", 100, 1, 2000),
        development=development, checkout_origins=_origins(env.get("CHECKOUT_ORIGINS", ""), base), **_whatsapp(env),
    )  # fmt: skip


def current_settings() -> Settings:
    """The settings of the running app."""
    return cast(Settings, current_app.extensions["muster_settings"])


def of_postgresql() -> dict[str, str]:
    """What the environment says of connections to PostgreSQL (PGHOST, PGSSLROOTCERT …), for who starts a program of its own."""
    return {name: value for name, value in os.environ.items() if name.startswith("PG")}


def unsafe(settings: Settings) -> list[str]:
    """What production must not start with, one sentence a setting (DESIGN §7); empty when all is well."""
    found: list[str] = []
    key = settings.secret_key
    if not settings.development:
        if not key:
            found.append(
                "SECRET_KEY is not set. Set it to a long random text, for example what this prints:"
                " python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        elif len(key) < 16 or len(set(key)) < 8 or any(key.lower().startswith(p) for p in PLACEHOLDERS if len(key) < 32):
            found.append("SECRET_KEY is too easy to guess. Use at least 32 random characters.")
        if not settings.stripe_secret_key:
            found.append(
                "STRIPE_SECRET_KEY is not set. Take it from Stripe's dashboard: sk_test_… to try, sk_live_… for real money."
            )
    if settings.stripe_secret_key and not settings.stripe_secret_key.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
        found.append("STRIPE_SECRET_KEY does not look like a Stripe secret key (sk_test_…, sk_live_…, rk_test_… or rk_live_…).")
    if settings.live and not settings.stripe_webhook_secrets:
        found.append(
            "STRIPE_WEBHOOK_SECRET is not set, but STRIPE_SECRET_KEY is a live key."
            " Take the signing secret of the webhook endpoint from Stripe's dashboard."
        )
    if settings.live and settings.stripe_api_base != STRIPE_API:
        found.append(
            "STRIPE_API_BASE is set, but STRIPE_SECRET_KEY is a live key, which must never reach a simulator. Unset it."
        )
    if settings.live and DEMO_WEBHOOK_SECRET in settings.stripe_webhook_secrets:
        found.append("STRIPE_WEBHOOK_SECRET is the simulator's, but STRIPE_SECRET_KEY is a live key.")
    if settings.live and not settings.site_url.startswith("https://"):
        found.append("SITE_URL must begin with https:// when STRIPE_SECRET_KEY is a live key.")
    return found


def _issuer(env: Mapping[str, str]) -> str:
    """The sign-in provider as it names itself, a closing slash included: its tokens are compared with it letter by letter."""
    text = env.get("OIDC_ISSUER", "")
    if not text:
        return ""
    values.url(env, "OIDC_ISSUER", "")
    if not text.startswith("https://") and urlsplit(text).hostname not in LOOPBACK:
        raise SettingsError("OIDC_ISSUER must begin with https://.")
    for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
        if not env.get(name):
            raise SettingsError(f"{name} is not set, but OIDC_ISSUER is. The provider gave it when you registered the site.")
    return text


def _whatsapp(env: Mapping[str, str]) -> dict[str, str]:
    """Token and phone number id together or neither; the token goes over an encrypted line, or to this machine."""
    token, phone_id = env.get("WHATSAPP_TOKEN", ""), env.get("WHATSAPP_PHONE_ID", "")
    base, language = values.url(env, "WHATSAPP_API_BASE", WHATSAPP_API), env.get("WHATSAPP_LANGUAGE", "en")
    if bool(token) != bool(phone_id):
        raise SettingsError("WHATSAPP_TOKEN and WHATSAPP_PHONE_ID belong together: set both, or neither.")
    if not token.isascii() or any(c.isspace() for c in token):
        raise SettingsError("WHATSAPP_TOKEN must be the access token alone, on one line.")
    if phone_id and not re.fullmatch(r"[0-9]{5,20}", phone_id):
        raise SettingsError("WHATSAPP_PHONE_ID must be the id of the number (digits only), which is not the number itself.")
    if not base.startswith("https://") and urlsplit(base).hostname not in LOOPBACK:
        raise SettingsError("WHATSAPP_API_BASE must begin with https://.")
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Z]{2})?", language):
        raise SettingsError(f"WHATSAPP_LANGUAGE must be the templates' language, such as en or en_GB, not {language!r}.")
    return {"whatsapp_token": token, "whatsapp_phone_id": phone_id, "whatsapp_api_base": base, "whatsapp_language": language}


def _origins(text: str, api_base: str) -> tuple[str, ...]:
    """Where Checkout pages live: a form's redirect there must be allowed by the CSP (STACK trap 1)."""
    if named := values.origins(text):
        return named
    return ("https://checkout.stripe.com",) if api_base == STRIPE_API else ("https://checkout.stripe.com", api_base)
