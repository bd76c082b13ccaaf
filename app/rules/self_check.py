"""What a self-check finds, as a sentence that can be said in another language. Made by rules and services, shown by the desk
and the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping


class Finding(str):
    """An English sentence for people; ``text`` and ``params`` are what a translation needs."""

    text: str
    params: Mapping[str, object]

    def __new__(cls, text: str, **params: object) -> Finding:
        made = super().__new__(cls, text % params if params else text)
        made.text, made.params = text, params
        return made
