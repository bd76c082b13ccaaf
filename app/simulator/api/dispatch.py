"""Takes an API request from its key to its answer: authorisation, planned faults, idempotency, parameters, the act.

`blueprint()` is mounted by `simulator.Simulator`; every answer leaves with a Request-Id and Stripe's JSON.
"""
from __future__ import annotations

import json
import logging
import time
from collections import Counter, deque
from threading import Lock
from typing import NamedTuple

from flask import Blueprint, Request, Response, request

from ..core import Cause, Core
from ..errors import ApiError, unauthorized
from ..expansion import expand
from ..faults import Fault, Faults, NoAnswer, error_of
from ..forms import decode
from ..idempotency import Keys, fingerprint
from ..settings import API_VERSION, LIVE_PREFIXES, TEST_PREFIXES
from ..store import Json
from . import checkout, events, money, promotions
from .operation import Call, Operation

OPERATIONS = (*checkout.OPERATIONS, *money.OPERATIONS, *events.OPERATIONS, *promotions.OPERATIONS)
_log = logging.getLogger(__name__)


class Reply(NamedTuple):
    """An answer before it is HTTP."""

    status: int
    body: Json
    original_request: str | None = None


class Traffic:
    """What was asked for, and how often. Faulty and refused calls count as well."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.counts: Counter[str] = Counter()
        self.calls: deque[Json] = deque(maxlen=1000)

    def note(self, operation: str, status: int, request_id: str, key: str | None, at: int) -> None:
        """One call; status 0 is one that got no answer."""
        with self._lock:
            self.counts[operation] += 1
            self.calls.append(
                {"operation": operation, "status": status, "request_id": request_id, "idempotency_key": key, "at": at}
            )

    def clear(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.counts.clear()
            self.calls.clear()


class Dispatch:
    """One of these per simulator; safe to call from many threads."""

    def __init__(self, core: Core, faults: Faults, keys: Keys, traffic: Traffic) -> None:
        self._core = core
        self._faults = faults
        self._keys = keys
        self._traffic = traffic
        self.latency = core.settings.latency

    def answer(self, operation: Operation, id_: str) -> Response:
        """The HTTP answer to the current request."""
        request_id, key, status = self._core.request_id(), request.headers.get("Idempotency-Key"), 0
        if self.latency:
            time.sleep(self.latency)
        try:
            reply = self._reply(operation, id_, request_id)
            status = reply.status
        except ApiError as error:
            reply = Reply(error.status, error.body(request_id))
            status = reply.status
        except NoAnswer:
            raise
        except Exception:
            _log.exception("the simulator itself failed in %s", operation.name)
            reply = Reply(500, ApiError(500, "The simulator itself failed.", kind="api_error").body(request_id))
            status = 500
        finally:
            self._traffic.note(operation.name, status, request_id, key, self._core.clock.now())
        return respond(reply, request_id, key)

    def _reply(self, operation: Operation, id_: str, request_id: str) -> Reply:
        check_key(request, self._core.settings.api_keys)
        fault = self._faults.take(operation.name)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        text = parameters_of(request)
        if not key:
            reply, _ = self._carry_out(operation, id_, request_id, text, fault, None)
        else:
            reply = self._with_key(operation, id_, request_id, text, fault, key)
        if fault is not None and fault.when == "after":
            strike(fault)
        return reply

    def _with_key(
        self, operation: Operation, id_: str, request_id: str, text: str, fault: Fault | None, key: str
    ) -> Reply:
        kept = self._keys.begin(key, fingerprint(request.method, request.path, text))
        if kept is not None:
            return Reply(kept.object["status"], kept.object["body"], kept.object["request_id"])
        finished = False
        try:
            reply, finished = self._carry_out(operation, id_, request_id, text, fault, key)
            return reply
        finally:
            if not finished:
                self._keys.abandon(key)

    def _carry_out(
        self, operation: Operation, id_: str, request_id: str, text: str, fault: Fault | None, key: str | None
    ) -> tuple[Reply, bool]:
        """Do it, and remember the answer in the same transaction. Raises for what was never carried out."""
        store = self._core.store
        if fault is not None and fault.when == "before":
            if fault.stored and key:
                reply = Reply(500, error_of("500").body(request_id))  # type: ignore[union-attr]
                self._keys.finish(key, *reply[:2], request_id)
                return reply, True
            strike(fault)
        params = operation.params.read(decode(text))
        with store.changes():
            self._core.tick()
            call = Call(
                self._core, params, id_, Cause(request_id, key), self._core.base_url or request.host_url.rstrip("/"),
                request.path,
            )  # fmt: skip
            try:
                reply = Reply(200, expand(self._core, operation.act(call), params.get("expand", [])))
            except ApiError as error:
                if not error.executed:
                    raise
                reply = Reply(error.status, error.body(request_id))
            if fault is not None and fault.when == "after" and fault.stored:
                reply = Reply(500, error_of("500").body(request_id))  # type: ignore[union-attr]
            if key:
                self._keys.finish(key, *reply[:2], request_id)
        return reply, True


def strike(fault: Fault) -> None:
    """Let a planned fault happen. Never called with the lock held."""
    error = error_of(fault.kind)
    if error is not None:
        raise error
    if fault.kind in ("timeout", "slow"):
        time.sleep(fault.seconds)
    if fault.kind in ("timeout", "refused"):
        raise NoAnswer("the simulator closed the connection, as planned")


def check_key(sent: Request, accepted: tuple[str, ...]) -> None:
    """Refuse whoever has no test key, in Stripe's words."""
    key = sent.authorization.token if sent.authorization and sent.authorization.type == "bearer" else None
    if key is None and sent.authorization and sent.authorization.type == "basic":
        key = sent.authorization.username
    if not key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    shown = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * 8
    if key.startswith(LIVE_PREFIXES) or not key.startswith(TEST_PREFIXES) or (accepted and key not in accepted):
        raise unauthorized(f"Invalid API Key provided: {shown}")


def parameters_of(sent: Request) -> str:
    """The encoded parameters, wherever the method carries them."""
    return sent.get_data(as_text=True) if sent.method == "POST" else sent.query_string.decode()


def respond(reply: Reply, request_id: str, key: str | None) -> Response:
    """Stripe's headers around a reply."""
    response = Response(json.dumps(reply.body, indent=2) + "\n", reply.status, content_type="application/json")
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = API_VERSION
    if key:
        response.headers["Idempotency-Key"] = key[:255]
    if reply.original_request:
        response.headers["Idempotent-Replayed"] = "true"
        response.headers["Original-Request"] = reply.original_request
    return response


def blueprint(dispatch: Dispatch, core: Core) -> Blueprint:
    """Every operation at its URL, and Stripe's 404 for every other below /v1."""
    api = Blueprint("api", __name__)
    for operation in OPERATIONS:

        def view(id: str = "", operation: Operation = operation) -> Response:
            return dispatch.answer(operation, id)

        api.add_url_rule(operation.path, operation.name.replace(".", "_"), view, methods=[operation.method])

    @api.route("/v1/", defaults={"rest": ""}, methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
    @api.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
    def unrecognized(rest: str) -> Response:
        error = ApiError(
            404,
            f"Unrecognized request URL ({request.method}: {request.path}). Please see https://stripe.com/docs or we "
            "can help at https://support.stripe.com/.",
        )
        request_id = core.request_id()
        return respond(Reply(404, error.body(request_id)), request_id, None)

    return api
