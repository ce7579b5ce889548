"""A real daemon whose home is restored from a backup while posts of its space flow."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from handlers.peer.store import Link
from organic_mail.home import open_home
from organic_mail.relay_store import link_with
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator
from tests.wire.daemons import until
from tests.wire.neighbours import Neighbour
from tests.wire.space_members import Members, space_of

ANA, BOB, CID = (f"{name}@home.example" for name in ("ana", "bob", "cid"))


def epochs(one: Neighbour, other: Neighbour) -> tuple[str, str]:
    """Of what `one` sends to `other`: by its own account, and as the other one knows it."""
    said, heard = _link(one, other.domain), _link(other, one.domain)
    return said.epoch, heard.peer_epoch


def _link(server: Neighbour, peer: str) -> Link:
    with open_home(server.home) as opened:
        link = opened.database.read(lambda session: link_with(session, peer))
    assert link is not None
    return link


def restore(server: Neighbour, file: Path) -> None:
    """As deploy/backup.md tells operators: into an empty HOME."""
    server.home.rename(server.home.with_name("lost"))
    restored = Operator(server.home)("restore", str(file))
    assert restored.code == 0, restored.err


def posts(server: Neighbour, name: str) -> dict[str, int]:
    """How many there are of each subject."""
    return {each["subject"]: each["posts"] for each in server.json("thread", "ls", name)}


def ana_writes(members: Members, subject: str) -> None:
    to = "garden-plum-street@oak.example"
    members.writes(members.servers["oak"], f"Ana R. <{ANA}>", to, subject, f"These are {subject.lower()}.")


def test_f71_restored_while_posts_flow(tmp_path: Path, dns_server: DnsServer) -> None:
    with space_of(tmp_path, dns_server, "oak", "pine", "birch") as members, ExitStack() as later:
        oak, pine, birch = members.servers.values()
        oak("member", "set", ANA, "share=always")
        pine("member", "set", BOB, "share=always")
        file = tmp_path / "pine.backup"
        pine("backup", str(file))
        ana_writes(members, "Pears")
        members.one(BOB, "Pears")
        members.writes(pine, f"Bob P. <{BOB}>", "plum-plum-street@pine.example", "Plums", "These are plums.")
        for person, subject in ((CID, "Pears"), (ANA, "Plums"), (CID, "Plums")):
            members.one(person, subject)
        for server in members.servers.values():
            until(server.is_through)
        before = {epochs(pine, oak), epochs(pine, birch)}

        assert pine.running is not None
        assert pine.running.end() == 0
        ana_writes(members, "Figs")
        members.one(CID, "Figs")
        restore(pine, file)
        later.enter_context(pine.serving())
        for server in members.servers.values():
            server("queue", "retry", "--all")
        ana_writes(members, "Quinces")
        members.one(BOB, "Quinces")
        until(lambda: {"Pears", "Figs", "Quinces"} <= posts(pine, "plum").keys())
        assert pine("digest", "send", "plum", "--now") == "1 letter is on its way.\n"
        letter = members.one(BOB, until(lambda: [each for each in members.subjects(BOB) if "away" in each])[0])
        text = letter.get_body(("plain",)).get_content()
        assert "You may have some of them already." in text
        assert [f"These are {each}." in text for each in ("pears", "figs", "quinces")] == [True, True, False]

        number = re.search(r"^(\d)\. Figs\.", text, re.MULTILINE)
        assert number is not None
        answer = f"{number[1]} Lovely figs!"
        members.writes(
            pine, f"Bob P. <{BOB}>", str(letter["Reply-To"]), "Re: Away", answer, In_Reply_To=letter["Message-ID"]
        )
        until(lambda: posts(pine, "plum")["Figs"] == 2)
        ana_writes(members, "Dates")
        for person in (ANA, BOB, CID):
            members.one(person, "Dates")
        for server in members.servers.values():
            until(server.is_through)
        got = [
            [len(members.got(person, subject)) for person in (ANA, BOB, CID)]
            for subject in ("Pears", "Plums", "Figs", "Quinces")
        ]
        assert got == [[1, 1, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1]]
        after = {epochs(pine, oak), epochs(pine, birch)}
        assert all(said == heard for said, heard in after)
        assert not after & before
