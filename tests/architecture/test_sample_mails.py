"""Every mail that Muster writes can be read by the committee with made-up people: none is forgotten, and each is complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app.blueprints.admin.mail_words import OCCASIONS
from app.services import sample_letters
from tests.support.source import ROOT, assert_none

FOLDER = ROOT / "app/templates/emails"


def written(folder: Path) -> set[str]:
    """Every mail there is: a folder with its three parts."""
    return {path.name for path in folder.iterdir() if path.is_dir()}


def forgotten(folder: Path) -> list[str]:
    samples = set(sample_letters.templates())
    missing = {"facts in services/sample_letters.py": samples, "words in admin/mail_words.py": set(OCCASIONS)}
    return [f"{name} has no {what}" for what, there in missing.items() for name in sorted(written(folder) - there)] + [
        f"{name} is no mail any more" for name in sorted((samples | set(OCCASIONS)) - written(folder))
    ]


def test_every_mail_has_a_sample_and_says_when_it_is_sent() -> None:
    assert_none(forgotten(FOLDER), "The committee can read every mail that people get.")


def test_a_mail_without_a_sample_is_found(tmp_path: Path) -> None:
    for name in [*sample_letters.templates(), "new_mail"]:
        (tmp_path / name).mkdir()
    assert sorted(forgotten(tmp_path)) == [
        "new_mail has no facts in services/sample_letters.py", "new_mail has no words in admin/mail_words.py",
    ]  # fmt: skip


@pytest.mark.parametrize("template", sample_letters.templates())
def test_each_sample_fills_in_every_part(sqlite_app: Flask, template: str) -> None:
    mails = sample_letters.rendered(template)
    assert mails
    for mail in mails:
        assert mail.subject and len(mail.text) > 60 and "Harbour Social Club" in mail.text
        assert "Harbour Social Club" in mail.html and "<h1" in mail.html
        assert not {"None", "{{", "Undefined"} & set(f"{mail.subject} {mail.text}".split())
    assert len({(mail.subject, mail.text) for mail in mails}) == len(mails), "each says something else"
