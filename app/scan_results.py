"""What one run of every scan came to: how much each did, and which of them failed. Filled in by `jobs.run_due`."""

from __future__ import annotations

from collections.abc import Iterable


class Done(dict[str, int]):
    """How much each scan did; ``failed`` names those that ended in an error, which the log has."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(dict.fromkeys(names, 0))
        self.failed: list[str] = []

    def add(self, name: str, found: int | None) -> int:
        """Note what one run of a scan came to (None: it failed); returns how much it did."""
        if found is None and name not in self.failed:
            self.failed.append(name)
        if name in self:
            self[name] += found or 0
        return found or 0
