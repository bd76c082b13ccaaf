"""Cover texts: Markdown as people type it becomes HTML that can do no harm. Called by templates, through the filter ``markdown``.

Two locks: the parser passes no HTML through, and a sanitiser lets only these few elements out, whatever came in. Headings begin
under the page's own, because a page has one h1. A text is rendered once for each process that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import nh3
from flask import Flask
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

FIRST_HEADING, LAST_HEADING = 2, 6
TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "a", "blockquote", "hr", "code", "pre", "h2", "h3", "h4", "h5", "h6"}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto", "tel"}
REL = "nofollow noopener"

# Pictures would be fetched from elsewhere; text indented by four spaces is code to nobody who runs a club.
_parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(["image", "code"])


def init_markdown(app: Flask) -> None:
    """Give the app's templates the filter."""
    app.jinja_env.filters["markdown"] = markdown


@lru_cache(512)
def markdown(text: str) -> Markup:
    """The text as safe HTML. What was typed before there was Markdown, paragraphs and lines, looks as it did."""
    tokens = _parser.parse(text)
    _shift_headings(tokens)
    html = _parser.renderer.render(tokens, _parser.options, {})
    safe = nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=REL)
    return Markup(safe)  # noqa: S704 - the sanitiser has just made it so


def _shift_headings(tokens: Sequence[Token]) -> None:
    """Make the largest heading that is used an h2 and the others follow without a gap, however they were typed."""
    used = sorted({token.tag for token in tokens if token.type == "heading_open"})
    level = {tag: f"h{min(LAST_HEADING, FIRST_HEADING + rank)}" for rank, tag in enumerate(used)}
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = level[token.tag]
