"""Applications: when somebody applied, the reserve that places which come free are offered to, and its order.

Revision 0008. SQLite cannot change a CHECK in place, and would make the table again and refuse while others refer to it; so its
text is edited where SQLite keeps it, which is the way its documentation gives for changes that touch no row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = ("held", "waitlisted", "offered", "registered", "under_review", "cancelled", "expired", "declined")
AFTER = ("held", "waitlisted", "offered", "registered", "under_review", "in_reserve", "cancelled", "expired", "declined")
ACTIVE_BEFORE = ("held", "offered", "registered", "under_review", "waitlisted")
ACTIVE_AFTER = ("held", "in_reserve", "offered", "registered", "under_review", "waitlisted")
NEW_CHECKS = {
    "ck_registrations_applied": "applied_at IS NOT NULL OR NOT (status IN ('in_reserve', 'under_review'))",
    "ck_registrations_reserved": "reserved_at IS NOT NULL OR status <> 'in_reserve'",
}


def upgrade() -> None:
    op.add_column("registrations", sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("registrations", sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE registrations SET applied_at = created_at WHERE status = 'under_review'")
    _swap_checks(_checks(BEFORE, {}), _checks(AFTER, NEW_CHECKS))
    _one_active(ACTIVE_AFTER)


def downgrade() -> None:
    op.execute("UPDATE registrations SET status = 'under_review' WHERE status = 'in_reserve'")
    _one_active(ACTIVE_BEFORE)
    _swap_checks(_checks(AFTER, NEW_CHECKS), _checks(BEFORE, {}))
    op.drop_column("registrations", "reserved_at")
    op.drop_column("registrations", "applied_at")


def _any_of(values: tuple[str, ...]) -> str:
    return "status IN (" + ", ".join(repr(value) for value in values) + ")"


def _checks(statuses: tuple[str, ...], others: dict[str, str]) -> dict[str, str]:
    return {**others, "ck_registrations_status": _any_of(statuses)}


def _swap_checks(before: dict[str, str], after: dict[str, str]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _edit_text(_clauses(before), _clauses(after))
        return
    for name in before:
        op.drop_constraint(op.f(name), "registrations", type_="check")
    for name, condition in after.items():
        op.create_check_constraint(op.f(name), "registrations", condition)


def _clauses(checks: dict[str, str]) -> str:
    return ", \n\t".join(f"CONSTRAINT {name} CHECK ({condition})" for name, condition in checks.items())


def _edit_text(before: str, after: str) -> None:
    connection = op.get_bind()
    table = {"name": "registrations"}
    text = connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), table).scalar_one()
    if text.count(before) != 1:
        raise RuntimeError("the table of registrations is not as the revision before left it")
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    edit = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
    connection.execute(edit, {**table, "sql": text.replace(before, after)})
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _one_active(statuses: tuple[str, ...]) -> None:
    """At most one registration of these for each session and address."""
    op.drop_index("uq_registrations_active", table_name="registrations")
    where = sa.text(_any_of(statuses))
    op.create_index(
        "uq_registrations_active", "registrations", ["club_session_id", "email"], unique=True,
        sqlite_where=where, postgresql_where=where,
    )  # fmt: skip
