"""What an author does with a post of hers after it was sent: she takes it back, or puts other words into it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from handlers.facts import id_of
from handlers.incoming import Verdict
from handlers.written import whole_text_of
from organic_mail.moderation import approve_held
from storage import forms, lists, members, posts, queue
from storage.models import Posting
from tests.wire.community import Community, believed, community, mail
from tests.wire.letters import SUNDAY, due, reads_letters

FAMILY = "family@oak.example"
ANNA, ROSE = "Anna Lindqvist <anna@home.example>", "Rose Okafor <rose@home.example>"
OK = (250, "2.0.0")
QUOTE = "\r\n\r\nOn Sunday Anna wrote:\r\n> We meet at five.\r\n"


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    """Anna has written to everyone; she has a second address."""
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        member_id = made.membership("anna").member_id

        def add(session: Any) -> None:
            address = "anna@work.example"
            members.add_address(session, member_id=member_id, address=address, key=address, now=SUNDAY)

        made.database.write(add)
        assert made.receive(mail("We meet at five.\r\n", message_id="<first@home.example>")) == OK
        yield made


def answers(
    people: Community, text: str, parent: str = "<first@home.example>", *, who: str = ANNA, **more: str
) -> None:
    fields = {"subject": "Re: Lunch on Sunday", "message_id": "<answer@home.example>", "In_Reply_To": parent, **more}
    address = who.partition("<")[2].rstrip(">")
    recipient = fields.get("to", FAMILY)
    assert people.receive(mail(text, author=who, **fields), recipient, sender=address) == OK


def told(people: Community, person: str = "anna") -> list[EmailMessage]:
    found: list[Any] = [
        message_from_bytes(raw, policy=policy.SMTP)
        for recipient, raw in people.notices()
        if recipient == f"{person}@home.example"
    ]
    return found


def told_once(people: Community, person: str = "anna") -> tuple[str, str]:
    """Subject and text of the one letter that she got."""
    (letter,) = told(people, person)
    return letter["Subject"], letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def text_of(people: Community, post_id: int = 1) -> str:
    post = people.database.read(lambda session: posts.post_by_id(session, post_id))
    assert post is not None
    return whole_text_of(people.content(post.content_id)).strip()


def is_removed(people: Community, post_id: int = 1) -> bool:
    return people.posts()[post_id - 1].removed_at is not None


def test_an_author_takes_her_post_back(people: Community) -> None:
    assert len(people.copies()) == 3
    answers(people, f"delete{QUOTE}")
    assert is_removed(people)
    assert people.copies() == []
    assert len(people.posts()) == 1
    subject, text = told_once(people)
    assert subject == '"Lunch on Sunday" is taken back'
    assert "Mail that was delivered cannot be called back." in text
    assert "servers" not in text


@pytest.mark.parametrize(
    "word", ["Delete.", "Bitte löschen!", "supprimer", "borrar", "Ta bort, tack", "削除", "удалить"]
)
def test_in_every_language(people: Community, word: str) -> None:
    answers(people, f"{word}\r\n\r\nAnna{QUOTE}")
    assert is_removed(people)


def test_from_her_second_address(people: Community) -> None:
    answers(people, "delete\r\n", who="Anna at work <anna@work.example>")
    assert is_removed(people)
    assert told_once(people)[0] == '"Lunch on Sunday" is taken back'


def test_her_own_copy_is_answered(people: Community) -> None:
    """Its Message-ID is another one where hers told an address."""
    assert people.receive(mail("Hello.\r\n", message_id="<rose=home.example@phone.example>")) == OK
    copy = people.posts()[1]
    assert copy.message_id != copy.original_message_id
    answers(people, "delete\r\n", copy.message_id)
    assert [is_removed(people, number) for number in (1, 2)] == [False, True]


def test_what_is_taken_back_twice_is_taken_back(people: Community) -> None:
    answers(people, "delete\r\n")
    answers(people, "delete\r\n", message_id="<again@home.example>")
    assert is_removed(people)
    assert len(people.posts()) == 1


def test_nobody_takes_back_what_is_somebody_elses(people: Community) -> None:
    answers(people, f"delete{QUOTE}", who=ROSE)
    assert not is_removed(people)
    assert len(people.posts()) == 1
    assert len(people.copies()) == 3
    subject, text = told_once(people, "rose")
    assert subject == "Only the author can take an email back"
    assert "family-owner@oak.example" in text
    assert told(people, "anna") == []


@pytest.mark.parametrize("verdict", [Verdict.UNVERIFIED, Verdict.REFUSED])
def test_nobody_takes_back_in_her_name(people: Community, monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    believed(monkeypatch, verdict)
    people.receive(mail("delete\r\n", message_id="<forged@evil.example>", In_Reply_To="<first@home.example>"))
    assert not is_removed(people)
    assert len(people.posts()) == 1
    assert len(told(people)) == (verdict is Verdict.UNVERIFIED)  # did you write this?


def test_her_yes_to_that_takes_it_back(people: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    believed(monkeypatch, Verdict.UNVERIFIED)
    answers(people, "delete\r\n")
    (question,) = told(people)
    believed(monkeypatch, Verdict.ALIGNED)
    answers(people, "yes\r\n", question["Message-ID"], to=question["Reply-To"], message_id="<yes@home.example>")
    assert is_removed(people)
    assert len(people.posts()) == 1


@pytest.mark.parametrize(
    "text",
    ["delete the old list\r\n", "Delete it, Tom, that is not funny\r\n", "deleted\r\n", "I shall delete this\r\n",
     "delete\r\nthe second line\r\n", "> delete\r\n\r\nWhy?\r\n", "instead\r\nof five\r\n", "instead: at six\r\n",
     "We could, instead:\r\nmeet at six\r\n"],
)  # fmt: skip
def test_what_is_no_such_word_is_a_post(people: Community, text: str) -> None:
    answers(people, text)
    assert not is_removed(people)
    assert len(people.posts()) == 2
    assert text_of(people) == "We meet at five."


def test_a_new_mail_is_a_post(people: Community) -> None:
    for number, text in enumerate(("delete\r\n", "instead:\r\nAt six.\r\n")):
        assert people.receive(mail(text, subject="A word", message_id=f"<{number}@home.example>")) == OK
    assert len(people.posts()) == 3
    assert told(people) == []


def test_what_we_do_not_know_is_asked_about(people: Community) -> None:
    """The word goes to nobody."""
    answers(people, "delete\r\n", "<who@knows.example>")
    assert len(people.posts()) == 1
    subject, text = told_once(people)
    assert subject == "Nothing was changed"
    assert "\n\ndelete\n\n" in text.replace("\r\n", "\n")


def test_what_still_waits_is_put_aside(people: Community) -> None:
    fields = {"author": ROSE, "to": "garden@oak.example", "message_id": "<held@home.example>"}
    assert people.receive(mail("May I?\r\n", **fields), "garden@oak.example", sender="rose@home.example") == OK
    fields = {"parent": "<held@home.example>", "who": ROSE, "to": "garden@oak.example"}
    answers(people, "instead:\r\nWill you?\r\n", **fields)
    assert len(people.held()) == 1
    answers(people, "delete\r\n", message_id="<2@home.example>", **fields)
    assert people.held() == []
    assert len(people.posts()) == 1
    assert [each["Subject"] for each in told(people, "rose")][1:] == [
        "Nothing was changed",
        '"Lunch on Sunday" is taken back',
    ]


def test_other_words(people: Community) -> None:
    raw = mail("We meet at five.\r\n", message_id="<first@home.example>")
    before = people.copies()
    answers(people, f"instead:\r\nWe meet at six.\r\nBring cake.{QUOTE}")
    assert text_of(people) == "We meet at six.\nBring cake."
    assert len(people.posts()) == 1
    assert people.copies() == before  # nobody gets more than before
    rows = [row for row in people.database.read(queue.queue_rows) if row.post_id]
    assert {row.content_id for row in rows} == {people.posts()[0].content_id}
    first = people.database.read(lambda session: forms.first_content(session, 1))
    assert first is not None
    assert people.content(first) == raw
    subject, text = told_once(people)
    assert subject == '"Lunch on Sunday" has your new words'
    assert FAMILY in text


@pytest.mark.parametrize(
    "first", ["Instead:", "stattdessen:", "À la place :", "en su lugar:", "I stället:", "代わりに："]
)
def test_other_words_in_every_language(people: Community, first: str) -> None:
    answers(people, f"{first}\r\n\r\nWe meet at six.\r\n")
    assert text_of(people) == "We meet at six."


def test_her_files_stay_unless_others_come(people: Community) -> None:
    head = {"Content_Type": "multipart/mixed; boundary=b", "MIME_Version": "1.0"}
    plan = (
        "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n"
        "--b\r\nContent-Type: application/pdf; name={}.pdf\r\n\r\nx\r\n--b--\r\n"
    )
    assert people.receive(mail(plan.format("Look.", "plan"), message_id="<2@home.example>", **head)) == OK
    answers(people, "instead:\r\nLook here.\r\n", "<2@home.example>")
    changed = people.content(people.posts()[1].content_id)
    assert b"name=plan.pdf" in changed
    assert text_of(people, 2) == "Look here."
    text = plan.format("instead:\r\nLook there.", "map")
    answers(people, text, "<2@home.example>", message_id="<3@home.example>", **head)
    changed = people.content(people.posts()[1].content_id)
    assert b"name=map.pdf" in changed
    assert b"name=plan.pdf" not in changed
    assert text_of(people, 2) == "Look there."


def test_other_words_in_what_is_somebody_elses_are_an_answer(people: Community) -> None:
    answers(people, "instead:\r\nLet us eat cake.\r\n", who=ROSE)
    assert text_of(people) == "We meet at five."
    assert len(people.posts()) == 2


def test_no_words_change_nothing(people: Community) -> None:
    answers(people, f"instead:{QUOTE}")
    assert text_of(people) == "We meet at five."
    assert len(people.posts()) == 1
    assert told_once(people)[0] == "Nothing was changed"


def test_twenty_times_a_day(people: Community) -> None:
    for number in range(21):
        answers(people, f"instead:\r\nAt {number}.\r\n", message_id=f"<a{number}@home.example>")
    assert text_of(people) == "At 19."
    assert told(people)[-1]["Subject"] == "Nothing was changed"
    people.clock[0] += timedelta(days=1, minutes=1)
    answers(people, "instead:\r\nAt last.\r\n", message_id="<last@home.example>")
    assert text_of(people) == "At last."


def test_new_words_are_read_first_where_all_are(people: Community) -> None:
    """Nobody gets a moderator's yes for one text and shows another."""
    family = people.list_named()
    people.database.write(lambda session: lists.update_list(session, list_id=id_of(family), posting=Posting.MODERATED))
    people.receive(mail("Hello.\r\n", author=ROSE, message_id="<rose@home.example>"), sender="rose@home.example")
    people.database.write(lambda session: approve_held(session, people.host, 1, now=SUNDAY))
    assert text_of(people, 2) == "Hello."
    answers(people, "instead:\r\nBuy my book.\r\n", "<rose@home.example>", who=ROSE)
    assert text_of(people, 2) == "Hello."
    people.database.write(lambda session: approve_held(session, people.host, 2, now=SUNDAY))
    assert text_of(people, 2) == "Buy my book."
    assert len(people.posts()) == 2


def test_letters_that_wait_have_the_new_words(people: Community) -> None:
    reads_letters(people, "rose")
    answers(people, "Bring a cake.\r\n", message_id="<2@home.example>")
    (letter,) = due(people)
    assert "Bring a cake." in letter.text
    answers(people, "instead:\r\nBring a pie.\r\n", "<2@home.example>", message_id="<3@home.example>")
    (again,) = due(people)
    assert "Bring a pie." in again.text
    assert "cake" not in again.text
    answers(people, "delete\r\n", "<2@home.example>", message_id="<4@home.example>")
    assert not [each for each in due(people) if "Bring a" in each.text]
