"""The tables of what is relayed, as the first revision makes them; a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_relay_tables() -> None:
    waiting = sa.text("state <> 'done'")
    op.create_table(
        "relay_account",
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["peer"], ["peer.domain"], name="fk_relay_account_peer"),
        sa.PrimaryKeyConstraint("peer", name="pk_relay_account"),
    )
    op.create_index("ix_relay_account_due_at", "relay_account", ["due_at"])
    op.create_table(
        "relayed",
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("roster", sa.Integer(), nullable=False),
        sa.Column("date", MOMENT, nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content_id", BIG_ID, nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_relayed_content_id"),
        sa.PrimaryKeyConstraint("origin", "post", "rev", name="pk_relayed"),
    )
    op.create_index("ix_relayed_author", "relayed", ["origin", "author", "date"])
    op.create_index("ix_relayed_first_at", "relayed", ["first_at"])
    op.create_index("ix_relayed_space", "relayed", ["space", "date"])
    op.create_table(
        "outbox_entry",
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("peer", "seq", name="pk_outbox_entry"),
    )
    op.create_index(
        "ix_outbox_entry_due", "outbox_entry", ["peer", "due_at"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("ix_outbox_entry_post", "outbox_entry", ["origin", "post"])
    op.create_table(
        "offered_entry",
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("wanted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("peer", "seq", name="pk_offered_entry"),
    )
    op.create_index("ix_offered_entry_post", "offered_entry", ["origin", "post", "rev"])
    op.create_table(
        "direct_number",
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sender", "number", name="pk_direct_number"),
    )
    op.create_index("ix_direct_number_received_at", "direct_number", ["received_at"])
    op.create_table(
        "relay_repeat",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_relay_repeat"),
    )
    op.create_index("ix_relay_repeat_post", "relay_repeat", ["peer", "post", "sent_at"])
