"""The tables of what lists let in of other servers' posts, as the first revision makes them; a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=16)


def create_remote_tables() -> None:
    op.create_table(
        "remote_rule",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("posts", WORD, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_remote_rule_list_id"),
        sa.PrimaryKeyConstraint("list_id", name="pk_remote_rule"),
    )
    op.create_table(
        "remote_trust",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("always", sa.Boolean(), nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["alias"], ["remote_author.alias"], name="fk_remote_trust_alias"),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_remote_trust_list_id"),
        sa.PrimaryKeyConstraint("list_id", "alias", name="pk_remote_trust"),
    )
    op.create_table(
        "held_remote",
        sa.Column("held_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("sealed_content_id", BIG_ID, nullable=False),
        sa.Column("keep_until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["alias"], ["remote_author.alias"], name="fk_held_remote_alias"),
        sa.ForeignKeyConstraint(["held_id"], ["held_post.id"], name="fk_held_remote_held_id"),
        sa.ForeignKeyConstraint(["sealed_content_id"], ["message.id"], name="fk_held_remote_sealed_content_id"),
        sa.PrimaryKeyConstraint("held_id", name="pk_held_remote"),
    )
    op.create_index("ix_held_remote_key", "held_remote", ["origin", "key"])
    op.create_table(
        "peer_report",
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("peer", "digest", name="pk_peer_report"),
    )
    op.create_index("ix_peer_report_received_at", "peer_report", ["peer", "received_at"])
