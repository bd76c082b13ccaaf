"""Muster: registrations and payments for a club's sessions. ``create_app`` wires the floors in visible order, nothing else."""

from __future__ import annotations

import click
from flask import Flask

from . import models as _models  # noqa: F401 - registers every table
from .config import INSTANCE, Settings, SettingsError, from_environment, unsafe
from .extensions import db, migrate
from .transaction import prepare_engine


def create_app(settings: Settings | None = None) -> Flask:
    """Build the site. Without ``settings`` the environment decides; raises SettingsError when serving would be unsafe."""
    settings = settings or from_environment()
    if _serves() and (problems := unsafe(settings)):
        raise SettingsError("Muster does not start:\n- " + "\n- ".join(problems))
    app = Flask(__name__, instance_path=str(INSTANCE))
    app.extensions["muster_settings"] = settings
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SECRET_KEY"] = settings.secret_key
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        prepare_engine(db.engine)
    return app


def _serves() -> bool:
    """True under gunicorn or `flask run`; a command that serves nobody checks what it needs itself."""
    command = click.get_current_context(silent=True)
    return command is None or command.info_name == "run"
