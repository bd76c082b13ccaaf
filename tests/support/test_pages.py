"""The page client does what a browser without JavaScript does, and refuses what a person could not do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask, g, redirect, request
from flask.typing import ResponseReturnValue

from tests.support.pages import PageClient, PageFault

PAGE = """<!doctype html><html lang="en"><head><title>Order</title></head><body><a href="#m">Skip</a><main id="m"><h1>Order</h1>
<form method="post" action="/order"><input type="hidden" name="csrf_token" value="token-1">
<label for="name">Name</label><input id="name" name="name" value="Ada">
<label for="size">Size</label><select id="size" name="size">
<option value="s">Small</option><option value="l" selected>Large</option></select>
<label><input type="checkbox" name="waitlist" value="yes"> Waitlist</label>
<label><input type="radio" name="pay" value="card" checked> Card</label>
<label><input type="radio" name="pay" value="bank"> Bank</label>
<label for="notes">Notes</label><textarea id="notes" name="notes">
Hello</textarea>
<button>Continue</button><button name="action" value="drop">Give up</button></form>
<form action="/search"><label for="q">Search</label><input id="q" name="q"><button>Search</button></form>
<a href="/order?step=2#m">Next</a></main></body></html>"""


@dataclass(frozen=True)
class Site:
    site_url: str = "http://muster.test"


@pytest.fixture
def client() -> Iterator[PageClient]:
    """A small site of its own: these tests are about the client, not about Muster."""
    app = Flask(__name__, static_folder=None)
    app.extensions["muster_settings"] = Site()

    @app.get("/order")
    def show() -> ResponseReturnValue:
        return PAGE, {"Content-Security-Policy": "default-src 'self'", "Set-Cookie": "seen=yes"}

    @app.post("/order")
    def take() -> ResponseReturnValue:
        return {"form": request.form.to_dict(flat=False), "cookie": request.cookies.get("seen"), "g": "left" in g}

    @app.route("/move", methods=["GET", "POST"])
    def move() -> ResponseReturnValue:
        return redirect(request.args["to"], int(request.args.get("code", "303")))

    @app.get("/round")
    def go_round() -> ResponseReturnValue:
        return redirect("/round")

    @app.get("/search")
    def search() -> ResponseReturnValue:
        return {"q": request.args["q"]}

    @app.get("/broken")
    def broken() -> str:
        return "<p>Hello"

    with app.app_context():
        g.left = "by the test"
        yield PageClient(app)


def test_submit_sends_what_the_page_shows_and_what_was_typed(client: PageClient) -> None:
    client.get("/order")
    sent = client.submit("/order", name="Grace", waitlist=True, pay="bank").response.get_json()
    assert sent["form"] == {
        "csrf_token": ["token-1"], "name": ["Grace"], "size": ["l"], "waitlist": ["yes"], "pay": ["bank"], "notes": ["Hello"],
    }  # fmt: skip
    assert sent["cookie"] == "yes"


def test_pressed_button_is_sent_and_unticked_box_is_not(client: PageClient) -> None:
    client.get("/order")
    sent = client.submit(button="Give up", waitlist=False).response.get_json()["form"]
    assert sent["action"] == ["drop"] and "waitlist" not in sent


@pytest.mark.parametrize("typed", [{"age": 3}, {"size": "xl"}, {"pay": "cash"}])
def test_what_the_page_does_not_offer_cannot_be_sent(client: PageClient, typed: dict[str, str]) -> None:
    client.get("/order")
    with pytest.raises(AssertionError, match="no field|does not offer"):
        client.submit("/order", **typed)


def test_get_form_and_links_are_followed(client: PageClient) -> None:
    client.get("/order")
    assert client.submit("/search", q="a & b").response.get_json() == {"q": "a & b"}
    client.get("/order")
    assert client.click("Next").url == "http://muster.test/order?step=2#m"


def test_redirect_after_post_is_fetched_with_get(client: PageClient) -> None:
    page = client.post("/move?to=/order")
    assert (page.status, page.h1, page.redirects) == (200, "Order", [(303, "http://muster.test/order")])


def test_redirect_to_another_site_is_reported_not_followed(client: PageClient) -> None:
    page = client.post("/move?to=https://checkout.example/c/pay/cs_1")
    assert page.left_for == "https://checkout.example/c/pay/cs_1" and page.status == 303


def test_redirects_that_never_end_are_an_error(client: PageClient) -> None:
    with pytest.raises(AssertionError, match="too many redirects"):
        client.get("/round")


def test_request_shares_nothing_with_the_test(client: PageClient) -> None:
    client.get("/order")
    assert client.submit("/order").response.get_json()["g"] is False


def test_every_page_is_held_to_the_contract(client: PageClient) -> None:
    with pytest.raises(PageFault, match="no lang"):
        client.get("/broken")
