from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.message import parse
from handlers.plain_words import (
    Command,
    PairCommand,
    Place,
    Said,
    answer_in,
    nearly_said,
    only_thanks,
    pair_command_in,
    read_answer,
    read_command,
    read_delivery,
    said,
    said_in,
    wants_to_keep,
    words_behind_answer,
)
from storage.models import DeliveryMode
from tests.wire.community import mail


def message(text, **fields):
    return parse(mail(text, **fields))


@pytest.mark.parametrize(
    ("text", "answer"),
    [("", None), ("...yes", True), ("I say yes", None), ("No.", False), ("noon", None), ("是", True), ("*Yes*", True),
     ("_nej_", False), ("yes-men", True), ("Да!", True), ("Não", False), ("\N{THUMBS UP SIGN} great", True)],
)  # fmt: skip
def test_reading_an_answer(text, answer):
    assert read_answer(text) is answer


def command_in(found):
    """To everyone, in answer to a post or not."""
    read = said_in(found, Place.ANSWER)
    return read.command if read else None


BASE64 = {"Content_Transfer_Encoding": "base64", "Content_Type": "text/plain; charset=utf-8"}
HTML = {"Content_Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("text", "fields", "answer"),
    [
        ("Yes\r\n\r\nOn Sunday Olu wrote:\r\n> Did you write it?\r\n> no\r\n", {}, True),
        ("> Press Reply and write:\r\n> yes\r\n\r\nNein!\r\n", {}, False),
        ("SmEsIGdlcm5l\r\n", BASE64, True),
        ("<html><body><div>Oui</div><blockquote type=cite>no</blockquote></body></html>\r\n", HTML, True),
        ("\r\n", {"subject": "Yes"}, True),
        ("\r\n", {"subject": "Re: Did you write this?"}, None),
        ("What is this?\r\n", {"subject": "Yes"}, None),
    ],
)
def test_answers_as_mail_programs_send_them(text, fields, answer):
    assert answer_in(message(text, **fields)) is answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [("no", ""), ("No, we share sales in spring.", "we share sales in spring."), ("Nein - zu lang\r\n", "zu lang")],
)
def test_the_reason_behind_a_no(text, reason):
    assert words_behind_answer(message(f"{text}\r\n")) == reason


@pytest.mark.parametrize(
    "text",
    ["stop", "STOP.", "Unsubscribe", "Please unsubscribe me!", "Take me off the list, thanks", "leave",
     "Abmelden bitte", "désabonner", "退订", "Hello, unsubscribe", "stop\n\nLove, Grandma", "stop\n-- \nRose"],
)  # fmt: skip
def test_stop(text):
    assert read_command(text) is Command.STOP


@pytest.mark.parametrize(
    "text", ["subscribe", "Join!", "subscribe please", "subscribe daily", "join weekly", "Anmelden"]
)
def test_join(text):
    assert read_command(text) is Command.JOIN


@pytest.mark.parametrize(
    "text",
    ["Stop it Tom, that is not funny", "Help me carry the sofa on Saturday?", "Photos from the lake are wonderful",
     "Leave the heron to me", "I will join you", "subscribe to my channel", "stop\nright there, all of you, now",
     "We stop at noon", "", "stop " + "x" * 80, "unsubscribed", "join us for lunch"],
)  # fmt: skip
def test_a_sentence_is_no_command(text):
    assert read_command(text) is None
    assert command_in(message(f"{text}\r\n", subject="Lunch")) is None


def test_a_command_above_what_it_answers_and_in_the_subject():
    quoted = "\r\n\r\nOn 22 Nov 2026 Anna <a@oak.example> wrote:\r\n> Hello everyone\r\n"
    assert command_in(message(f"Stop{quoted}", subject="Re: Lunch")) is Command.STOP
    assert command_in(message("\r\n", subject="unsubscribe")) is Command.STOP
    assert command_in(message("Hello\r\n", subject="unsubscribe")) is Command.STOP
    assert command_in(message("Whatever next?\r\n", subject="unsubscribe")) is None
    assert command_in(message("<div>stop</div>\r\n", **HTML)) is Command.STOP
    assert command_in(message("U3RvcA==\r\n", **BASE64)) is Command.STOP


@pytest.mark.parametrize(
    ("text", "subject", "mode"),
    [
        ("daily", "", DeliveryMode.DAILY),
        ("", "join weekly", DeliveryMode.WEEKLY),
        ("Each, please", "join", DeliveryMode.EACH),
        ("täglich", "", DeliveryMode.DAILY),
        ("Hello", "join", None),
        ("Hello\r\nI read the daily news", "join", None),
    ],
)
def test_how_she_wants_her_mail(text, subject, mode):
    assert read_delivery(message(f"{text}\r\n", subject=subject)) is mode


@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    assert read_answer(text) in (True, False, None)
    assert read_command(text) in (*Command, None)


