"""What the command line asked for. Given to every benchmark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """``kind``: "sqlite" or "postgresql"; ``seconds``: how long each round of load lasts; ``people``: who come in a rush."""

    kind: str
    seconds: float
    people: int
