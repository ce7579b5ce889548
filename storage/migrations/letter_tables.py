"""The tables of the letter, as the first revision makes them; a part of it in a module of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(16)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_letter_tables() -> None:
    op.create_table(
        "letter_edition",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("content_id", BIG_ID, nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("written_on", sa.Date(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("memory_post_id", BIG_ID, nullable=True),
        sa.Column("rest_of", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_letter_edition_content_id"),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_letter_edition_list_id"),
        sa.ForeignKeyConstraint(["memory_post_id"], ["post.id"], name="fk_letter_edition_memory_post_id"),
        sa.ForeignKeyConstraint(["rest_of"], ["letter_edition.id"], name="fk_letter_edition_rest_of"),
        sa.PrimaryKeyConstraint("id", name="pk_letter_edition"),
    )
    op.create_index("ix_letter_edition_content_id", "letter_edition", ["content_id"])
    op.create_index("ix_letter_edition_made_at", "letter_edition", ["made_at"])
    op.create_index("ix_letter_edition_memory_post_id", "letter_edition", ["memory_post_id"])
    op.create_table(
        "letter_entry",
        sa.Column("edition_id", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("thread_id", BIG_ID, nullable=False),
        sa.Column("first_post_id", BIG_ID, nullable=False),
        sa.Column("last_post_id", BIG_ID, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["letter_edition.id"], name="fk_letter_entry_edition_id"),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name="fk_letter_entry_thread_id"),
        sa.PrimaryKeyConstraint("edition_id", "number", name="pk_letter_entry"),
    )
    op.create_index("ix_letter_entry_thread", "letter_entry", ["thread_id"])
    op.create_table(
        "letter",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("edition_id", BIG_ID, nullable=False),
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("read_from", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["letter_edition.id"], name="fk_letter_edition_id"),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_letter_membership_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letter"),
        sa.UniqueConstraint("membership_id", "day", name="ux_letter_day"),
        sa.UniqueConstraint("message_id", name="uq_letter_message_id"),
    )
    op.create_index("ix_letter_edition", "letter", ["edition_id"])
    op.create_table(
        "letter_reader",
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("read_to", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_letter_reader_membership_id"),
        sa.PrimaryKeyConstraint("membership_id", name="pk_letter_reader"),
    )
    op.create_table(
        "letter_wish",
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("edition_id", BIG_ID, nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["letter_edition.id"], name="fk_letter_wish_edition_id"),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_letter_wish_membership_id"),
        sa.PrimaryKeyConstraint("membership_id", name="pk_letter_wish"),
    )
    op.create_table(
        "letter_button",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("post_id", BIG_ID, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_letter_button_list_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_letter_button_post_id"),
        sa.PrimaryKeyConstraint("token", name="pk_letter_button"),
        sa.UniqueConstraint("post_id", "kind", name="ux_letter_button"),
    )
    op.create_table(
        "letter_answer",
        sa.Column("post_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("content_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_letter_answer_content_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_letter_answer_post_id"),
        sa.PrimaryKeyConstraint("post_id", name="pk_letter_answer"),
    )
    op.create_index("ix_letter_answer_content_id", "letter_answer", ["content_id"])
    op.create_table(
        "hidden_memory",
        sa.Column("post_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("hidden_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_hidden_memory_post_id"),
        sa.PrimaryKeyConstraint("post_id", name="pk_hidden_memory"),
    )
    op.create_table(
        "muted_thread",
        sa.Column("thread_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("muted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_muted_thread_member_id"),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name="fk_muted_thread_thread_id"),
        sa.PrimaryKeyConstraint("thread_id", "member_id", name="pk_muted_thread"),
    )
    op.create_index("ix_muted_thread_member_id", "muted_thread", ["member_id"])
