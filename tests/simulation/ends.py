"""What the record tells of each booking: how it ended, and what came and went of its money by staff's hand. Kept by `history`.

Read from the audit entries as they come, so that what is kept in the end is held against what was said, not against our own sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping

from app.rules.statuses import RegistrationStatus

WAITED, CONFIRMED = RegistrationStatus.WAITLISTED.value, RegistrationStatus.REGISTERED.value
STATUSES = {status.value for status in RegistrationStatus} | {"promoted"}


@dataclass(frozen=True)
class End:
    """How and when a booking ended. ``by_itself``: by the worker or by Stripe's word. ``staff_cents``: what staff gave back."""

    at: datetime
    by_itself: bool
    waited: bool
    replaced: bool = False
    staff_cents: int | None = None


@dataclass
class Told:
    """One booking's own part of the record."""

    waited: bool = False
    confirmed: bool = False
    end: End | None = None
    money: list[tuple[str, int]] = field(default_factory=list)
    """Differences paid ("in") and what staff gave back ("back"), in order, in minor units."""

    def kept(self, own_cents: int) -> int:
        """What is kept of a booking that cost ``own_cents`` at first, by all that was done to it since."""
        kept = own_cents
        for way, cents in self.money:
            kept = kept + cents if way == "in" else max(0, kept - cents)
        return kept


class Record:
    """Takes what came since the step before and keeps it, by the booking's id."""

    def __init__(self) -> None:
        self.told: dict[int, Told] = {}
        self.given_back: Counter[int] = Counter()
        """What staff gave back of a course or a file, by the line it was bought by, in minor units."""

    def read(self, entries: Sequence[RowMapping]) -> None:
        for entry in entries:
            if entry["subject_kind"] == "registration":
                self._note(self.told.setdefault(entry["subject_id"], Told()), entry)
            elif (entry["subject_kind"], entry["action"]) == ("product_purchase", "refunded_by_staff"):
                self.given_back[entry["subject_id"]] += entry["detail"]["cents"]

    @staticmethod
    def _note(told: Told, entry: RowMapping) -> None:
        action, detail, staff = entry["action"], entry["detail"], entry["actor"].startswith("user:")
        if action == "cancelled":
            cents = detail.get("cents") if staff and "reason" in detail else None
            by_itself = entry["actor"] in ("worker", "stripe")
            told.end = End(entry["created_at"], by_itself, told.waited, staff_cents=cents)
            if cents:
                told.money.append(("back", cents))
        elif action == "replaced" and told.end is not None:
            told.end = End(told.end.at, told.end.by_itself, told.end.waited, replaced=True)
        elif action == "difference_paid":
            told.money.append(("in", detail["cents"]))
        elif action == "refunded_by_staff" or (action in ("moved", "places_changed") and detail["means"] == "refund"):
            told.money.append(("back", detail["cents"]))
        elif action in STATUSES:
            told.waited = action == WAITED
            told.confirmed = told.confirmed or action in (CONFIRMED, "promoted")
