"""What the self-check last heard from Stripe, read from the record. Called by the desk's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ..extensions import db
from ..models import AuditEntry
from ..rules.self_check import Finding
from . import desk_people

_A = AuditEntry


@dataclass(frozen=True, slots=True)
class StripeCheck:
    """One answer of Stripe's about the webhook; ``problem`` is why it could not be asked."""

    at: datetime
    actor: str
    by: str | None
    live: bool
    problem: str | None
    findings: Sequence[Finding]
    notes: Sequence[Finding]
    endpoints: Sequence[Mapping[str, Any]]


def last_check(action: str) -> StripeCheck | None:
    """The last time that Stripe was asked, or None. Two statements."""
    row = db.session.execute(select(_A).where(_A.action == action).order_by(_A.id.desc()).limit(1)).scalar_one_or_none()
    if row is None:
        return None
    said = row.detail
    findings, notes = ([Finding(text, **params) for text, params in said.get(name, ())] for name in ("findings", "notes"))
    by = desk_people.names([row.actor]).get(row.actor)
    problem, endpoints = said.get("problem"), said.get("endpoints", ())
    return StripeCheck(row.created_at, row.actor, by, bool(said.get("live")), problem, findings, notes, endpoints)
