"""`python -m app.simulator`: the simulator as a process of its own, until SIGINT or SIGTERM.

Called by people and by the demo; refuses to start beside a live key.
"""
from __future__ import annotations

import argparse
import signal
import sys
import threading

from .server import serve
from .settings import LiveKeyRefused, Settings, WebhookTarget


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m app.simulator", description="A local Stripe. No money moves.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine only)")
    parser.add_argument("--port", type=int, default=4242)
    parser.add_argument("--base-url", help="the address browsers reach it by, if another")
    parser.add_argument("--webhook-url", action="append", default=[], help="where events go; may be repeated")
    parser.add_argument("--webhook-secret", action="append", default=[], help="whsec_…; several sign several times")
    parser.add_argument("--api-key", action="append", default=[], help="sk_test_… to accept (default: any test key)")
    parser.add_argument("--database", help="a SQLite file, to remember across restarts")
    parser.add_argument("--merchant-name", default="The club")
    parser.add_argument("--wait", action="store_true", help="redirect payers only after the webhook was answered")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; the exit code is 2 for a refusal."""
    parser = arguments()
    given = parser.parse_args(argv)
    if given.webhook_url and not given.webhook_secret:
        parser.error("--webhook-url needs a --webhook-secret")
    settings = Settings(
        webhooks=tuple(WebhookTarget(url, tuple(given.webhook_secret)) for url in given.webhook_url),
        api_keys=tuple(given.api_key),
        base_url=given.base_url.rstrip("/") if given.base_url else None,
        path=given.database,
        merchant_name=given.merchant_name,
        redirect_waits=given.wait,
    )
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    try:
        running = serve(settings, given.host, given.port, background=True)
    except LiveKeyRefused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    print(f"Simulator at {running.base_url} (test mode: no money moves)", flush=True)
    stopped.wait()
    running.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
