"""What an author says about a post of hers, as it is read; and the post with other words in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.message import parse
from handlers.mime import attachments
from handlers.own_post import with_new_words
from handlers.phrase_table import Part, file_of, folded, languages, phrases
from handlers.plain_words import OwnPostCommand, OwnPostWish, own_post_wish_in, read_command
from handlers.written import written_text_of
from tests.bench.written_mails import mails
from tests.handlers.command_sets import as_sent, commands, held_out, posts
from tests.wire.community import mail

QUOTE = "\n\nOn Sunday Anna wrote:\n> We meet at five.\n"
ALL = [
    (language, name, phrase)
    for language in languages()
    for name, said in file_of(language)[Part.TO_OWN_POST].items()
    for phrase in said
]


def wish(text: str, **fields: str) -> OwnPostWish | None:
    return own_post_wish_in(parse(mail(text.replace("\n", "\r\n"), subject="Re: Lunch", **fields)))


@pytest.mark.parametrize(("language", "name", "phrase"), ALL)
def test_every_phrase_is_read(language: str, name: str, phrase: str) -> None:
    if name == OwnPostCommand.DELETE:
        assert wish(f"{phrase}{QUOTE}") == OwnPostWish(None)
        assert wish(f"{phrase.upper()}.\n\nAnna") == OwnPostWish(None)
        assert wish(f"{phrase} or not?") is None, language
    else:
        assert wish(f"{phrase}:\nAt six.{QUOTE}") == OwnPostWish("At six.")
        assert wish(f"{phrase} :\n\nAt six.\nAt the lake.") == OwnPostWish("At six.\nAt the lake.")
        assert wish(f"{phrase}\nAt six.") is None
        assert wish(f"{phrase}: at six.") is None, language


@pytest.mark.parametrize("form", ["plain", "html", "base64", "quoted below", "quoted above", "signed", "flowed"])
def test_in_every_form(form: str) -> None:
    assert own_post_wish_in(parse(as_sent("Please delete", form))) == OwnPostWish(None)
    if form != "quoted above":
        assert own_post_wish_in(parse(as_sent("Instead:\nAt six.", form))) == OwnPostWish("At six.")


@pytest.mark.parametrize(
    "text",
    ["deleted", "deletes", "delet", "delete it", "delete me", "delete all", "delete\ndelete the other one too, Tom",
     "I would delete this", "instead", "Instead, at six:\nAt the lake", "Hello,\ninstead:\nAt six.",
     "We could:\ninstead:\nAt six.", "> delete", "> instead:\n> At six.", ""],
)  # fmt: skip
def test_nothing_else_is_read(text: str) -> None:
    assert wish(text) is None


def test_no_post_is_taken_for_one() -> None:
    every = [parse(each.raw) for each in (*mails(), *posts(), *commands(), *held_out())]
    assert len(every) > 2000
    assert [message for message in every if own_post_wish_in(message) is not None] == []


def test_no_such_word_is_a_command_elsewhere() -> None:
    """Nor is what is one slip away from it."""
    for _, _, phrase in ALL:
        assert read_command(phrase) is None
        assert phrases().meanings[folded(phrase)][0] is Part.TO_OWN_POST


def test_a_file_is_no_word() -> None:
    """Then it is the file that everyone is to get."""
    head = {"Content_Type": "multipart/mixed; boundary=b"}
    text = f"--b\n\ndelete\n--b\nContent-Type: application/pdf\n\n{'x' * 20_000}\n--b--\n"
    assert wish(text, **head) is None
    assert wish(text.replace("x" * 20_000, "x"), **head) == OwnPostWish(None)


def test_the_header_stays_and_the_old_words_go() -> None:
    raw = mail(
        "<p>Old</p>\r\n",
        subject="Lunch",
        Content_Type="text/html; charset=iso-8859-1",
        DKIM_Signature="v=1",
        X_Mine="1",
    )
    made = parse(with_new_words(parse(raw), "Größer"))
    assert written_text_of(made.raw).strip() == "Größer"
    assert (made.subject, made.message_id, made.value("x-mine")) == ("Lunch", "<1@home.example>", "1")
    assert [made.value(name) for name in ("dkim-signature", "mime-version")] == [None, "1.0"]
    assert b"Old" not in made.raw


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200))
def test_any_words_can_stand_there(text: str) -> None:
    before = parse(
        mail(
            "--b\r\n\r\nOld\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--",
            Content_Type="multipart/mixed; boundary=b",
        )
    )
    once = parse(with_new_words(before, text))
    twice = parse(with_new_words(once, text))
    for made in (once, twice):
        assert [each.type for each in attachments(made)] == ["image/png"]
        assert len(made.all("mime-version")) == len(made.all("content-type")) == 1
        assert b"Old" not in made.raw
