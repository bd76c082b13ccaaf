"""Who is still to be told of what, when something changes again before everybody knows.

Pure; called by services.changed_sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime


def gaps(waiting: Iterable[tuple[int, int]], up_to: int) -> list[tuple[int, int]]:
    """The bookings 1..up_to that no earlier change is still to be told to, as ranges (after, up_to].

    ``waiting`` are the ranges of earlier changes that are not told yet: those people know only what was before that change, so
    they are told once, from there to how it is now. Everybody else knows how it was just before this change.
    """
    found, known = [], 0
    for after, last in sorted(waiting):
        if after > known:
            found.append((known, min(after, up_to)))
        known = max(known, last)
    if known < up_to:
        found.append((known, up_to))
    return [(after, last) for after, last in found if after < last]


def moved_in(waiting: Sequence[tuple[int, int, datetime]], moved: Iterable[tuple[int, datetime]]) -> list[tuple[int, int]]:
    """The bookings in the ranges of ``waiting`` that came from another session after those changes, as ranges (after, up_to].

    An earlier change is not told to them, because the mail of their move said how it was by then: like everybody else who knows
    that, they are told of this one. ``waiting`` are ranges with the moment of their change, ``moved`` ids with that of the move.
    """
    found = []
    for booking, moved_at in moved:
        changes = [changed_at for after, last, changed_at in waiting if after < booking <= last]
        if changes and max(changes) < moved_at:
            found.append((booking - 1, booking))
    return found
