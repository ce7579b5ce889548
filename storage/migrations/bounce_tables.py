"""The tables of what came back, as the first revision makes them; a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(16)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_bounce_tables() -> None:
    op.create_table(
        "pause",
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("reason", WORD, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name="fk_pause_membership_id"),
        sa.PrimaryKeyConstraint("membership_id", name="pk_pause"),
    )
    op.create_table(
        "bounce",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("blame", WORD, nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("judged", sa.Boolean(), nullable=False),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bounce"),
    )
    op.create_index("ix_bounce_at", "bounce", ["at"])
    fresh = sa.text("NOT judged")
    op.create_index("ix_bounce_fresh", "bounce", ["at"], sqlite_where=fresh, postgresql_where=fresh)
    op.create_index("ix_bounce_mark", "bounce", ["mark"])
    op.create_index("ix_bounce_run", "bounce", ["run"])
    op.create_table(
        "suppression",
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("next_probe_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("mark", name="pk_suppression"),
    )
    op.create_index("ix_suppression_member_id", "suppression", ["member_id"])
    op.create_index("ix_suppression_next_probe_at", "suppression", ["next_probe_at"])
