"""The page contract of every page people see, as rules that read one parsed page. Called by tests.support.pages and .browser.

Each rule yields a sentence for each fault it finds; `check` runs them all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element  # noqa: S405 - the type of html5lib's tree; nothing is parsed by it

import html5lib

UNLABELLED = frozenset({"hidden", "submit", "button", "image", "reset"})
CSRF_FIELD = "csrf_token"
SOURCES = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
           "embed": "src", "object": "data", "use": "href"}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """One HTML answer: where it is from, its headers, its tree and the parser's complaints."""

    url: str
    headers: Mapping[str, str]
    root: Element
    complaints: list[str]

    @classmethod
    def parse(cls, url: str, headers: Mapping[str, str], html: str) -> Document:
        parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
        root = parser.parse(html)
        complaints = [f"line {line}: {code} {extra or ''}".rstrip() for (line, _), code, extra in parser.errors]
        return cls(url, headers, root, complaints)

    def all(self, *tags: str) -> list[Element]:
        """Every element with one of these tags (none: every element), in order."""
        elements = (element for element in self.root.iter() if isinstance(element.tag, str))
        return [element for element in elements if not tags or element.tag in tags]

    def with_class(self, name: str) -> list[Element]:
        return [element for element in self.all() if name in element.get("class", "").split()]

    @property
    def ids(self) -> list[str]:
        return [element.get("id", "") for element in self.all() if element.get("id") is not None]

    @property
    def title(self) -> str:
        return " ".join(text_of(element) for element in self.all("title")[:1])

    @property
    def h1(self) -> str:
        return " ".join(text_of(element) for element in self.all("h1")[:1])


def text_of(element: Element) -> str:
    """What a person reads in an element, on one line."""
    return " ".join("".join(element.itertext()).split())


Rule = Callable[[Document], Iterator[str]]


def well_formed(page: Document) -> Iterator[str]:
    yield from (f"the HTML is not well-formed: {complaint}" for complaint in page.complaints)


def language(page: Document) -> Iterator[str]:
    if not page.root.get("lang"):
        yield "<html> has no lang"


def one_heading(page: Document) -> Iterator[str]:
    headings = page.all("h1")
    if len(headings) != 1:
        yield f"there are {len(headings)} <h1>, not one"
    elif not text_of(headings[0]):
        yield "the <h1> is empty"


def title_begins_with_heading(page: Document) -> Iterator[str]:
    titles = [element for element in page.all("title") if element in list(page.root.iter("title"))]
    if not titles or not page.title:
        yield "there is no <title>"
    elif page.with_class("govuk-error-summary"):
        if not page.title.startswith("Error: "):
            yield f"the page shows errors, but its title {page.title!r} does not begin with 'Error: '"
    elif not page.title.startswith((page.h1, f"Error: {page.h1}")):
        yield f"the title {page.title!r} does not begin with the heading {page.h1!r}"


def every_input_labelled(page: Document) -> Iterator[str]:
    labels = {label.get("for"): text_of(label) for label in page.all("label")}
    wrapped = {id(inner) for label in page.all("label") if text_of(label) for inner in label.iter()}
    for field in page.all("input", "select", "textarea"):
        if field.tag == "input" and field.get("type", "text").lower() in UNLABELLED:
            continue
        if id(field) not in wrapped and not labels.get(field.get("id")):
            yield f"<{field.tag} name={field.get('name')!r}> has no label"


def ids_unique(page: Document) -> Iterator[str]:
    yield from (f"the id {name!r} is used {times} times" for name, times in Counter(page.ids).items() if times > 1)
    if "" in page.ids:
        yield "an id is empty"


def references_resolve(page: Document) -> Iterator[str]:
    known = set(page.ids)
    for element in page.all():
        for attribute in ("aria-describedby", "aria-labelledby", "aria-controls", "for"):
            for name in element.get(attribute, "").split():
                if name not in known:
                    yield f"{attribute}={name!r} on <{element.tag}> names no element"
        href = element.get("href", "")
        if element.tag == "a" and href.startswith("#") and href[1:] not in known:
            yield f"the link {href!r} leads to no element"


def errors_linked(page: Document) -> Iterator[str]:
    """Each message beside a field is in a summary, whose link leads to that field."""
    messages = page.with_class("govuk-error-message")
    summaries = page.with_class("govuk-error-summary")
    if messages and not summaries:
        yield "fields have errors, but there is no error summary"
        return
    linked = {a.get("href", "")[1:] for summary in summaries for a in summary.iter("a")}
    for message in messages:
        groups = [g for g in page.with_class("govuk-form-group") if any(inner is message for inner in g.iter())]
        inner_ids = {inner.get("id") for inner in groups[-1].iter()} if groups else set()
        if not inner_ids & linked:
            yield f"no link of the error summary leads to the field with the error {text_of(message)!r}"


