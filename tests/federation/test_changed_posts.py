"""Posts that have left, taken back and changed by their authors: what follows them, and whom nothing reaches."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.message import parse
from handlers.mime import decoded, parts
from handlers.peer.border import StaysHome, Why
from handlers.written import written_text_of
from organic_mail import travelling
from storage import posts
from storage.contents import read_content
from storage.models_travel import DepartureState
from tests.federation.travellers import carry, departure_of, got, is_removed, person, post_of, tell, write
from tests.federation.village import Server, Village
from tests.pictures import phone_jpeg, telling


def says(server: Server, subject: str, text: str, *, to: str = "") -> None:
    """Ana answers her own mail, from her Sent folder."""
    sent = post_of(server, subject).original_message_id
    write(server, f"Re: {subject}", text, to=to, In_Reply_To=sent)


def texts(street: Village, subject: str) -> list[str]:
    """What the members of each server read."""

    def text(server: Server) -> str:
        content_id = post_of(server, subject).content_id
        return written_text_of(server.read(lambda session: read_content(session, content_id))).strip()

    return [text(server) for server in street.servers.values()]


def test_new_words_go_where_the_post_has_gone(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    write(oak, "Apples", "Ripe apples.", photo=phone_jpeg())
    carry(street)
    street.people.clear()
    says(oak, "Apples", f"instead:\nNo apples. {person(oak)}")
    carry(street)
    assert texts(street, "Apples") == [f"No apples. {person(oak)}", "No apples. [Ana]", "No apples. [Ana]"]
    assert {mail.to for mail in street.people} == {person(oak)}
    (told,) = got(street, person(oak), '"Apples" has your new words')
    assert "The other servers of Plum Street get them, too." in told.get_body(("plain",)).get_content()
    birch = street.servers["birch.example"]
    message = parse(birch.read(lambda session: read_content(session, post_of(birch, "Apples").content_id)))
    (photo,) = [decoded(message, part) for part in parts(message) if part.content_type == "image/jpeg"]
    assert not telling(photo)


def test_it_changes_and_changes_and_goes(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    write(oak, "Apples", "One.")
    carry(street)
    for text in ("Two.", "Three."):
        says(oak, "Apples", f"instead:\n{text}")
        carry(street)
        assert texts(street, "Apples") == [text] * 3
    says(oak, "Apples", "delete")
    carry(street)
    assert all(is_removed(server, post) for server, post in first_posts(street))
    (told,) = got(street, person(oak), '"Apples" is taken back')
    assert told["To"].addresses[0].addr_spec == person(oak)


def first_posts(street: Village) -> Any:
    return [(server, server.read(lambda session: posts.post_by_id(session, 1))) for server in street.servers.values()]


def test_what_was_asked_about_stays_when_it_is_taken_back(street: Village, oak: Server) -> None:
    write(oak, "Apples")
    carry(street)
    assert departure_of(oak, "Apples").state is DepartureState.ASKING
    (asked,) = got(street, person(oak), 'May "Apples" leave for Plum Street?')
    says(oak, "Apples", "delete")
    assert departure_of(oak, "Apples").state is DepartureState.HOME
    write(oak, "Re: May it", "once", to=str(asked["Reply-To"].addresses[0].addr_spec))
    carry(street)
    assert [got(street, person(server), "Apples") for server in list(street.servers.values())[1:]] == [[], []]


def test_what_was_asked_about_leaves_in_its_new_form(street: Village, oak: Server) -> None:
    write(oak, "Apples", "Ripe apples.")
    carry(street)
    (asked,) = got(street, person(oak), 'May "Apples" leave for Plum Street?')
    says(oak, "Apples", "instead:\nNo apples.")
    write(oak, "Re: May it", "once", to=str(asked["Reply-To"].addresses[0].addr_spec))
    carry(street)
    assert texts(street, "Apples") == ["No apples."] * 3


def test_new_words_that_may_not_leave_stay(street: Village, oak: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(oak, share="always")
    write(oak, "Apples", "Ripe apples.")
    carry(street)

    def stays(*_: Any) -> None:
        raise StaysHome(Why.ADDRESS)

    monkeypatch.setattr(travelling, "crossing", stays)
    says(oak, "Apples", "instead:\nNo apples.")
    carry(street)
    assert texts(street, "Apples") == ["No apples.", "Ripe apples.", "Ripe apples."]
    assert len(got(street, person(oak), '"Apples" stayed with us')) == 1
    assert departure_of(oak, "Apples").state is DepartureState.GONE


@pytest.mark.parametrize("fails", ["crossing", "publish"])
def test_what_we_fail_at_is_not_tried_for_ever(
    street: Village, oak: Server, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    tell(oak, share="always")
    write(oak, "Apples", "Ripe apples.")
    carry(street)
    says(oak, "Apples", "instead:\nNo apples.")

    def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(travelling, fails, breaks)
        carry(street)
    found = departure_of(oak, "Apples")
    assert (found.state, found.changed_at) == (DepartureState.GONE, None)
    says(oak, "Apples", "delete")
    carry(street)
    assert all(is_removed(server, post) for server, post in first_posts(street))


def test_in_a_frozen_space_it_waits(street: Village, oak: Server) -> None:
    tell(oak, share="always")
    write(oak, "Apples", "Ripe apples.")
    carry(street)

    def freeze(moment: Any) -> None:
        def put(session: Any) -> None:
            found = oak.space(session)
            found.frozen_at = moment
            session.add(found)

        oak.write(put)

    freeze(street.now)
    says(oak, "Apples", "instead:\nNo apples.")
    carry(street)
    assert texts(street, "Apples") == ["No apples.", "Ripe apples.", "Ripe apples."]
    freeze(None)
    carry(street)
    assert texts(street, "Apples") == ["No apples."] * 3


def test_what_never_left_changes_at_home_alone(street: Village, oak: Server) -> None:
    write(oak, "At home", "Ours.", to="all@oak.example")
    says(oak, "At home", "instead:\nOurs alone.", to="all@oak.example")
    carry(street)
    content_id = post_of(oak, "At home").content_id
    assert b"Ours alone." in oak.read(lambda session: read_content(session, content_id))
    assert [got(street, person(server), "At home") for server in list(street.servers.values())[1:]] == [[], []]
