"""A server comes back from a backup, on real databases: what others send again reaches its members in one letter."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.letter_mail import shown_text
from organic_mail.relay_store import link_with
from organic_mail.relaying import wake
from organic_mail.repeats import CALM, write_repeats
from organic_mail.restarting import begin_anew
from organic_mail.travelling import remove_everywhere
from storage import members, queue
from storage.community import create_community
from storage.contents import read_content
from storage.database import Database
from storage.models import DeliveryMode, DeliveryState
from storage.review import hold_unfinished
from tests.federation.travellers import carry, got, in_her_letter, person, post_of, tell, write
from tests.federation.village import Server, Village, village


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    """oak, pine and birch, each linked with both others, in the space plum. Who writes, shares always."""
    with village(tmp_path, sqlite_template) as made:
        oak, pine, birch = (made.server(name) for name in ("oak", "pine", "birch"))
        made.befriend(oak, pine, birch, oak)
        made.found(oak, pine, birch)
        made.wait(hours=1)
        carry(made)
        for server in made.servers.values():
            tell(server, share="always")
            server.write(lambda session, domain=server.domain: create_community(session, domain=domain, now=made.now))
        made.people.clear()
        yield made


def backup(server: Server) -> Path:
    file = server.home / "backup.db"
    with closing(sqlite3.connect(server.home / "community.db")) as source, closing(sqlite3.connect(file)) as copy:
        source.backup(copy)
    return file


def come_back(server: Server, file: Path) -> None:
    """What `organic-mail restore` does, and then the daemon at its start."""
    server.database.close()
    for each in server.home.glob("community.db*"):
        each.unlink()
    file.rename(server.home / "community.db")
    server.database = Database.open("sqlite:///community.db", home=server.home, owner=True)
    server.village.closing.callback(server.database.close)
    server.write(hold_unfinished)
    server.taken = 0
    server.mails()  # what was on its way waits for the operator
    server.write(lambda session: begin_anew(session, server.host, server.now))
    wake(server.database, server.host, server.now)


def letters(server: Server) -> list[str]:
    """What is written now, as text."""
    write_repeats(server.database, server.host, server.now)

    def look(session: Any) -> list[str]:
        rows = [row for row in queue.claim(session, who="test:1:1", now=server.now) if row.letter_id]
        queue.settle(session, [queue.Settled(row.id, DeliveryState.SENT, "250 OK") for row in rows], server.now)
        return [shown_text(read_content(session, row.content_id), row.reader_name) for row in rows]

    return server.write(look)


def epochs(one: Server, other: Server) -> tuple[str, str]:
    """Of what `one` sends to `other`: by its own account, and as the other one knows it."""
    said = one.read(lambda session: link_with(session, other.domain))
    heard = other.read(lambda session: link_with(session, one.domain))
    assert said is not None
    assert heard is not None
    return said.epoch, heard.peer_epoch


def live(village: Village, **time: float) -> None:
    """Time goes by, and servers do what they have to do."""
    end = village.now + timedelta(**time)
    while village.now < end:
        carry(village)
        village.wait(minutes=57)


def test_f71_what_was_lost_comes_in_one_letter_and_nothing_twice(street: Village) -> None:
    oak, pine, birch = street.servers.values()
    write(oak, "Apples", "Ripe.")
    carry(street)
    file = backup(pine)
    write(oak, "Pears", "Sweet.")
    write(pine, "Plums", "Blue.")
    live(street, hours=1)
    write(birch, "Figs", "Soft.")
    carry(street)
    street.people.clear()
    before = {epochs(pine, oak), epochs(pine, birch)}

    come_back(pine, file)
    carry(street)
    write(birch, "Quinces", "Hard.")
    carry(street)
    assert [len(got(street, person(pine), each)) for each in ("Apples", "Pears", "Figs", "Quinces")] == [0, 0, 0, 1]
    assert post_of(pine, "Pears").received_at > post_of(pine, "Apples").received_at, "it is in the archive at once"
    assert letters(pine) == []
    street.wait(seconds=CALM.total_seconds())
    (letter,) = letters(pine)
    assert "You may have some of them already." in letter
    assert [each in letter for each in ("Ripe.", "Sweet.", "Soft.", "Hard.")] == [False, True, True, False]

    began = street.now
    while not (lost := letters(pine)) and street.now < began + timedelta(days=2):
        live(street, hours=1)
    assert [("Blue." in each, "Sweet." in each) for each in lost] == [(True, False)], "others keep what we wrote, too"
    live(street, hours=3)
    assert letters(pine) == []
    for server in (oak, pine, birch):
        assert [len(got(street, person(server), each)) for each in ("Apples", "Pears", "Plums", "Figs")] == [0] * 4
    after = {epochs(pine, oak), epochs(pine, birch)}
    assert all(said == heard for said, heard in after)
    assert not after & before


def test_f71_who_gets_letters_finds_it_in_her_next_one(street: Village) -> None:
    oak, pine, _ = street.servers.values()

    def reads_letters(session: Any) -> None:
        members.update_membership(session, membership_id=1, delivery=DeliveryMode.DAILY)

    pine.write(reads_letters)
    file = backup(pine)
    write(oak, "Pears", "Sweet.")
    carry(street)
    come_back(pine, file)
    carry(street)
    assert in_her_letter(pine) == ["Pears"]
    live(street, hours=1)
    assert letters(pine) == []


def test_f71_who_has_another_home_gets_it_there(street: Village) -> None:
    oak, pine, _ = street.servers.values()
    tell(pine, home="birch.example")
    file = backup(pine)
    write(oak, "Pears", "Sweet.")
    carry(street)
    come_back(pine, file)
    live(street, hours=1)
    assert post_of(pine, "Pears").subject == "Pears"
    assert letters(pine) == []


def test_f71_what_is_taken_back_meanwhile_is_in_no_letter(street: Village) -> None:
    oak, pine, _ = street.servers.values()
    file = backup(pine)
    write(oak, "Pears", "Sweet.")
    write(oak, "Figs", "Soft.")
    carry(street)
    come_back(pine, file)
    carry(street)
    pears = post_of(oak, "Pears").id or 0
    oak.write(lambda session: remove_everywhere(session, oak.host, pears, street.now))
    live(street, hours=1)
    (letter,) = letters(pine)
    assert "Soft." in letter
    assert "Pears" not in letter


def test_a_steward_learns_which_rosters_it_has_given_out(street: Village) -> None:
    """Before it gives out another one of the same number, which would freeze the space."""
    oak, pine, birch = street.servers.values()
    elm, fir = street.server("elm"), street.server("fir")
    street.befriend(birch, elm, fir)
    file = backup(oak)
    street.join(oak, elm)
    carry(street)
    assert (oak.roster().steward, oak.active()[-1]) == ("oak.example", "elm.example")
    come_back(oak, file)
    carry(street)
    street.join(oak, fir)
    carry(street)
    for server in (oak, pine, birch, elm, fir):
        assert server.active()[-2:] == ["elm.example", "fir.example"]
        assert server.read(lambda session, server=server: server.space(session).frozen_at) is None
