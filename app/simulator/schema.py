"""Readers that give decoded parameters their types and refuse what Stripe refuses, in Stripe's words.

Combined into one description an operation in `api/parameters.py`; run by `api.dispatch` before anything is done.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from .errors import invalid, missing, unknown, unsupported
from .money import CURRENCIES


class Reader(Protocol):
    """Turns one decoded value into a typed one, or raises `ApiError` naming the parameter."""

    def read(self, value: Any, name: str) -> Any: ...


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise invalid("Invalid string: {...}", name)
    if value == "":
        raise invalid(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a "
            "non-empty value.",
            name,
            "parameter_invalid_empty",
        )
    return value


@dataclass(frozen=True)
class Text:
    """Any words, not empty, at most `maximum` characters."""

    maximum: int = 5000

    def read(self, value: Any, name: str) -> str:
        text = _string(value, name)
        if len(text) > self.maximum:
            raise invalid(f"Invalid string: {text[:20]}…; must be at most {self.maximum} characters", name)
        return text


@dataclass(frozen=True)
class Integer:
    """A whole number between its bounds."""

    minimum: int | None = None
    maximum: int | None = None

    def read(self, value: Any, name: str) -> int:
        text = _string(value, name)
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise invalid(f"Invalid integer: {text[:40]}", name, "parameter_invalid_integer")
        number = int(text)
        if self.minimum is not None and number < self.minimum:
            said = {0: "Invalid non-negative integer", 1: "Invalid positive integer"}.get(
                self.minimum, f"This value must be greater than or equal to {self.minimum}."
            )
            raise invalid(said, name, "parameter_invalid_integer")
        if self.maximum is not None and number > self.maximum:
            said = f"This value must be less than or equal to {self.maximum}."
            raise invalid(said, name, "parameter_invalid_integer")
        return number


@dataclass(frozen=True)
class Number:
    """A decimal number above `above` and at most `maximum`."""

    above: float = 0
    maximum: float = 100

    def read(self, value: Any, name: str) -> float:
        text = _string(value, name)
        if not re.fullmatch(r"\d{1,9}(\.\d{1,4})?", text):
            raise invalid(f"Invalid decimal: {text[:40]}", name)
        number = float(text)
        if not self.above < number <= self.maximum:
            raise invalid(f"Invalid decimal: must be greater than {self.above} and at most {self.maximum}", name)
        return int(number) if number.is_integer() else number


@dataclass(frozen=True)
class Boolean:
    """`true` or `false`."""

    def read(self, value: Any, name: str) -> bool:
        text = _string(value, name)
        if text not in ("true", "false"):
            raise invalid(f"Invalid boolean: {text[:40]}", name)
        return text == "true"


@dataclass(frozen=True)
class Choice:
    """One of the words Stripe has, of which the simulator may know only some."""

    words: tuple[str, ...]
    simulated: tuple[str, ...] | None = None

    def read(self, value: Any, name: str) -> str:
        text = _string(value, name)
        if text not in self.words:
            *first, last = self.words
            listed = f"{', '.join(first)}, or {last}" if first else last
            raise invalid(f"Invalid {name}: must be one of {listed}", name)
        if self.simulated is not None and text not in self.simulated:
            raise unsupported(f"{name}={text}")
        return text


@dataclass(frozen=True)
class Many:
    """A list, indexed or appended."""

    item: Reader
    maximum: int = 100
    too_many: str = "Invalid array: too many elements"

    def read(self, value: Any, name: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(key.isdigit() for key in value):
            raise invalid("Invalid array", name)
        if len(value) > self.maximum:
            raise invalid(self.too_many, name)
        return [self.item.read(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]


@dataclass(frozen=True)
class Fields:
    """An object with exactly these fields, of which some must be there."""

    fields: Mapping[str, Reader]
    required: tuple[str, ...] = ()

    def read(self, value: Any, name: str = "") -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid("Invalid object", name)
        label = (lambda key: f"{name}[{key}]") if name else str
        for key in value:
            if key not in self.fields:
                raise unknown(label(key))
        for key in self.required:
            if key not in value:
                raise missing(label(key))
        return {key: self.fields[key].read(sent, label(key)) for key, sent in value.items()}


@dataclass(frozen=True)
class Metadata:
    """At most 50 keys of 40 characters with values of 500; empty unsets."""

    def read(self, value: Any, name: str) -> dict[str, str]:
        if value == "":
            return {}
        if not isinstance(value, dict) or any(not isinstance(v, str) for v in value.values()):
            raise invalid("Invalid object: metadata holds strings only", name)
        if len(value) > 50:
            raise invalid(f"Metadata can have at most 50 keys, but you passed in {len(value)} keys.", name)
        for key, text in value.items():
            if len(key) > 40:
                said = f"Metadata keys can have up to 40 characters, but you passed in a key that is {len(key)} "
                raise invalid(f"{said}characters. Invalid key: {key}", name)
            if len(text) > 500:
                said = f"Metadata values can have up to 500 characters, but you passed in a value that is {len(text)} "
                raise invalid(f"{said}characters. Invalid value: {text}", name)
        return dict(value)


@dataclass(frozen=True)
class Url:
    """An absolute http(s) address."""

    def read(self, value: Any, name: str) -> str:
        text = Text(5000).read(value, name)
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
        except ValueError:
            good = False
        if not good:
            raise invalid("Not a valid URL", name, "url_invalid")
        return text


@dataclass(frozen=True)
class Email:
    """Something that has the shape of an e-mail address."""

    def read(self, value: Any, name: str) -> str:
        text = Text(800).read(value, name)
        if not looks_like_email(text):
            raise invalid(f"Invalid email address: {text}", name, "email_invalid")
        return text


def looks_like_email(text: str) -> bool:
    """Shape only; whether anyone reads it is another question."""
    return re.fullmatch(r"[^@\s,<>()]+@[^@\s,<>()]+\.[^@\s,<>().]{2,}", text) is not None


@dataclass(frozen=True)
class Currency:
    """A three-letter code Stripe takes payments in, in any case; given back in lower case."""

    def read(self, value: Any, name: str) -> str:
        code = _string(value, name).lower()
        if code not in CURRENCIES:
            known = ", ".join(sorted(CURRENCIES))
            raise invalid(f"Invalid currency: {code}. Stripe currently supports these currencies: {known}", name)
        return code


@dataclass(frozen=True)
class Anything:
    """Taken as sent: for facts that are only shown again or passed by."""

    def read(self, value: Any, name: str) -> Any:
        return value


@dataclass(frozen=True)
class Unsupported:
    """Known to Stripe, not to the simulator."""

    def read(self, value: Any, name: str) -> Any:
        raise unsupported(name)


def words(text: str) -> tuple[str, ...]:
    """A long list of names, written as one line of prose."""
    return tuple(text.split())


def unsupported_fields(names: Iterable[str]) -> dict[str, Reader]:
    """The parameters of an operation that are refused by name rather than as unknown."""
    return {name: Unsupported() for name in names}
