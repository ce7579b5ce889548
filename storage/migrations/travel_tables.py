"""The tables of posts that travel, as the first revision makes them; a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=16)


def create_travel_tables() -> None:
    due, twin = sa.text("state = 'due'"), sa.text("twin <> ''")
    changed = sa.text("changed_at IS NOT NULL")
    op.create_table(
        "departure",
        sa.Column("post_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("sealed_as", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("twin", sa.String(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.Column("changed_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_departure_post_id"),
        sa.PrimaryKeyConstraint("post_id", name="pk_departure"),
    )
    op.create_index("ix_departure_due", "departure", ["post_id"], sqlite_where=due, postgresql_where=due)
    op.create_index("ix_departure_sealed_as", "departure", ["sealed_as"])
    op.create_index("ix_departure_twin", "departure", ["twin"], sqlite_where=twin, postgresql_where=twin)
    op.create_index("ix_departure_changed", "departure", ["post_id"], sqlite_where=changed, postgresql_where=changed)
    op.create_table(
        "space_author",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("share", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_space_author_member_id"),
        sa.PrimaryKeyConstraint("member_id", "space", name="pk_space_author"),
        sa.UniqueConstraint("space", "token", name="ux_space_author_token"),
    )
    op.create_table(
        "consent",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("post_id", BIG_ID, nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_consent_member_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_consent_post_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_member", "consent", ["member_id", "said_at"])
    op.create_table(
        "remote_author",
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("list_name", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("alias", name="pk_remote_author"),
        sa.UniqueConstraint("space", "origin", "token", name="ux_remote_author_token"),
    )
    waiting = sa.text("left_at IS NULL")
    op.create_table(
        "remote_letter",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("writer_id", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("content_id", BIG_ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["alias"], ["remote_author.alias"], name="fk_remote_letter_alias"),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_remote_letter_content_id"),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_remote_letter_list_id"),
        sa.ForeignKeyConstraint(["writer_id"], ["member.id"], name="fk_remote_letter_writer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_remote_letter"),
    )
    op.create_index("ix_remote_letter_waiting", "remote_letter", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_remote_letter_writer", "remote_letter", ["writer_id", "created_at"])
    op.create_table(
        "remote_block",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["alias"], ["remote_author.alias"], name="fk_remote_block_alias"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_remote_block_member_id"),
        sa.PrimaryKeyConstraint("member_id", "alias", name="pk_remote_block"),
    )
    op.create_table(
        "remote_post",
        sa.Column("post_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("space", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("carriers", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("keep_until", MOMENT, nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["alias"], ["remote_author.alias"], name="fk_remote_post_alias"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_remote_post_post_id"),
        sa.PrimaryKeyConstraint("post_id", name="pk_remote_post"),
    )
    op.create_index("ix_remote_post_keep_until", "remote_post", ["keep_until"])
    op.create_index("ix_remote_post_key", "remote_post", ["origin", "key"])
