"""The table of earlier forms of posts, as the first revision makes it; a part of it in a module of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_form_table() -> None:
    op.create_table(
        "earlier_form",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("post_id", BIG_ID, nullable=False),
        sa.Column("content_id", BIG_ID, nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_earlier_form_content_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_earlier_form_post_id"),
        sa.PrimaryKeyConstraint("id", name="pk_earlier_form"),
    )
    op.create_index("ix_earlier_form_content_id", "earlier_form", ["content_id"])
    op.create_index("ix_earlier_form_post", "earlier_form", ["post_id", "replaced_at"])
