"""One phone number, as people type it and as it is stored."""

from __future__ import annotations

import pytest

from app.rules.phone_numbers import in_words, normalise_number


@pytest.mark.parametrize("typed", ["021 123 4567", "+64 21 123 4567", "(021) 123-4567", "0064 21 123 4567", "+6421 1234567"])
def test_however_it_is_typed_it_is_one_number(typed: str) -> None:
    assert normalise_number(typed, "NZ") == "+64211234567"


@pytest.mark.parametrize(
    "typed",
    ["", "hello", "12", "+1 555", "021 123 4567 ext 5", "+64211234567, +64217654321", "021 123 4567" + " " * 40, "+999123456789"],
)
def test_what_is_not_exactly_one_number_is_none(typed: str) -> None:
    assert normalise_number(typed, "NZ") is None


def test_without_a_country_of_the_club_the_number_must_bring_its_own() -> None:
    assert normalise_number("021 123 4567", None) is None and normalise_number("+64 21 123 4567", None) == "+64211234567"


def test_it_is_read_in_groups() -> None:
    assert in_words("+64211234567") == "+64 21 123 4567"
