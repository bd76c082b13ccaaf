"""Makes chosen API calls go wrong: with an error, with no answer, or late; before or after they did their work.

Planned by `control.faults`, taken one at a time by `api.dispatch`.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from threading import Lock
from typing import Literal, get_args

from .errors import ApiError
from .store import Json

Kind = Literal["500", "429", "401", "409", "refused", "timeout", "slow"]
When = Literal["before", "after"]
KINDS: tuple[str, ...] = get_args(Kind)


class NoAnswer(ConnectionError):
    """The connection is to be closed without an answer. In-process callers meet this exception itself."""


@dataclass
class Fault:
    """One plan: what happens to the next `times` calls of `operation` (`*`: of any)."""

    operation: str
    kind: Kind
    times: int
    when: When
    seconds: float
    stored: bool

    def matches(self, operation: str) -> bool:
        """`checkout.*` matches every operation on sessions."""
        wanted = self.operation
        return wanted in ("*", operation) or (wanted.endswith(".*") and operation.startswith(wanted[:-1]))


def error_of(kind: Kind) -> ApiError | None:
    """The answer of a fault that has one."""
    return {
        "500": ApiError(500, "An unknown error occurred (simulated).", kind="api_error"),
        "429": ApiError(429, "Request rate limit exceeded (simulated).", code="rate_limit"),
        "401": ApiError(401, "Invalid API Key provided (simulated)."),
        "409": ApiError(
            409, "This object cannot be accessed right now because another request is accessing it (simulated).",
            code="lock_timeout",
        ),
    }.get(kind)  # fmt: skip


class Faults:
    """The plans in the order they were made; the first that matches is used up first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._plans: list[Fault] = []

    def plan(
        self, operation: str = "*", kind: Kind = "500", times: int = 1, when: When = "before", seconds: float = 1.0,
        stored: bool | None = None,
    ) -> None:  # fmt: skip
        """Let the next `times` calls of an operation fail.

        `stored` says whether a 500 is what the idempotency key remembers: by default only one that came after acting,
        as Stripe documents. With `stored=False` the 500 stands for a lost answer, and a repetition finds the real one.
        """
        if kind not in KINDS or when not in ("before", "after") or times < 1 or seconds < 0:
            raise ValueError(f"No such fault: {kind} {when}, {times} times, {seconds} s. Kinds: {', '.join(KINDS)}")
        keeps = kind == "500" and (when == "after" if stored is None else stored)
        with self._lock:
            self._plans.append(Fault(operation, kind, times, when, seconds, keeps))

    def take(self, operation: str) -> Fault | None:
        """The fault for this call, if one is planned."""
        with self._lock:
            for plan in self._plans:
                if plan.matches(operation):
                    plan.times -= 1
                    if plan.times == 0:
                        self._plans.remove(plan)
                    return plan
        return None

    def clear(self) -> None:
        """No more plans."""
        with self._lock:
            self._plans.clear()

    def planned(self) -> list[Json]:
        """What is still to come, for the control page."""
        with self._lock:
            return [asdict(plan) for plan in self._plans]
