"""One e-mail address, written one way, and never two in one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.addresses import MAX_LENGTH, normalise_email


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ada@club.example", "ada@club.example"),
        ("  Ada.Lovelace+Club@Club.Example \n", "ada.lovelace+club@club.example"),
        ("o'neill@club.example", "o'neill@club.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_address_is_stored_in_one_way(typed: str, stored: str) -> None:
    assert normalise_email(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "ada", "ada@", "@club.example", "ada@club", "ada@localhost", "a@x.org, v@y.org", "a@x.org;v@y.org",
        "a@x.org v@y.org", "Ada <ada@club.example>", "ada@club.example\nBcc: v@y.org", "ada@club.example\r\nv@y.org",
        '"a b"@club.example', "ada@@x.org", "ada@club..example", "ada..l@club.example", ".ada@club.example",
        "ada@-club.example", "jürgen@club.example", "ada@[127.0.0.1]",
        "ada(comment)@club.example", "a" * 65 + "@club.example", "a@" + "b" * 64 + ".example", "ada@" + "x." * 126 + "example",
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_address_is_refused(typed: str) -> None:
    assert normalise_email(typed) is None


@given(st.text(max_size=80) | st.emails())
def test_whatever_comes_out_goes_in_unchanged(typed: str) -> None:
    address = normalise_email(typed)
    if address is not None:
        assert normalise_email(address) == address == address.lower()
        assert address.count("@") == 1 and len(address) <= MAX_LENGTH and not set(address) & set(' ,;<>"\r\n\t')
