"""What a person reads when something goes wrong: words that say what to do, never a detail meant for developers."""

from __future__ import annotations

from flask import Flask, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError

from .logs import request_id
from .rules.refusals import Refusal
from .templating import refusal_text
from .transaction import Overtaken


def init_errors(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(Refusal, _refusal)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(InternalError, _database)  # the server ended a transaction that did nothing for too long
    app.register_error_handler(PoolTimeout, _database)
    app.register_error_handler(Overtaken, _database)  # again and again: whoever comes in a minute finds it calm
    app.register_error_handler(Exception, _bug)


def page(code: int, heading: str, text: str) -> ResponseReturnValue:
    """One error page for everything, in the layout of the site. What went wrong on our side is named as the log names it."""
    told = request_id() if code >= 500 else ""
    return render_template("errors/error.html", code=code, heading=heading, text=text, request_id=told), code


def _csrf(_error: CSRFError) -> ResponseReturnValue:
    heading = _("This page has been open too long")
    return page(400, heading, _("Go back, reload the page and send the form again. Nothing was changed."))


def _refusal(refusal: Refusal) -> ResponseReturnValue:
    return page(refusal.status, _("That did not work"), refusal_text(refusal))


def _http(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, SecurityError):  # a name that is not the site's: no page can be drawn, its links have no address
        return _("This is not the address of this site.") + "\n", 400, {"Content-Type": "text/plain; charset=utf-8"}
    code = error.code or 500
    if code < 400:
        return error.get_response()
    if code == 404 and (meant := _without_slash()) is not None:
        return redirect(meant, 308)
    heading, text = _words().get(code, _words()[400 if code < 500 else 500])
    return page(code, heading, text)


def _without_slash() -> str | None:
    """The address that was meant when there is none with a slash at its end, as people type it and programs add it."""
    path = request.path.removesuffix("/")
    if request.url_rule is not None or path == request.path or request.method not in ("GET", "HEAD"):
        return None
    try:
        current_app.create_url_adapter(request).match(path, "GET")  # type: ignore[union-attr]
    except HTTPException:
        return None
    return f"{path}?{request.query_string.decode(errors='replace')}" if request.query_string else path


def _database(error: DBAPIError | PoolTimeout | Overtaken) -> ResponseReturnValue:
    current_app.logger.error("database did not do it for %s: %s", request.endpoint, type(getattr(error, "orig", error)).__name__)
    body, code = page(503, *_words()[503])  # type: ignore[misc]
    return body, code, {"Retry-After": "30"}


def _bug(_error: Exception) -> ResponseReturnValue:
    current_app.logger.exception("unexpected error in %s", request.endpoint)
    return page(500, *_words()[500])


def _words() -> dict[int, tuple[str, str]]:
    return {
        400: (_("We could not read that"), _("Check the address, or go back and try again.")),
        403: (_("You may not see this page"), _("Sign in with an account that may, or ask an administrator of your club.")),
        404: (_("Page not found"), _("If you typed the address, check it. If a link in an e-mail led here, use the newest.")),
        405: (_("That does not work here"), _("Go back and use the buttons on the page.")),
        413: (_("That is too much"), _("What you sent is larger than this page takes. Shorten it and try again.")),
        429: (_("Too many tries"), _("Wait a few minutes and try again.")),
        500: (_("Something went wrong on our side"), _("If you have paid, your payment is safe. Please try again in a minute.")),
        503: (_("We cannot do that right now"), _("Please try again in a minute. If you have paid, your payment is safe.")),
    }  # fmt: skip
