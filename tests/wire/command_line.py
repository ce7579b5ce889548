"""The command line as an operator meets it: words in; exit code, stdout and stderr out."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from organic_mail.cli.main import run
from organic_mail.home import Opened, open_home

DOMAIN = "oak.example"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        assert self.err == ""
        return json.loads(self.raw)

    @property
    def error(self) -> str:
        """The one line that says what is wrong; nothing was printed but that."""
        assert self.code == 1
        assert self.raw == b""
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a shell, with a HOME of a community of her own."""

    home: Path

    def __call__(self, *words: str, typed: str = "") -> Answer:
        """Run `organic-mail --home HOME WORDS…`; `typed` is what comes on standard input."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["organic-mail", "--home", str(self.home), *words])
            patch.setattr(sys, "stdin", io.StringIO(typed))
            code = 0
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    run()
                except SystemExit as end:
                    code = int(end.code or 0)
        return Answer(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def opened(self) -> Iterator[Opened]:
        with open_home(self.home) as opened:
            yield opened

    def state(self) -> bytes:
        """Everything that the database holds, to see that nothing changed."""
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.home / "community.db")) as connection:
            return "\n".join(connection.iterdump()).encode()


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home") / "community"
    made = Operator(home)("init", DOMAIN, "--operator", "olu@example.org")
    assert made.code == 0, made.err
    return home


@pytest.fixture
def om(empty_home: Path, tmp_path: Path) -> Operator:
    """An operator whose community is new."""
    home = tmp_path / "home"
    shutil.copytree(empty_home, home)
    return Operator(home)
