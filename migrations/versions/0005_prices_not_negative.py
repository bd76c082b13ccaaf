"""Student and early prices are never below zero, and an order is found by its address without reading them all.

Revision 0005. A price below zero that an older version let in becomes empty, which stands for no price of that kind.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PRICES = ("student_price_cents", "early_member_price_cents", "early_non_member_price_cents")


def upgrade() -> None:
    for name in PRICES:
        op.execute(f"UPDATE club_sessions SET {name} = NULL WHERE {name} < 0")  # noqa: S608 - names of ours
        if op.get_bind().dialect.name == "sqlite":
            _make_again(name, f" CONSTRAINT {op.f(_check(name))} CHECK ({name} >= 0)")
        else:
            op.create_check_constraint(op.f(_check(name)), "club_sessions", sa.text(f"{name} >= 0"))
    op.create_index("ix_orders_email", "orders", ["email"])


def downgrade() -> None:
    op.drop_index("ix_orders_email", table_name="orders")
    for name in PRICES:
        if op.get_bind().dialect.name == "sqlite":
            _make_again(name, "")
        else:
            op.drop_constraint(op.f(_check(name)), "club_sessions", type_="check")


def _check(name: str) -> str:
    return f"ck_club_sessions_{name}"


def _make_again(name: str, check: str) -> None:
    """SQLite can neither add nor drop a CHECK; making the table again would fail while others refer to it. A column can be."""
    op.execute(f"ALTER TABLE club_sessions RENAME COLUMN {name} TO {name}_before")
    op.execute(f"ALTER TABLE club_sessions ADD COLUMN {name} INTEGER{check}")
    op.execute(f"UPDATE club_sessions SET {name} = {name}_before")  # noqa: S608 - names of ours
    op.execute(f"ALTER TABLE club_sessions DROP COLUMN {name}_before")
