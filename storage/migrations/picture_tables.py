"""The table of pictures, as the first revision makes it; a part of it in a module of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create_picture_tables() -> None:
    op.create_table(
        "picture_look",
        sa.Column("content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("colours", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["message.id"], name="fk_picture_look_content_id"),
        sa.PrimaryKeyConstraint("content_id", "part", name="pk_picture_look"),
    )
    op.create_index("ix_picture_look_sha256", "picture_look", ["sha256"])
