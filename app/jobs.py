"""Work that happens later, done promptly by dbos; the truth stays in our own rows, so a lost queue loses nothing.

Services call ``enqueue`` inside the transaction that causes the work; the worker process runs ``Worker``. Nothing else knows dbos.
"""

from __future__ import annotations

from .config import Settings


def migrate(settings: Settings) -> None:
    """Create or upgrade the job engine's own tables beside ours."""
