"""What is right and wrong about the webhook endpoints that Stripe has for us. Pure; called by services.webhook_setup.

Source: README "Going live with Stripe". Findings lose or delay news of payments; notes are only worth knowing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .refusals import words
from .self_check import Finding

API_VERSION = "2026-10-28.endive"
"""The version in which events must come: a webhook is acted on as it was signed."""
PATH = "/webhooks/stripe"
RECORDED = ("payment_intent.succeeded", "payment_intent.payment_failed", "charge.refunded")
"""Events that are kept for the record and change nothing: neither missing nor too many."""
ALL = "*"


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where Stripe sends its events. ``events`` may hold "*"; ``api_version`` is None for the account's default."""

    id: str
    url: str
    enabled: bool
    events: tuple[str, ...]
    api_version: str | None


@dataclass(slots=True)
class Verdict:
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


def judge(endpoints: Sequence[WebhookEndpoint], site_url: str, needed: Sequence[str]) -> Verdict:
    """What to say of the endpoints of one account and mode, for a site at ``site_url`` that acts on ``needed`` events."""
    url, verdict = site_url.rstrip("/") + PATH, Verdict()
    mine = [endpoint for endpoint in endpoints if _same(endpoint.url, url)]
    if not mine:
        _none(endpoints, url, verdict)
        return verdict
    enabled = [endpoint for endpoint in mine if endpoint.enabled]
    if not enabled:
        verdict.findings.append(Finding(words("Stripe's webhook endpoint for %(url)s is disabled. Enable it there."), url=url))
        return verdict
    if len(enabled) > 1:
        text = words("Stripe has %(number)s endpoints for %(url)s: each event comes as often. Keep one of them.")
        verdict.notes.append(Finding(text, number=len(enabled), url=url))
    _events({event for endpoint in enabled for event in endpoint.events}, needed, verdict)
    for endpoint in enabled:
        _version(endpoint, verdict)
    return verdict


def _none(endpoints: Sequence[WebhookEndpoint], url: str, verdict: Verdict) -> None:
    if (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1"):
        text = words("Stripe has no endpoint for %(url)s. Only this machine can reach it: forward events with Stripe's CLI.")
        verdict.notes.append(Finding(text, url=url))
        return
    verdict.findings.append(Finding(words("Stripe has no webhook endpoint for %(url)s. Add it in Stripe's dashboard."), url=url))
    for other in (endpoint.url for endpoint in endpoints if urlsplit(endpoint.url).path == PATH):
        text = words("Stripe has one for %(url)s. If that is this site, SITE_URL or the endpoint has the wrong address.")
        verdict.notes.append(Finding(text, url=other))


def _events(enabled: set[str], needed: Sequence[str], verdict: Verdict) -> None:
    if ALL in enabled:
        verdict.notes.append(Finding(words("Stripe sends every kind of event. That works; only those in the README are needed.")))
        return
    if missing := [event for event in needed if event not in enabled]:
        text = words("Stripe's webhook endpoint does not send: %(events)s. Add them to its events in Stripe's dashboard.")
        verdict.findings.append(Finding(text, events=", ".join(missing)))
    if more := sorted(enabled - {*needed, *RECORDED}):
        text = words("Stripe also sends what this site does not use: %(events)s. That works, but can be taken off.")
        verdict.notes.append(Finding(text, events=", ".join(more)))


def _version(endpoint: WebhookEndpoint, verdict: Verdict) -> None:
    if endpoint.api_version is None:
        text = words("Stripe's webhook endpoint sends in the account's default API version; %(ours)s is the one that was tested.")
        verdict.notes.append(Finding(text, ours=API_VERSION))
    elif endpoint.api_version != API_VERSION:
        text = words("Stripe's webhook endpoint sends in API version %(theirs)s. Make a new one with %(ours)s.")
        verdict.findings.append(Finding(text, theirs=endpoint.api_version, ours=API_VERSION))


def _same(one: str, other: str) -> bool:
    """Addresses that lead to the same place: scheme and host in any case, the path as it is."""
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme.lower(), a.netloc.lower(), a.path.rstrip("/")) == (b.scheme.lower(), b.netloc.lower(), b.path.rstrip("/"))
