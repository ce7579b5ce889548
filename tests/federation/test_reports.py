"""Reports: one operator asks another to look at a post that came from there, on real databases (spec §2.7)."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from organic_mail import reporting
from organic_mail.problem import Problem
from organic_mail.relaying import own_server
from storage import posts
from storage.models import Post
from tests.federation.travellers import carry, got, is_removed, person, post_of, tell, write
from tests.federation.village import Server, Village


@pytest.fixture
def street(street: Village) -> Village:
    """What oak's Ana writes may leave."""
    tell(street.servers["oak.example"], share="always")
    return street


def report(street: Village, server: Server, subject: str, reason: str = "It sells something.") -> str:
    """What `post report` does."""
    post = post_of(server, subject)
    told = server.write(
        lambda session: reporting.report(
            session, server.host, own_server(session, server.host), post, reason, street.now
        )
    )
    carry(street)
    return told


def _first_post(session: Session) -> Post:
    found = posts.post_by_id(session, 1)
    assert found is not None
    return found


@pytest.mark.parametrize("where", ["pine", "birch"])
def test_f74_a_report_reaches_the_operator_of_the_origin(street: Village, oak: Server, where: str) -> None:
    """Over the link, or straight where there is none; who has complained does not stand in it."""
    server = street.servers[f"{where}.example"]
    write(oak, "Apples")
    carry(street)
    assert report(street, server, "Apples") == "oak.example"
    (letter,) = got(street, "op@oak.people.example", 'Please look at this post: "Apples"')
    text = " ".join(letter.get_body(("plain",)).get_content().split())  # type: ignore[union-attr]
    assert f"The operator of {server.domain} asks you to look at it. They say: It sells something." in text
    assert f"organic-mail post remove {post_of(oak, 'Apples').id}" in text
    assert person(server) not in bytes(letter).decode()
    assert not any(is_removed(each, post_of(each, "Apples")) for each in street.servers.values())
    report(street, server, "Apples", "Again.")
    assert len(got(street, "op@oak.people.example", 'Please look at this post: "Apples"')) == 1
    assert f'{server.domain} asks us to look at "Apples": Again.' in oak.log()


def test_reports_of_a_day_are_counted(
    street: Village, oak: Server, pine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.peer.report.MOST_A_DAY", 2)
    for subject in ("Apples", "Pears", "Plums"):
        write(oak, subject)
    carry(street)
    for subject in ("Apples", "Pears", "Plums"):
        report(street, pine, subject)
    found = [len(got(street, "op@oak.people.example", f'Please look at this post: "{each}"')) for each in
             ("Apples", "Pears", "Plums")]  # fmt: skip
    assert found == [1, 1, 0]
    assert "its server reports too much today" in " ".join(oak.log())
    street.wait(days=1)
    report(street, pine, "Plums", "It still does.")
    assert len(got(street, "op@oak.people.example", 'Please look at this post: "Plums"')) == 1


def test_a_report_that_comes_twice_is_read_once(street: Village, oak: Server, pine: Server) -> None:
    write(oak, "Apples")
    carry(street)
    pine.write(
        lambda session: reporting.report(
            session, pine.host, own_server(session, pine.host), _first_post(session), "Look!", street.now
        )
    )
    (mail,) = [mail for mail in pine.mails() if b"Organic-Type: report" in mail.raw]
    for _ in range(2):
        oak.take(mail.raw, mail.to)
    assert "came before" in " ".join(oak.log())
    assert sum("asks us to look at" in line for line in oak.log()) == 1


def test_what_is_ours_is_not_reported(street: Village, oak: Server) -> None:
    write(oak, "Apples")
    carry(street)
    with pytest.raises(Problem, match="take it back with organic-mail post remove 1"):
        report(street, oak, "Apples")


def test_who_is_gone_cannot_be_told(street: Village, oak: Server) -> None:
    birch = street.servers["birch.example"]
    tell(birch, share="always")
    write(birch, "Apples")
    carry(street)
    birch.leave()
    carry(street)
    with pytest.raises(Problem, match="in the space no more"):
        report(street, oak, "Apples")
