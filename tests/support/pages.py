"""A browser without JavaScript, for tests of pages: it follows redirects, fills in forms, and holds every page to the contract.

Called through the `pages` fixture. What it is given is what a person could type or press; a field that is not on the page is
an error of the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit
from xml.etree.ElementTree import Element  # noqa: S405 - the type of html5lib's tree; nothing is parsed by it

from flask import Flask
from werkzeug.test import TestResponse

from .client import OutsideClient
from .contract import Document, check, is_own, text_of

MOST_REDIRECTS = 10


class PageFault(AssertionError):
    """A page breaks the contract; the message lists how."""


@dataclass
class Form:
    """A form as a page shows it: what would be sent if its button were pressed now."""

    action: str
    method: str
    values: dict[str, list[str]]
    options: dict[str, list[str]]
    """What radios, checkboxes and selects offer."""
    buttons: list[tuple[str, str, str]]
    """(words, name, value) of each button."""
    destinations: dict[str, str] = field(default_factory=dict)
    """Where a button sends the form instead, by its words."""

    def __getitem__(self, name: str) -> str:
        """The value of a field as the page shows it; "" when nothing is chosen."""
        if name not in self.values and name not in self.options:
            raise KeyError(f"the form to {self.action} has no field {name!r}, only {sorted(self.names)}")
        return next(iter(self.values.get(name, [])), "")

    @property
    def names(self) -> set[str]:
        return set(self.values) | set(self.options)

    def filled(self, values: Mapping[str, Any], button: str | None) -> list[tuple[str, str]]:
        """The pairs a browser would send with these fields changed and that button pressed (None: the first)."""
        sent = {name: list(texts) for name, texts in self.values.items()}
        for name, value in values.items():
            sent[name] = self._chosen(name, value)
        pairs = [(name, text) for name, texts in sent.items() for text in texts]
        pressed = [b for b in self.buttons if button is None or button in b[0]]
        if button is not None and not pressed:
            raise AssertionError(f"no button says {button!r}, only {[b[0] for b in self.buttons]}")
        return pairs + [(name, value) for _, name, value in pressed[:1] if name]

    def _chosen(self, name: str, value: Any) -> list[str]:
        if name not in self.names:
            raise AssertionError(f"the form to {self.action} has no field {name!r}, only {sorted(self.names)}")
        offered = self.options.get(name)
        if offered is None:
            return [str(value)]
        if isinstance(value, bool):
            return offered[:1] if value else []
        chosen = [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
        if strange := set(chosen) - set(offered):
            raise AssertionError(f"the field {name!r} does not offer {sorted(strange)}, only {offered}")
        return chosen


@dataclass
class Page:
    """One answer, after any redirects. ``left_for`` is where another site's redirect (to Stripe) would have led, else None."""

    response: TestResponse
    url: str
    redirects: list[tuple[int, str]] = field(default_factory=list)
    """(status, address) of each redirect on the way."""
    left_for: str | None = None
    document: Document | None = None

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def html(self) -> str:
        return self.response.get_data(as_text=True)

    @property
    def tree(self) -> Document:
        if self.document is None:
            raise AssertionError(f"{self.url} answered {self.status} {self.response.mimetype}, not a page")
        return self.document

    @property
    def title(self) -> str:
        return self.tree.title

    @property
    def h1(self) -> str:
        return self.tree.h1

    @property
    def text(self) -> str:
        """What a person reads in the page's body, on one line."""
        return " ".join(text_of(body) for body in self.tree.all("body"))

    @property
    def errors(self) -> list[str]:
        """The messages of the error summary."""
        return [text_of(li) for summary in self.tree.with_class("govuk-error-summary") for li in summary.iter("li")]

    @property
    def links(self) -> dict[str, str]:
        """Words of each link → its full address."""
        return {text_of(a): urljoin(self.url, a.get("href", "")) for a in self.tree.all("a") if a.get("href")}

    @property
    def forms(self) -> list[Form]:
        return [_form(element, self.url) for element in self.tree.all("form")]

    def form(self, which: str | int = 0) -> Form:
        """A form by its place on the page, or by the end of its action, or else by a piece of it."""
        if isinstance(which, int):
            return self.forms[which]
        found = [form for form in self.forms if form.action.endswith(which)]
        found = found if len(found) == 1 else [form for form in self.forms if which in form.action]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} forms lead to {which!r}; the page has {[form.action for form in self.forms]}")
        return found[0]


