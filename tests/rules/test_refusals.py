"""Every refusal has words for the person, a fitting status, and says where on the page it belongs."""

from __future__ import annotations

import re

import pytest

from app.rules import refusals
from app.rules.refusals import InvalidInput, Refusal, TooManyPlaces

ALL = [kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, Refusal)]
VERDICTS = re.compile(r"\b(invalid|illegal|bad|error|failed|wrong)\b", re.I)


@pytest.mark.parametrize("kind", ALL)
def test_refusal_speaks_to_a_person(kind: type[Refusal]) -> None:
    assert kind.status in (400, 402, 403, 404, 409, 422, 503)
    assert kind.text.endswith((".", "%(problem)s")) and not VERDICTS.search(kind.text)
    assert kind.field is None or kind.page is None


def test_params_fill_in_the_words() -> None:
    refusal = TooManyPlaces(max_places=4)
    assert refusal.text % refusal.params == "Choose between 1 and 4 places."
    assert (refusal.status, refusal.field) == (422, "places")


def test_input_that_cannot_be_used_names_its_field() -> None:
    refusal = InvalidInput("email", "Enter one e-mail address.")
    assert (refusal.field, refusal.text % refusal.params) == ("email", "Enter one e-mail address.")
    assert InvalidInput(None, "x").field is None and Refusal.field is None
