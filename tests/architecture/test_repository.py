"""The repository holds what was written for it, and names no machine and no package registry."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.source import ROOT, assert_none

THIS = "tests/architecture/test_repository.py"
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users|private/var)/\w|(?<![\w.])/tmp/\w|[A-Z]:\\Users\\")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmjs\.com|--(?:extra-)?index-url|artifactory|\bnexus\.")
GENERATED = ("uv.lock", "pylock.toml", "package-lock.json", "poetry.lock")
"""Lock files that record hosts."""
LARGEST = 400_000  # bytes: nothing written by hand is larger


def files() -> list[str]:
    """What git would commit: tracked files, and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - git is found on the path
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("This copy of the project is no git checkout, so there is no list of what belongs to it.")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def faults(name: str, text: str) -> list[str]:
    found = [f"{name} records hosts"] if Path(name).name in GENERATED else []
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE.search(line):
            found.append(f"{name}:{number}: a path of one machine: {line.strip()[:100]}")
        if REGISTRY.search(line):
            found.append(f"{name}:{number}: a package registry: {line.strip()[:100]}")
    return found


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for name in files():
        if name != THIS:
            found += faults(name, (ROOT / name).read_bytes().decode("utf-8", "replace"))
    assert_none(found, "The repository works wherever it is cloned, from whichever registry (STACK).")


def test_no_file_is_too_large_to_have_been_written() -> None:
    found = [f"{name}: {size} bytes" for name in files() if (size := (ROOT / name).stat().st_size) > LARGEST]
    assert_none(found, "Frameworks, data sets and databases are not kept in the repository.")


def test_nothing_generated_is_kept() -> None:
    kept = re.compile(r"(^|/)(__pycache__|node_modules|instance|\.venv|dist)/|\.(pyc|sqlite3?|db|log)$")
    found = [name for name in files() if kept.search(name) and name != "instance/README.md"]
    assert_none(found, "What a program makes is not committed.")


@pytest.mark.parametrize(
    "text",
    [
        "/work/" + "main/app",
        "see /tmp/" + "x.log",
        "cd /home/" + "ada/muster",
        "pip install --index" + "-url x",
        "https://pypi" + ".org/simple",
    ],
)
def test_machine_or_registry_is_found(text: str) -> None:
    assert len(faults("README.md", f"fine\n{text}\n")) == 1


@pytest.mark.parametrize("text", ["https://club.example/home/page", "app/tmp/file", "GET /workshops", "/webhooks/stripe"])
def test_ordinary_address_is_not(text: str) -> None:
    assert faults("README.md", text) == []