PAIR = [("block", PairCommand.BLOCK), ("Bitte blockieren", PairCommand.BLOCK), ("Заблокировать!", PairCommand.BLOCK),
        ("ブロック", PairCommand.BLOCK), ("block\r\n\r\nLove, Rose", PairCommand.BLOCK),
        ("unblock", PairCommand.UNBLOCK),
        ("nicht mehr blockieren", PairCommand.UNBLOCK), ("débloquer, merci", PairCommand.UNBLOCK),
        ("取消屏蔽", PairCommand.UNBLOCK), ("block the road", None), ("I will block him\r\nblock", None), ("", None),
        ("stop", None)]  # fmt: skip


@pytest.mark.parametrize(("text", "command"), PAIR)
def test_what_one_member_says_about_another(text, command):
    found = message(f"{text}\r\n", Content_Type="text/plain; charset=utf-8", subject="Re: Hello")
    assert pair_command_in(found) is command
    assert command is None or command_in(found) is None


def test_the_subject_ends_it_too():
    assert pair_command_in(message("\r\n", subject="block")) is PairCommand.BLOCK


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Hello,\nunsubscribe\nThank you", Command.STOP),
        ("Hello Olu,\nunsubscribe", None),  # to others that is who is asked
        ("unsubscribe Anna", Command.STOP),
        ("Tom, unsubscribe", None),
        ("unsubscribe\nLove, Grandma Lindqvist", Command.STOP),
        ("unsubscribe\nor not", None),
        ("unsubscribe\nStop", None),
        ("unsubscribe\n\n--\nAnna, who has a long signature with many words in it", Command.STOP),
        ("unsubscribe \N{SLIGHTLY SMILING FACE}", Command.STOP),
        ("unsubscribe" + 60 * " please", None),
    ],
)
def test_what_may_stand_around_a_command(text, command):
    found = said_in(message(f"{text}\r\n"), Place.ANSWER)
    assert (found.command if found else None) is command


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("weekly", Place.US, Command.WEEKLY),
        ("weekly", Place.LETTER, Command.WEEKLY),
        ("weekly", Place.ANSWER, None),
        ("mute", Place.ANSWER, Command.MUTE),
        ("mute", Place.POST, None),
        ("help", Place.POST, Command.HELP),
        ("sign me up", Place.STRANGER, Command.JOIN),
        ("sign me up", Place.POST, None),
        ("sign me up", Place.LETTER, None),
        ("weekly", Place.STRANGER, None),
        ("salir", Place.US, Command.STOP),
        ("salir", Place.LETTER, None),
        ("photos", Place.US, Command.PHOTOS),
        ("photos", Place.LETTER, None),
        ("yes", Place.US, None),
        ("block", Place.US, None),
        ("album 2026", Place.LETTER, None),
        ("find heron", Place.US, None),
        ("birthday 4 May", Place.US, None),
    ],
)
def test_where_it_is_read(text, place, expected):
    found = said(text, place)
    assert (found.command if found else None) is expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("photos 1", 1),
        ("Fotos 12!", 12),
        ("pictures #3 please", 3),
        ("photos no. 2", 2),
        ("photos 123", 0),
        ("photos 1 2", 0),
    ],
)
def test_photos_of_which_conversation(text, number):
    assert said(text, Place.LETTER) == (Said(Command.PHOTOS, number) if number else None)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("wekly", Command.WEEKLY),
        ("dialy", Command.DAILY),
        ("stopp it", Command.STOP),
        ("Could I have it weekly?", Command.WEEKLY),
        ("Hello Olu,\nwekly\nRose", Command.WEEKLY),
        ("weekly or daily?", None),
        ("My heron has died", None),
        ("Could I have a letter that comes weekly, but only if there is room for it in the postbox?", None),
        ("", None),
    ],
)
def test_what_is_near(text, command):
    found = nearly_said(message(f"{text}\r\n", subject="Hi"))
    assert (found.command if found else None) is command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thanks!", True),
        ("Vielen Dank\n\nRose", True),
        ("Tack så mycket, kram", True),
        ("Rose Okafor, gardener", False),
        ("", False),
        ("Thanks, but where is the key?", False),
    ],
)
def test_only_thanks(text, expected):
    assert only_thanks(text) is expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello, yes", True),
        ("Si tu veux, demande à Tom", None),
        ("Si", True),
        ("sí, claro", True),
        ("Da bin ich nicht sicher", None),
        ("Da", True),
        ("tak", True),
        ("Ja tak", True),
        ("not sure", None),
        ("maybe", None),
        ("nu", False),
        ("Yes, 4 of us", True),
        ("हाँ", True),
        ("Nu kommer vi", None),
    ],
)
def test_answers_in_a_sentence(text, answer):
    assert read_answer(text) is answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Keep, please", True),
        ("zurück", True),
        ("Yes", True),
        ("Tut mir leid, nein", None),
        ("no", False),
        ("Unsubscribe", False),
    ],
)
def test_shall_it_come_again(text, expected):
    assert wants_to_keep(message(f"{text}\r\n", Content_Type="text/plain; charset=utf-8")) is expected


@given(st.text(max_size=200), st.sampled_from(Place))
def test_any_text_can_be_read_anywhere(text, place):
    found = said(text, place, names={"rose"}, subject=text[:40])
    assert found is None or found.command in Command
