"""The tables of what people say about themselves, as the first revision makes them; a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)


def create_people_tables() -> None:
    op.create_table(
        "listing",
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_listing_membership_id"),
        sa.PrimaryKeyConstraint("membership_id", name="pk_listing"),
    )
    op.create_table(
        "vouching",
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("voucher_id", sa.Integer(), nullable=False),
        sa.Column("vouched_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_vouching_membership_id"),
        sa.ForeignKeyConstraint(["voucher_id"], ["member.id"], name="fk_vouching_voucher_id"),
        sa.PrimaryKeyConstraint("membership_id", name="pk_vouching"),
    )
    op.create_index("ix_vouching_voucher_id", "vouching", ["voucher_id"])
    op.create_table(
        "asked_member",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_asked_member_member_id"),
        sa.ForeignKeyConstraint(["token"], ["question.token"], name="fk_asked_member_token"),
        sa.PrimaryKeyConstraint("token", "member_id", name="pk_asked_member"),
    )
    op.create_table(
        "data_wish",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("in_reply_to", sa.String(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_data_wish_list_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_data_wish_member_id"),
        sa.PrimaryKeyConstraint("member_id", "day", name="pk_data_wish"),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("erased_at", MOMENT, nullable=False),
        sa.Column("swept_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
    )
    op.create_table(
        "past_alias",
        sa.Column("mark", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_past_alias"),
    )
    op.create_table(
        "daily_note",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("read_to", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("list_id", "day", name="pk_daily_note"),
    )
    op.create_table(
        "list_words",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("welcome", sa.String(), nullable=False),
        sa.Column("goodbye", sa.String(), nullable=False),
        sa.Column("welcomes", sa.Boolean(), nullable=False),
        sa.Column("goodbyes", sa.Boolean(), nullable=False),
        sa.Column("tell_owners", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_list_words_list_id"),
        sa.PrimaryKeyConstraint("list_id", name="pk_list_words"),
    )
