"""What tests of several rooms ask for: a name server, and a database on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text

from storage.database import Database
from tests.dns_server import dns_server

__all__ = ["dns_server"]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

CURE = "the storage tests need PostgreSQL's server programs: apt-get install postgresql"


@dataclass(frozen=True)
class Place:
    """Where a database is: what Database.open needs."""

    url: str
    home: Path


class PostgresServer:
    """A throw-away cluster on a socket of its own, without the syncing that only a power failure would miss."""

    def __init__(self) -> None:
        self._programs = _server_programs()
        self._account = _account()
        self._directory = Path(tempfile.mkdtemp(prefix="om-pg-"))
        os.chown(self._directory, self._account.pw_uid, self._account.pw_gid)
        self._numbers = itertools.count()
        try:
            data = self._directory / "data"
            self._run("initdb", "-D", data, "-A", "trust", "-U", "organic", "-E", "UTF8", "--locale=C", "--no-sync")
            options = f"-k {self._directory} -c listen_addresses='' -c fsync=off -c max_connections=60"
            self._run("pg_ctl", "-D", data, "-l", self._directory / "log", "-w", "-o", options, "start")
            Database.create(self.url("postgres"), home=self._directory)  # every test's database is a copy of this one
        except BaseException:
            self.stop()
            raise

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://organic@/{name}?host={self._directory}"

    def new_database(self, template: str = "postgres") -> str:
        name = f"test_{next(self._numbers)}"
        engine = create_engine(self.url("template1"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        engine.dispose()
        return self.url(name)

    def stop(self) -> None:
        subprocess.run(
            [self._programs / "pg_ctl", "-D", self._directory / "data", "-m", "immediate", "stop"],
            user=self._account.pw_uid,
            group=self._account.pw_gid,
            cwd="/",
            capture_output=True,
            check=False,
        )
        shutil.rmtree(self._directory)

    def _run(self, program: str, *arguments: str | Path) -> None:
        """pg_ctl leaves the server running with our output open, so that goes to a file."""
        with (self._directory / "output").open("a+") as output:
            done = subprocess.run(
                [self._programs / program, *arguments],
                user=self._account.pw_uid,
                group=self._account.pw_gid,
                extra_groups=[] if os.geteuid() == 0 else None,
                cwd="/",
                stdout=output,
                stderr=output,
                check=False,
            )
            output.seek(0)
            if done.returncode:
                pytest.fail(f"{program} does not work: {output.read()}")


def _server_programs() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    if not found and not installed:
        pytest.fail(CURE)
    return Path(found).parent if found else installed[-1]


def _account() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    names = [entry.pw_name for entry in pwd.getpwall()]
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("template")
    Database.create("sqlite:///community.db", home=home)
    return home / "community.db"


@pytest.fixture
def sqlite_place(sqlite_template: Path, tmp_path: Path) -> Place:
    shutil.copy(sqlite_template, tmp_path / "community.db")
    return Place("sqlite:///community.db", tmp_path)


@pytest.fixture
def postgres_place(postgres_server: PostgresServer, tmp_path: Path) -> Place:
    return Place(postgres_server.new_database(), tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """Where an empty database of the newest revision is, on each of the two kinds."""
    name = {"sqlite": "sqlite_place", "postgresql": "postgres_place"}[request.param]
    found: Place = request.getfixturevalue(name)
    return found


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """The same, opened as `serve` opens it."""
    opened = Database.open(place.url, home=place.home, owner=True)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(sqlite_place: Place) -> Iterator[Database]:
    """On SQLite only: for what PostgreSQL does otherwise, and for tests of many examples."""
    opened = Database.open(sqlite_place.url, home=sqlite_place.home, owner=True)
    yield opened
    opened.close()


@pytest.fixture
def guest(sqlite_place: Place) -> Iterator[Database]:
    """The command line beside `serve`, on the same file."""
    opened = Database.open(sqlite_place.url, home=sqlite_place.home, owner=False)
    yield opened
    opened.close()
