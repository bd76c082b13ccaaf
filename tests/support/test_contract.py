"""The page contract can fail: one page keeps every rule, and each rule has a page that breaks it alone."""

from __future__ import annotations

import pytest

from tests.support import contract
from tests.support.contract import Document

URL = "http://muster.test/sessions/pottery/register"
HEADERS = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'"}
GOOD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error: Register for Pottery – Harbour Club</title>
<link rel="stylesheet" href="/static/site.css">
<script src="/static/enhance.js" defer></script>
</head>
<body>
<a href="#main">Skip to main content</a>
<main id="main">
<div class="govuk-error-summary"><ul><li><a href="#email">Enter your e-mail address</a></li></ul></div>
<h1>Register for Pottery</h1>
<form method="post" action="/sessions/pottery/register">
<input type="hidden" name="csrf_token" value="abc">
<div class="govuk-form-group">
<label for="email">E-mail</label>
<p id="email-error" class="govuk-error-message">Enter your e-mail address</p>
<input id="email" name="email" aria-describedby="email-error">
</div>
<label>Notes <textarea name="notes"></textarea></label>
<button>Continue</button>
</form>
<form method="get"><label for="q">Search</label><input id="q" name="q"><button>Search</button></form>
<img src="/static/logo.svg" alt="">
<a href="https://elsewhere.example/">A link may lead elsewhere</a>
</main>
</body>
</html>
"""


def faults(html: str, headers: dict[str, str] | None = None) -> list[str]:
    return contract.check(Document.parse(URL, HEADERS if headers is None else headers, html))


def test_good_page_has_no_fault() -> None:
    assert faults(GOOD) == []


BREAKS = [
    ("well_formed", "<p id=", "<p><div></p></b><p id=", "not well-formed"),
    ("well_formed", "<!doctype html>\n", "", "not well-formed"),
    ("language", ' lang="en"', "", "no lang"),
    ("one_heading", "</h1>", "</h1><h1>Register for Pottery</h1>", "2 <h1>"),
    ("one_heading", "<h1>Register for Pottery</h1>", "<h2>Register</h2>", "0 <h1>"),
    ("title_begins_with_heading", "Error: Register", "Register", "does not begin with 'Error: '"),
    ("title_begins_with_heading", "<title>Error: Register for Pottery – Harbour Club</title>", "<title></title>", "no <title>"),
    ("every_input_labelled", '<label for="email">E-mail</label>', "", "no label"),
    ("every_input_labelled", '<label for="email">E-mail</label>', '<label for="email"> </label>', "no label"),
    ("every_input_labelled", "<label>Notes <textarea", "<label><textarea", "no label"),
    ("ids_unique", '<input id="q"', '<span id="email"></span><input id="q"', "used 2 times"),
    ("references_resolve", 'aria-describedby="email-error"', 'aria-describedby="email-hint"', "names no element"),
    ("references_resolve", '<a href="#email">', '<a href="#mail">', "leads to no element"),
    ("errors_linked", '<a href="#email">', '<a href="#main">', "no link of the error summary"),
    ("errors_linked", '<div class="govuk-error-summary">', "<div>", "there is no error summary"),
    ("forms_protected", '<input type="hidden" name="csrf_token" value="abc">', "", "no CSRF token"),
    ("forms_protected", 'value="abc"', 'value=""', "no CSRF token"),
    ("forms_protected", '<form method="get">', '<form method="get"><input type="hidden" name="csrf_token" value="a">', "address"),
    ("forms_protected", '<form method="get">', '<form method="dialog">', "do not know"),
    ("forms_protected", '<form method="get">', '<form method="get" action="https://elsewhere.example/">', "another site"),
    ("enter_goes_on", "<button>Continue", '<button formaction="/code">Use the code</button><button>Continue', "leads elsewhere"),
    ("sentences_apart", "<form method=\"get\">", "<p>It is full.Wait for a place.</p><form method=\"get\">", "without a space"),
    ("nothing_inline", "</main>", "</main><script>alert(1)</script>", "inline <script>"),
    ("nothing_inline", "</head>", "<style>p { color: red }</style></head>", "inline <style>"),
    ("nothing_inline", "<button>Continue", '<button style="color: red">Continue', "style attribute"),
    ("nothing_inline", "<button>Continue", '<button onclick="go()">Continue', "inline handler onclick"),
    ("nothing_inline", "https://elsewhere.example/", "javascript:go()", "javascript: address"),
    ("skip_link", '<a href="#main">Skip to main content</a>', "", "no skip link"),
    ("skip_link", '<main id="main">', '<main id="content">', "no skip link"),
    ("skip_link", "main", "div", "0 <main>"),
    ("nothing_external", 'src="/static/logo.svg"', 'src="https://elsewhere.example/logo.svg"', "another site"),
    ("nothing_external", 'src="/static/enhance.js"', 'src="//elsewhere.example/enhance.js"', "another site"),
    ("nothing_external", 'href="/static/site.css"', 'href="http://muster.test:8000/site.css"', "another site"),
]


@pytest.mark.parametrize(("rule", "good", "bad", "message"), BREAKS)
def test_each_rule_finds_the_page_that_breaks_it(rule: str, good: str, bad: str, message: str) -> None:
    assert good in GOOD
    broken = Document.parse(URL, HEADERS, GOOD.replace(good, bad, 99 if good == "main" else 1))
    found = list(getattr(contract, rule)(broken))
    assert any(message in fault for fault in found), found
    assert set(found) <= set(contract.check(broken))


def test_title_must_be_of_this_page() -> None:
    calm = GOOD.replace('class="govuk-error-summary"', "").replace('class="govuk-error-message"', "")
    assert faults(calm) == []
    assert faults(calm.replace("<title>Error: Register", "<title>Register")) == []
    assert any("does not begin with the heading" in f for f in faults(calm.replace("<title>Error: Register", "<title>Sign up")))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (None, "no Content-Security-Policy"),
        ("img-src 'self'", "nothing about scripts"),
        ("default-src 'self'; style-src 'self' 'unsafe-inline'", "inline code in style-src"),
    ],
)
def test_policy_must_forbid_inline_code(policy: str | None, message: str) -> None:
    headers = {} if policy is None else {"Content-Security-Policy": policy}
    assert any(message in fault for fault in faults(GOOD, headers))


def test_every_rule_has_a_page_that_breaks_it() -> None:
    tested = {rule for rule, *_ in BREAKS} | {"policy_sent"}
    assert {rule.__name__ for rule in contract.RULES} == tested
