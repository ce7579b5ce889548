"""Real daemons of one space, of which one is cut off from the others while posts flow, in the middle of a mail."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tests.dns_server import DnsServer
from tests.wire.daemons import until
from tests.wire.neighbours import Neighbour
from tests.wire.space_members import Members, space_of

ANA, BOB, CID = (f"{name}@home.example" for name in ("ana", "bob", "cid"))


def ana_writes(members: Members, subject: str) -> None:
    to = "garden-plum-street@oak.example"
    members.writes(members.servers["oak"], f"Ana R. <{ANA}>", to, subject, f"These are {subject.lower()}.")


def cut_off(members: Members, name: str) -> None:
    """Nobody reaches it, and it reaches nobody but its own members."""
    for other, gate in members.gates.items():
        if other != name:
            gate.shut_for = lambda said: said == members.servers[name].domain
    members.gates[name].cut()


def mend(members: Members) -> None:
    """All that anybody has tried in vain goes again at once."""
    for server in members.servers.values():
        until(server.is_through)
    for gate in members.gates.values():
        gate.mend()
    for server in members.servers.values():
        server("queue", "retry", "--all")


def waits_for(server: Neighbour, *domains: str) -> bool:
    """Was it tried in vain to give something to each of them?"""
    waiting = {row["recipient"].rpartition("@")[2] for row in server.json("queue", "ls") if row["state"] == "deferred"}
    return waiting >= set(domains)


def cut_off_while_posts_flow(folder: Path, dns: DnsServer, *moments: str) -> None:
    """Once at each of these moments (see Gate.breaks). Nobody loses a post, nobody gets one twice."""
    with space_of(folder, dns, "oak", "pine", "birch", gated=True) as members:
        oak, pine = members.servers["oak"], members.servers["pine"]
        oak("member", "set", ANA, "share=always")
        pine("member", "set", BOB, "share=always")
        for number, breaks in enumerate(moments, 1):
            members.gates["pine"].breaks, members.gates["pine"].of = breaks, f"Pears {number}".encode()
            ana_writes(members, f"Pears {number}")
            members.one(CID, f"Pears {number}")
            until(lambda: members.gates["pine"].is_cut)
            if breaks == "before the answer":
                members.one(BOB, f"Pears {number}")
            cut_off(members, "pine")
            ana_writes(members, f"Figs {number}")
            to = "plum-plum-street@pine.example"
            members.writes(pine, f"Bob P. <{BOB}>", to, f"Plums {number}", "These are plums.")
            members.one(CID, f"Figs {number}")
            members.one(BOB, f"Plums {number}")
            until(lambda: waits_for(pine, "oak.example", "birch.example"))
            until(lambda: waits_for(oak, "pine.example"))
            mend(members)
            for subject, person in product(("Pears", "Figs", "Plums"), (ANA, BOB, CID)):
                members.one(person, f"{subject} {number}")

        ana_writes(members, "Dates")
        for person in (ANA, BOB, CID):
            members.one(person, "Dates")
        for server in members.servers.values():
            until(server.is_through)
        numbers = range(1, len(moments) + 1)
        subjects = [f"{subject} {number}" for subject, number in product(("Pears", "Figs", "Plums"), numbers)]
        got = [len(members.got(person, subject)) for subject in subjects for person in (ANA, BOB, CID)]
        assert got == [1] * 9 * len(moments)
