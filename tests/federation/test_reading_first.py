"""Posts of other servers that a list reads first, or does not want: on real databases (spec/federation.md §2.10)."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlmodel import Session

from handlers.peer import relay
from handlers.peer.border import Crossing
from handlers.peer.compose import seal_edit
from handlers.peer.seal import PostKey
from organic_mail import moderation
from organic_mail.problem import Problem
from organic_mail.relaying import own_server, relay_store
from organic_mail.remote_posts import forget_old_posts
from organic_mail.travelling import remove_everywhere
from storage import departures, held, lists, queue, remote_held, repeats
from storage.community import create_community
from storage.contents import read_content
from storage.models import HeldPost, HeldState
from storage.models_remote import RemotePosts
from tests.federation.travellers import carry, everywhere, got, in_her_letter, person, post_of, tell, write
from tests.federation.village import Server, Village


@pytest.fixture
def street(street: Village) -> Village:
    """What oak's Ana writes may leave."""
    tell(street.servers["oak.example"], share="always")
    return street


def says(server: Server, posts: RemotePosts) -> None:
    """What `list set` does."""
    server.write(lambda session: remote_held.set_rule(session, list_id=1, posts=posts))


def waiting(server: Server) -> list[HeldPost]:
    return [each for each, _ in server.read(held.waiting)]


def asked(street: Village, server: Server, subject: str) -> EmailMessage:
    """The one letter to those who decide: the operator, where nobody runs the list."""
    name = server.domain.partition(".")[0]
    heading = f'May this go out? Ana (all, oak.example): "{subject}"'
    (letter,) = got(street, f"op@{name}.people.example", heading)
    return letter


