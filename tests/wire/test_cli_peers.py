"""`organic-mail peer` and `organic-mail space` at a shell, where no other server answers."""

from __future__ import annotations

import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from organic_mail.cli import peers as peer_commands
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]

CODE = "om1:elm.example:kzdvvj2umnduyauf:q7m2k5x3d4t6w7z2b4n6p5r2ca"


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_commands, "WAITING_SECONDS", 0.0)


@pytest.fixture
def garden(om: Operator) -> Operator:
    assert om("list", "create", "garden").code == 0
    return om


def states(om: Operator) -> dict[str, str]:
    return {each["domain"]: each["state"] for each in om("peer", "ls", "--json").json}


def test_an_invitation_is_one_word(om: Operator) -> None:
    one, other = om("peer", "invite"), om("peer", "invite")
    assert one.out.startswith("om1:oak.example:")
    assert len(one.out.split()) == 1
    assert one.out != other.out
    assert "peer accept" in one.err


@pytest.mark.parametrize("typed", [[CODE], CODE.upper().split("\0"), [f" {CODE[:20]}", f"{CODE[20:]}\n"]])
def test_accepting_a_code_asks_the_other_server(om: Operator, typed: list[str]) -> None:
    assert om("peer", "accept", *typed).code == 0
    assert states(om) == {"elm.example": "requested"}
    (waiting,) = om("queue", "ls", "--json").json
    assert (waiting["recipient"], waiting["state"]) == ("organic-peer@elm.example", "due")
    again = om("peer", "accept", *typed)
    assert (again.code, len(om("queue", "ls", "--json").json)) == (0, 1)


@pytest.mark.parametrize("code", ["om1:elm.example:short:token", "om2" + CODE[3:], "two words", "a..b", "garbage"])
def test_what_is_no_code_names_the_cure(om: Operator, code: str) -> None:
    before = om.state()
    assert "peer invite" in om("peer", "accept", code).error
    assert om.state() == before


def test_our_own_code_is_for_somebody_else(om: Operator) -> None:
    assert "another one" in om("peer", "accept", om("peer", "invite").out.strip()).error


def test_yes_before_the_other_has_answered_is_kept(om: Operator) -> None:
    om("peer", "accept", CODE)
    assert "nothing changed" in om("peer", "approve", "elm.example").err
    assert om("peer", "approve", "elm.example", "--yes").code == 0
    (peer,) = om("peer", "ls", "--json").json
    assert (peer["you_approved"], peer["they_approved"], peer["state"]) == (True, False, "requested")


def test_who_has_not_asked_cannot_be_approved(om: Operator) -> None:
    assert "has not asked yet" in om("peer", "approve", "elm.example", "--yes").error
    assert "peer ls" in om("peer", "show", "elm.example").error
    assert "peer ls" in om("peer", "suspend", "elm.example").error
    assert "peer ls" in om("peer", "sever", "elm.example", "--yes").error


def test_show_says_it_in_plain_words(om: Operator) -> None:
    om("peer", "accept", CODE)
    said = om("peer", "show", "elm.example").out
    assert "begun to talk" in said
    assert "1 mail waits to go there" in said
    shown = om("peer", "show", "ELM.example", "--json").json
    assert (shown["domain"], shown["waiting"], shown["spaces"]) == ("elm.example", 1, [])


