"""Files of products: checked, replaced, removed, and never lost or left over, whatever crashes in between."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from app.integrations import file_store
from app.models import AuditEntry, ProductFile, ProductPurchase
from app.rules.products import (
    FileEmpty,
    FileNotAllowed,
    FilesUnavailable,
    FileTooLarge,
    PartGone,
    ProductNotFound,
)
from app.rules.refusals import Refusal
from app.services import course_pages, health_check, product_access, product_files
from app.services.course_pages import PageFields
from tests.support.rows import all_of, count_of, the
from tests.support.shop import PDF, PNG, STAFF, begin_product, files_of, make_course, make_file, pages_of, purchase_of

pytestmark = pytest.mark.databases("sqlite")
FREE = {"price_cents": 0, "member_price_cents": None}


@pytest.fixture
def folder(app: Flask) -> Path:
    return Path(app.extensions["muster_settings"].files_dir)


def upload(slug: str, content: bytes = PDF, name: str = "card.pdf", *, page: int | None = None, once: str = "k" * 20) -> None:
    product_files.add(slug, io.BytesIO(content), name, page, STAFF, once=once)


def age(folder: Path) -> None:
    """All that is there was written two hours ago."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - 7200,) * 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_lies_outside_the_served_tree_under_a_random_name(app: Flask, folder: Path) -> None:
    make_file(content=PDF, name="warm-up.pdf")
    file = the(ProductFile)
    assert (file.name, file.content_type, file.size_bytes) == ("warm-up.pdf", "application/pdf", len(PDF))
    assert names(folder) == [file.stored_name] and (folder / file.stored_name).read_bytes() == PDF
    assert "warm-up" not in file.stored_name and not folder.is_relative_to(str(app.static_folder))
    assert oct(folder.stat().st_mode & 0o777) == "0o700" and health_check.findings() == []


@pytest.mark.parametrize(
    ("content", "name", "refusal"),
    [
        (b"<html><script>alert(1)</script>", "page.html", FileNotAllowed),
        (b"MZ" + b"\0" * 100, "card.pdf", FileNotAllowed),
        (PNG, "card.pdf", FileNotAllowed),
        (b"\xff\xfe\0binary", "notes.txt", FileNotAllowed),
        (b"", "notes.txt", FileEmpty),
        (b"%PDF-1.7" + b"x" * (1024 * 1024), "card.pdf", FileTooLarge),
    ],
    ids=["page", "program", "picture", "binary", "empty", "large"],
)
def test_what_may_not_be_uploaded_leaves_nothing(
    app: Flask, folder: Path, content: bytes, name: str, refusal: type[Refusal]
) -> None:
    app.extensions["muster_settings"] = app.extensions["muster_settings"].with_(file_megabytes=1)
    slug = make_file()
    before = names(folder)
    with pytest.raises(refusal):
        upload(slug, content, name)
    assert names(folder) == before and count_of(ProductFile) == 1


def test_unknown_product_or_page_leaves_nothing(app: Flask, folder: Path) -> None:
    course, other = make_course("One"), make_course("Two")
    with pytest.raises(ProductNotFound):
        upload("no-such")
    with pytest.raises(PartGone):
        upload(course, page=pages_of(other)[0].id)
    assert names(folder) == [] and count_of(ProductFile) == 0


def test_form_sent_twice_adds_one_file(app: Flask, folder: Path) -> None:
    slug = make_course("One")
    for _ in range(2):
        upload(slug, page=pages_of(slug)[0].id)
    assert count_of(ProductFile) == len(names(folder)) == 1
    assert the(AuditEntry, action="file_added").detail["file"] == "card.pdf"


def test_replaced_file_keeps_its_links_and_its_count(app: Flask, folder: Path) -> None:
    slug = make_file(**FREE)
    token, file = purchase_of(begin_product(slug)).token, files_of(slug)[0]
    product_access.download(token, file.token, count=True)
    product_files.replace(slug, file.id, io.BytesIO(PNG), "poster.png", STAFF)
    got = product_access.download(token, file.token, count=True)
    assert (got.name, got.content_type, got.path.read_bytes()) == ("poster.png", "image/png", PNG)
    assert (the(ProductFile).downloads, the(ProductPurchase).downloads) == (2, 2)
    age(folder)
    assert product_files.clear_away() == 1 and names(folder) == [the(ProductFile).stored_name]
    assert the(AuditEntry, action="file_replaced").detail == {"file": "poster.png", "was": "warm-up.pdf"}


