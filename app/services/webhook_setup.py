"""Asks Stripe how its webhook to this site is set up. Called by `flask doctor` and, on the record, by the desk's self-check."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..config import current_settings
from ..integrations import gateway
from ..integrations.payments import GatewayError
from ..rules.self_check import Finding
from ..rules.webhook_setup import WebhookEndpoint, judge
from ..transaction import retried, transaction
from . import audit
from .stripe_inbox import HANDLED

ACTION = "stripe_checked"


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe said. ``problem`` is why it could not be asked; then nothing is known, good or bad."""

    problem: str | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    endpoints: list[WebhookEndpoint] = field(default_factory=list)


def ask() -> Answer:
    """One call, of a few seconds at the most; it changes nothing anywhere."""
    try:
        endpoints = list(gateway().webhook_endpoints())
    except GatewayError as error:
        return Answer(problem=str(error))
    verdict = judge(endpoints, current_settings().site_url, HANDLED)
    return Answer(None, verdict.findings, verdict.notes, endpoints)


def check(actor: str) -> Answer:
    """Ask, and put the answer on the record, where the self-check's page reads it."""
    answer = ask()
    _note(answer, actor)
    return answer


@retried
def _note(answer: Answer, actor: str) -> None:
    said = {name: [[finding.text, dict(finding.params)] for finding in getattr(answer, name)] for name in ("findings", "notes")}
    with transaction() as db:
        audit.record(
            db, actor, ACTION, "stripe", 0, problem=answer.problem, live=current_settings().live, **said,
            endpoints=[{"url": e.url, "version": e.api_version, "enabled": e.enabled, "events": list(e.events)}
                       for e in answer.endpoints],
        )  # fmt: skip
