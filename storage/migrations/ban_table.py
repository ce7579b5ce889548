"""The table of bans, as the first revision makes it; a part of it in a module of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create_ban_table() -> None:
    op.create_table(
        "ban",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=True),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_ban_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ban"),
    )
    op.create_index("ix_ban_pattern", "ban", ["pattern"])
