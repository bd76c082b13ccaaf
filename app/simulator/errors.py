"""Stripe's refusals: one exception that knows its status and JSON body, and a constructor for each kind we answer with.

Raised by the parameter readers and the acts; turned into answers by `api.dispatch` alone.
"""
from __future__ import annotations

from typing import Any

from .store import Json


class ApiError(Exception):
    """An answer that is an error. `executed` says that the endpoint itself produced it, so its key remembers it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = False,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.executed = executed
        self.extra = extra

    def body(self, request_id: str) -> Json:
        """The JSON Stripe sends; absent facts are left out, as Stripe leaves them out."""
        error: Json = {}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        error["message"] = self.message
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        error["type"] = self.kind
        return {"error": {**error, **self.extra}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A parameter that cannot be: found before anything was done."""
    return ApiError(400, message, code=code, param=param)


def refused(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A request that was well-formed and was carried out up to the refusal: its idempotency key remembers this."""
    return ApiError(400, message, code=code, param=param, executed=True)


def unknown(param: str) -> ApiError:
    """A parameter Stripe does not have."""
    return invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")


def missing(param: str) -> ApiError:
    """A parameter Stripe insists on."""
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def unsupported(param: str) -> ApiError:
    """A parameter Stripe has and the simulator does not act on: said aloud rather than silently ignored."""
    return invalid(f"The simulator does not act on the parameter: {param}", param, "simulator_unsupported")


def no_such(what: str, id_: str, param: str = "id", status: int = 400) -> ApiError:
    """An id nobody gave out: 400 when a parameter names it, 404 when the URL does."""
    return ApiError(status, f"No such {what}: '{id_}'", code="resource_missing", param=param, executed=True)


def unauthorized(message: str) -> ApiError:
    """No key, a wrong one or a live one."""
    return ApiError(401, message)