def test_removed_file_is_gone_from_the_disk_an_hour_later(app: Flask, folder: Path) -> None:
    slug = make_file(published=False)
    product_files.remove(slug, files_of(slug)[0].id, STAFF)
    assert product_files.clear_away() == 0, "somebody may be reading it"
    age(folder)
    assert product_files.clear_away() == 1 and names(folder) == []


@pytest.mark.parametrize("commits", [False, True], ids=["before-the-commit", "after-the-commit"])
def test_death_while_uploading_is_cleared_away_or_kept(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch, commits: bool
) -> None:
    slug = make_file()
    monkeypatch.setattr(file_store, "keep", dies)
    if not commits:
        monkeypatch.setattr(product_files, "_add", dies)
    with pytest.raises(Died):
        upload(slug)
    monkeypatch.undo()
    assert health_check.findings() == [], "no row is without its file"
    age(folder)
    product_files.clear_away()
    assert names(folder) == sorted(file.stored_name for file in all_of(ProductFile))
    assert count_of(ProductFile) == (2 if commits else 1)


def test_death_while_removing_loses_nothing_that_a_row_names(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = make_file(published=False)
    with monkeypatch.context() as patched:
        patched.setattr("app.services.audit.record", dies)
        with pytest.raises(Died):
            product_files.remove(slug, files_of(slug)[0].id, STAFF)
    assert names(folder) == [f"{the(ProductFile).stored_name}.gone"] and health_check.findings() == []
    age(folder)
    product_files.clear_away()
    assert names(folder) == [the(ProductFile).stored_name]


class Died(BaseException):
    """The process ends here."""


def dies(*_: object, **__: object) -> None:
    raise Died


def test_files_of_another_program_in_the_folder_are_left_alone(app: Flask, folder: Path) -> None:
    make_file()
    (folder / "notes").write_text("not ours")
    age(folder)
    assert product_files.clear_away() == 0 and "notes" in names(folder)


def test_full_disk_is_said_and_nothing_is_changed(app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slug = make_file()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FilesUnavailable):
        upload(slug)
    assert count_of(ProductFile) == len(names(folder)) == 1


def test_folder_that_is_away_is_a_finding_and_no_crash(app: Flask, folder: Path) -> None:
    assert product_files.clear_away() == 0 and not folder.exists(), "a club that sells no files has no folder for them"
    slug = make_file(title="Warm-up card", **FREE)
    token = purchase_of(begin_product(slug)).token
    folder.rename(folder.with_name("elsewhere"))
    assert len(health_check.findings()) == 1 and product_files.clear_away() == 0
    with pytest.raises(PartGone):
        product_access.download(token, files_of(slug)[0].token, count=True)
    folder.touch()  # no folder can be made there
    with pytest.raises(FilesUnavailable):
        upload(slug)


def test_doctor_names_a_file_that_is_not_there(app: Flask, folder: Path) -> None:
    make_file(title="Warm-up card")
    (folder / the(ProductFile).stored_name).unlink()
    assert health_check.findings() == [
        "warm-up-card: the file warm-up.pdf is not in FILES_DIR. Copy it back there, or upload it again."
    ]


@pytest.mark.parametrize("act", [course_pages.move, course_pages.remove, course_pages.edit], ids=lambda act: act.__name__)
def test_page_of_another_course_is_not_touched(app: Flask, act: Callable[..., None]) -> None:
    course, other = make_course("One", "Two"), make_course("Three", "Four")
    more = {"move": (True,), "edit": (PageFields("Mine", ""),), "remove": ()}[act.__name__]
    with pytest.raises(PartGone):
        act(course, pages_of(other)[0].id, *more, STAFF)
    assert [page.title for page in pages_of(other)] == ["Three", "Four"]


def test_pages_are_ordered_changed_and_removed_on_the_record(app: Flask) -> None:
    slug = make_course("One", "Two", "Three")
    first, second, third = pages_of(slug)
    course_pages.move(slug, third.id, True, STAFF)
    course_pages.move(slug, first.id, True, STAFF)
    course_pages.edit(slug, second.id, PageFields("Two and a half", "More."), STAFF)
    upload(slug, page=first.id)
    course_pages.remove(slug, first.id, STAFF)
    assert [page.title for page in pages_of(slug)] == ["Three", "Two and a half"]
    assert the(ProductFile).course_page_id is None, "its files stay with the course"
    assert the(AuditEntry, action="course_page_edited").detail["title"] == ["Two", "Two and a half"]
    done = [entry.action for entry in all_of(AuditEntry, subject_kind="product")]
    assert [done.count(f"course_page_{what}") for what in ("added", "moved", "edited", "removed")] == [3, 1, 1, 1]
