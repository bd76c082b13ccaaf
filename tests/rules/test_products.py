"""Which files may be uploaded, by what they are called and by what is in them."""

from __future__ import annotations

import pytest

from app.rules.products import FileNotAllowed, content_type, file_name

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "signature", "is_text", "told"),
    [
        ("card.pdf", "application/pdf", True, "application/pdf"),
        ("CARD.PDF", "application/pdf", False, "application/pdf"),
        ("plan.docx", WORD, False, WORD),
        ("plan.docx", "application/zip", False, WORD),
        ("notes.txt", None, True, "text/plain"),
        ("times.csv", None, True, "text/csv"),
        ("serve.mp4", "video/mp4", False, "video/mp4"),
    ],
)
def test_file_is_what_its_name_says(name: str, signature: str | None, is_text: bool, told: str) -> None:
    assert content_type(name, signature, is_text) == told


@pytest.mark.parametrize(
    ("name", "signature", "is_text"),
    [
        ("page.html", None, True),
        ("drawing.svg", None, True),
        ("setup.exe", "application/x-msdownload", False),
        ("card.pdf", "application/x-msdownload", False),
        ("card.pdf", None, True),
        ("card.png", "image/jpeg", False),
        ("notes.txt", None, False),
        ("notes.txt", "application/x-executable", False),
        ("card", "application/pdf", False),
        ("pdf", "application/pdf", False),
    ],
)
def test_anything_else_is_refused(name: str, signature: str | None, is_text: bool) -> None:
    with pytest.raises(FileNotAllowed):
        content_type(file_name(name), signature, is_text)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("card.pdf", "card.pdf"),
        ("C:\\Documents\\card.pdf", "card.pdf"),
        ("../../etc/card.pdf", "card.pdf"),
        ("Tūhoe – plan.pdf", "Tūhoe – plan.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("\u202egpj.pdf", "gpj.pdf"),
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
    ],
)
def test_name_is_kept_as_far_as_it_is_one(typed: str, kept: str) -> None:
    assert file_name(typed) == kept


@pytest.mark.parametrize("typed", ["", ".pdf", "/", "..", "\0"])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(FileNotAllowed):
        file_name(typed)
