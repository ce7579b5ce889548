"""The table of what may come again after a restore, as the first revision makes it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_repeat_tables() -> None:
    op.create_table(
        "repeated_post",
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("post_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("came_at", MOMENT, nullable=False),
        sa.Column("letter_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_repeated_post_letter_id"),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_repeated_post_membership_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_repeated_post_post_id"),
        sa.PrimaryKeyConstraint("membership_id", "post_id", name="pk_repeated_post"),
    )
    op.create_index("ix_repeated_post_letter_id", "repeated_post", ["letter_id"])
    op.create_index("ix_repeated_post_post_id", "repeated_post", ["post_id"])
