"""`export member` and `forget`, as an operator meets them."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handlers.facts import id_of
from storage import lists, members, posts
from storage.contents import store_content
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
RAW = b"From: Rose Okafor <rose@home.example>\r\nSubject: Heron\r\n\r\nThe heron is back.\r\n"


@pytest.fixture
def family(om: Operator) -> Operator:
    assert om("list", "create", "family").code == 0
    for person in ("Rose Okafor <rose@home.example>", "Tom Okafor <tom@home.example>"):
        assert om("member", "add", "family", person, "--confirmed").code == 0

    def write(session):  # type: ignore[no-untyped-def]
        rose, family = members.member_of_address(session, "rose@home.example"), lists.list_named(session, "family")
        assert rose is not None
        assert family is not None
        posts.store_post(
            session, list_id=id_of(family), member_id=id_of(rose), author_name="Rose Okafor",
            content_id=store_content(session, RAW, NOW), message_id="<h@home.example>",
            original_message_id="<h@home.example>", in_reply_to="", references=(), subject="Heron",
            written_at=NOW, received_at=NOW, now=NOW,
        )  # fmt: skip

    with om.opened() as community:
        community.database.write(write)
    return om


def test_export_has_all_rows_and_her_mails(family: Operator, tmp_path: Path) -> None:
    file = tmp_path / "rose.zip"
    answer = family("export", "member", "rose@home.example", str(file))
    assert (answer.code, answer.err) == (0, "")
    assert "Rose Okafor" in answer.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        document = json.loads(archive.read("everything.json"))
        assert archive.read("posts/1.eml") == RAW
    assert document["about"]["addresses"] == ["rose@home.example"]
    assert document["kept"]["membership"][0]["status"] == "active"
    assert "tom@home.example" not in json.dumps(document)


def test_export_never_writes_over_a_file(family: Operator, tmp_path: Path) -> None:
    file = tmp_path / "rose.zip"
    file.write_bytes(b"precious")
    assert "is there already" in family("export", "member", "rose@home.example", str(file)).error
    assert file.read_bytes() == b"precious"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["rose.zip"]


def test_export_of_nobody(family: Operator, tmp_path: Path) -> None:
    error = family("export", "member", "rosa@home.example", str(tmp_path / "x.zip")).error
    assert "did you mean rose@home.example?" in error
    assert list(tmp_path.glob("*.zip")) == []


def test_forget_asks(family: Operator) -> None:
    before = family.state()
    answer = family("forget", "rose@home.example", typed="n\n")
    assert answer.code == 1
    assert "Erase Rose Okafor, with posts: 1, lists: 1?" in answer.err
    assert family.state() == before


def test_forget_leaves_nothing_in_home(family: Operator) -> None:
    answer = family("forget", "Rose@Home.example", "--yes")
    assert (answer.code, answer.err) == (0, "")
    assert "Backups" in answer.out
    for file in family.home.rglob("*"):
        content = file.read_bytes().lower() if file.is_file() else b""
        assert not [trace for trace in (b"rose@home", b"rose okafor", b"rose.okafor", b"heron") if trace in content], (
            file
        )
    assert [each["address"] for each in family("member", "ls", "family", "--json").json] == ["tom@home.example"]
    assert family("thread", "ls", "family", "--json").json == []
    assert "there is no member" in family("forget", "rose@home.example", "--yes").error
    assert family("doctor", "--json").code in (0, 1)
