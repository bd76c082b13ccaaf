"""A clock that stands still until a test moves it, and takes others (Stripe's stand-in) along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
"""Where tests begin unless they say otherwise: Tuesday 3 March 2026, 10 in the morning in Auckland."""


class FakeClock:
    """Given to `app.clock.reading`; every thread reads the same moment."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at
        self._followers: list[Callable[[datetime], None]] = []

    def __call__(self) -> datetime:
        return self._at

    @property
    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> datetime:
        """Make it ``at`` (aware) now."""
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        self._at = at.astimezone(UTC)
        for follow in self._followers:
            follow(self._at)
        return self._at

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Move on (or back), and return the new moment."""
        return self.set(self._at + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def followed_by(self, follow: Callable[[datetime], None]) -> None:
        """Tell ``follow`` the time now and whenever it changes."""
        self._followers.append(follow)
        follow(self._at)
