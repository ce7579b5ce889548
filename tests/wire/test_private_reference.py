"""An answer of which a mail program kept nothing but our own entry in References, through the real intake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.facts import id_of
from handlers.token import private_reference
from storage.threads import thread_by_id
from tests.dns_server import DnsServer
from tests.wire.community import DOMAIN, SECRETS
from tests.wire.grandma import OK, PostOffice, post_office

ROSE, ANNA = "rose@home.example", "anna@home.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    """Anna has written about lunch, and Tom about a cake."""
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        assert made.writes(ANNA, "Lunch at noon?") == OK
        assert made.writes("tom@home.example", "I bring a cake.", subject="The cake") == OK
        yield made


def ours(office: PostOffice, thread_id: int) -> str:
    """The entry that Rose's copies of this conversation have."""
    rose = office.member_of(ROSE)
    assert rose is not None
    return private_reference(SECRETS, member_id=id_of(rose), thread_id=thread_id, domain=DOMAIN)


@pytest.mark.parametrize("field", ["References", "In_Reply_To"])
@pytest.mark.parametrize("subject", ["Re: Lunch on Sunday", "Sandwiches", ""])
def test_it_lands_in_the_conversation(office: PostOffice, field: str, subject: str) -> None:
    lunch, cake = office.people.posts()
    assert lunch.thread_id != cake.thread_id
    assert office.writes(ROSE, "At one.", subject=subject, **{field: ours(office, lunch.thread_id)}) == OK
    answer = office.people.posts()[-1]
    assert (answer.thread_id, answer.subject) == (lunch.thread_id, subject)
    thread = office.people.database.read(lambda session: thread_by_id(session, lunch.thread_id))
    assert thread is not None
    assert thread.posts == 2


def test_with_an_unknown_reference_beside_it_the_subject_counts(office: PostOffice) -> None:
    lunch = office.people.posts()[0]
    more = {"References": f"{ours(office, lunch.thread_id)} <9@elsewhere.example>"}
    assert office.writes(ROSE, "At one.", subject="Re: Lunch on Sunday", **more) == OK
    assert office.writes(ROSE, "Who has a boat?", subject="A boat", **more) == OK
    same, other = office.people.posts()[-2:]
    assert same.thread_id == lunch.thread_id != other.thread_id


def test_a_made_up_one_or_that_of_another_list_leads_nowhere(office: PostOffice) -> None:
    lunch = office.people.posts()[0]
    mine = ours(office, lunch.thread_id)
    made_up = mine.replace("<m.", "<m.2")
    assert office.writes(ROSE, "One", subject="One", References=made_up) == OK
    assert office.writes(ANNA, "Two", "garden@oak.example", subject="Two", References=mine) == OK
    assert office.writes(ROSE, "Three", subject="Three", References=ours(office, 4711)) == OK
    later = office.people.posts()[2:]
    assert [post.subject for post in later] == ["One", "Two", "Three"]
    assert lunch.thread_id not in {post.thread_id for post in later}
