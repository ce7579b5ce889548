"""Posts between real daemons: written on one server, read on another, answered, and taken back."""

from __future__ import annotations

import signal
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.dns_server import DnsServer
from tests.wire.command_line import Operator
from tests.wire.daemons import until
from tests.wire.space_members import Members, space_of


@pytest.fixture
def members(tmp_path: Path, dns_server: DnsServer) -> Iterator[Members]:
    with space_of(tmp_path, dns_server, "oak", "pine") as made:
        yield made


def test_a_post_goes_to_the_other_server_and_its_answer_comes_back(members: Members) -> None:
    """F27, F28, F41: nothing leaves that was written to the list, and no address ever does."""
    oak, pine = members.servers["oak"], members.servers["pine"]
    oak("member", "set", "ana@home.example", "share=always")
    pine("member", "set", "bob@home.example", "share=always")
    members.writes(oak, "Ana R. <ana@home.example>", "garden@oak.example", "At home", "For us alone.")
    members.writes(
        oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Apples", "Write to ana@home.example!"
    )

    copy = members.one("bob@home.example", "Apples")
    assert copy["From"].addresses[0].display_name == "Ana R. (garden, oak.example)"
    assert copy["From"].addresses[0].domain == "pine.example"
    assert str(copy["To"]) == '"Plum Street, 2 servers" <plum-plum-street@pine.example>'
    assert str(copy["Reply-To"]) == str(copy["To"])
    assert copy["Message-ID"].endswith("@oak.example>")
    assert copy["List-Id"].endswith("<plum.pine.example>")
    assert "Write to [Ana R.]!" in copy.get_content()
    assert b"ana@home.example" not in bytes(copy)
    assert members.got("bob@home.example", "At home") == []

    members.writes(
        pine,
        "Bob P. <bob@home.example>",
        "plum-plum-street@pine.example",
        "Re: Apples",
        "Gladly, thank you.",
        In_Reply_To=copy["Message-ID"],
    )
    answer = members.one("ana@home.example", "Re: Apples")
    assert answer["In-Reply-To"] == "<apples@home.example>"
    assert answer["From"].addresses[0].display_name == "Bob P. (plum, pine.example)"
    thread = oak.json("thread", "ls", "garden")
    assert sorted(each["posts"] for each in thread) == [1, 2]


def test_an_author_is_asked_and_can_take_it_back(members: Members) -> None:
    """F42, F43, F60: nothing leaves before she says so, and what she takes back goes from both servers."""
    oak, pine = members.servers["oak"], members.servers["pine"]
    members.writes(oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Pears", "Come and get some.")
    asked = members.one("ana@home.example", 'May "Pears" leave for Plum Street?')
    assert "pine.example" in asked.get_body(("plain",)).get_content()
    assert members.got("bob@home.example", "Pears") == []
    members.writes(oak, "Ana R. <ana@home.example>", str(asked["Reply-To"]), "Re: May it", "once")
    members.one("bob@home.example", "Pears")

    thread = oak.json("thread", "ls", "garden")[0]["id"]
    post = oak.json("thread", "show", str(thread))["posts"][0]["id"]
    oak("post", "remove", str(post), "--yes")
    until(lambda: pine.json("thread", "ls", "plum") == [])
    assert Operator(pine.home)("post", "show", "1").error.startswith("there is no post 1")


def test_two_people_of_two_servers_write_to_each_other_alone(members: Members) -> None:
    """F54, F55, F56: under aliases in both directions; a block ends it, a stranger gets nowhere."""
    oak, pine = members.servers["oak"], members.servers["pine"]
    oak("member", "set", "ana@home.example", "share=always")
    members.writes(oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Plums", "Who wants some?")
    copy = members.one("bob@home.example", "Plums")
    assert "plum@pine.example" not in str(copy["Reply-To"])
    assert "Everyone in Plum Street, 2 servers reads your reply." in copy.get_content()
    ana_at_pine = copy["From"].addresses[0].addr_spec

    members.writes(pine, "Bob P. <bob@home.example>", ana_at_pine, "For you", "I do! bob@home.example")
    private = members.one("ana@home.example", "For you")
    assert private["From"].addresses[0].display_name == "Bob P. (plum, pine.example)"
    assert private["From"].addresses[0].domain == "oak.example"
    assert b"bob@home.example" not in bytes(private)
    bob_at_oak = private["From"].addresses[0].addr_spec

    members.writes(oak, "Ana R. <ana@home.example>", bob_at_oak, "Re: For you", "Tomorrow at six?")
    members.one("bob@home.example", "Re: For you")

    with pytest.raises(smtplib.SMTPDataError) as refused:
        members.writes(pine, "Eve <eve@home.example>", ana_at_pine, "Hello", "Who are you?")
    assert refused.value.smtp_code == 550

    members.writes(oak, "Ana R. <ana@home.example>", bob_at_oak, "block", "block")
    members.writes(pine, "Bob P. <bob@home.example>", ana_at_pine, "Again", "Are you there?")
    until(lambda: "was dropped" in oak("log"))
    assert members.got("ana@home.example", "Again") == []


def test_in_a_circle_everybody_gets_a_post_once_also_who_was_killed(tmp_path: Path, dns_server: DnsServer) -> None:
    """F29, F33, F34: three servers, three links; one is killed while a post is on its way, and starts again."""
    with space_of(tmp_path, dns_server, "oak", "pine", "birch") as members, ExitStack() as later:
        oak, pine = members.servers["oak"], members.servers["pine"]
        oak("member", "set", "ana@home.example", "share=always")
        members.writes(oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Apples", "Ripe!")
        members.one("bob@home.example", "Apples")
        members.one("cid@home.example", "Apples")
        # What was taken and not yet recorded as taken goes out again after a kill (RFC 1047): that is not meant here.
        until(pine.is_through)

        assert pine.running is not None
        pine.running.end(signal.SIGKILL)
        members.writes(oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Pears", "Ripe, too!")
        members.one("cid@home.example", "Pears")
        later.enter_context(pine.serving())
        # Again and again: an attempt that was under way meanwhile notes its failure, and a later time, after a retry.
        until(lambda: oak("queue", "retry", "--all") and members.got("bob@home.example", "Pears"))
        members.writes(oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Plums", "The last ones.")
        for name in ("ana", "bob", "cid"):
            members.one(f"{name}@home.example", "Plums")
        for server in members.servers.values():
            until(server.is_through)
        got = [
            [len(members.got(f"{name}@home.example", subject)) for name in ("ana", "bob", "cid")]
            for subject in ("Apples", "Pears", "Plums")
        ]
        assert got == [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