def answer(street: Village, server: Server, letter: EmailMessage, word: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = str(letter["To"]), str(letter["Reply-To"])
    mail["Subject"], mail["Message-ID"] = f"Re: {letter['Subject']}", f"<{word}.{letter['Message-ID'][1:]}"
    mail.set_content(word)
    taken = server.take(mail.as_bytes(), letter["Reply-To"].addresses[0].addr_spec)
    assert taken.accepted
    carry(street)


def approve(street: Village, server: Server, held_id: int) -> None:
    server.write(lambda session: moderation.approve_held(session, server.host, held_id, now=street.now))
    carry(street)


def state_of(server: Server, held_id: int) -> HeldState:
    found = server.read(lambda session: held.held_by_id(session, held_id))
    assert found is not None
    return found.state


def kept(server: Server, words: bytes) -> bool:
    """Do these words stand in anything that waits, or in a letter to those who decide?"""

    def look(session: Session) -> bool:
        waits = [read_content(session, each.content_id) for each, _ in held.waiting(session)]
        rows = [row for row in queue.queue_rows(session) if row.recipient.startswith("op@")]
        return any(words in raw for raw in (*waits, *(read_content(session, row.content_id) for row in rows)))

    return server.read(look)


def test_what_comes_is_accepted_unless_the_list_says_otherwise(street: Village, oak: Server, pine: Server) -> None:
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Apples") == [1, 1, 1]
    assert waiting(pine) == []


def test_what_waits_is_passed_on_and_in_no_archive(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Apples") == [1, 0, 1]
    assert in_her_letter(pine) == []
    (post,) = waiting(pine)
    assert post.author == "Ana (all, oak.example)"
    assert post.reason == "What comes from other servers is read before it goes out."
    assert "waits for a decision" in " ".join(pine.log())
    letter = asked(street, pine, "Apples").get_body(("plain",))
    assert letter is not None
    assert "people.example" not in letter.get_content().replace("op@pine.people.example", "")
    assert "To send all that this person writes, reply with:" in " ".join(letter.get_content().split())


def test_yes_brings_it_as_it_would_have_come(street: Village, oak: Server, pine: Server) -> None:
    """Of the same Message-ID, under the same alias, in its thread, and in letters; an answer finds it."""
    says(pine, RemotePosts.HELD)
    first = write(oak, "Apples")
    write(oak, "Re: Apples", In_Reply_To=first["Message-ID"])
    carry(street)
    for subject in ("Apples", "Re: Apples"):
        answer(street, pine, asked(street, pine, subject), "yes")
    assert everywhere(street, "Apples") == everywhere(street, "Re: Apples") == [1, 1, 1]
    (copy,), (other,) = (
        got(street, person(pine), "Apples"),
        got(street, person(street.servers["birch.example"]), "Apples"),
    )
    assert copy["Message-ID"] == other["Message-ID"]
    (response,) = got(street, person(pine), "Re: Apples")
    assert response["In-Reply-To"] == copy["Message-ID"]
    assert response["From"] == copy["From"]
    first_post, second_post = post_of(pine, "Apples"), post_of(pine, "Re: Apples")
    assert first_post.thread_id == second_post.thread_id
    assert in_her_letter(pine) == ["Apples", "Apples"]  # two voices of one conversation
    assert waiting(pine) == []

    tell(pine, share="always")
    write(pine, "Re: Apples", "Thank you!", In_Reply_To=copy["Message-ID"])
    carry(street)
    assert got(street, person(oak), "Re: Apples")[-1]["In-Reply-To"] == first["Message-ID"]


def test_only_the_first_post_of_each_author_waits(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.FIRST_HELD)
    write(oak, "Apples")
    carry(street)
    write(oak, "Pears")  # nobody has said yes so far
    carry(street)
    apples, pears = waiting(pine)
    assert apples.reason == "It is the first email that Ana (all, oak.example) writes here."
    answer(street, pine, asked(street, pine, "Apples"), "yes")
    write(oak, "Plums")
    carry(street)
    assert [everywhere(street, subject)[1] for subject in ("Apples", "Pears", "Plums")] == [1, 0, 1]
    birch = street.servers["birch.example"]
    tell(birch, share="always")
    write(birch, "Cherries")
    carry(street)
    assert [post.id for post in waiting(pine)] == [pears.id, (apples.id or 0) + 2]


def test_who_wrote_before_is_known(street: Village, oak: Server, pine: Server) -> None:
    write(oak, "Apples")
    carry(street)
    says(pine, RemotePosts.FIRST_HELD)
    write(oak, "Pears")
    carry(street)
    assert everywhere(street, "Pears") == [1, 1, 1]


def test_always_trusts_one_author_until_the_list_says_it_anew(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    answer(street, pine, asked(street, pine, "Apples"), "always")
    write(oak, "Pears")
    carry(street)
    assert [everywhere(street, subject) for subject in ("Apples", "Pears")] == [[1, 1, 1]] * 2
    says(pine, RemotePosts.HELD)
    write(oak, "Plums")
    carry(street)
    assert everywhere(street, "Plums") == [1, 0, 1]


def test_no_keeps_it_back_here_and_tells_nobody(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    letter = asked(street, pine, "Apples")
    street.people.clear()
    answer(street, pine, letter, "no")
    assert state_of(pine, 1) is HeldState.REJECTED
    assert everywhere(street, "Apples") == [0, 0, 0]  # nothing new for anybody
    assert street.people == []


def test_what_its_author_takes_back_waits_no_longer(street: Village, oak: Server, pine: Server) -> None:
    """Nor does the letter about it leave, which has her words."""
    says(pine, RemotePosts.HELD)
    write(oak, "Apples", "A word that I regret.")
    carry(street)
    letter, post = asked(street, pine, "Apples"), post_of(oak, "Apples")
    assert kept(pine, b"regret")
    oak.write(lambda session: remove_everywhere(session, oak.host, post.id or 0, street.now))
    carry(street)
    assert waiting(pine) == []
    assert not kept(pine, b"regret")
    found = pine.read(lambda session: held.held_by_id(session, 1))
    assert found is not None
    assert (found.author, found.subject) == ("", "")
    answer(street, pine, letter, "yes")  # comes too late
    assert everywhere(street, "Apples") == [1, 0, 1]
    with pytest.raises(Problem, match="decided already"):
        approve(street, pine, 1)


def test_what_was_let_out_and_is_taken_back_leaves_no_trace(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    approve(street, pine, 1)
    post = post_of(oak, "Apples")
    oak.write(lambda session: remove_everywhere(session, oak.host, post.id or 0, street.now))
    carry(street)
    found = pine.read(lambda session: held.held_by_id(session, 1))
    assert found is not None
    assert (found.author, found.subject, found.state) == ("", "", HeldState.APPROVED)
    assert in_her_letter(pine) == []


def test_who_leaves_with_erasure_leaves_nothing_that_waits(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    oak.leave(erase=True)
    carry(street)
    assert waiting(pine) == []


def test_after_its_days_nothing_waits(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    keep = oak.roster().rules.keep
    for days, number in ((keep - 1, 1), (keep + 1, 0)):
        now = street.now + timedelta(days=days)
        pine.write(lambda session, now=now: forget_old_posts(session, now))
        assert len(waiting(pine)) == number


def test_what_nobody_decides_about_is_kept_back_when_the_list_says_so(
    street: Village, oak: Server, pine: Server
) -> None:
    says(pine, RemotePosts.HELD)
    pine.write(lambda session: lists.update_list(session, list_id=1, held_days=30))
    write(oak, "Apples")
    carry(street)
    street.people.clear()
    street.wait(days=31)
    pine.write(lambda session: moderation.give_up_waiting(session, pine.host, street.now))
    assert state_of(pine, 1) is HeldState.REJECTED
    street.carry()
    assert [mail for mail in street.people if mail.sender == "pine.example"] == []


def test_of_many_that_wait_people_hear_once_an_hour(
    street: Village, oak: Server, pine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organic_mail.remote_held.MOST_ASKED_ABOUT", 2)
    says(pine, RemotePosts.HELD)
    for number in range(5):
        write(oak, f"Apple {number}")
    carry(street)
    assert len(waiting(pine)) == 5
    letters = [mail for mail in street.people if mail.to == "op@pine.people.example"]
    assert len(letters) == 3


def test_where_the_list_has_left_it_can_only_be_discarded(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    pine.leave()
    carry(street)
    with pytest.raises(Problem, match="no longer in the space"):
        approve(street, pine, 1)
    assert state_of(pine, 1) is HeldState.WAITING


def changed(street: Village, server: Server, subject: str, *, notify: bool = False) -> None:
    """Ana of this server says it in other words."""

    def seal(session: Session) -> None:
        own, store = own_server(session, server.host), relay_store(session, server.host)
        departure = departures.departure_of(session, 1)
        assert own is not None
        assert departure is not None
        (form,) = [store.post(each.key) for each in store.forms(PostKey(server.domain, departure.sealed_as, 1))]
        assert form is not None
        crossed = Crossing(subject, form.content.replace(b"Hello!", b"Other words!"))
        relay.publish(store, own, seal_edit(own, form.seal, crossed, date=street.now, notify=notify), street.now)

    server.write(seal)
    carry(street)


def test_what_its_author_changes_waits_in_its_new_form(street: Village, oak: Server, pine: Server) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    changed(street, oak, "Pears")
    (post,) = waiting(pine)
    assert post.subject == "Pears"
    assert kept(pine, b"Other words!")
    approve(street, pine, 1)
    (copy,) = got(street, person(pine), "Pears")
    assert "Other words!" in copy.get_content()
    assert everywhere(street, "Apples")[1] == 0


@pytest.mark.parametrize("notify", [False, True])
def test_what_was_kept_back_stays_so_in_every_form(street: Village, oak: Server, pine: Server, notify: bool) -> None:
    says(pine, RemotePosts.HELD)
    write(oak, "Apples")
    carry(street)
    pine.write(lambda session: moderation.reject_held(session, pine.host, 1, now=street.now))
    says(pine, RemotePosts.ACCEPT)
    changed(street, oak, "Pears", notify=notify)
    assert (waiting(pine), everywhere(street, "Pears")[1], in_her_letter(pine)) == ([], 0, [])


def test_after_a_restore_a_list_reads_first_as_well(street: Village, oak: Server, pine: Server) -> None:
    """What may repeat is let out as what may repeat: it is gathered, and comes in no mail of its own."""
    says(pine, RemotePosts.HELD)

    def restored(session: Session) -> None:
        made = create_community(session, domain=pine.domain, now=street.now)
        made.restored_at = street.now + timedelta(hours=1)

    pine.write(restored)
    write(oak, "Apples")
    carry(street)
    assert len(waiting(pine)) == 1
    approve(street, pine, 1)
    assert everywhere(street, "Apples") == [1, 0, 1]
    assert len(pine.read(repeats.gathered)) == 1
