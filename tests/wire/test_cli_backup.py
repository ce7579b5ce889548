"""backup and restore: taken under load, and nothing sent again without review (spec/mail.md §5.2 R18)."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import zstandard

from storage.models import DeliveryState
from storage.queue import Settled, claim, settle
from tests.conftest import PostgresServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import ROOT, daemon, until

__all__ = ["empty_home", "om"]

PEOPLE = ("Anna Lindqvist <anna@home.example>", "Olu Okafor <olu@home.example>")


@pytest.fixture
def family(om: Operator) -> Operator:
    """Anna and Olu are on family; Olu's welcome could not be sent yet."""
    om("list", "create", "family")
    assert om("member", "add", "family", PEOPLE[0], "--confirmed", "--quiet").code == 0
    assert om("member", "add", "family", PEOPLE[1], "--confirmed").code == 0
    now = datetime.now(UTC)
    with om.opened() as opened:
        (welcome,) = opened.database.write(lambda session: claim(session, who="h:1:1", now=now))
        later = Settled(welcome.id, DeliveryState.DEFERRED, "450 later", now + timedelta(days=1))
        opened.database.write(lambda session: settle(session, [later], now))
    return om


@pytest.fixture
def elsewhere(tmp_path: Path) -> Operator:
    """Another machine, with nothing on it yet."""
    return Operator(tmp_path / "elsewhere" / "home")


def taken_of(om: Operator, tmp_path: Path) -> Path:
    file = tmp_path / "oak.tar.zst"
    answer = om("backup", str(file))
    assert (answer.code, answer.err) == (0, "")
    return file


def entries_of(file: Path) -> dict[str, bytes]:
    unpacked = zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read()
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def pack(file: Path, *entries: tuple[tarfile.TarInfo | str, bytes]) -> Path:
    unpacked = io.BytesIO()
    with tarfile.open(fileobj=unpacked, mode="w") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name) if isinstance(name, str) else name
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    file.write_bytes(zstandard.compress(unpacked.getvalue()))
    return file


