"""How Alembic reaches Muster's database: the app's own engine and metadata, on SQLite and PostgreSQL alike. Run by `flask db`."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app

from app import jobs
from app.extensions import Base, db
from app.postgresql import without_patience


def is_ours(_object: Any, name: str | None, kind: str, reflected: bool, _compare_to: Any) -> bool:
    """The job engine keeps tables of its own beside ours; they are not Alembic's to compare."""
    return not (kind == "table" and reflected and name not in Base.metadata.tables)


def run() -> None:
    """Run the revisions asked for, then bring the job engine's own tables up to date when the schema moved."""
    moved: list[bool] = []
    with db.engine.connect() as connection:
        without_patience(connection)
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=is_ours,
            compare_type=True,
            render_as_batch=True,
            transaction_per_migration=True,
            on_version_apply=lambda **step: moved.append(step["step"].is_upgrade),
        )
        with context.begin_transaction():
            context.run_migrations()
    if any(moved):
        jobs.migrate(current_app.extensions["muster_settings"])


if context.is_offline_mode():
    raise SystemExit("Muster migrates a live database only: run `flask --app wsgi db upgrade`.")
run()
