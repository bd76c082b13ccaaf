"""What must hold after every single step (promises 1–7, 9 and 10 of DESIGN §3). Called by `history`.

A `Watch` remembers the last look, so that it also judges the way from there: each move allowed, each on the record, nobody
overtaken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping

from app.rules.statuses import (
    ORDER_MOVES,
    REFUND_MOVES,
    REGISTRATION_MOVES,
    SESSION_MOVES,
    TAKEN,
    OrderStatus,
    PaymentStatus,
    RefundStatus,
    RegistrationStatus,
    SessionStatus,
)

from . import bookings, purchases, rows
from .promises import must
from .rows import AtStripe, Rows

_R = RegistrationStatus
REGISTRATION_ACTIONS = {status.value: status for status in _R} | {"promoted": _R.REGISTERED, "added_by_hand": _R.HELD}
ORDER_ACTIONS = {
    "paid": OrderStatus.PAID, "paid_by_hand": OrderStatus.PAID, "cancelled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
}  # fmt: skip
REFUND_ACTIONS = {f"refund_{status}": status for status in RefundStatus} | {
    "refund_adopted": RefundStatus.REQUESTED, "refund_paid_by_hand": RefundStatus.SUCCEEDED,
}  # fmt: skip
PAST_THE_LINE = ("added_by_hand", "places_changed", "promoted", "offered")
"""What staff may do past those who wait, in the open."""
OFFERED_AND_PAID = ("link", "cash", "bank")
KINDS: Mapping[str, tuple[Mapping[str, Any], Mapping[Any, Any], str]] = {
    "registration": (REGISTRATION_ACTIONS, REGISTRATION_MOVES, "registrations"),
    "order": (ORDER_ACTIONS, ORDER_MOVES, "orders"),
    "refund": (REFUND_ACTIONS, REFUND_MOVES, "refunds"),
    "club_session": ({"cancelled": SessionStatus.CANCELLED}, SESSION_MOVES, "club_sessions"),
}


class Watch:
    """Looks after each step and compares with the look before."""

    def __init__(self) -> None:
        self.before = rows.look()
        self.entries: Sequence[RowMapping] = ()
        """What was written on the record since the look before."""
        self._last_audit = 0
        self._on_record: dict[tuple[str, int], Any] = {}

    def check(self, stripe: AtStripe, now: Any, known_checkouts: Any) -> Rows:
        """Raise Broken when something does not hold; returns what was seen."""
        seen = rows.look()
        counters(seen)
        nobody_waits_beside_a_free_place(seen, now)
        entries = rows.audit_since(self._last_audit)
        self._nobody_overtaken(seen, _by_staff(entries))
        money(seen, stripe)
        bookings.check(seen, stripe)
        purchases.check(seen, stripe)
        open_pages_keep_their_places(seen, stripe, known_checkouts)
        self._on_the_record(seen, entries)
        self.before, self.entries = seen, entries
        return seen

    def _nobody_overtaken(self, seen: Rows, by_staff: set[int]) -> None:
        """Promise 9: whoever got places in this step got none that somebody earlier in line could have had, but by staff."""
        for session_id in self.before.club_sessions:
            waited = [r for r in self.before.line(session_id) if seen.registrations[r["id"]]["status"] is _R.WAITLISTED]
            order = {r["id"]: place for place, r in enumerate(self.before.line(session_id))}
            for r in seen.registrations.values():
                old = self.before.registrations.get(r["id"])
                had_it = old is not None and old["status"] in TAKEN
                if r["club_session_id"] != session_id or r["status"] not in TAKEN or r["id"] in by_staff:
                    continue
                if had_it:
                    self._past_nobody_who_waits(seen, r, self._grown(r))
                    continue
                if r["waitlisted_at"] is None:
                    self._past_nobody_who_waits(seen, r, r["places"])
                mine = order.get(r["id"], len(order))
                for other in waited:
                    overtaken = order[other["id"]] < mine and other["places"] <= r["places"]
                    must(not overtaken, 9, f"registration {r['id']} got places before {other['id']}, who was earlier")

    def _grown(self, r: RowMapping) -> int:
        """How many places were added to a booking in this step: a difference that was paid late buys them again."""
        old = self.before.registrations[r["id"]]
        return int(r["places"] - old["places"]) if old["club_session_id"] == r["club_session_id"] else 0

    def _past_nobody_who_waits(self, seen: Rows, newcomer: RowMapping, places: int) -> None:
        """Also those who wait and are still paying: a free place is theirs or nobody's until that is decided."""
        for id_, was in self.before.registrations.items():
            same = was["club_session_id"] == newcomer["club_session_id"] and was["places"] <= places
            waits = was["status"] is _R.WAITLISTED and seen.registrations[id_]["status"] is _R.WAITLISTED
            must(not (same and waits), 9, f"registration {newcomer['id']} was sold a place past {id_}, who waits")

    def _on_the_record(self, seen: Rows, entries: Sequence[RowMapping]) -> None:
        """Promise 7, and 6: every move has its entry, and the entries tell of allowed moves only."""
        for entry in entries:
            self._last_audit = entry["id"]
            actions, moves, _ = KINDS.get(entry["subject_kind"], ({}, {}, ""))
            then = actions.get(entry["action"])
            if then is None:
                continue
            key = (entry["subject_kind"], entry["subject_id"])
            was = self._on_record.get(key, _first(*key, then))
            if entry["action"] == "promoted" and entry["detail"].get("means") in OFFERED_AND_PAID:
                was, then = _R.OFFERED, _R.HELD  # out of turn: offered and accepted in one, and to be paid
            must(was in (None, then) or then in moves[was], 6, f"{key} moved from {was} to {then} by {entry['actor']}")
            self._on_record[key] = then
        for kind, (_, _, table) in KINDS.items():
            for id_, row in getattr(seen, table).items():
                told = self._on_record.get((kind, id_), _first(kind, id_, row["status"]))
                free = kind == "order" and row["total_cents"] == 0 and (kind, id_) not in self._on_record
                bought = free and row["status"] is OrderStatus.PAID and id_ not in self.before.orders
                must(told == row["status"] or bought, 7, f"{kind} {id_} is {row['status']}, its record says {told}")
                if bought:
                    self._on_record[kind, id_] = OrderStatus.PAID


