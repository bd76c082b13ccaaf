"""The first schema: everything a registration, its payment and its mail are recorded in.

Revision 0001. The books and the record of who did what refuse UPDATE and DELETE by themselves.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
APPEND_ONLY = ("ledger_entries", "audit_entries")


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", Id, nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_subject", ["subject_kind", "subject_id"], unique=False)

    op.create_table(
        "membership_plans",
        sa.Column("id", Id, nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("student_price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("length_months", sa.Integer(), nullable=True),
        sa.Column("fixed_end_on", sa.Date(), nullable=True),
        sa.Column("on_sale_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("on_sale_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(length_months IS NULL) <> (fixed_end_on IS NULL)", name=op.f("ck_membership_plans_length_or_end")),
        sa.CheckConstraint(
            "price_cents >= 0 AND (student_price_cents IS NULL OR student_price_cents >= 0)",
            name=op.f("ck_membership_plans_prices"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership_plans")),
        sa.UniqueConstraint("slug", name=op.f("uq_membership_plans_slug")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("id", Id, nullable=False),
        sa.Column("stripe_cents", sa.BigInteger(), nullable=False),
        sa.Column("ledger_cents", sa.BigInteger(), nullable=False),
        sa.Column("difference_cents", sa.BigInteger(), nullable=False),
        sa.Column("open_cases", sa.Integer(), nullable=False),
        sa.Column("mended", Json, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    op.create_table(
        "stripe_events",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=120), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
    )
    with op.batch_alter_table("stripe_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stripe_events_unprocessed",
            ["created_at"],
            unique=False,
            sqlite_where=sa.text("processed_at IS NULL"),
            postgresql_where=sa.text("processed_at IS NULL"),
        )

    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_student", sa.Boolean(), nullable=False),
        sa.Column(
            "role",
            sa.Enum("none", "desk", "staff", "admin", name="role", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("sign_in_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("sign_in_token", name=op.f("uq_users_sign_in_token")),
    )
    op.create_table(
        "club_sessions",
        sa.Column("id", Id, nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("location", sa.String(length=300), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.String(length=60), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("places_taken", sa.Integer(), nullable=False),
        sa.Column("overbooked", sa.Integer(), nullable=False),
        sa.Column("waitlist_capacity", sa.Integer(), nullable=True),
        sa.Column("waitlist_taken", sa.Integer(), nullable=False),
        sa.Column("member_price_cents", sa.Integer(), nullable=True),
        sa.Column("non_member_price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "published",
                "cancelled",
                "completed",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "entry",
            sa.Enum("open", "application", name="entry", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "waitlist_payment",
            sa.Enum("on_offer", "upfront", name="waitlist_payment", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("members_open_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_places", sa.Integer(), nullable=False),
        sa.Column("refund_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "refund_policy",
            sa.Enum(
                "full",
                "percentage",
                "fee_kept",
                "none",
                name="refund_policy",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("refund_percent", sa.Integer(), nullable=False),
        sa.Column("refund_fee_cents", sa.Integer(), nullable=False),
        sa.Column("waitlist_members_first", sa.Boolean(), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("wound_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("host_user_id", Id, nullable=True),
        sa.Column("series", sa.String(length=80), nullable=True),
        sa.Column("calendar_sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "COALESCE(member_price_cents, 0) >= 0 AND COALESCE(non_member_price_cents, 0) >= 0",
            name=op.f("ck_club_sessions_prices"),
        ),
        sa.CheckConstraint("capacity >= 0", name=op.f("ck_club_sessions_capacity")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_club_sessions_ends_after_start")),
        sa.CheckConstraint("max_places >= 1", name=op.f("ck_club_sessions_max_places")),
        sa.CheckConstraint("overbooked >= 0", name=op.f("ck_club_sessions_overbooked")),
        sa.CheckConstraint("places_taken BETWEEN 0 AND capacity + overbooked", name=op.f("ck_club_sessions_never_oversold")),
        sa.CheckConstraint(
            "refund_percent BETWEEN 0 AND 100 AND refund_fee_cents >= 0", name=op.f("ck_club_sessions_refund_terms")
        ),
        sa.CheckConstraint(
            "waitlist_capacity IS NULL OR waitlist_capacity >= 0", name=op.f("ck_club_sessions_waitlist_capacity")
        ),
        sa.CheckConstraint("waitlist_taken >= 0", name=op.f("ck_club_sessions_waitlist_taken")),
        sa.ForeignKeyConstraint(["host_user_id"], ["users.id"], name=op.f("fk_club_sessions_host_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_club_sessions")),
        sa.UniqueConstraint("slug", name=op.f("uq_club_sessions_slug")),
    )
    with op.batch_alter_table("club_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_club_sessions_status_starts_at", ["status", "starts_at"], unique=False)

    op.create_table(
        "orders",
        sa.Column("id", Id, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=12), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending", "paid", "expired", "cancelled", name="status", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.String(length=64), nullable=False),
        sa.Column("hold_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("total_cents >= 0", name=op.f("ck_orders_total")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_orders_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("attempt", name=op.f("uq_orders_attempt")),
        sa.UniqueConstraint("reference", name=op.f("uq_orders_reference")),
        sa.UniqueConstraint("token", name=op.f("uq_orders_token")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_due",
            ["hold_expires_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('pending')"),
            postgresql_where=sa.text("status IN ('pending')"),
        )
        batch_op.create_index(batch_op.f("ix_orders_user_id"), ["user_id"], unique=False)

    op.create_table(
        "outgoing_emails",
        sa.Column("id", Id, nullable=False),
        sa.Column("dedupe_key", sa.String(length=160), nullable=False),
        sa.Column("to", sa.String(length=254), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("context", Json, nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=True),
        sa.Column("text_body", sa.Text(), nullable=True),
        sa.Column("html_body", sa.Text(), nullable=True),
        sa.Column("attachments", Json, nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("order_id", Id, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outgoing_emails_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_emails")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outgoing_emails_dedupe_key")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outgoing_emails_message_id")),
    )
    with op.batch_alter_table("outgoing_emails", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outgoing_emails_due",
            ["next_attempt_at"],
            unique=False,
            sqlite_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
            postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_outgoing_emails_order_id"), ["order_id"], unique=False)

    op.create_table(
        "payments",
        sa.Column("id", Id, nullable=False),
        sa.Column("order_id", Id, nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("checkout_id", sa.String(length=255), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("captured_cents", sa.Integer(), nullable=False),
        sa.Column("fee_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "created",
                "open",
                "processing",
                "succeeded",
                "failed",
                "expired",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents >= 0 AND captured_cents >= 0", name=op.f("ck_payments_amounts")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("checkout_id", name=op.f("uq_payments_checkout_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_payments_idempotency_key")),
        sa.UniqueConstraint("payment_intent_id", name=op.f("uq_payments_payment_intent_id")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payments_due",
            ["next_check_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('created', 'open', 'processing')"),
            postgresql_where=sa.text("status IN ('created', 'open', 'processing')"),
        )
        batch_op.create_index(batch_op.f("ix_payments_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "uq_payments_unsettled",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('created', 'open', 'processing')"),
            postgresql_where=sa.text("status IN ('created', 'open', 'processing')"),
        )

    op.create_table(
        "registrations",
        sa.Column("id", Id, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=12), nullable=False),
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("order_id", Id, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "held",
                "waitlisted",
                "offered",
                "registered",
                "under_review",
                "cancelled",
                "expired",
                "declined",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "payment_status",
            sa.Enum(
                "free",
                "pending",
                "paid",
                "partially_refunded",
                "refunded",
                name="payment_status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("amount_paid_cents", sa.Integer(), nullable=False),
        sa.Column("is_member", sa.Boolean(), nullable=False),
        sa.Column("answers", Json, nullable=False),
        sa.Column("waitlisted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offer_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replacement_wanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_registrations_email_lower_case")),
        sa.CheckConstraint("places >= 1", name=op.f("ck_registrations_places")),
        sa.CheckConstraint("price_cents >= 0 AND amount_paid_cents >= 0", name=op.f("ck_registrations_amounts")),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_registrations_club_session_id_club_sessions")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_registrations_order_id_orders")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_registrations_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
        sa.UniqueConstraint("reference", name=op.f("uq_registrations_reference")),
        sa.UniqueConstraint("token", name=op.f("uq_registrations_token")),
    )
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.create_index("ix_registrations_club_session_id_status", ["club_session_id", "status"], unique=False)
        batch_op.create_index("ix_registrations_email", ["email"], unique=False)
        batch_op.create_index(
            "ix_registrations_offers_due",
            ["offer_expires_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('offered')"),
            postgresql_where=sa.text("status IN ('offered')"),
        )
        batch_op.create_index(batch_op.f("ix_registrations_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_registrations_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "uq_registrations_active",
            ["club_session_id", "email"],
            unique=True,
            sqlite_where=sa.text("status IN ('held', 'offered', 'registered', 'under_review', 'waitlisted')"),
            postgresql_where=sa.text("status IN ('held', 'offered', 'registered', 'under_review', 'waitlisted')"),
        )

    op.create_table(
        "cases",
        sa.Column("id", Id, nullable=False),
        sa.Column("dedupe_key", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("order_id", Id, nullable=True),
        sa.Column("payment_id", Id, nullable=True),
        sa.Column("detail", Json, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_cases_order_id_orders")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_cases_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_cases_dedupe_key")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cases_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "order_items",
        sa.Column("id", Id, nullable=False),
        sa.Column("order_id", Id, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "registration",
                "membership",
                "listing",
                "product",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("unit_amount_cents", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("registration_id", Id, nullable=True),
        sa.CheckConstraint(
            "kind <> 'registration' OR registration_id IS NOT NULL", name=op.f("ck_order_items_registration_named")
        ),
        sa.CheckConstraint("unit_amount_cents >= 0 AND quantity >= 1", name=op.f("ck_order_items_amounts")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_items_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_order_items_registration_id_registrations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_items")),
    )
    with op.batch_alter_table("order_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_items_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_items_registration_id"), ["registration_id"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("plan_id", Id, nullable=True),
        sa.Column("order_item_id", Id, nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_memberships_span")),
        sa.ForeignKeyConstraint(["order_item_id"], ["order_items.id"], name=op.f("fk_memberships_order_item_id_order_items")),
        sa.ForeignKeyConstraint(["plan_id"], ["membership_plans.id"], name=op.f("fk_memberships_plan_id_membership_plans")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("order_item_id", name=op.f("uq_memberships_order_item_id")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index("ix_memberships_user_id_ends_on", ["user_id", "ends_on"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("id", Id, nullable=False),
        sa.Column("payment_id", Id, nullable=False),
        sa.Column("order_item_id", Id, nullable=True),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "requested", "pending", "succeeded", "failed", name="status", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("provider_ref", sa.String(length=255), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["order_item_id"], ["order_items.id"], name=op.f("fk_refunds_order_item_id_order_items")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_refunds_idempotency_key")),
        sa.UniqueConstraint("provider_ref", name=op.f("uq_refunds_provider_ref")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(
            "ix_refunds_due",
            ["next_attempt_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('pending', 'requested')"),
            postgresql_where=sa.text("status IN ('pending', 'requested')"),
        )
        batch_op.create_index(batch_op.f("ix_refunds_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "ledger_entries",
        sa.Column("id", Id, nullable=False),
        sa.Column("entry_key", sa.String(length=120), nullable=False),
        sa.Column("debit_account", sa.String(length=80), nullable=False),
        sa.Column("credit_account", sa.String(length=80), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("payment_id", Id, nullable=True),
        sa.Column("refund_id", Id, nullable=True),
        sa.Column("club_session_id", Id, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_ledger_entries_amount")),
        sa.CheckConstraint("debit_account <> credit_account", name=op.f("ck_ledger_entries_two_accounts")),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_ledger_entries_club_session_id_club_sessions")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_ledger_entries_payment_id_payments")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_ledger_entries_refund_id_refunds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("entry_key", name=op.f("uq_ledger_entries_entry_key")),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entries_club_session_id"), ["club_session_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entries_credit_account"), ["credit_account"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entries_debit_account"), ["debit_account"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entries_payment_id"), ["payment_id"], unique=False)
    for table in APPEND_ONLY:
        refuse_changes(table)


def downgrade() -> None:
    for table in APPEND_ONLY:
        allow_changes(table)
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_entries_payment_id"))
        batch_op.drop_index(batch_op.f("ix_ledger_entries_debit_account"))
        batch_op.drop_index(batch_op.f("ix_ledger_entries_credit_account"))
        batch_op.drop_index(batch_op.f("ix_ledger_entries_club_session_id"))

    op.drop_table("ledger_entries")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refunds_payment_id"))
        batch_op.drop_index(
            "ix_refunds_due",
            sqlite_where=sa.text("status IN ('pending', 'requested')"),
            postgresql_where=sa.text("status IN ('pending', 'requested')"),
        )

    op.drop_table("refunds")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_memberships_user_id_ends_on")

    op.drop_table("memberships")
    with op.batch_alter_table("order_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_items_registration_id"))
        batch_op.drop_index(batch_op.f("ix_order_items_order_id"))

    op.drop_table("order_items")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cases_payment_id"))
        batch_op.drop_index(batch_op.f("ix_cases_order_id"))

    op.drop_table("cases")
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_registrations_active",
            sqlite_where=sa.text("status IN ('held', 'offered', 'registered', 'under_review', 'waitlisted')"),
            postgresql_where=sa.text("status IN ('held', 'offered', 'registered', 'under_review', 'waitlisted')"),
        )
        batch_op.drop_index(batch_op.f("ix_registrations_user_id"))
        batch_op.drop_index(batch_op.f("ix_registrations_order_id"))
        batch_op.drop_index(
            "ix_registrations_offers_due",
            sqlite_where=sa.text("status IN ('offered')"),
            postgresql_where=sa.text("status IN ('offered')"),
        )
        batch_op.drop_index("ix_registrations_email")
        batch_op.drop_index("ix_registrations_club_session_id_status")

    op.drop_table("registrations")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payments_unsettled",
            sqlite_where=sa.text("status IN ('created', 'open', 'processing')"),
            postgresql_where=sa.text("status IN ('created', 'open', 'processing')"),
        )
        batch_op.drop_index(batch_op.f("ix_payments_order_id"))
        batch_op.drop_index(
            "ix_payments_due",
            sqlite_where=sa.text("status IN ('created', 'open', 'processing')"),
            postgresql_where=sa.text("status IN ('created', 'open', 'processing')"),
        )

    op.drop_table("payments")
    with op.batch_alter_table("outgoing_emails", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outgoing_emails_order_id"))
        batch_op.drop_index(
            "ix_outgoing_emails_due",
            sqlite_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
            postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
        )

    op.drop_table("outgoing_emails")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_user_id"))
        batch_op.drop_index(
            "ix_orders_due", sqlite_where=sa.text("status IN ('pending')"), postgresql_where=sa.text("status IN ('pending')")
        )

    op.drop_table("orders")
    with op.batch_alter_table("club_sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_club_sessions_status_starts_at")

    op.drop_table("club_sessions")
    op.drop_table("users")
    with op.batch_alter_table("stripe_events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_stripe_events_unprocessed",
            sqlite_where=sa.text("processed_at IS NULL"),
            postgresql_where=sa.text("processed_at IS NULL"),
        )

    op.drop_table("stripe_events")
    op.drop_table("reconciliations")
    op.drop_table("membership_plans")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_subject")

    op.drop_table("audit_entries")


def refuse_changes(table: str) -> None:
    """Let the database itself refuse to change or delete what is written once."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    )


def allow_changes(table: str) -> None:
    """Take the refusal away again, before the table goes."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_no_{action}")
        return
    op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute(f"DROP FUNCTION {table}_append_only()")
