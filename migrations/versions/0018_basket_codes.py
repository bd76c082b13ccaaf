"""The code that a basket is to be paid with. Revision 0018. The column may be empty, and is added in place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("baskets", sa.Column("code", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("baskets", "code")
