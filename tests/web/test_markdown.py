"""Cover texts in Markdown: what people type looks as meant, and nothing that somebody types can do harm."""

from __future__ import annotations

import html5lib
import pytest
from flask import Flask

from app.markdown import SCHEMES, TAGS, markdown
from tests.support.factories import make_free_club_session
from tests.support.pages import PageClient

HARM = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/x.png)", "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))", "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:x)", "<javascript:alert(1)>",
    '[x](https://a.example "onmouseover=alert(1)\\"")', "<a href=x onclick=y>z</a>", "<style>*{display:none}</style>",
    "<svg/onload=alert(1)>", "[x](\x01javascript:alert(1))", "<h1>Big</h1>", "`<script>`", "    <script>", "&lt;script&gt;",
    '[a](https://b.example/"style="x)', "<!-- x --><iframe src=//evil.example>", "[x]: javascript:alert(1)\n\n[x]",
]  # fmt: skip


@pytest.mark.parametrize("typed", HARM)
def test_nothing_that_is_typed_can_do_harm(typed: str) -> None:
    tree = html5lib.parse(str(markdown(typed)), namespaceHTMLElements=False)
    for element in tree.find("body").iter():
        assert element.tag in TAGS | {"body"}, element.tag
        assert set(element.keys()) <= {"href", "title", "rel", "start"}
        if element.get("href"):
            assert element.get("href").partition(":")[0] in SCHEMES and element.get("rel") == "nofollow noopener"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("One\r\ntwo\n\nthree", "<p>One<br>\ntwo</p>\n<p>three</p>\n"),
        ("**Bring** a *towel*", "<p><strong>Bring</strong> a <em>towel</em></p>\n"),
        ("- one\n- two", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"),
        ("5 < 6 & 7 > 6", "<p>5 &lt; 6 &amp; 7 &gt; 6</p>\n"),
        ("    four spaces", "<p>four spaces</p>\n"),
        ("<https://a.example>", '<p><a href="https://a.example" rel="nofollow noopener">https://a.example</a></p>\n'),
    ],
)
def test_what_is_meant_is_what_is_shown(typed: str, shown: str) -> None:
    assert str(markdown(typed)) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("# A\n## B", ["h2", "h3"]), ("### A\n# B\n##### C", ["h3", "h2", "h4"]), ("###### A", ["h2"])],
)
def test_headings_begin_under_the_pages_own_and_leave_none_out(typed: str, shown: list[str]) -> None:
    body = html5lib.parse(str(markdown(typed)), namespaceHTMLElements=False).find("body")
    assert [element.tag for element in body] == shown


def test_a_sessions_page_shows_it_and_keeps_one_h1(sqlite_app: Flask, pages: PageClient) -> None:
    text = "# What to bring\n- shoes\n- [a map](https://map.example)\n\n<script>alert(1)</script>"
    make_free_club_session(slug="walk", title="Walk", description=text)
    page = pages.get("/sessions/walk")
    assert page.h1 == "Walk" and page.links["a map"] == "https://map.example"
    assert "What to bring" in page.text and "<script>alert(1)</script>" in page.text
