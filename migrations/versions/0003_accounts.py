"""Accounts: who is signed in where, one-time links, codes as a second factor, and who somebody is at a sign-in provider.

Revision 0003. Everybody is signed out by it: what the cookie carried becomes the secret address of the calendar feed.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
PURPOSES = ("sign_up", "new_password", "change_email", "second_step")


def upgrade() -> None:
    # Renamed and added in place: SQLite would otherwise make the table again and refuse while others refer to it.
    op.execute("ALTER TABLE users RENAME COLUMN sign_in_token TO calendar_token")
    op.add_column("users", sa.Column("card_token", sa.String(length=64), nullable=True))
    op.add_column("users", sa.Column("deleted_at", Moment, nullable=True))
    _give_everybody_a_card()
    op.create_index("ix_users_card_token", "users", ["card_token"], unique=True)
    _create_links_and_sign_ins()
    _create_proofs()


def _give_everybody_a_card() -> None:
    users = sa.table("users", sa.column("id"), sa.column("card_token"))
    connection = op.get_bind()
    for user_id in connection.execute(sa.select(users.c.id)).scalars().all():
        connection.execute(users.update().where(users.c.id == user_id).values(card_token=secrets.token_urlsafe(24)))


def _create_links_and_sign_ins() -> None:
    op.create_table(
        "account_tokens",
        sa.Column("id", Id, nullable=False),
        sa.Column(
            "purpose", sa.Enum(*PURPOSES, name="purpose", native_enum=False, create_constraint=True, length=24), nullable=False
        ),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_account_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_tokens_token_hash")),
    )
    op.create_index("ix_account_tokens_email_purpose", "account_tokens", ["email", "purpose"])
    op.create_index(op.f("ix_account_tokens_user_id"), "account_tokens", ["user_id"])
    op.create_index(op.f("ix_account_tokens_expires_at"), "account_tokens", ["expires_at"])
    op.create_table(
        "sign_ins",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("second_factor_at", Moment, nullable=True),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_ins_token_hash")),
    )
    op.create_index(op.f("ix_sign_ins_user_id"), "sign_ins", ["user_id"])
    op.create_index(op.f("ix_sign_ins_expires_at"), "sign_ins", ["expires_at"])


def _create_proofs() -> None:
    op.create_table(
        "second_factors",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("switched_on_at", Moment, nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tries_from", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_second_factors_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
        sa.UniqueConstraint("user_id", name=op.f("uq_second_factors_user_id")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint("user_id", "code_hash", name=op.f("uq_recovery_codes_user_id_code_hash")),
    )
    op.create_table(
        "account_identities",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_account_identities_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_account_identities_issuer_subject")),
    )
    op.create_index(op.f("ix_account_identities_user_id"), "account_identities", ["user_id"])


def downgrade() -> None:
    for table in ("account_identities", "recovery_codes", "second_factors", "sign_ins", "account_tokens"):
        op.drop_table(table)
    op.drop_index("ix_users_card_token", "users")
    op.drop_column("users", "deleted_at")
    op.drop_column("users", "card_token")
    op.execute("ALTER TABLE users RENAME COLUMN calendar_token TO sign_in_token")
