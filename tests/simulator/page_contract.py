"""What every page of the simulator must be, checked without a browser.

Called by the tests of its pages.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page(HTMLParser):
    """The facts the contract is about."""

    title: str = ""
    headings: int = 0
    lang: str | None = None
    ids: list[str] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    describes: list[str] = field(default_factory=list)
    in_title: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        self.describes += found.get("aria-describedby", "").split()
        self.inline += [name for name in found if name.startswith("on") or name == "style"]
        if tag in ("script", "style"):
            self.inline.append(tag)
        if tag == "html":
            self.lang = found.get("lang")
        elif tag == "title":
            self.in_title = True
        elif tag == "h1":
            self.headings += 1
        elif tag == "label":
            self.labels.add(found.get("for", ""))
        elif tag == "a":
            self.links.add(found.get("href", ""))
        elif tag in ("input", "select", "textarea") and found.get("type") != "hidden":
            self.fields.append(found)
            self.inputs[found.get("name", "")] = found

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self.in_title = False

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.title += data


def check_page(text: str) -> Page:
    """Parse a page and hold it against the contract."""
    page = Page()
    page.feed(text)
    assert page.lang == "en" and page.title.strip() and page.headings == 1
    assert page.inline == [], "no inline script, style or handler"
    assert len(page.ids) == len(set(page.ids)), "ids are unique"
    assert [f for f in page.fields if f.get("id") not in page.labels] == [], "every field has its label"
    assert set(page.describes) <= set(page.ids), "descriptions exist"
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids), "links within the page lead somewhere"
    return page