class PageClient:
    """One visitor's browser, with its own cookies. ``check=False`` turns the contract off for a page that is not ours."""

    def __init__(self, app: Flask, *, check: bool = True) -> None:
        self.base_url = str(app.extensions["muster_settings"].site_url)
        self.http = OutsideClient(app, app.response_class, use_cookies=True)
        self.page: Page | None = None
        """The newest page."""
        self._check = check

    def get(self, path: str, *, follow: bool = True, **kwargs: Any) -> Page:
        """Open an address of the site."""
        return self._go("GET", urljoin(self.base_url, path), follow, kwargs)

    def post(self, path: str, data: Any = None, *, follow: bool = True, **kwargs: Any) -> Page:
        """Send these fields as they are, without a form of the page (and so without its CSRF token)."""
        return self._go("POST", urljoin(self.base_url, path), follow, {"data": data or {}, **kwargs})

    def submit(self, form: Form | str | int = 0, *, button: str | None = None, follow: bool = True, **values: Any) -> Page:
        """Fill in a form of the newest page and press a button (the form's own, or the one with these words).

        A checkbox takes True, False or a list of its values; what is not named stays as the page has it.
        """
        if not isinstance(form, Form):
            if self.page is None:
                raise AssertionError("no page has been opened yet")
            form = self.page.form(form)
        pairs = form.filled(values, button)
        if form.method == "get":
            return self._go("GET", f"{form.action.partition('?')[0]}?{urlencode(pairs)}", follow, {})
        data: dict[str, list[str]] = {}
        for name, value in pairs:
            data.setdefault(name, []).append(value)
        return self._go("POST", form.destinations.get(button or "", form.action), follow, {"data": data})

    def click(self, words: str) -> Page:
        """Follow the link of the newest page with these words."""
        if self.page is None or words not in self.page.links:
            raise AssertionError(f"no link says {words!r}; there are {list(self.page.links) if self.page else []}")
        return self.get(self.page.links[words])

    def sign_in(self, email: str, password: str) -> Page:
        """Sign in by the form at /account/sign-in."""
        self.get("/account/sign-in")
        return self.submit("/account/sign-in", email=email, password=password)

    def _go(self, method: str, url: str, follow: bool, kwargs: dict[str, Any]) -> Page:
        redirects: list[tuple[int, str]] = []
        while True:
            response = self._request(method, url, kwargs)
            if not follow or response.status_code not in (301, 302, 303, 307, 308):
                return self._arrive(Page(response, url, redirects))
            target = urljoin(url, response.headers["Location"])
            redirects.append((response.status_code, target))
            if not is_own(url, target):
                return self._arrive(Page(response, url, redirects, left_for=target))
            if len(redirects) > MOST_REDIRECTS:
                raise AssertionError(f"too many redirects: {redirects}")
            if response.status_code not in (307, 308):
                method, kwargs = "GET", {}
            url = target

    def _request(self, method: str, url: str, kwargs: dict[str, Any]) -> TestResponse:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        base = f"{parts.scheme}://{parts.netloc}"
        return self.http.open(parts.path or "/", method=method, base_url=base, query_string=query, **kwargs)

    def _arrive(self, page: Page) -> Page:
        is_redirect = 300 <= page.status < 400
        if page.response.mimetype == "text/html" and not is_redirect:
            page.document = Document.parse(page.url, page.response.headers, page.html)
            if self._check and (faults := check(page.document)):
                raise PageFault(f"{page.url} ({page.status}) breaks the page contract:\n- " + "\n- ".join(faults))
        self.page = page
        return page


def _form(element: Element, page_url: str) -> Form:
    values: dict[str, list[str]] = {}
    options: dict[str, list[str]] = {}
    buttons: list[tuple[str, str, str]] = []
    destinations: dict[str, str] = {}
    for control in element.iter():
        name, kind = control.get("name", ""), control.get("type", "").lower()
        if control.tag == "button" and kind in ("", "submit") or control.tag == "input" and kind == "submit":
            buttons.append((text_of(control) or control.get("value", ""), name, control.get("value", "")))
            if control.get("formaction"):
                destinations[buttons[-1][0]] = urljoin(page_url, control.get("formaction", ""))
        elif not name or control.get("disabled") is not None:
            continue
        elif control.tag == "input" and kind in ("radio", "checkbox"):
            options.setdefault(name, []).append(control.get("value", "on"))
            if control.get("checked") is not None:
                values.setdefault(name, []).append(control.get("value", "on"))
        elif control.tag == "input" and kind not in ("button", "reset", "image", "file"):
            values.setdefault(name, []).append(control.get("value", ""))
        elif control.tag == "textarea":
            values.setdefault(name, []).append("".join(control.itertext()).removeprefix("\n"))
        elif control.tag == "select":
            offered = list(control.iter("option"))
            options[name] = [option.get("value", text_of(option)) for option in offered]
            chosen = [option for option in offered if option.get("selected") is not None]
            if not chosen and control.get("multiple") is None:
                chosen = offered[:1]
            values[name] = [option.get("value", text_of(option)) for option in chosen]
    action, method = urljoin(page_url, element.get("action") or page_url), element.get("method", "get").lower()
    return Form(action, method, values, options, buttons, destinations)
