"""Copies as files: nothing leaves the folder, nothing is half there, signatures verify on the bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.reply import Reply
from organic_mail.maildir import MaildirLine, folder_name, store
from organic_mail.smtp_client import Outgoing
from organic_mail.smtp_wire import wire_form


def outgoing(recipient: str, body: bytes = b"See you.\r\n") -> Outgoing:
    return Outgoing("b-1@oak.example", recipient, b"Subject: Sunday\r\n\r\n", wire_form(body), eight_bit=False)


def test_a_copy_is_a_file_in_new_with_the_bytes_of_the_wire(tmp_path: Path) -> None:
    body = b".\r\n..two\r\n.hidden\r\n"
    file = store(tmp_path, outgoing("anna@example.org", body))
    assert file.parent == tmp_path / "anna@example.org" / "new"
    assert file.read_bytes() == (
        b"Return-Path: <b-1@oak.example>\r\nDelivered-To: anna@example.org\r\nSubject: Sunday\r\n\r\n" + body
    )
    assert list((tmp_path / "anna@example.org" / "tmp").iterdir()) == []
    assert (tmp_path / "anna@example.org" / "cur").is_dir()


def test_two_copies_never_share_a_file(tmp_path: Path) -> None:
    assert len({store(tmp_path, outgoing("anna@example.org")) for _ in range(50)}) == 50


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_no_recipient_reaches_another_folder(one: str, other: str) -> None:
    try:
        names = {folder_name(one), folder_name(other)}
    except UnicodeEncodeError:
        return
    assert len(names) == len({one, other})
    for name in names:
        assert "/" not in name
        assert "\0" not in name
        assert not name.startswith(".")


@pytest.mark.parametrize("recipient", ["../../etc/cron.d/x@example.org", "..", ".", "a/b@example.org", "x\0y@e.org"])
def test_a_path_in_an_address_stays_below_the_root(recipient: str, tmp_path: Path) -> None:
    root = tmp_path / "mail"
    file = store(root, outgoing(recipient))
    assert file.resolve().parent.parent.parent == root.resolve()
    assert [entry.name for entry in tmp_path.iterdir()] == ["mail"]


def test_a_full_or_closed_disk_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"a file where the folder should be")
    reply = asyncio.run(MaildirLine(tmp_path / "mail").send(outgoing("anna@example.org")))
    assert (reply.code, reply.enhanced) == (451, "4.3.0")


def test_a_failing_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path, outgoing("anna@example.org")).unlink()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    reply = asyncio.run(MaildirLine(tmp_path).send(outgoing("anna@example.org")))
    assert reply.code == 451
    assert "No space left" in reply.text
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == []


def test_an_endless_address_is_refused_for_good(tmp_path: Path) -> None:
    reply = asyncio.run(MaildirLine(tmp_path).send(outgoing("\u00e4" * 64 + "@" + "b" * 200)))
    assert reply == Reply(553, "5.1.3", "the address is too long for a folder")
