"""How alembic reaches the database: through the connection that run.migrate gives it."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import storage.every_model  # noqa: F401 - SQLModel.metadata knows the tables once they are loaded

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
