"""Posts on their way into a space and back, on real databases: who is asked, who gets them, how they go (spec §4)."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.message import Message
from handlers.peer.border import BorderFacts, Crossing, crossing
from organic_mail import joining, travelling
from organic_mail.departing import stop_waiting
from organic_mail.peer_view import peer_view, space_view, told, told_of_space
from organic_mail.remote_posts import forget_old_posts
from organic_mail.travelling import MOST_A_DAY, remove_everywhere
from storage import bans, lists, peers, shunts, spaces
from storage.models_travel import DepartureState
from tests.federation.travellers import (
    carry,
    data_of,
    departure_of,
    everywhere,
    got,
    in_her_letter,
    is_removed,
    person,
    plum,
    post_of,
    taken,
    tell,
    write,
)
from tests.federation.village import Server, Village
from tests.pictures import phone_jpeg, telling


def test_f21_a_post_by_a_key_that_was_stolen_before(street: Village, oak: Server, birch: Server) -> None:
    """Pine does not know it yet, birch does. There the post waits for the operator."""
    own = oak.read(peers.own_key)
    assert own is not None
    known: dict[str, Any] = {"domain": "oak.example", "following": "", "now": street.now}
    birch.write(lambda session: peers.pin_key(session, key=own.key, **known))
    dates: dict[str, Any] = {
        "old_until": street.now + timedelta(days=14),
        "compromised_since": street.now - timedelta(hours=1),
    }
    birch.write(lambda session: peers.change_key(session, key=bytes(range(32)), **known, **dates))
    tell(oak, share="always")
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Apples") == [1, 1, 0]
    (waits,) = birch.read(shunts.shunt_rows)
    assert "was neither delivered nor passed on" in waits.shunt.reason


def test_f37_a_mail_to_two_lists_of_the_space(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    tell(oak, share="always")
    tell(pine, share="always", name="ana")
    other = joining.Newcomer(Mailbox("Ana", person(oak)))
    pine.write(
        lambda session: joining.confirm(
            session, pine.host, mailing_list=pine.mailing_list(session, "all"), newcomer=other, now=pine.now, quiet=True
        )
    )
    both = f"{plum(oak)}, {plum(pine)}"
    mail = write(oak, "Apples", header_to=both)
    taken(pine, mail, plum(pine))
    carry(street)
    assert everywhere(street, "Apples") == [2, 1, 1]  # Ana of oak is on two lists, and gets one copy of each
    assert departure_of(oak, "Apples").state is DepartureState.GONE
    assert departure_of(pine, "Apples").state is DepartureState.ELSEWHERE
    assert departure_of(pine, "Apples").sealed_as == departure_of(oak, "Apples").sealed_as

    write(pine, "Re: Apples", In_Reply_To=mail["Message-ID"])
    carry(street)
    assert everywhere(street, "Re: Apples")[0::2] == [2, 1]  # an answer to it may leave, too
    assert got(street, person(oak), "Re: Apples")[-1]["In-Reply-To"] == mail["Message-ID"]

    first, second = post_of(oak, "Apples"), post_of(pine, "Apples")
    oak.write(lambda session: remove_everywhere(session, oak.host, first.id or 0, street.now))
    carry(street)
    assert is_removed(pine, second)


def test_f38_an_automatic_answer_is_no_post(street: Village, oak: Server, pine: Server) -> None:
    tell(oak, share="always")
    tell(pine, share="always")
    write(oak, "Apples")
    carry(street)
    (copy,) = got(street, person(pine), "Apples")
    write(pine, "Re: Apples", "I am away.", Auto_Submitted="auto-replied", In_Reply_To=copy["Message-ID"])
    carry(street)
    assert everywhere(street, "Re: Apples") == [0, 0, 0]


def test_f41_what_is_written_to_the_list_does_not_leave(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    write(oak, "At home", to="all@oak.example")
    carry(street)
    assert everywhere(street, "At home") == [1, 0, 0]


def test_f42_who_says_nothing_lets_it_stay(street: Village, oak: Server) -> None:
    write(oak, "Pears")
    carry(street)
    assert everywhere(street, "Pears") == [1, 0, 0]
    assert len(got(street, person(oak), 'May "Pears" leave for Plum Street?')) == 1
    street.wait(days=7, minutes=1)
    oak.write(lambda session: stop_waiting(session, street.now))
    carry(street)
    assert everywhere(street, "Pears") == [1, 0, 0]
    assert departure_of(oak, "Pears").state is DepartureState.HOME


@pytest.mark.parametrize(("said", "this", "later"), [("once", 1, 0), ("always", 1, 1), ("never", 0, 0)])
def test_f43_her_answer_is_for_this_post_or_for_all(
    street: Village, oak: Server, said: str, this: int, later: int
) -> None:
    write(oak, "Pears")
    carry(street)
    (asked,) = got(street, person(oak), 'May "Pears" leave for Plum Street?')
    write(oak, "Re: May it", said, to=str(asked["Reply-To"].addresses[0].addr_spec))
    carry(street)
    write(oak, "Plums")
    carry(street)
    assert everywhere(street, "Pears") == [1, this, this]
    assert everywhere(street, "Plums") == [1, later, later]
    assert len(got(street, person(oak), 'May "Plums" leave for Plum Street?')) == (said == "once")


def test_she_changes_her_mind_by_answering_again(street: Village, oak: Server) -> None:
    write(oak, "Pears")
    carry(street)
    (asked,) = got(street, person(oak), 'May "Pears" leave for Plum Street?')
    for said in ("always", "never"):
        write(oak, "Re: May it", said, to=str(asked["Reply-To"].addresses[0].addr_spec))
        carry(street)
    write(oak, "Plums")
    carry(street)
    assert everywhere(street, "Pears") == [1, 1, 1]
    assert everywhere(street, "Plums") == [1, 0, 0]


def test_f44_never_stays_and_its_author_is_told(street: Village, oak: Server) -> None:
    tell(oak, share="never")
    write(oak, "Pears")
    carry(street)
    assert everywhere(street, "Pears") == [1, 0, 0]
    assert len(got(street, person(oak), '"Pears" stayed with us')) == 1


def test_f45_an_answer_stays_with_what_it_answers(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    first = write(oak, "At home", to="all@oak.example")
    write(oak, "Re: At home", In_Reply_To=first["Message-ID"])
    carry(street)
    assert everywhere(street, "Re: At home") == [1, 0, 0]
    (told,) = got(street, person(oak), '"Re: At home" stayed with us')
    assert "An answer never travels further" in " ".join(told.get_body(("plain",)).get_content().split())  # type: ignore[union-attr]


def test_f46_a_new_thread_that_quotes_what_was_for_the_list(street: Village, oak: Server) -> None:
    words = "We meet at the old well on Friday evening, and nobody but us should know of it before. " * 4
    tell(oak, share="always")
    write(oak, "Secret", words, to="all@oak.example")
    write(oak, "New", f"Look what they wrote:\n\n> {words[:300]}\n")
    carry(street)
    assert everywhere(street, "New") == [1, 0, 0]
    assert len(got(street, person(oak), 'May "New" leave for Plum Street?')) == 1


def test_f49_f59_nothing_but_the_post_crosses_the_border(street: Village, oak: Server) -> None:
    """No place where a photo was taken, and of members only the one who wrote, by her name."""
    bob = joining.Newcomer(Mailbox("Bob Silent", "bob@secret.example"))
    oak.write(
        lambda session: joining.confirm(
            session, oak.host, mailing_list=oak.mailing_list(session, "all"), newcomer=bob, now=oak.now, quiet=True
        )
    )
    tell(oak, share="always")
    write(oak, "Apples", "bob@secret.example has some.", photo=phone_jpeg())
    carried = carry(street)
    sent = [message_from_bytes(mail.raw, policy=policy.default) for mail in carried]
    pictures = [part.get_content() for mail in sent for part in mail.walk() if part.get_content_type() == "image/jpeg"]
    assert pictures
    assert [telling(picture) for picture in pictures] == [[]] * len(pictures)
    texts = [part.get_content() for mail in sent for part in mail.walk() if part.get_content_type() == "text/plain"]
    assert any("[Bob Silent] has some." in text for text in texts)
    crossed = b"".join(mail.raw for mail in carried) + "".join(texts).encode()
    for private in (b"secret.example", b"people.example", b"ana@"):
        assert private not in crossed


def test_f57_f58_who_is_at_home_elsewhere(street: Village, oak: Server, birch: Server, pine: Server) -> None:
    """No copy of what her home brings her; all of it again once that server is not in the space any more."""
    tell(oak, share="always")
    tell(pine, home="birch.example")
    write(oak, "Apples")
    write(pine, "Only pine", to="all@pine.example")
    carry(street)
    assert everywhere(street, "Apples") == [1, 0, 1]
    assert len(got(street, person(pine), "Only pine")) == 1

    birch.leave()
    carry(street)
    write(oak, "Pears")
    write(oak, "Plums")
    carry(street)
    assert everywhere(street, "Pears") == everywhere(street, "Plums") == [1, 1, 0]
    assert len(got(street, person(pine), "Mail from Plum Street comes from us again")) == 1


def test_f58_her_home_is_silent_for_two_days(street: Village, oak: Server, pine: Server) -> None:
    """Pine has a link with birch, and has not heard of it."""
    tell(oak, share="always")
    tell(pine, home="birch.example")
    street.lost = lambda mail: "birch.example" in (mail.sender, mail.domain)
    for _ in range(4):
        street.wait(hours=16)
        carry(street)
    write(oak, "Pears")
    carry(street)
    assert everywhere(street, "Pears") == [1, 1, 0]
    assert len(got(street, person(pine), "Mail from Plum Street comes from us again")) == 1


def test_f65_after_its_days_a_post_is_gone(street: Village, oak: Server, pine: Server) -> None:
    tell(oak, share="always")
    write(oak, "Apples")
    carry(street)
    keep, post = oak.roster().rules.keep, post_of(pine, "Apples")
    for days, gone in ((keep - 1, False), (keep + 1, True)):
        now = street.now + timedelta(days=days)
        pine.write(lambda session, now=now: forget_old_posts(session, now))
        assert is_removed(pine, post) == gone


def test_f76_a_server_that_is_refused_is_still_passed_on(street: Village, oak: Server, pine: Server) -> None:
    tell(oak, share="always")
    pine.write(lambda session: bans.add_ban(session, pattern="*@oak.example", list_id=None, now=street.now))
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Apples") == [1, 0, 1]


def test_f78_who_leaves_with_erasure_leaves_nothing(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    tell(oak, share="always")
    write(oak, "Apples")
    carry(street)
    kept = [(server, post_of(server, "Apples")) for server in (oak, pine, birch)]
    oak.leave(erase=True)
    carry(street)
    assert [is_removed(server, post) for server, post in kept] == [False, True, True]


def test_f79_the_twenty_first_of_a_day_waits(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    subjects = [f"Apple {number}" for number in range(MOST_A_DAY + 1)]
    for subject in subjects:
        write(oak, subject)
    carry(street)
    assert [everywhere(street, subject)[1] for subject in subjects] == [1] * MOST_A_DAY + [0]
    last = subjects[-1]
    assert len(got(street, person(oak), f'"{last}" leaves a little later')) == 1
    street.wait(days=1)
    carry(street)
    assert everywhere(street, last) == [1, 1, 1]


def test_f80_what_is_too_big_for_the_space_stays(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    write(oak, "Apples", "apple " * (11 * 1024 * 1024 // 6))
    carry(street)
    assert everywhere(street, "Apples") == [1, 0, 0]
    assert len(got(street, person(oak), '"Apples" stayed with us')) == 1


def test_what_we_fail_at_stays_and_holds_nobody_up(
    street: Village, oak: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(oak, share="always")

    def failing(message: Message, facts: BorderFacts) -> Crossing:
        if message.subject == "Pears":
            raise RuntimeError("a fault of ours")
        return crossing(message, facts)

    monkeypatch.setattr(travelling, "crossing", failing)
    write(oak, "Pears")
    write(oak, "Apples")
    carry(street)
    assert everywhere(street, "Pears") == [1, 0, 0]
    assert everywhere(street, "Apples") == [1, 1, 1]
    assert departure_of(oak, "Pears").state is DepartureState.HOME
    assert len(got(street, person(oak), '"Pears" stayed with us')) == 1


def test_two_lists_of_one_server(street: Village, oak: Server, pine: Server) -> None:
    """Both get what is written to the space, also by members of the other one, and answers find their way."""

    def begin(session: object) -> None:
        choir = lists.create_list(session, name="choir", title="The choir", now=street.now)  # type: ignore[arg-type]
        bob = joining.Newcomer(Mailbox("Bob", person(oak, "bob")))
        joining.confirm(session, oak.host, mailing_list=choir, newcomer=bob, now=street.now, quiet=True)  # type: ignore[arg-type]

    oak.write(begin)
    oak.invite(oak, "choir")
    street.wait(hours=1)
    carry(street)
    assert len(oak.read(lambda session: spaces.seats_of(session, oak.roster().space))) == 2
    tell(oak, share="always")
    tell(pine, share="always")
    write(oak, "Apples")
    write(pine, "Pears")
    carry(street)
    for subject in ("Apples", "Pears"):
        assert everywhere(street, subject) == [1, 1, 1]
        assert len(got(street, person(oak, "bob"), subject)) == 1
    first, second = post_of(oak, "Apples"), post_of(oak, "Apples", newest=True)
    oak.write(lambda session: remove_everywhere(session, oak.host, first.id or 0, street.now))
    carry(street)
    assert is_removed(oak, first)
    assert is_removed(oak, second)


def test_f57_letters_leave_out_what_her_home_has_brought(street: Village, oak: Server, pine: Server) -> None:
    tell(oak, share="always")
    tell(pine, home="birch.example")
    write(oak, "Apples")
    write(pine, "Only pine", to="all@pine.example")
    carry(street)
    assert in_her_letter(pine) == ["Only pine"]
    tell(pine, home="")
    assert in_her_letter(pine) == ["Apples", "Only pine"]


def test_what_she_said_stands_in_her_data(street: Village, oak: Server) -> None:
    for subject, said in (("Apples", "once"), ("Pears", "always")):
        write(oak, subject)
        carry(street)
        (asked,) = got(street, person(oak), f'May "{subject}" leave for Plum Street?')
        write(oak, "Re: May it", said, to=str(asked["Reply-To"].addresses[0].addr_spec))
        carry(street)
    lines = data_of(oak).splitlines()
    assert "Sunday, 22 November 2026: all your emails to Plum Street were to leave." in lines
    assert "Sunday, 22 November 2026: one email of yours was to leave for Plum Street." in lines


def test_what_waits_is_told_in_words(street: Village, oak: Server, pine: Server) -> None:
    tell(oak, share="always")
    street.lost = lambda mail: mail.domain == "pine.example"
    write(oak, "Apples")
    carry(street)
    tell(oak, share="ask")
    write(oak, "Pears")
    carry(street)

    def look(session: Session) -> str:
        view = peer_view(session, "pine.example", street.now)
        assert view is not None
        return " ".join([*told(view), *told_of_space(space_view(session, oak.space(session), street.now))])

    words = oak.read(look)
    assert "1 post has not been acknowledged by it yet, the oldest since 22 November 2026 at" in words
    assert "1 post waits for pine.example, the oldest since 22 November 2026 at" in words
    assert "1 post waits for the word of those who wrote them" in words
    street.lost = lambda mail: False
    street.wait(hours=2)
    carry(street)
    street.wait(hours=2)
    carry(street)
    assert "acknowledged" not in oak.read(look)
