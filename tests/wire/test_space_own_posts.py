"""An author changes and takes back by mail what has gone to another server: two real daemons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dns_server import DnsServer
from tests.wire.daemons import until
from tests.wire.neighbours import Neighbour
from tests.wire.space_members import Members, space_of

ANA, ANAS = "Ana R. <ana@home.example>", "ana@home.example"
EVERYONE = "garden-plum-street@oak.example"


@pytest.fixture
def members(tmp_path: Path, dns_server: DnsServer) -> Iterator[Members]:
    with space_of(tmp_path, dns_server, "oak", "pine") as made:
        yield made


def thread_of(server: Neighbour, name: str) -> list[Any]:
    threads = server.json("thread", "ls", name)
    return server.json("thread", "show", str(threads[0]["id"]))["posts"] if threads else []


def test_new_words_and_no_words_reach_the_other_server(members: Members) -> None:
    """F60, F63, F64: nobody there gets mail of either."""
    oak, pine = members.servers["oak"], members.servers["pine"]
    oak("member", "set", ANAS, "share=always")
    sent = members.writes(oak, ANA, EVERYONE, "Apples", "Come at five.")
    members.one("bob@home.example", "Apples")

    new_words = f"instead:\nCome at six, {ANAS} waits.\n\nOn Sunday Ana wrote:\n> Come at five."
    members.writes(oak, ANA, EVERYONE, "New words", new_words, In_Reply_To=sent["Message-ID"])
    told = members.one(ANAS, '"Apples" has your new words')
    assert "The other servers of Plum Street get them, too." in told.get_body(("plain",)).get_content()
    until(lambda: [post["text"].strip() for post in thread_of(pine, "plum")] == ["Come at six, [Ana R.] waits."])
    assert [post["text"].strip() for post in thread_of(oak, "garden")] == [f"Come at six, {ANAS} waits."]

    words = oak.home.parent / "words.txt"
    words.write_text("Come at seven.")
    post_id = str(thread_of(oak, "garden")[0]["id"])
    assert oak("post", "edit", post_id, str(words)) == f"Post {post_id} has new words. Other servers get them, too.\n"
    until(lambda: [post["text"].strip() for post in thread_of(pine, "plum")] == ["Come at seven."])

    members.writes(oak, ANA, EVERYONE, "No words", "Delete, please", In_Reply_To=sent["Message-ID"])
    gone = members.one(ANAS, '"Apples" is taken back')
    assert "The other servers of Plum Street remove it, too." in gone.get_body(("plain",)).get_content()
    until(lambda: pine.json("thread", "ls", "plum") == [])
    assert oak.json("thread", "ls", "garden") == []

    members.writes(oak, ANA, EVERYONE, "Pears", "The last ones.")
    members.one("bob@home.example", "Pears")
    until(pine.is_through)
    to_bob = [each for each in members.sink.taken if each.recipient == "bob@home.example"]
    assert [len(members.got("bob@home.example", subject)) for subject in ("Apples", "Pears")] == [1, 1]
    assert not [each for each in to_bob if b"at six" in each.content or b"at seven" in each.content]


def test_nobody_changes_what_another_server_wrote(members: Members) -> None:
    oak, pine = members.servers["oak"], members.servers["pine"]
    oak("member", "set", ANAS, "share=always")
    members.writes(oak, ANA, EVERYONE, "Apples", "Come at five.")
    copy = members.one("bob@home.example", "Apples")
    fields = {"In_Reply_To": str(copy["Message-ID"])}
    members.writes(pine, "Bob P. <bob@home.example>", "plum-plum-street@pine.example", "No apples", "delete", **fields)
    members.one("bob@home.example", "Only the author can take an email back")
    assert [post["text"].strip() for post in thread_of(pine, "plum")] == ["Come at five."]
    assert [post["text"].strip() for post in thread_of(oak, "garden")] == ["Come at five."]
