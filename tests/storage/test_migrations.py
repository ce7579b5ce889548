"""The migrations make exactly the tables of the models."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from storage.engines import database_url, writing_engine
from storage.migrations.revisions import HEAD


def test_migrated_database_is_what_the_models_say(place):
    engine = writing_engine(database_url(place.url, home=place.home), checkpoints=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()
