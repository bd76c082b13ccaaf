"""The migrations make exactly what the models say, go both ways, and keep what is in the tables; on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.extensions import Base, db
from app.models import ClubSession, LedgerEntry, User
from app.transaction import transaction
from tests.support.database import MIGRATIONS, dispose
from tests.support.factories import make_club_session, make_user
from tests.support.rows import all_of, count_of
from tests.support.settings import safe_settings
from tests.support.source import assert_none


def revisions() -> list[str]:
    """Every revision, oldest first."""
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def upgrade(revision: str = "head") -> None:
    flask_migrate.upgrade(directory=MIGRATIONS, revision=revision)


def downgrade(revision: str) -> None:
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision=revision)


def our_tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) & set(Base.metadata.tables)


def shape(engine: Engine) -> dict[str, Any]:
    """Everything the database itself says about our tables, in words that two databases of a kind can be compared by."""
    inspector = inspect(engine)
    return {name: _table(inspector, name, engine.dialect.name) for name in sorted(our_tables(engine))}


def _table(inspector: Any, name: str, dialect: str) -> dict[str, Any]:
    def where(index: dict[str, Any]) -> str:
        return _plain(index.get("dialect_options", {}).get(f"{dialect}_where", ""))

    return {
        "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(name)},
        "key": inspector.get_pk_constraint(name)["constrained_columns"],
        "checks": {c["name"]: _plain(c["sqltext"]) for c in inspector.get_check_constraints(name)},
        "uniques": {u["name"]: u["column_names"] for u in inspector.get_unique_constraints(name)},
        "indexes": {i["name"]: (i["column_names"], bool(i["unique"]), where(i)) for i in inspector.get_indexes(name)},
        "links": {f["name"]: (f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(name)},
    }


def _plain(sql: object) -> str:
    return " ".join(str(sql).split())


def differences(wanted: dict[str, Any], made: dict[str, Any]) -> list[str]:
    found = [f"{table} is only in the {'models' if table in wanted else 'migrations'}" for table in wanted.keys() ^ made.keys()]
    for table in sorted(wanted.keys() & made.keys()):
        for kind, one in wanted[table].items():
            other = made[table][kind]
            if one != other:
                found.append(f"{table}.{kind}: the models say {_only(one, other)}, the migrations {_only(other, one)}")
    return found


def _only(one: Any, other: Any) -> Any:
    return {k: v for k, v in one.items() if other.get(k) != v} if isinstance(one, dict) else one


@pytest.fixture
def from_models(new_database: Callable[..., str]) -> Any:
    """An engine on a second database, made from the models without any migration."""
    engine = create_engine(new_database(migrated=False))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_migrations_make_what_the_models_say(app: Flask, from_models: Engine) -> None:
    assert len(our_tables(db.engine)) == len(Base.metadata.tables)
    assert_none(differences(shape(from_models), shape(db.engine)), "The models and the migrations describe one database.")


def test_alembic_itself_finds_nothing_to_migrate(app: Flask) -> None:
    flask_migrate.check(directory=MIGRATIONS)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ALTER TABLE users ADD COLUMN nickname VARCHAR(20)", "users.columns"),
        ("DROP INDEX uq_registrations_active", "registrations.indexes"),
        ("CREATE TABLE guests (id INTEGER)", ""),
        ("DROP TABLE stripe_events", "stripe_events is only in"),
    ],
)
def test_difference_is_found(app: Flask, from_models: Engine, statement: str, message: str) -> None:
    with from_models.begin() as connection:
        connection.execute(text(statement))
    found = differences(shape(from_models), shape(db.engine))
    assert any(message in fault for fault in found) if message else found == []  # a table that is not ours is not compared


def test_down_to_nothing_and_up_again(app: Flask) -> None:
    make_club_session()
    before = shape(db.engine)
    downgrade("base")
    assert our_tables(db.engine) == set()
    upgrade()
    assert shape(db.engine) == before
    assert count_of(ClubSession) == 0
    make_club_session()


def test_each_step_down_and_up_keeps_what_is_in_the_tables(app: Flask) -> None:
    """From the newest revision down to the first, one step at a time and back, with a row in what existed all along."""
    user, club_session = make_user(), make_club_session(title="Kept")
    for below, above in reversed(list(zip(revisions(), revisions()[1:], strict=False))):
        downgrade(below)
        upgrade(above)
    upgrade()
    assert [u.id for u in all_of(User)] == [user.id]
    assert [(c.id, c.title) for c in all_of(ClubSession)] == [(club_session.id, "Kept")]


def test_upgrade_from_nothing_leaves_a_database_that_works(new_database: Callable[..., str], clock: Any) -> None:
    made = create_app(safe_settings(new_database(migrated=False)))
    with made.app_context():
        upgrade(revisions()[0])
        upgrade()
        assert make_user().id
        dispose()


@pytest.mark.parametrize("statement", ["UPDATE ledger_entries SET amount_cents = 2", "DELETE FROM ledger_entries"])
def test_ledger_takes_no_change(app: Flask, statement: str) -> None:
    with transaction() as session:
        session.add(LedgerEntry(entry_key="k", debit_account="a", credit_account="b", amount_cents=1, currency="NZD"))
    with pytest.raises(DBAPIError), transaction() as session:
        session.execute(text(statement))
    assert [entry.amount_cents for entry in all_of(LedgerEntry)] == [1]


def test_database_itself_refuses_to_oversell(app: Flask) -> None:
    """Promise 1's last line of defence: the CHECK, not the code."""
    club_session = make_club_session(capacity=2)
    for change in ("places_taken = 3", "places_taken = -1", "overbooked = -1"):
        with pytest.raises(DBAPIError), transaction() as session:
            session.execute(text(f"UPDATE club_sessions SET {change} WHERE id = {club_session.id}"))  # noqa: S608
    with transaction() as session:
        session.execute(text("UPDATE club_sessions SET places_taken = 3, overbooked = 1"))


def test_revisions_form_one_line_with_numbered_names() -> None:
    names = sorted(path.name for path in (Path(MIGRATIONS) / "versions").glob("*.py"))
    assert names and all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", name) for name in names)
    assert [name[:4] for name in names] == revisions() == [f"{number:04d}" for number in range(1, len(names) + 1)]
