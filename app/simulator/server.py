"""Runs a simulator as a threaded HTTP server on the loopback interface.

Called by tests that drive the real SDK, by the demo, and by `python -m app.simulator`.
"""
from __future__ import annotations

import logging
import threading
from types import TracebackType

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .settings import Settings
from .simulator import Simulator, create_simulator
from .webhooks import Post, post_over_http


class _QuietHandler(WSGIRequestHandler):
    """Requests go to the log's debug level: a test run answers thousands."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        logging.getLogger(__name__).debug("%s %s", self.requestline, code)


class RunningSimulator:
    """A simulator that answers at `base_url` until `stop()`."""

    def __init__(self, simulator: Simulator, server: BaseWSGIServer) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self._server = server
        self.base_url = f"http://{server.host}:{server.port}"
        self._thread = threading.Thread(target=self._serve, name="simulator-http", daemon=True)

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; what was being delivered is finished first."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.simulator.close()

    def __enter__(self) -> RunningSimulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    settings: Settings | None = None, host: str = "127.0.0.1", port: int = 0, *, background: bool = False,
    post: Post = post_over_http,
) -> RunningSimulator:  # fmt: skip
    """Start a simulator in a thread. `background` also delivers webhooks; else call `control.deliver_due()`."""
    simulator = create_simulator(settings, post)
    try:
        server = make_server(host, port, simulator.wsgi, threaded=True, request_handler=_QuietHandler)
    except BaseException:
        simulator.close()
        raise
    running = RunningSimulator(simulator, server)
    if simulator.base_url is None:
        simulator.base_url = running.base_url
    running.start()
    if background:
        simulator.deliverer.start()
    return running
