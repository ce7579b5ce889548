"""Whose mailbox it is, where it is read, and what is known about its provider."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from handlers.one_mailbox import OneMailbox
from organic_mail.config import Settings
from organic_mail.imap_profile import (
    ImapPlace,
    imap_place,
    imap_secret,
    is_providers,
    mailbox_address,
    own_mailbox,
    provider_of,
)
from organic_mail.problem import Problem
from storage.database import Database
from storage.mailboxes import learn_plus


def settings(imap: str, *, smarthost: str = "smtp://127.0.0.1:25", **sections: Any) -> Settings:
    return Settings(
        community={"domain": "oak.invalid"},
        delivery={"transport": "mailbox", "smarthost": smarthost},
        mailbox={"imap": imap, "password_file": "secret"},
        **sections,
    )


@pytest.mark.parametrize(
    ("imap", "place"),
    [
        ("imaps://a%40b.example@imap.b.example", ImapPlace("imap.b.example", 993, True, "a@b.example")),
        ("imaps://a@b.example@imap.b.example:9993", ImapPlace("imap.b.example", 9993, True, "a@b.example")),
        ("imap://a@127.0.0.1", ImapPlace("127.0.0.1", 143, False, "a")),
        ("imap://a@[::1]:1143", ImapPlace("::1", 1143, False, "a")),
        ("imaps://a@b.example;AUTH=xoauth2@i.example", ImapPlace("i.example", 993, True, "a@b.example", "XOAUTH2")),
    ],
)
def test_where_it_is(imap: str, place: ImapPlace) -> None:
    assert imap_place(settings(imap)) == place


def test_encryption_is_checked_but_on_this_machine() -> None:
    there = ImapPlace("imap.b.example", 993, True, "a").context()
    here = ImapPlace("127.0.0.1", 993, True, "a").context()
    assert there is not None
    assert here is not None
    assert (there.verify_mode, there.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (here.verify_mode, here.check_hostname) == (ssl.CERT_NONE, False)
    assert ImapPlace("127.0.0.1", 143, False, "a").context() is None


@pytest.mark.parametrize(
    ("imap", "smarthost", "address"),
    [
        ("imaps://a%40b.example@imap.b.example", "smtp://127.0.0.1:25", "a@b.example"),
        ("imaps://a@imap.b.example", "submission://a%40c.example@smtp.b.example", "a@c.example"),
        ("imaps://a@imap.b.example", "submission://a%40c.example;AUTH=XOAUTH2@smtp.b.example", "a@c.example"),
        ("imap://a@127.0.0.1", "smtp://127.0.0.1:25", "a@oak.invalid"),
    ],
)
def test_its_address(imap: str, smarthost: str, address: str) -> None:
    assert mailbox_address(settings(imap, smarthost=smarthost)) == address


def test_a_name_that_is_no_address() -> None:
    with pytest.raises(Problem, match="no whole address"):
        mailbox_address(settings("imaps://a@imap.b.example"))


def test_the_password_is_read_each_time(tmp_path: Path) -> None:
    mailbox = {"imap": "imap://a@127.0.0.1", "password_file": str(tmp_path / "secret")}
    chosen = Settings(community={"domain": "oak.invalid"}, delivery={"transport": "mailbox"}, mailbox=mailbox)
    for secret in ("one", "two"):
        (tmp_path / "secret").write_text(f"{secret}\n")
        assert imap_secret(chosen) == secret


def test_what_is_known_of_providers() -> None:
    assert provider_of("Box@GMail.com").plus is True
    assert provider_of("box@b.example").plus is None


@pytest.mark.parametrize(
    ("address", "named", "authserv_id", "trusted"),
    [
        ("a@gmail.com", "", "mx.google.com", True),
        ("a@gmail.com", "", "mx.evil.example", False),
        ("a@fastmail.com", "", "mx5.messagingengine.com", True),
        ("a@fastmail.com", "", "messagingengine.com.evil.example", False),
        ("a@fastmail.com", "", "evilmessagingengine.com", False),
        ("a@b.example", "", "mx.b.example", False),
        ("a@b.example", "", "", False),
        ("a@b.example", "MX.b.example", "mx.b.example", True),
        ("a@gmail.com", "mx.b.example", "mx.google.com", False),
    ],
)
def test_whose_results_are_believed(address: str, named: str, authserv_id: str, trusted: bool) -> None:
    chosen = settings(f"imaps://{address}@imap.b.example", smtp={"trusted_authserv_id": named})
    assert is_providers(chosen, authserv_id) is trusted


def test_plus_is_known_or_learned(database: Database) -> None:
    assert own_mailbox(settings("imaps://a@gmail.com@imap.gmail.com"), database) == OneMailbox("a@gmail.com", plus=True)
    ours = settings("imaps://A@b.example@imap.b.example")
    assert own_mailbox(ours, database) == OneMailbox("A@b.example", plus=False)
    database.write(lambda session: learn_plus(session, "a@b.example"))
    assert own_mailbox(ours, database) == OneMailbox("A@b.example", plus=True)
    assert own_mailbox(Settings(community={"domain": "oak.example"}), database) is None
