"""The self-check for admins: settings without their secrets, what `flask doctor` finds, and how Stripe's webhook is set up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from ... import clock
from ...config import STRIPE_API, Settings, current_settings, unsafe
from ...queries import desk_doctor, webhooks
from ...rules.self_check import Finding
from ...rules.statuses import Role
from ...security import staff_only
from ...services import health_check, webhook_setup
from .. import viewer
from . import bp

LOOKED_BACK = timedelta(days=90)
"""How far back the page looks; the command looks at everything."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it may be shown: a secret only says whether it is set, and of which kind it is."""

    name: str
    shown: Any
    fine: bool = True


@bp.get("/doctor")
@staff_only(Role.ADMIN)
def doctor() -> ResponseReturnValue:
    """What is checked without asking anybody, and what Stripe said when it was last asked."""
    settings = current_settings()
    groups = health_check.groups(clock.now() - LOOKED_BACK)
    asked = desk_doctor.last_check(webhook_setup.ACTION)
    shown = {"settings_shown": shown_settings(settings), "unsafe": unsafe(settings), "words": finding_words}
    facts = {"groups": groups, "asked": asked, "told_at": webhooks.told_at(), "days": LOOKED_BACK.days}
    return render_template("admin/doctor.html", **facts, **shown)


@bp.post("/doctor/check-with-stripe")
@staff_only(Role.ADMIN)
def doctor_check() -> ResponseReturnValue:
    """Ask Stripe how its webhook is set up; the answer goes on the record and is shown from there."""
    answer = webhook_setup.check(viewer.actor())
    if answer.problem is not None:
        flash(gettext("Stripe could not be asked just now, so nothing new is known. Try again in a few minutes."))
    elif answer.findings:
        flash(gettext("Stripe was asked: something needs to be put right."))
    else:
        flash(gettext("Stripe was asked: its webhook is set up as it should be."))
    return redirect(url_for("admin.doctor", _anchor="stripe"), 303)


def finding_words(finding: str) -> str:
    """A finding in the reader's language; plain text as it is."""
    return str(gettext(finding.text, **finding.params)) if isinstance(finding, Finding) else finding


def shown_settings(settings: Settings) -> list[Setting]:
    """Every setting that matters to whoever runs the site, without a secret in it."""
    return [
        Setting("SECRET_KEY", _is_set(settings.secret_key), bool(settings.secret_key)),
        Setting("SITE_URL", settings.site_url),
        Setting("DATABASE_URL", "SQLite" if settings.is_sqlite else "PostgreSQL"),
        Setting("STRIPE_SECRET_KEY", _key_words(settings), bool(settings.stripe_secret_key)),
        Setting("STRIPE_WEBHOOK_SECRET", _secrets_words(settings), bool(settings.stripe_webhook_secrets)),
        Setting("STRIPE_API_BASE", _("Stripe’s own") if settings.stripe_api_base == STRIPE_API else settings.stripe_api_base),
        Setting("MAIL_URL", _mail_words(settings)),
        Setting("MAIL_FROM", settings.mail_from),
        Setting("CURRENCY, TIME_ZONE", f"{settings.currency}, {settings.time_zone}"),
        Setting("HOLD_MINUTES", settings.hold_minutes),
        Setting("OIDC_ISSUER", settings.oidc_issuer or _("off")),
        Setting("REDIS_URL", _is_set(settings.redis_url)),
        Setting("TRUSTED_PROXIES", settings.trusted_proxies),
    ]


def _is_set(value: str) -> Any:
    return _("set") if value else _("not set")


def _key_words(settings: Settings) -> Any:
    if not settings.stripe_secret_key:
        return _("not set")
    restricted = settings.stripe_secret_key.startswith("rk_")
    if settings.live:
        return _("set: a restricted live key, real money moves") if restricted else _("set: a live key, real money moves")
    return _("set: a restricted test key, no real money moves") if restricted else _("set: a test key, no real money moves")


def _secrets_words(settings: Settings) -> Any:
    number = len(settings.stripe_webhook_secrets)
    return _("not set") if not number else _("set") if number == 1 else _("set: %(number)s of them", number=number)


def _mail_words(settings: Settings) -> Any:
    parts = urlsplit(settings.mail_url)
    if parts.scheme in ("smtp", "smtps"):
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return _("files on this machine: no mail leaves it")
