"""Every template parses, and none can smuggle in code: no inline script, style or handler, nothing unescaped (STYLE §4)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from tests.support.source import ROOT, assert_none

FOLDERS = ("app/templates", "app/simulator/templates")
MAIL = "app/templates/emails/"
"""Mail has no Content-Security-Policy, and its styles are inlined when it is written."""
NO_CODE = {
    "an inline handler": re.compile(r"<[a-z][^>{%]*\son[a-z]+\s*=", re.I),
    "an inline <script>": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.I),
    "a javascript: address": re.compile(r"javascript:", re.I),
    "unescaped output": re.compile(r"\|\s*safe\b|{%-?\s*autoescape\s+false", re.I),
}
NO_STYLE = {
    "an inline <style>": re.compile(r"<style\b", re.I),
    "a style attribute": re.compile(r"<[a-z][^>{%]*\sstyle\s*=", re.I),
}
NO_FORMATTING = {"strftime: dates go through Babel's filters": re.compile(r"\bstrftime\b")}


def templates() -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.*"))]
    return [path for path in found if path.suffix in (".html", ".txt", ".svg")]


def faults(path: str, text: str) -> list[str]:
    patterns = NO_CODE | NO_FORMATTING | ({} if path.startswith(MAIL) else NO_STYLE)
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {what}"
        for what, pattern in patterns.items()
        for match in pattern.finditer(text)
    ]


def test_every_template_parses(sqlite_app: Flask) -> None:
    names = [path.relative_to(ROOT / FOLDERS[0]).as_posix() for path in templates() if (ROOT / FOLDERS[0]) in path.parents]
    assert len(names) > 10
    for name in names:
        sqlite_app.jinja_env.get_template(name)


def test_no_template_holds_code_or_style() -> None:
    found = []
    for path in templates():
        found += faults(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    assert_none(
        found, "The Content-Security-Policy refuses inline code, and escaping is what keeps visitors' words from being code."
    )


@pytest.mark.parametrize(
    "text",
    [
        '<button type="button" onclick="go()">',
        "<script>alert(1)</script>",
        '<a href="javascript:go()">',
        "{{ name|safe }}",
        "{% autoescape false %}",
        "<style>p { }</style>",
        '<p class="a" style="color: red">',
        "{{ starts_at.strftime('%d') }}",
    ],
)
def test_offending_template_is_found(text: str) -> None:
    assert len(faults("app/templates/public/bad.html", f"<h1>x</h1>\n{text}")) == 1


@pytest.mark.parametrize("text", ['<script src="{{ url }}" defer></script>', "<p>Come on = go</p>", "{{ safe_word }}"])
def test_good_template_is_not(text: str) -> None:
    assert faults("app/templates/public/good.html", text) == []
