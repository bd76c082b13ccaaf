"""Puts the parts together: one account, its API, its payment page, its webhooks and its control, behind one WSGI app.

Made by `create_simulator`, which tests and the server call.
"""
from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, render_template, request

from .acts import refunds, sessions
from .api.dispatch import Dispatch, Traffic, blueprint
from .control import Control
from .control_api import blueprint as control_api
from .control_pages import blueprint as control_pages
from .core import Core
from .faults import Faults, NoAnswer
from .hosted_page import blueprint as hosted_page
from .idempotency import Keys
from .money import format_amount
from .settings import Settings, refuse_live_keys
from .webhooks import Deliverer, Post, post_over_http

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HEADERS = {
    # No form-action: the page must be able to lead from its form to the club's site.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Simulator:
    """A local Stripe. `wsgi` is the app, `control` the hand on it, `deliverer` its way to webhooks."""

    def __init__(self, settings: Settings, post: Post = post_over_http) -> None:
        refuse_live_keys(settings)
        self.settings = settings
        self.core = Core(settings)
        self.core.when("checkout.session", sessions.turn)
        self.core.when("refund", refunds.turn)
        self.core.replan()
        self.deliverer = Deliverer(self.core, post)
        faults, keys, traffic = Faults(), Keys(self.core.store, self.core.clock), Traffic()
        self._dispatch = Dispatch(self.core, faults, keys, traffic)
        self.control = Control(self.core, faults, self.deliverer, self._dispatch, traffic, keys.reset)
        self.app = self._make_app()

    @property
    def base_url(self) -> str | None:
        """Where payers find the payment page; None until the server knows."""
        return self.core.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.core.base_url = url

    def _make_app(self) -> Flask:
        app = Flask(__name__, static_url_path="/_static")
        app.config.update(PROPAGATE_EXCEPTIONS=True, MAX_CONTENT_LENGTH=2 * 1024 * 1024)
        app.register_blueprint(blueprint(self._dispatch, self.core))
        app.register_blueprint(hosted_page(self.core, self.deliverer))
        app.register_blueprint(control_api(self.control))
        app.register_blueprint(control_pages(self.control, self.core))
        app.jinja_env.filters["money"] = format_amount
        app.register_error_handler(404, _not_found)
        app.register_error_handler(403, _forbidden)
        app.before_request(_refuse_other_sites)
        app.after_request(_add_headers)
        return app

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI app. A planned missing answer closes the server's socket, and in-process callers get `NoAnswer`."""
        try:
            return self.app.wsgi_app(environ, start_response)
        except NoAnswer:
            connection = environ.get("werkzeug.socket")
            if isinstance(connection, socket.socket):
                connection.shutdown(socket.SHUT_RDWR)
            raise

    def close(self) -> None:
        """Stop delivering and let go of the database file."""
        self.deliverer.stop()
        self.core.store.close()


def create_simulator(settings: Settings | None = None, post: Post = post_over_http) -> Simulator:
    """A simulator, or `LiveKeyRefused`. `post` is how webhooks are sent: tests give one that calls their app."""
    return Simulator(settings or Settings(), post)


def _refuse_other_sites() -> None:
    """A page of another site, open in the developer's browser, must not turn the switches."""
    if request.method != "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site":
        abort(403)


def _not_found(error: Exception) -> tuple[str, int]:
    words = "The simulator knows no such page or session. Its memory may have been reset."
    return render_template("simulator/gone.html", title="There is nothing here", words=words), 404


def _forbidden(error: Exception) -> tuple[str, int]:
    words = "A page of another site sent this form. Use the simulator's own pages."
    return render_template("simulator/gone.html", title="This form came from elsewhere", words=words), 403


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
