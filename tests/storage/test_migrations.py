"""The migrations make exactly the tables of the models, once, whoever runs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlmodel import SQLModel

from storage.database import Database
from storage.engines import database_url, writing_engine
from storage.migrations.revisions import HEAD, REVISIONS, release_of
from storage.migrations.run import migrate
from tests.conftest import Place, PostgresServer


def test_a_migrated_database_is_what_the_models_say(place: Place) -> None:
    engine = writing_engine(database_url(place.url, home=place.home), checkpoints=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_partial_indexes_have_their_conditions(place: Place, postgres_server: PostgresServer, tmp_path: Path) -> None:
    """Which compare_metadata does not see: the text of each index is that of the models' own."""
    migrated = writing_engine(database_url(place.url, home=place.home), checkpoints=False)
    if migrated.dialect.name == "sqlite":
        made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
        query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name != 'alembic_version'"
    else:
        made = create_engine(postgres_server.new_database("template1"))
        query = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename != 'alembic_version'"
        )
        _say_conditions_to_postgresql()
    SQLModel.metadata.create_all(made)
    texts = []
    for engine in (made, migrated):
        with engine.connect() as connection:
            texts.append({name: " ".join(str(sql).split()) for name, sql in connection.execute(text(query))})
        engine.dispose()
    indexes = {name: sql for name, sql in texts[0].items() if " INDEX " in sql}
    assert len(indexes) > 15
    assert indexes == {name: texts[1].get(name) for name in indexes}
    assert texts[0].keys() == texts[1].keys()


def _say_conditions_to_postgresql() -> None:
    for table in SQLModel.metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


def test_migrating_again_changes_nothing(place: Place) -> None:
    engine = writing_engine(database_url(place.url, home=place.home), checkpoints=False)
    migrate(engine)
    engine.dispose()
    assert Database.upgrade(place.url, home=place.home) == (HEAD, HEAD)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_upgrades_at_once(kind: str, postgres_server: PostgresServer, tmp_path: Path) -> None:
    """One waits for the other, and finds everything done."""
    (tmp_path / "community.db").touch(0o600)
    url = "sqlite:///community.db" if kind == "sqlite" else postgres_server.new_database("template1")
    engines = [writing_engine(database_url(url, home=tmp_path), checkpoints=False, busy_seconds=60) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(migrate, engines))
    for engine in engines:
        engine.dispose()
    Database.open(url, home=tmp_path, owner=False).close()


def test_an_interrupted_upgrade_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "community.db").touch(0o600)
    engine = writing_engine(database_url("sqlite:///community.db", home=tmp_path), checkpoints=False)
    monkeypatch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrate(engine)
    assert inspect(engine).get_table_names() == []
    monkeypatch.undo()
    migrate(engine)
    engine.dispose()
    Database.open("sqlite:///community.db", home=tmp_path, owner=False).close()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_older_database_is_upgraded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(place.url, home=place.home, owner=False)
    database.write(lambda session: session.connection().execute(text("UPDATE alembic_version SET version_num = 'old'")))
    database.close()
    monkeypatch.setattr("storage.database.REVISIONS", ("old", *REVISIONS))
    asked = []
    monkeypatch.setattr("storage.migrations.run.migrate", asked.append)
    assert Database.upgrade(place.url, home=place.home) == ("old", HEAD)
    assert len(asked) == 1


def test_the_revisions_that_opening_knows_are_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(reversed([script.revision for script in scripts])) == REVISIONS
    assert [release_of(revision) for revision in REVISIONS] == ["0.1.0"]
    assert release_of("abc") == ""