class TestBackup:
    def test_holds_everything_and_is_for_its_owner_alone(self, family: Operator, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            file = taken_of(family, tmp_path)
        finally:
            os.umask(before)
        assert file.stat().st_mode & 0o777 == 0o600
        entries = entries_of(file)
        manifest = json.loads(entries["manifest.json"])
        assert set(manifest["files"]) == set(entries) - {"manifest.json"}
        assert manifest["domain"] == "oak.example"
        assert (manifest["counts"]["member"], manifest["counts"]["delivery"]) == (2, 1)
        for path in (family.home / "organic-mail.toml", *family.home.glob("keys/*")):
            assert entries[str(path.relative_to(family.home))] == path.read_bytes()
        assert {path.name for path in tmp_path.iterdir()} == {"home", "oak.tar.zst"}

    def test_asks_before_it_writes_over_a_file(self, family: Operator, tmp_path: Path) -> None:
        file = tmp_path / "letters"
        file.write_text("dear")
        assert family("backup", str(file)).err.endswith(
            "error: nothing changed; to do it without being asked, add --yes\n"
        )
        assert family("backup", str(file), typed="no\n").code == 1
        assert file.read_text() == "dear"
        assert family("backup", str(file), typed="y\n").code == 0
        assert family("backup", str(file), "--yes").code == 0
        assert "manifest.json" in entries_of(file)

    def test_leaves_nothing_behind_when_it_fails(
        self, family: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert "make room, or name a file elsewhere" in family("backup", str(tmp_path / "oak")).error
        assert {path.name for path in tmp_path.iterdir()} == {"home"}

    @pytest.mark.parametrize(("name", "cure"), [("", "name a file in it"), ("none/oak", "name a file elsewhere")])
    def test_a_place_that_cannot_be_written(self, family: Operator, tmp_path: Path, name: str, cure: str) -> None:
        assert cure in family("backup", str(tmp_path / name)).error

    def test_a_damaged_database_is_no_backup(self, family: Operator, tmp_path: Path) -> None:
        with closing(sqlite3.connect(family.home / "community.db")) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("DELETE FROM member WHERE id = 1")
            connection.commit()
        assert "the database is damaged" in family("backup", str(tmp_path / "oak")).error
        assert not (tmp_path / "oak").exists()


class TestRestore:
    def test_brings_everything_back(self, family: Operator, elsewhere: Operator, tmp_path: Path) -> None:
        said = elsewhere("restore", str(taken_of(family, tmp_path)))
        assert (said.code, said.err) == (0, "")
        assert "organic-mail queue retry ID… or --all" in said.out
        assert {path.stat().st_mode & 0o777 for path in [elsewhere.home, *elsewhere.home.rglob("*")]} == {0o600, 0o700}
        for words in (("member", "ls", "family"), ("keys", "ls"), ("list", "show", "family"), ("dns", "show")):
            assert elsewhere(*words, "--json").json == family(*words, "--json").json
        (row,) = elsewhere("queue", "ls", "--json").json
        assert (row["state"], row["last_reply"][:6]) == ("held", "review")
        assert "was restored; deliveries held for review: 1" in elsewhere("log").out

    def test_refuses_a_home_in_use(self, family: Operator, tmp_path: Path) -> None:
        file, before = taken_of(family, tmp_path), family.state()
        assert "is a community already; choose another place" in family("restore", str(file)).error
        assert family.state() == before

    def test_a_file_that_was_cut_off(self, family: Operator, elsewhere: Operator, tmp_path: Path) -> None:
        file = taken_of(family, tmp_path)
        whole = file.read_bytes()
        for length in range(0, len(whole), len(whole) // 20):
            file.write_bytes(whole[:length])
            assert "is no backup of Organic Mail, or was cut off" in elsewhere("restore", str(file)).error
        assert not elsewhere.home.exists()

    @pytest.mark.parametrize(
        "name", ["../evil", "/tmp/evil", "keys/../../evil", "keys/", "keys/.x", "else", "keys/a/b"]
    )
    def test_a_name_that_leads_elsewhere(self, elsewhere: Operator, tmp_path: Path, name: str) -> None:
        file = pack(tmp_path / "oak", (name, b"evil"))
        assert "which no backup has" in elsewhere("restore", str(file)).error
        assert not list(tmp_path.rglob("*evil*"))
        assert not elsewhere.home.exists()

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
    def test_something_that_is_no_file(self, elsewhere: Operator, tmp_path: Path, kind: bytes) -> None:
        entry = tarfile.TarInfo("keys/hmac-1.key")
        entry.type, entry.linkname = kind, "/etc/passwd"
        assert "which no backup has" in elsewhere("restore", str(pack(tmp_path / "oak", (entry, b"")))).error

    @pytest.mark.parametrize("name", ["organic-mail.toml", "keys/hmac-1.key", "community.db"])
    def test_a_file_that_was_changed(self, family: Operator, elsewhere: Operator, tmp_path: Path, name: str) -> None:
        entries = entries_of(taken_of(family, tmp_path))
        entries[name] = entries[name][:-1] + bytes([entries[name][-1] ^ 1])
        file = pack(tmp_path / "changed", *entries.items())
        assert "its contents do not match its manifest" in elsewhere("restore", str(file)).error
        del entries[name]
        file = pack(tmp_path / "missing", *entries.items())
        assert "its contents do not match its manifest" in elsewhere("restore", str(file)).error
        assert not elsewhere.home.exists()

    @pytest.mark.parametrize(
        ("change", "cure"),
        [
            ({"format": 2, "program": "9.9"}, "was written by a newer organic-mail (9.9); restore it with that one"),
            ({"counts": {}}, "has other rows than its manifest says"),
            ({"files": None}, "do not match its manifest"),
        ],
    )
    def test_a_manifest_that_says_something_else(
        self, family: Operator, elsewhere: Operator, tmp_path: Path, change: dict[str, object], cure: str
    ) -> None:
        entries = entries_of(taken_of(family, tmp_path))
        entries["manifest.json"] = json.dumps(json.loads(entries["manifest.json"]) | change).encode()
        said = elsewhere("restore", str(pack(tmp_path / "changed", *entries.items())))
        assert cure in said.error

    @pytest.mark.parametrize("manifest", [b"", b"{}", b"[]", b"\xff", b"1"])
    def test_a_manifest_that_is_none(self, elsewhere: Operator, tmp_path: Path, manifest: bytes) -> None:
        file = pack(tmp_path / "oak", ("manifest.json", manifest))
        assert "is no backup of Organic Mail" in elsewhere("restore", str(file)).error

    def test_a_file_that_is_not_there(self, elsewhere: Operator) -> None:
        assert "No such file or directory" in elsewhere("restore", "/none").error
        assert not elsewhere.home.exists()

    def test_a_database_outside_of_home_is_not_written_over(
        self, family: Operator, elsewhere: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = taken_of(family, tmp_path)
        monkeypatch.setenv("ORGANIC_MAIL__DATABASE__URL", f"sqlite:///{tmp_path}/data/oak.db")
        assert elsewhere("restore", str(file)).code == 0
        assert len(elsewhere("member", "ls", "family", "--json").json) == 2
        assert "oak.db is there already: move it away" in Operator(tmp_path / "third")("restore", str(file)).error


def test_from_sqlite_to_postgresql_and_back(
    family: Operator, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon(family.home, "--only", "receive") as running:
        assert running.send(mail()) == 250
    first = taken_of(family, tmp_path)
    shown = [family(*words, "--json").json for words in (("thread", "ls", "family"), ("member", "ls", "family"))]
    on_postgresql, on_sqlite = Operator(tmp_path / "postgresql"), Operator(tmp_path / "sqlite")
    monkeypatch.setenv("ORGANIC_MAIL__DATABASE__URL", postgres_server.new_database("template0"))
    assert on_postgresql("restore", str(first)).code == 0
    assert "holds a community already" in Operator(tmp_path / "second")("restore", str(first)).error
    assert on_postgresql("list", "create", "garden").code == 0  # new rows have numbers of their own
    assert on_postgresql("post", "show", "1", "--raw").raw == family_post(family)
    second = tmp_path / "second.tar.zst"
    assert on_postgresql("backup", str(second)).code == 0
    monkeypatch.setenv("ORGANIC_MAIL__DATABASE__URL", "sqlite:///community.db")
    assert on_sqlite("restore", str(second)).code == 0
    assert [on_sqlite(*w, "--json").json for w in (("thread", "ls", "family"), ("member", "ls", "family"))] == shown
    assert [each["name"] for each in on_sqlite("list", "ls", "--json").json] == ["family", "garden"]
    assert {row["state"] for row in on_sqlite("queue", "ls", "--json").json} == {"held"}


def family_post(family: Operator) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ORGANIC_MAIL__DATABASE__URL")
        return family("post", "show", "1", "--raw").raw


def test_under_load_no_post_is_lost_and_nothing_is_sent_again(
    family: Operator, elsewhere: Operator, tmp_path: Path
) -> None:
    file, enough, acknowledged = tmp_path / "oak.tar.zst", Event(), list[int]()

    def write_posts(first: int) -> None:
        number = first
        while not enough.is_set():
            assert running.send(mail(subject=f"Post {number}", message_id=f"<{number}@home.example>")) == 250
            acknowledged.append(number)
            number += 1

    with daemon(family.home) as running, ThreadPoolExecutor(3) as writers:
        writing = [writers.submit(write_posts, first) for first in (10_000, 20_000, 30_000)]
        try:
            until(lambda: len(acknowledged) >= 30 or any(each.done() for each in writing))
            for _ in range(3):  # the last one is kept
                before = set(acknowledged)
                assert family("backup", str(file), "--yes").code == 0
            until(lambda: len(acknowledged) > len(before) + 10 or any(each.done() for each in writing))
        finally:
            enough.set()
        for each in writing:
            each.result()
        assert running.end() == 0
    assert elsewhere("restore", str(file)).code == 0
    threads = elsewhere("thread", "ls", "family", "--json").json
    assert before <= {int(thread["subject"].removeprefix("Post ")) for thread in threads}
    rows = elsewhere("queue", "ls", "--json").json
    assert {row["state"] for row in rows} == {"held"}
    with daemon(elsewhere.home) as running:
        assert running.send(mail(subject="A new one", message_id="<new@home.example>")) == 250
        copies = until(lambda: found if len(found := running.copies()) >= 2 else None)
        assert [b"Subject: A new one" in raw for _, raw in copies] == [True, True]
        assert elsewhere("queue", "retry", "--all").code == 0
        until(lambda: len(running.copies()) == 2 + len(rows))
        assert running.end() == 0
    assert elsewhere("queue", "ls", "--json").json == []


def test_no_table_is_forgotten(family: Operator, tmp_path: Path) -> None:
    """PostgreSQL's are copied one by one: all that the schema has must be known, whatever else is imported."""
    script = "import storage.snapshot, sqlmodel; print(*sqlmodel.SQLModel.metadata.tables)"
    known = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    manifest = json.loads(entries_of(taken_of(family, tmp_path))["manifest.json"])
    assert {*known.stdout.split(), "alembic_version"} == set(manifest["counts"])
