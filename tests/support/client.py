"""The test client: like a browser or Stripe, it shares nothing with the test but HTTP. Set on every app by the `app` fixture."""

from __future__ import annotations

from contextvars import Context
from typing import Any

from flask.testing import FlaskClient


class OutsideClient(FlaskClient):
    """Each request runs in an empty context, as in a server's thread.

    Otherwise a request would borrow the test's own app context, and with it `g`, the signed-in user and the open database
    read, and pass where a real one fails.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return Context().run(super().open, *args, **kwargs)
