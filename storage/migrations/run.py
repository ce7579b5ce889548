"""Bring a database to the newest revision."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

UPGRADE_LOCK = 0x6F6D5F7570
"""The advisory lock of PostgreSQL under which one program migrates ("om_up")."""


def migrate(engine: Engine) -> None:
    """Migrate to head, in one transaction: an interrupted one changes nothing, and a second one waits for the first.

    On SQLite the engine begins with BEGIN IMMEDIATE (engines.writing_engine), which is the lock.
    """
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