def _by_staff(entries: Sequence[RowMapping]) -> set[int]:
    """The bookings to which staff gave places past the line in this step."""
    given = [entry for entry in entries if entry["subject_kind"] == "registration" and entry["action"] in PAST_THE_LINE]
    return {entry["subject_id"] for entry in given if entry["actor"].startswith("user:")}


def _first(kind: str, id_: int, then: Any) -> Any:
    """Where a thing begins whose making is not itself a status entry."""
    return {"order": OrderStatus.PENDING, "club_session": SessionStatus.PUBLISHED}.get(kind)


def counters(seen: Rows) -> None:
    """Promise 1: counters equal rows, and nothing is past the capacity but what a lowered capacity left."""
    for id_, session in seen.club_sessions.items():
        taken, over = session["places_taken"], session["overbooked"]
        must(taken == seen.taken(id_), 1, f"session {id_} counts {taken}, its registrations {seen.taken(id_)}")
        must(session["waitlist_taken"] == seen.waiting(id_), 1, f"session {id_} counts {session['waitlist_taken']} waiting")
        must(over == max(0, taken - session["capacity"]), 1, f"session {id_}: {taken} of {session['capacity']}, over {over}")


def nobody_waits_beside_a_free_place(seen: Rows, now: Any) -> None:
    """Promise 9: dealt in the same transaction, whatever freed the place or lengthened the line."""
    for id_, session in seen.club_sessions.items():
        if session["status"] is SessionStatus.PUBLISHED and now < session["starts_at"]:
            free = session["capacity"] - session["places_taken"]
            for r in seen.line(id_):
                must(r["places"] > free, 9, f"{free} places are free and registration {r['id']} waits for {r['places']}")


def money(seen: Rows, stripe: AtStripe) -> None:
    """Promises 3, 4 and 5."""
    must(len(stripe.refund_keys) == len(set(stripe.refund_keys)), 4, "one intent to refund made two refunds")
    for p in seen.payments.values():
        sent = seen.given_back(p["id"], but=(RefundStatus.FAILED, RefundStatus.REQUESTED))
        must(sent <= p["captured_cents"], 4, f"payment {p['id']} gave back {sent} of {p['captured_cents']}")
        there = stripe.captured.get(p["payment_intent_id"] or "", 0)  # nothing, when a promotion code took all of it off
        if p["status"] is PaymentStatus.SUCCEEDED and p["provider"] == "stripe":
            must(there == p["captured_cents"], 5, f"payment {p['id']} says {p['captured_cents']}, Stripe {there}")
    for id_ in seen.orders:
        kept = [p for p in seen.kept(id_) if not seen.has_case(p["id"])]
        must(len(kept) <= 1, 3, f"order {id_} keeps payments {[p['id'] for p in kept]}")


def open_pages_keep_their_places(seen: Rows, stripe: AtStripe, known_checkouts: Any) -> None:
    """Promise 10: while somebody can still pay, what they pay for is kept."""
    by_checkout = {p["checkout_id"]: p for p in seen.payments.values() if p["checkout_id"]}
    for id_ in known_checkouts:
        if stripe.checkouts[id_]["status"] == "open":
            order = seen.orders[by_checkout[id_]["order_id"]]
            kept = order["status"] is OrderStatus.PENDING
            must(kept, 10, f"order {order['id']} is {order['status']} while its payment page is open")
