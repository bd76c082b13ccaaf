"""The demo: a whole club on one machine, with a local Stripe and local mail. Called by `flask demo`; the only place that
imports the simulator.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading

import click
import flask_migrate
from werkzeug.serving import BaseWSGIServer, make_server

from . import clock, create_app, jobs
from .config import DEMO_STRIPE_KEY, DEMO_WEBHOOK_SECRET, INSTANCE, Settings, SettingsError, from_environment, sender
from .rules import webhook_setup
from .services import sample_data, stripe_inbox
from .simulator import server as stripe_server
from .simulator.settings import Settings as StripeSettings
from .simulator.settings import WebhookTarget

HOST = "127.0.0.1"


def run(port: int) -> None:
    """Migrate, fill in sample data, serve until Ctrl-C or SIGTERM; leaves nothing running."""
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    site_port, stripe_port = _free(port), _free(4242)
    settings = _settings(site_port, stripe_port)
    app = create_app(settings)
    with app.app_context():
        flask_migrate.upgrade()
        sample_data.fill(clock.now())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    site = make_server(HOST, site_port, app, threaded=True)
    thread = threading.Thread(target=site.serve_forever, name="site", daemon=True)
    thread.start()
    stripe = stripe_server.serve(_stripe_settings(settings), host=HOST, port=stripe_port, background=True)
    worker = jobs.Worker(app)
    worker.start()
    _tell(settings)
    stopped.wait()
    click.echo("Stopping …")
    _stop(site, thread, worker, stripe)
    click.echo("Stopped; nothing is left running.")


def _stop(site: BaseWSGIServer, thread: threading.Thread, worker: jobs.Worker, stripe: stripe_server.RunningSimulator) -> None:
    site.shutdown()
    thread.join()
    site.server_close()
    worker.stop()
    stripe.stop()


def _settings(port: int, stripe_port: int) -> Settings:
    settings = from_environment(development=True)
    if settings.live:
        raise SettingsError("STRIPE_SECRET_KEY is a live key: the demo runs with a local Stripe only. Unset it.")
    base = f"http://{HOST}:{stripe_port}"
    name = settings.site_name if os.environ.get("SITE_NAME") else "Harbour Club"
    return settings.with_(
        site_url=f"http://{HOST}:{port}",
        site_name=name,
        mail_from=settings.mail_from if os.environ.get("MAIL_FROM") else sender(name, "club.example"),
        database_url=settings.database_url if os.environ.get("DATABASE_URL") else f"sqlite:///{INSTANCE / 'demo.sqlite'}",
        files_dir=settings.files_dir if os.environ.get("FILES_DIR") else str(INSTANCE / "demo-files"),
        stripe_secret_key=DEMO_STRIPE_KEY,
        stripe_webhook_secrets=(DEMO_WEBHOOK_SECRET,),
        stripe_api_base=base,
        checkout_origins=(base,),
        listing_review=settings.listing_review or "LISTING_REVIEW" not in os.environ,
    )


def _stripe_settings(settings: Settings) -> StripeSettings:
    """A local Stripe that posts to this site and remembers its Checkouts over a restart."""
    events = (*stripe_inbox.HANDLED, *webhook_setup.RECORDED)
    target = WebhookTarget(f"{settings.site_url}{webhook_setup.PATH}", settings.stripe_webhook_secrets, events)
    return StripeSettings(
        webhooks=(target,),
        base_url=settings.stripe_api_base,
        path=str(INSTANCE / "demo-stripe.sqlite"),
        merchant_name=settings.site_name,
    )


def _free(port: int) -> int:
    """The port asked for, or the next one that nobody uses."""
    last = min(port + 49, 65535)
    for candidate in range(port, last + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return candidate
    raise SettingsError(f"No free port from {port} to {last}: give another with --port.")


def _tell(settings: Settings) -> None:
    lines = [
        f"{settings.site_name} is open: {settings.site_url}",
        "",
        f"  The club's pages   {settings.site_url}/",
        f"  The staff's desk   {settings.site_url}/admin",
        f"     sign in as      {sample_data.STAFF_EMAIL}",
        f"     password        {sample_data.DEMO_PASSWORD}",
        f"     at the door     {sample_data.DOOR_EMAIL} (same password for everybody)",
        f"  A member           {sample_data.MEMBER_EMAIL}",
        f"  A host             {sample_data.HOST_EMAIL}",
        f"  The local Stripe   {settings.stripe_api_base}/",
        "     pay with        4242 4242 4242 4242, any later date, any three digits",
        f"  E-mails            {settings.mail_url or INSTANCE / 'mail'}",
        "",
        "No real money moves and no mail leaves this machine. Stop with Ctrl-C.",
    ]
    click.echo("\n".join(lines))
