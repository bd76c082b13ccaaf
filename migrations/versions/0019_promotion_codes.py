"""Stripe's promotion codes: allowed by a session, taken by a payment's Checkout, and what one took off an order.

Revision 0019. Each column has a default and is added in place: nothing that was there had any.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("club_sessions", sa.Column("allow_promotion_codes", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("payments", sa.Column("takes_promotions", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("orders", sa.Column("promotion_cents", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("orders", "promotion_cents")
    op.drop_column("payments", "takes_promotions")
    op.drop_column("club_sessions", "allow_promotion_codes")
