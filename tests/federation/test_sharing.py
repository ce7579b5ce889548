"""Authors who say by mail whether what they write may leave for other servers (spec/federation.md §2.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.incoming import Verdict
from organic_mail import joining
from organic_mail.answered_text import sent_text
from organic_mail.copies import Key, SharedBytes, SharedPost, key_of, made_copies
from organic_mail.known_spaces import space_facts
from organic_mail.smtp_client import Outgoing
from storage import departures, lists
from storage.models import Post
from storage.models_travel import DepartureState
from storage.queue import claim
from tests.copying import SIGNER
from tests.federation.travellers import (
    carry,
    data_of,
    departure_of,
    got,
    in_one_space,
    person,
    post_of,
    taken,
    tell,
    write,
)
from tests.federation.village import Server, Village, village


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    """oak and pine, with a link, in the space plum."""
    with village(tmp_path, sqlite_template) as made:
        yield in_one_space(made, "oak", "pine")


def says(oak: Server, words: str, *, answers: str = "") -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = person(oak), f"all-help@{oak.domain}", "Re: Plum Street"
    mail["Message-ID"], mail["Date"] = f"<{abs(hash((words, oak.now)))}@people.example>", oak.now
    if answers:
        mail["In-Reply-To"] = answers
    mail.set_content(words)
    taken(oak, mail, f"all-help@{oak.domain}")


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("share always", DepartureState.GONE),
        ("Never share my posts!\n\nThanks,\nAna", DepartureState.HOME),
        ("ask before sharing", DepartureState.ASKING),
        ("Meine Beiträge nie teilen", DepartureState.HOME),
        ("Toujours partager", DepartureState.GONE),
        ("No compartir mis mensajes", DepartureState.HOME),
        ("Fråga innan ni delar, tack", DepartureState.ASKING),
    ],
)
def test_one_word_decides_for_all_posts_to_come(street: Village, oak: Server, words: str, state: str) -> None:
    says(oak, words)
    write(oak, "Apples")
    carry(street)
    assert departure_of(oak, "Apples").state == state


def test_the_last_word_counts_and_all_stand_in_her_data(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    for words in ("share always", "share never", "share ask"):
        says(oak, words)
        street.wait(minutes=1)
    write(oak, "Apples")
    carry(street)
    assert departure_of(oak, "Apples").state == DepartureState.ASKING, "what she said for the space comes first"
    said = oak.read(lambda session: departures.consents_of(session, 1, limit=9))
    assert [each.answer for each in said] == ["ask", "never", "always"]
    page = data_of(oak)
    assert "all your emails to Plum Street were to stay here" in page
    assert "we were to ask you before an email to Plum Street leaves" in page


def test_she_hears_what_it_means_and_how_to_change_it(street: Village, oak: Server) -> None:
    says(oak, "share never")
    carry(street)
    (told,) = got(street, person(oak), "Your posts stay with us")
    body = told.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    assert "What you write to Plum Street stays with the people of All of oak." in text
    assert "press Reply and write: share always share ask" in text
    assert told["Reply-To"] == f"all-help@{oak.domain}"


def test_the_letter_about_who_joins_names_the_word(street: Village, oak: Server) -> None:
    street.people.clear()
    birch = street.server("birch")
    street.befriend(oak, birch)
    street.join(oak, birch)
    (told,) = got(street, person(oak), "birch.example joins Plum Street")
    body = told.get_body(("plain",))
    assert body is not None
    assert "share never" in body.get_content()
    says(oak, "Share never", answers=told["Message-ID"])
    write(oak, "Apples")
    carry(street)
    assert departure_of(oak, "Apples").state == DepartureState.HOME


def test_a_list_without_a_space_says_so(sqlite_template: Path, tmp_path: Path) -> None:
    with village(tmp_path, sqlite_template) as made:
        elm = made.server("elm")
        says(elm, "share always")
        made.carry()
        (told,) = got(made, person(elm), "Your posts stay with us")
        body = told.get_body(("plain",))
        assert body is not None
        assert "shares nothing with other servers" in body.get_content()


def test_nobody_else_says_it_for_her(street: Village, oak: Server) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = person(oak), f"all-help@{oak.domain}", "Hello"
    mail["Message-ID"], mail["Date"] = "<forged@people.example>", oak.now
    mail.set_content("share always")
    oak.take(mail.as_bytes(), f"all-help@{oak.domain}", verdict=Verdict.UNVERIFIED)
    write(oak, "Apples")
    carry(street)
    assert departure_of(oak, "Apples").state == DepartureState.ASKING


@pytest.mark.parametrize(("share", "everyone"), [("never", "all@oak.example"), ("always", "all-plum@oak.example")])
def test_an_answer_goes_where_the_post_went(street: Village, oak: Server, share: str, everyone: str) -> None:
    tell(oak, share=share)
    write(oak, "Apples")
    post = post_of(oak, "Apples")
    _, space = oak.read(lambda session: space_facts(session, post, oak.mailing_list(session, "all")))
    assert (f"{space.local}@oak.example" if space else "all@oak.example") == everyone


def copies_of(server: Server, post: Post) -> dict[str, EmailMessage]:
    """By recipient, as they go out."""
    shared = SharedBytes(server.database, server.host, lambda: server.now)
    rows = server.write(lambda session: claim(session, who="here:1:1", now=server.now))
    found = {}
    for row in rows:
        if row.post_id == post.id:
            ((_, made),) = made_copies(asyncio.run(shared.get(key_of(row))), [row], SIGNER)
            assert isinstance(made, Outgoing)
            found[row.recipient] = message_from_bytes(made.header + made.body, policy=policy.default)
    return found


def test_who_never_shares_answers_her_own_list(street: Village, oak: Server) -> None:
    """spec/federation.md §2.4: Reply-To of her copy is her list, that of the others the space."""
    abe = joining.Newcomer(Mailbox("Abe", person(oak, "abe")))
    oak.write(
        lambda session: joining.confirm(
            session, oak.host, mailing_list=oak.mailing_list(session, "all"), newcomer=abe, now=oak.now, quiet=True
        )
    )
    tell(oak, share="always")
    tell(oak, name="abe", share="never")
    write(oak, "Apples")
    copies = copies_of(oak, post_of(oak, "Apples"))
    answered = {to: copy["Reply-To"].addresses[0].addr_spec for to, copy in copies.items()}
    assert answered == {person(oak): "all-plum@oak.example", person(oak, "abe"): "all@oak.example"}
    assert {copy["To"].addresses[0].addr_spec for copy in copies.values()} == {"all-plum@oak.example"}
    assert "Everyone in Plum Street" in copies[person(oak)].get_content()
    assert "Everyone in All of oak reads" in copies[person(oak, "abe")].get_content()


def test_the_line_below_a_copy_is_known_again_in_an_answer(street: Village, oak: Server) -> None:
    """Outlook marks no quote: the line that we added is told from her words because we know it."""
    tell(oak, share="always")
    write(oak, "Apples")
    sent = oak.read(lambda session: sent_text(session, oak.host, post_of(oak, "Apples")))
    assert "Everyone in Plum Street, 2 servers reads your reply." in sent
    assert "Everyone in All of oak reads your reply." in sent


def test_who_does_not_read_the_list_makes_no_second_form(street: Village, oak: Server) -> None:
    """What copies share is made once where once is enough."""
    abe = joining.Newcomer(Mailbox("Abe", person(oak, "abe")))

    def sing(session: Session) -> None:
        choir = lists.create_list(session, name="choir", title="Choir", now=oak.now)
        joining.confirm(session, oak.host, mailing_list=choir, newcomer=abe, now=oak.now, quiet=True)

    oak.write(sing)
    tell(oak, share="always")
    tell(oak, name="abe", share="never")
    write(oak, "Apples")
    key = Key(post_of(oak, "Apples").id, post_of(oak, "Apples").content_id, "en")
    shared = asyncio.run(SharedBytes(oak.database, oak.host, lambda: oak.now).get(key))
    assert isinstance(shared, SharedPost)
