"""A fault of ours, from the wire to the operator and back: the sender keeps the mail, and so do we."""

from __future__ import annotations

import os
import smtplib
from typing import Any

import pytest

from organic_mail import first_readers, receive
from organic_mail.resolver import Resolver
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail, port_of, serving
from tests.wire.daemons import PATIENCE

__all__ = ["empty_home", "om"]


@pytest.fixture
def family(om: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    om("list", "create", "family")
    om("member", "add", "family", "Anna Lindqvist <anna@home.example>", "--confirmed", "--quiet")
    monkeypatch.setenv("ORGANIC_MAIL__SMTP__LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("ORGANIC_MAIL__SMTP__AUTHENTICATION", "off")
    return om


def break_us(patch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    patch.setattr(receive, "decide", fail)


def hand_in(om: Operator, raw: bytes, *, times: int) -> list[int]:
    """The answers to a sender who tries again and again."""
    codes = []
    with om.opened() as opened:
        receiver = receive.Receiver(opened.database, opened.settings, opened.secrets, dns=Resolver(["127.0.0.1:1"]))
        with serving(opened.settings, receiver) as doors:
            for _ in range(times):
                with smtplib.SMTP("127.0.0.1", port_of(doors), timeout=PATIENCE) as client:
                    client.ehlo()
                    client.mail("anna@home.example")
                    client.rcpt("family@oak.example")
                    codes.append(client.data(raw)[0])
        receiver.close()
    return codes


def test_it_is_set_aside_once_and_posted_when_it_is_retried(family: Operator) -> None:
    raw = mail()
    with pytest.MonkeyPatch.context() as patch:
        break_us(patch)
        assert hand_in(family, raw, times=3) == [451, 451, 451]
    (row,) = family("shunt", "ls", "--json").json
    assert "RuntimeError" in row["reason"]
    assert family("shunt", "show", str(row["id"])).raw.endswith(raw)
    assert family("thread", "ls", "family", "--json").json == []
    assert family("shunt", "retry", str(row["id"])).code == 0
    assert family("shunt", "ls", "--json").json == []
    (thread,) = family("thread", "ls", "family", "--json").json
    assert (thread["subject"], thread["posts"]) == ("Lunch on Sunday", 1)
    assert hand_in(family, raw, times=1) == [250]  # the sender, who never heard of it
    assert family("thread", "ls", "family", "--json").json[0]["posts"] == 1
    assert "nothing with the number" in family("shunt", "retry", str(row["id"])).error


def test_what_fails_again_stays_until_it_is_dropped(family: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_us(monkeypatch)
    assert hand_in(family, mail(), times=1) == [451]
    (row,) = family("shunt", "ls", "--json").json
    assert "it was not taken this time either: 451" in family("shunt", "retry", str(row["id"])).error
    assert family("shunt", "ls", "--json").json == [row]
    assert family("shunt", "drop", str(row["id"]), "--yes").code == 0
    assert family("shunt", "ls", "--json").json == []


def test_what_kills_a_reader_does_not_kill_the_command(family: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.MonkeyPatch.context() as patch:
        break_us(patch)
        assert hand_in(family, mail("a bomb\r\n"), times=1) == [451]

    def read_through(raw: bytes) -> None:
        if b"a bomb" in raw:
            os._exit(9)

    monkeypatch.setattr(first_readers, "read_through", read_through)
    (row,) = family("shunt", "ls", "--json").json
    assert "it was not taken this time either" in family("shunt", "retry", str(row["id"])).error
    assert family("shunt", "ls", "--json").json == [row]
