"""Muster: registrations and payments for a club's sessions. ``create_app`` wires the floors in visible order, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from flask import Flask

from . import models as _models  # noqa: F401 - registers every table
from . import transaction
from .config import INSTANCE, Settings, SettingsError, from_environment, unsafe
from .extensions import MIGRATIONS, db
from .template_loading import Templates
from .url_rules import LazyRule

if TYPE_CHECKING:
    from sqlalchemy import Engine


def create_app(settings: Settings | None = None) -> Flask:
    """Build the site. Without ``settings`` the environment decides; raises SettingsError when serving would be unsafe."""
    settings = settings or from_environment()
    if _serves() and (problems := unsafe(settings)):
        raise SettingsError("Muster does not start:\n- " + "\n- ".join(problems))
    app = Flask(__name__, instance_path=str(INSTANCE))
    app.jinja_environment, app.url_rule_class = Templates, LazyRule
    app.extensions["muster_settings"] = settings
    app.config["SECRET_KEY"] = settings.secret_key
    _wire_ground(app, settings)
    _wire_outside(app, settings)
    _wire_web(app, settings)
    return app


def _wire_ground(app: Flask, settings: Settings) -> None:
    from . import worker_counts
    from .logs import init_logs

    worker_counts.share()
    init_logs(app)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    pool, prepare_engine = _database(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"hide_parameters": True, **pool}  # values people typed belong in no log
    INSTANCE.mkdir(exist_ok=True)
    db.init_app(app)
    if "gunicorn" not in sys.modules:  # what only serves does without: 11 MB, and a tenth of a second at its start
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        prepare_engine(db.engine)


def _database(settings: Settings) -> tuple[dict[str, Any], Callable[[Engine], None]]:
    """How many connections its engine keeps, and what prepares it."""
    if settings.is_sqlite:
        return {}, transaction.prepare_engine
    from . import postgresql

    return postgresql.POOL, postgresql.prepare_engine


def _wire_outside(app: Flask, settings: Settings) -> None:
    from .integrations.mailer import make_mailer
    from .integrations.sign_in_provider import make_provider
    from .integrations.stripe_gateway import StripeGateway
    from .integrations.whatsapp import make_whatsapp
    from .services import background

    background.register()
    app.extensions["muster_gateway"] = StripeGateway(settings)
    app.extensions["muster_mailer"] = make_mailer(settings)
    app.extensions["muster_whatsapp"] = make_whatsapp(settings)
    app.extensions["muster_sign_in_provider"] = make_provider(settings)


def _wire_web(app: Flask, settings: Settings) -> None:
    from . import cli, errors, first_requests, markdown, security, site_frame, templating, watching, wording
    from .blueprints.accounts.routes import bp as accounts
    from .blueprints.admin.routes import bp as admin
    from .blueprints.basket.routes import bp as basket
    from .blueprints.checkout.routes import bp as checkout
    from .blueprints.health.routes import bp as health
    from .blueprints.host.routes import bp as host
    from .blueprints.memberships.routes import bp as memberships
    from .blueprints.offers.routes import bp as offers
    from .blueprints.products.routes import bp as products
    from .blueprints.public.routes import bp as public
    from .blueprints.purchases.routes import bp as purchases
    from .blueprints.registration.routes import bp as registration
    from .blueprints.webhooks.routes import bp as webhooks

    watching.init_watching(app, settings)
    first_requests.init_first_requests(app)
    security.init_security(app, settings)
    templating.init_templating(app)
    site_frame.init_site_frame(app)
    wording.init_wording(app)
    markdown.init_markdown(app)
    errors.init_errors(app)
    sold = (public, registration, basket, checkout, memberships, products, purchases, offers)
    for blueprint in (*sold, webhooks, accounts, host, admin, health):
        app.register_blueprint(blueprint)
    cli.init_cli(app)


def _serves() -> bool:
    """True under gunicorn or `flask run`; a command that serves nobody checks what it needs itself."""
    command = click.get_current_context(silent=True)
    return command is None or command.info_name == "run"
