"""The tables of peers and spaces, as the first revision makes them; a part of it in a module of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

MOMENT = sa.DateTime(timezone=True)
IN_USE = sa.text("our_mailbox <> ''")


def create_peer_tables() -> None:
    op.create_table(
        "own_peer_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("next", sa.String(), nullable=False),
        sa.Column("mailbox", sa.String(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_own_peer_key"),
    )
    op.create_table(
        "peer_invite",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("used_by", sa.String(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("token", name="pk_peer_invite"),
    )
    op.create_table(
        "peer",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("is_ours", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in (
                "code_token", "code_key_id", "our_card", "our_nonce", "commit", "their_card", "their_nonce",
                "our_mailbox", "our_epoch", "their_mailbox", "their_epoch", "reason",
            )
        ),
        sa.Column("said_yes", sa.Boolean(), nullable=False),
        sa.Column("they_said_yes", sa.Boolean(), nullable=False),
        sa.Column("wrong_words", sa.Integer(), nullable=False),
        sa.Column("heard_at", MOMENT, nullable=True),
        sa.Column("unproven", sa.Integer(), nullable=False),
        sa.Column("is_refused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_peer"),
    )  # fmt: skip
    op.create_index(
        "ux_peer_our_mailbox", "peer", ["our_mailbox"], unique=True, sqlite_where=IN_USE, postgresql_where=IN_USE
    )
    op.create_table(
        "handshake_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_handshake_day"),
    )
    op.create_table(
        "peer_key",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("next", sa.String(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=True),
        sa.Column("compromised_since", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("domain", "key", name="pk_peer_key"),
    )
    _create_space_tables()


def _create_space_tables() -> None:
    op.create_table(
        "space",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.Column("frozen_at", MOMENT, nullable=True),
        sa.Column("frozen_why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_space"),
    )
    op.create_index("ix_space_name", "space", ["name"])
    op.create_table(
        "space_seat",
        sa.Column("space_id", sa.String(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["mailing_list.id"], name="fk_space_seat_list_id"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name="fk_space_seat_space_id"),
        sa.PrimaryKeyConstraint("space_id", "list_id", name="pk_space_seat"),
    )
    op.create_table(
        "roster",
        sa.Column("space_id", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("block", sa.String(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("space_id", "serial", name="pk_roster"),
    )
    op.create_table(
        "space_invitation",
        sa.Column("space_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("list_name", sa.String(), nullable=False),
        sa.Column("block", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("space_id", "domain", "list_name", name="pk_space_invitation"),
    )
    op.create_table(
        "space_leave",
        sa.Column("space_id", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("erase", sa.Boolean(), nullable=False),
        sa.Column("left_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("space_id", "domain", name="pk_space_leave"),
    )
