"""Authors and servers that a list does not want: passed on all the same (spec/federation.md §2.10)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import Session

from organic_mail import peering
from storage import bans, lists, remote
from tests.federation.travellers import carry, everywhere, in_her_letter, post_of, tell, write
from tests.federation.village import Server, Village


@pytest.fixture
def street(street: Village) -> Village:
    """What oak's Ana writes may leave."""
    tell(street.servers["oak.example"], share="always")
    return street


@pytest.mark.parametrize("whose", ["*@oak.example", "author"])
@pytest.mark.parametrize("of_list", [True, False])
def test_f75_f76_who_is_refused_is_passed_on_and_in_no_archive(
    street: Village, oak: Server, pine: Server, whose: str, of_list: bool
) -> None:
    """A whole server, or one author by her alias; by one list, or by all."""
    write(oak, "Apples")
    carry(street)

    def alias(session: Session) -> str:
        found = remote.remote_post_of(session, post_of(pine, "Apples").id or 0)
        assert found is not None
        return f"{found[1].alias}@pine.example"

    pattern = pine.read(alias) if whose == "author" else whose
    pine.write(lambda session: bans.add_ban(session, pattern=pattern, list_id=1 if of_list else None, now=street.now))
    write(oak, "Pears")
    carry(street)
    assert everywhere(street, "Pears") == [1, 0, 1]
    assert in_her_letter(pine) == ["Apples"]
    pine.write(lambda session: bans.remove_ban(session, pattern=pattern, list_id=1 if of_list else None))
    write(oak, "Plums")
    carry(street)
    assert everywhere(street, "Plums") == [1, 1, 1]


def test_f76_a_ban_of_another_list_refuses_nothing(street: Village, oak: Server, pine: Server) -> None:
    def begin(session: Any) -> None:
        other = lists.create_list(session, name="choir", title="Choir", now=street.now)
        bans.add_ban(session, pattern="*@oak.example", list_id=other.id, now=street.now)

    pine.write(begin)
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Apples") == [1, 1, 1]


@pytest.mark.parametrize(("who", "comes"), [("pine", 0), ("oak", 1)])
def test_a_server_whose_link_we_ended_is_refused_also_by_way_of_others(
    street: Village, oak: Server, pine: Server, who: str, comes: int
) -> None:
    """Where the other one has ended it, our members go on reading what comes; birch gets all in any case."""
    birch = street.servers["birch.example"]
    street.befriend(oak, birch)
    ends, other = (pine, oak) if who == "pine" else (oak, pine)
    write(ends, "At home", to=f"all@{ends.domain}")  # the last of its queue is not for the other one
    ends.write(lambda session: peering.sever(session, ends.host, other.domain, "We have moved", street.now))
    carry(street)
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Apples") == [1, comes, 1]
    assert (oak.state("pine.example"), pine.state("oak.example")) == ("severed", "severed")
    if who == "pine":
        assert "was not shared: all does not want it" in " ".join(pine.log())
        assert in_her_letter(pine) == ["At home"]
        street.befriend(oak, pine)
        write(oak, "Pears")
        carry(street)
        assert everywhere(street, "Pears") == [1, 1, 1]