def test_the_keys_are_ours_alone(om: Operator) -> None:
    keys = om.home / "keys"
    for name in ("peer.key", "peer-next.key"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600
    assert "not on this machine" in (keys / "peer-next.key").read_text()


def test_rotation_takes_the_next_key(om: Operator, tmp_path: Path) -> None:
    before = om("peer", "invite").out.split(":")[2]
    keys, safe = om.home / "keys", tmp_path / "stick.key"
    (keys / "peer-next.key").rename(safe)
    assert "peer-next.key cannot be read" in om("peer", "rotate", "--yes").error
    rotated = om("peer", "rotate", "--next", str(safe), "--compromised-since", "2026-11-22T10:00:00Z", "--yes")
    after = om("peer", "invite").out.split(":")[2]
    assert after in rotated.out
    assert after != before
    assert {file.name for file in keys.iterdir() if "peer" in file.name} == {"peer.key", "peer-next.key"}
    assert (keys / "peer-next.key").read_text() != safe.read_text()
    assert "no moment" in om("peer", "rotate", "--compromised-since", "yesterday", "--yes").error


def test_a_home_without_a_key_gets_one(om: Operator) -> None:
    for name in ("peer.key", "peer-next.key"):
        (om.home / "keys" / name).unlink()
    assert "put it back" in om("peer", "invite").error


def test_behind_one_mailbox_there_are_no_peers(om: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORGANIC_MAIL__DELIVERY__TRANSPORT", "mailbox")
    monkeypatch.setenv("ORGANIC_MAIL__MAILBOX__IMAP", "imap://oak@127.0.0.1:1143")
    monkeypatch.setenv("ORGANIC_MAIL__MAILBOX__PASSWORD_FILE", "password")
    assert "domain of their own" in om("peer", "invite").error


def test_a_space_of_one_list(garden: Operator) -> None:
    assert garden("space", "create", "plum-street", "--list", "garden", "--title", "Plum Street").code == 0
    shown = garden("space", "show", "plum-street", "--json").json
    assert (shown["name"], shown["serial"], shown["title"]) == ("plum-street", 1, "Plum Street")
    assert shown["entries"] == [{"domain": "oak.example", "list": "garden", "state": "active", "since": None}]
    assert shown["rules"]["notice"] == 72
    (space,) = garden("space", "ls", "--json").json
    assert (space["name"], space["lists"], space["steward"]) == ("plum-street", ["garden"], "oak.example")
    assert garden("space", "show", "plum-street.spaces.oak.example").out.startswith("Plum Street")


def test_a_drawing(garden: Operator, tmp_path: Path) -> None:
    garden("space", "create", "plum-street", "--list", "garden", "--title", "Plum & <Street>")
    file = tmp_path / "plum.svg"
    assert garden("space", "show", "plum-street", "--graph", str(file)).code == 0
    drawing = ElementTree.parse(file).getroot()
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:2] == ["Plum & <Street>", "oak.example"]  # and below them how to read it


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("create", "plum-help", "--list", "garden"), "address of another list"),
        (("create", "Plum", "--list", "garden"), "lower-case"),
        (("create", "plum.street", "--list", "garden"), "dashes"),
        (("create", "r-plum", "--list", "garden"), "kept for the server"),
        (("create", "plum", "--list", "choir"), "there are: garden"),
        (("invite", "plum", "elm.example", "choir"), "space ls"),
        (("accept", "plum", "--list", "garden"), "space invite"),
        (("show", "plum"), "space ls"),
        (("leave", "plum", "--yes"), "space ls"),
    ],
)
def test_what_cannot_be_names_the_cure(garden: Operator, words: tuple[str, ...], cure: str) -> None:
    before = garden.state()
    assert cure in garden("space", *words).error
    assert garden.state() == before


def test_a_space_needs_its_address_free(garden: Operator) -> None:
    garden("list", "create", "garden-plum")
    assert "garden-plum@ has to be free" in garden("space", "create", "plum", "--list", "garden").error
    garden("space", "create", "pear", "--list", "garden")
    assert "already" in garden("space", "create", "pear", "--list", "garden").error


def test_asking_needs_a_link(garden: Operator) -> None:
    garden("space", "create", "plum", "--list", "garden")
    before = garden.state()
    assert "no link with elm.example" in garden("space", "invite", "plum", "elm.example", "choir").error
    assert garden.state() == before


def test_a_second_list_of_our_own(garden: Operator) -> None:
    garden("list", "create", "choir")
    garden("space", "create", "plum", "--list", "garden", "--notice", "0")
    assert garden("space", "invite", "plum", "oak.example", "choir").code == 0
    shown = garden("space", "show", "plum", "--json").json
    assert [(each["list"], each["state"]) for each in shown["entries"]] == [("garden", "active"), ("choir", "active")]
    assert "already" in garden("space", "invite", "plum", "oak.example", "choir").error


def test_a_list_leaves_its_space_before_it_is_removed(garden: Operator) -> None:
    garden("space", "create", "plum", "--list", "garden")
    before = garden.state()
    assert "organic-mail space leave plum" in garden("list", "remove", "garden", "--yes").error
    assert garden.state() == before
    garden("space", "leave", "plum", "--yes")
    assert garden("list", "remove", "garden", "--yes").code == 0


def test_one_of_two_lists_may_go(garden: Operator) -> None:
    garden("list", "create", "choir")
    garden("space", "create", "plum", "--list", "garden", "--notice", "0")
    garden("space", "invite", "plum", "oak.example", "choir")
    assert garden("list", "remove", "choir", "--yes").code == 0
    assert "space leave plum" in garden("list", "remove", "garden", "--yes").error


def test_leaving(garden: Operator) -> None:
    garden("space", "create", "plum", "--list", "garden")
    assert "nothing changed" in garden("space", "leave", "plum").err
    assert garden("space", "leave", "plum", "--yes").code == 0
    (space,) = garden("space", "ls", "--json").json
    assert space["state"] == "left"
    assert garden("space", "show", "plum", "--json").json["entries"][0]["state"] == "left"
