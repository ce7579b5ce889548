"""The tables of private mail, reactions and umbrella lists, as the first revision makes them; a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_private_tables() -> None:
    op.create_table(
        "private_mail",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("writer_id", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("content_id", BIG_ID, nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("original_message_id", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_private_mail_content_id"),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_private_mail_list_id"),
        sa.ForeignKeyConstraint(["reader_id"], ["member.id"], name="fk_private_mail_reader_id"),
        sa.ForeignKeyConstraint(["writer_id"], ["member.id"], name="fk_private_mail_writer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_private_mail"),
    )
    op.create_index("ix_private_mail_content", "private_mail", ["content_id"])
    op.create_index("ix_private_mail_reader", "private_mail", ["reader_id", "message_id"])
    op.create_index("ix_private_mail_writer", "private_mail", ["writer_id", "created_at"])
    op.create_table(
        "private_block",
        sa.Column("blocker_id", sa.Integer(), nullable=False),
        sa.Column("blocked_id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["blocked_id"], ["member.id"], name="fk_private_block_blocked_id"),
        sa.ForeignKeyConstraint(["blocker_id"], ["member.id"], name="fk_private_block_blocker_id"),
        sa.PrimaryKeyConstraint("blocker_id", "blocked_id", name="pk_private_block"),
    )
    op.create_table(
        "reaction",
        sa.Column("post_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("emoji", sa.String(), nullable=False),
        sa.Column("reacted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_reaction_member_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_reaction_post_id"),
        sa.PrimaryKeyConstraint("post_id", "member_id", name="pk_reaction"),
    )
    op.create_table(
        "member_list",
        sa.Column("outer_id", sa.Integer(), nullable=False),
        sa.Column("inner_id", sa.Integer(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["inner_id"], ["mailing_list.id"], name="fk_member_list_inner_id"),
        sa.ForeignKeyConstraint(["outer_id"], ["mailing_list.id"], name="fk_member_list_outer_id"),
        sa.PrimaryKeyConstraint("outer_id", "inner_id", name="pk_member_list"),
    )
    op.create_index("ix_member_list_inner_id", "member_list", ["inner_id"])