def forms_protected(page: Document) -> Iterator[str]:
    for form in page.all("form"):
        method = form.get("method", "get").lower()
        if method not in ("get", "post"):
            yield f"a form uses the method {method!r}, which browsers do not know"
        tokens = [i for i in form.iter("input") if i.get("name") == CSRF_FIELD]
        if method == "post" and not any(token.get("value") for token in tokens):
            yield f"the POST form to {form.get('action') or page.url!r} has no CSRF token"
        if method == "get" and tokens:
            yield f"the GET form to {form.get('action') or page.url!r} would put its CSRF token into the address"
        if form.get("action") and not is_own(page.url, form.get("action", "")):
            yield f"a form leads to another site: {form.get('action')}"


def enter_goes_on(page: Document) -> Iterator[str]:
    """Enter in a field presses the first button of its form: the one that does what the form is for."""
    for form in page.all("form"):
        first = next((e for e in form.iter() if is_submit(e)), None)
        if first is not None and first.get("formaction"):
            yield f"Enter in the form to {form.get('action')!r} presses {text_of(first)!r}, which leads elsewhere"


def is_submit(element: Element) -> bool:
    """Whether it is a button that sends its form."""
    usual = {"button": "submit", "input": "text"}.get(str(element.tag), "")
    return element.get("type", usual).lower() in ("submit", "image") if usual else False


def sentences_apart(page: Document) -> Iterator[str]:
    """A template that strips too much glues one sentence to the next."""
    for element in page.all("p"):
        if element.find(".//br") is None and (glued := re.search(r"\w*[a-z]{2}[.!?][A-Z][a-z]+", text_of(element))):
            yield f"two sentences stand without a space between them: {glued.group()!r}"


def nothing_inline(page: Document) -> Iterator[str]:
    for element in page.all():
        if element.tag == "script" and not element.get("src"):
            yield "there is an inline <script>"
        if element.tag == "style":
            yield "there is an inline <style>"
        for name, value in element.attrib.items():
            if name == "style":
                yield f"<{element.tag}> has a style attribute"
            if name.startswith("on"):
                yield f"<{element.tag}> has an inline handler {name}"
            if name in ("href", "src", "action", "formaction") and value.strip().lower().startswith("javascript:"):
                yield f"<{element.tag}> has a javascript: address"


def skip_link(page: Document) -> Iterator[str]:
    """The first link leads past the navigation, to <main>."""
    links, mains = page.all("a"), page.all("main")
    target = links[0].get("href", "") if links else ""
    if len(mains) != 1:
        yield f"there are {len(mains)} <main>, not one"
    elif target != f"#{mains[0].get('id')}":
        yield f"the first link is no skip link to <main>, but leads to {target!r}"


def policy_sent(page: Document) -> Iterator[str]:
    policy = page.headers.get("Content-Security-Policy", "")
    if not policy:
        yield "there is no Content-Security-Policy"
        return
    directives = {words[0]: words[1:] for part in policy.split(";") if (words := part.split())}
    for name, values in directives.items():
        if "'unsafe-inline'" in values or "'unsafe-eval'" in values:
            yield f"the Content-Security-Policy allows inline code in {name}"
    if "default-src" not in directives and "script-src" not in directives:
        yield "the Content-Security-Policy says nothing about scripts"


def nothing_external(page: Document) -> Iterator[str]:
    for element in page.all(*SOURCES):
        address = element.get(SOURCES[element.tag], "")
        if element.tag == "link" and "canonical" in element.get("rel", "").split():
            continue
        if address and not address.startswith("data:") and not is_own(page.url, address):
            yield f"<{element.tag}> loads from another site: {address}"


RULES: tuple[Rule, ...] = (
    well_formed, language, one_heading, title_begins_with_heading, every_input_labelled, ids_unique, references_resolve,
    errors_linked, forms_protected, enter_goes_on, sentences_apart, nothing_inline, skip_link, policy_sent, nothing_external,
)  # fmt: skip


def check(page: Document) -> list[str]:
    """Every fault of a page, empty for a good one."""
    return [fault for rule in RULES for fault in rule(page)]


def is_own(page_url: str, address: str) -> bool:
    """Whether an address, as written on a page, is on the page's own site."""
    target, here = urlsplit(urljoin(page_url, address)), urlsplit(page_url)
    return (target.scheme, target.netloc) == (here.scheme, here.netloc)
