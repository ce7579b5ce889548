"""A list that reads the first post of each author of another server, between real daemons."""

from __future__ import annotations

from pathlib import Path

from tests.dns_server import DnsServer
from tests.wire.daemons import until
from tests.wire.space_members import space_of

ANA = "Ana R. <ana@home.example>"
TO_ALL = "garden-plum-street@oak.example"


def test_a_moderator_lets_the_first_post_in_and_the_second_passes(tmp_path: Path, dns_server: DnsServer) -> None:
    with space_of(tmp_path, dns_server, "oak", "pine") as members:
        oak, pine = members.servers["oak"], members.servers["pine"]
        oak("member", "set", "ana@home.example", "share=always")
        pine("member", "set", "bob@home.example", "--list", "plum", "role=owner")
        pine("list", "set", "plum", "remote=first-post-held")
        assert pine.json("list", "show", "plum")["remote"] == "first-post-held"

        members.writes(oak, ANA, TO_ALL, "Apples", "Ripe!")
        asked = members.one("bob@home.example", 'May this go out? Ana R. (garden, oak.example): "Apples"')
        (waits,) = pine.json("held", "ls")
        assert waits["author"] == "Ana R. (garden, oak.example)"
        assert waits["reason"] == "It is the first email that Ana R. (garden, oak.example) writes here."
        assert "ana@home.example" not in pine("held", "show", str(waits["id"]))
        assert pine.json("thread", "ls", "plum") == []

        members.writes(pine, "Bob P. <bob@home.example>", str(asked["Reply-To"]), "Re: May it", "yes")
        copy = members.one("bob@home.example", "Apples")
        assert copy["Message-ID"].endswith("@oak.example>")
        assert copy["From"].addresses[0].display_name == "Ana R. (garden, oak.example)"

        members.writes(oak, ANA, TO_ALL, "Pears", "Ripe, too!")
        members.one("bob@home.example", "Pears")
        assert pine.json("held", "ls") == []

        post = pine.json("thread", "show", str(pine.json("thread", "ls", "plum")[0]["id"]))["posts"][0]["id"]
        assert "oak.example is asked" in pine("post", "report", str(post), "--reason", "It sells something.")
        until(lambda: 'pine.example asks us to look at "Pears": It sells something.' in oak("log"))
