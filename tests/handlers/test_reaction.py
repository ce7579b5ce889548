"""What is a reaction, and what stays a person's words (spec/people.md §1.1). Mails as their programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.emoji import one_emoji, only_emoji
from handlers.message import parse
from handlers.reaction import Reaction, is_about, reaction_in
from tests.wire.community import mail

HEART, RED, UP = "\u2764", "\u2764\ufe0f", "\U0001f44d"
QUOTE = (
    "\n\nOn Sun, Nov 22, 2026 at 8:14 AM Anna Lindqvist (Family) <\nanna.lindqvist@oak.example> wrote:\n\n"
    "> Lunch at noon?\n>\n> Everyone in The family reads your reply.\n"
)
OUTLOOK = (
    "\n________________________________\nFrom: Anna Lindqvist (Family) <anna.lindqvist@oak.example>\n"
    "Sent: Sunday, November 22, 2026 8:14 AM\nTo: The family <family@oak.example>\nSubject: Lunch\n\nLunch at noon?\n"
)
LINK = "\n<https://www.google.com/gmail/about/?utm_source=gmail-in-product&utm_medium=et>\n"


def found(text: str, **fields: str) -> Reaction | None:
    fields = {"In_Reply_To": "<1@home.example>", "Content_Type": "text/plain; charset=utf-8", **fields}
    return reaction_in(parse(mail(text.replace("\n", "\r\n"), author="Rose Okafor <rose@home.example>", **fields)))


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        (RED, RED), (HEART, HEART), (f"{UP}\U0001f3fd", UP), ("\U0001f602\U0001f602\U0001f602!", "\U0001f602"),
        ("+1", UP), ("<3", RED), (f"{RED}\n\nSent from my iPhone", RED), (f"{RED}\n\nSkickat från min iPhone", RED),
        (f"{RED}\nRose", RED), (f"{RED}\n\nLove, Grandma", RED), (f"{RED}\n-- \nRose Okafor\n14 Mill Lane", RED),
        ("\U0001f1f8\U0001f1ea", "\U0001f1f8\U0001f1ea"), ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        (f"no {HEART}", ""), (f"No {RED}", ""), (f"nej {RED}", ""), (f"kein {RED}", ""),
    ],
)  # fmt: skip
def test_a_person_sends_nothing_but_emoji(text: str, emoji: str) -> None:
    assert found(text) == Reaction(emoji)
    assert found(text + QUOTE) == Reaction(emoji)
    assert found(text + OUTLOOK) == Reaction(emoji)


@pytest.mark.parametrize(
    "text",
    [
        f"I love it {RED}", f"{RED}\nSee you tomorrow", f"{RED}\n\nCan I bring the dog?", "2", "!!!", "12:30", "lovely",
        "Liked the cake a lot", "Liked by all: the cake", "no", f"no {HEART} for me", "Removed a chair from the list",
        'I told him: "Liked it"', f"{RED} " * 30, "", "She reacted to your messages badly, I am sorry to say. " * 3,
    ],
)  # fmt: skip
def test_words_stay_words(text: str) -> None:
    assert found(text + QUOTE) is None


def test_a_first_mail_is_no_reaction() -> None:
    assert found(RED, In_Reply_To="") is None


@pytest.mark.parametrize(
    "disposition", ['attachment; filename="heart.jpg"', 'inline; filename="heart.jpg"'], ids=["attached", "inside"]
)
def test_a_heart_with_a_photo_is_a_post(disposition: str) -> None:
    body = (
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{RED}\n--b\nContent-Type: image/jpeg\n"
        f"Content-Disposition: {disposition}\n\nxx\n--b--\n"
    )
    assert found(body, Content_Type="multipart/mixed; boundary=b") is None


def gmail(part: str, **fields: str) -> Reaction | None:
    body = (
        f"--b\nContent-Type: text/plain; charset=UTF-8\n\n{UP}\n\nRose Okafor reacted via Gmail{LINK}\n"
        f'--b\nContent-Type: text/vnd.google.email-reaction+json; charset="UTF-8"\n\n{part}\n'
        f'--b\nContent-Type: text/html; charset="UTF-8"\n\n<div><p style="font-size:50px">{UP}</p>'
        "<p>Rose Okafor reacted via <a href='https://www.google.com/gmail/about/'>Gmail</a></p></div>\n--b--\n"
    )
    return found(body, Content_Type="multipart/alternative; boundary=b", **fields)


def test_gmails_part() -> None:
    assert gmail('{"emoji": "\U0001f60d", "version": 1}') == Reaction("\U0001f60d", by_program=True)


@pytest.mark.parametrize(
    "part",
    [
        "", "{", "[]", "1", "null", '{"emoji": "\U0001f60d"}', '{"emoji": "\U0001f60d", "version": "1"}',
        '{"emoji": "\U0001f60d", "version": true}', '{"emoji": "\U0001f60d", "version": 2}',
        '{"emoji": "\U0001f60d\U0001f60d", "version": 1}', '{"emoji": "x", "version": 1}', '{"emoji": 7, "version": 1}',
        "[" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_valid_part_is_read_as_text(part: str) -> None:
    assert gmail(part) == Reaction(UP, by_program=True)


def test_gmails_part_for_two_mails_is_read_as_text() -> None:
    both = "<1@home.example> <2@home.example>"
    assert gmail('{"emoji": "\U0001f60d", "version": 1}', In_Reply_To=both) == Reaction(UP, by_program=True)


def test_rfc_9078() -> None:
    reaction = "--b\nContent-Type: text/plain; charset=utf-8\nContent-Disposition: reaction\n\n\U0001f601\n"
    assert found(
        f"{reaction}--b--\n", Content_Type="multipart/mixed; boundary=b"
    ) == Reaction("\U0001f601", by_program=True)  # fmt: skip
    assert found(RED, Content_Disposition="reaction") == Reaction(RED, by_program=True)
    with_words = f"--b\nContent-Type: text/plain\n\nHello\n{reaction}--b--\n"
    assert found(with_words, Content_Type="multipart/mixed; boundary=b") == Reaction("\U0001f601", by_program=True)
    assert found("Hello all", Content_Disposition="reaction") is None


@pytest.mark.parametrize(
    "phrase",
    [
        "Rose Okafor reacted to your message:", "Rose Okafor hat auf Ihre Nachricht reagiert:",
        "Rose Okafor a réagi à votre message :", "Rose Okafor ha reaccionado a tu mensaje:",
        "Rose Okafor ha reagito al tuo messaggio:", "Rose Okafor reagiu à sua mensagem:",
        "Rose Okafor reagerade på ditt meddelande:", "Rose Okafor reagerede på din meddelelse:",
        "Rose Okafor reagerte på meldingen din:", "Rose Okafor reagoi viestiisi:",
        "Rose Okafor zareagował(a) na Twoją wiadomość:", "Rose Okafor reagoval(a) na vaši zprávu:",
        "Rose Okafor отреагировал(а) на ваше сообщение:", "Rose Okafor さんがメッセージにリアクションしました:",
    ],
)  # fmt: skip
def test_outlooks_mail_from_another_house(phrase: str) -> None:
    assert found(f"{UP}\n\n{phrase}{OUTLOOK}") == Reaction(UP, by_program=True)
    assert found(f"{phrase}{OUTLOOK}") == Reaction(RED, by_program=True)
    html = f"<div><p>{UP}</p><p>{phrase}</p></div><div id='appendonsend'></div><hr><div>Lunch at noon?</div>"
    assert found(html, Content_Type="text/html; charset=utf-8") == Reaction(UP, by_program=True)


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("Liked “Lunch at noon?”", UP), ('Liked "Lunch at noon?"', UP), ("Disliked “Lunch at noon?”", "\U0001f44e"),
        ("Laughed at “Lunch at noon?”", "\U0001f602"), ("Emphasized “Lunch”", "\u203c\ufe0f"),
        ("Questioned “Lunch”", "\u2753"), ("Reacted \U0001f525 to “Lunch at noon?”", "\U0001f525"),
        ("Removed a heart from “Lunch at noon?”", ""), ("Removed a question mark from “Lunch”", ""),
        ("Liked an image", UP), ("Loved a photo", RED),
    ],
)  # fmt: skip
def test_what_a_telephone_writes(text: str, emoji: str) -> None:
    assert found(text) == Reaction(emoji, by_program=True)
    assert found(text + QUOTE) == Reaction(emoji, by_program=True)


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("Loved “Lunch at noon?”", RED), ("Gefällt „Lunch at noon?“", UP),
        ("Lacht über „Lunch at noon?“", "\U0001f602"),
        ("A aimé « Lunch at noon? »", UP), ("A adoré « Lunch at noon? »", RED), ("Le gustó “Lunch at noon?”", UP),
        ("Gillade ”Lunch at noon?”", UP), ("Älskade “Lunch at noon?”", RED), ("Ha adorato “Lunch at noon?”", RED),
        ("Curtiu “Lunch at noon?”", UP), ("Нравится «Lunch at noon?»", UP),
    ],
)  # fmt: skip
def test_what_people_write_too_must_quote_the_post(text: str, emoji: str) -> None:
    reaction = found(text)
    assert reaction is not None
    assert (reaction.emoji, reaction.by_program) == (emoji, True)
    assert is_about(reaction, "Sunday", "Lunch at noon? Bring a chair.")
    assert is_about(reaction, "Lunch at noon?", "")
    assert not is_about(reaction, "Films", "Which film did you like?")


def test_a_long_post_is_quoted_in_part() -> None:
    assert is_about(Reaction(RED, quoted="The pike was as long as my ar…"), "", "The pike was as long as my arm, truly")
    assert not is_about(Reaction(RED, quoted="Dune"), "Films", "Which book or film?")


@given(st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8")))
def test_no_text_breaks_the_reading(text: str) -> None:
    only_emoji(text)
    one_emoji(text)
    found(text)


@pytest.mark.parametrize("text", [f"{UP} " * 30_000, "\u200d" * 100_000, "\U0001f1e6" * 100_000, "“" * 60_000])
def test_long_texts_take_no_time(text: str) -> None:
    assert only_emoji(text) == ""
    assert found(text) is None
