"""The round trip: a letter goes out, and what ten mail programs make of an answer finds its conversation."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from handlers.incoming import Verdict
from handlers.written import written_text_of
from organic_mail.moderation import approve_held
from storage.letter_buttons import answer_content
from storage.models import DeliveryMode, Posting, Status
from storage.reactions import reactions_to
from tests.wire.community import Community, believed, community
from tests.wire.letters import SUNDAY, Got, arrived, at_once, conversations, due, reads_letters, says, wished

LAKE, REUNION, TABLE = "Back from the lake", "Reunion at Olu's house", "Who has a long table?"
ABOUT = "About Sunday's letter"


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        reads_letters(made, "rose")
        says(made, "The children have not stopped talking about the heron.", LAKE, 1)
        says(made, "Sunday 6 December, from 12 o'clock, at 14 Mill Lane. Bring a chair.", REUNION, 2)
        says(made, "Ours is far too short for thirty people, I am afraid.", TABLE, 3)
        yield made


@pytest.fixture
def letter(people: Community) -> Got:
    (found,) = due(people)
    arrived(people)
    people.clock[0] = SUNDAY + timedelta(hours=2)
    return found


def answer(letter: Got, text: str, page: str = "", *, to: str = "family@oak.example", **more: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Rose Okafor <rose@home.example>"
    message["To"] = to
    message["Subject"] = f"Re: {letter.read['Subject']}"
    message["Message-ID"] = "<answer@home.example>"
    message["In-Reply-To"] = letter.message_id
    message["Date"] = "Sun, 22 Nov 2026 09:00:00 +0100"
    for name, value in more.items():
        del message[name.replace("_", "-")]
        if value:
            message[name.replace("_", "-")] = value
    message.set_content(text)
    if page:
        message.add_alternative(page, subtype="html")
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def send(people: Community, raw: bytes, to: str = "family@oak.example") -> None:
    assert people.receive(raw, to, sender="rose@home.example") == (250, "2.0.0")


def said(people: Community) -> dict[str, list[str]]:
    """Subject of each conversation → what Rose wrote in it."""
    found = {}
    for subject, posts in conversations(people).items():
        texts = [
            written_text_of(people.content(post.content_id)) for post in posts if post.author_name == "Rose Okafor"
        ]
        if texts:
            found[subject] = texts
    return found


def quoted(letter: Got) -> str:
    return "".join(f"> {line}\n" for line in letter.text.splitlines())


def body_of(letter: Got) -> str:
    found = re.search(r"<body[^>]*>(.*)</body>", letter.html, re.DOTALL)
    assert found is not None
    return found[1]


def written(text: str) -> str:
    """Lines as editors of HTML break them."""
    return html.escape(text).replace("\n", "<br>")


# The ten clients: what each sends back when the answer stands on top of the whole letter


def gmail(letter, text):
    said = "On Sun, Nov 22, 2026 at 7:00 AM The family <family@oak.example>\nwrote:\n"
    page = f'<div dir="ltr">{written(text)}</div><br><div class="gmail_quote gmail_quote_container">'
    page += '<div dir="ltr" class="gmail_attr">On Sun, Nov 22, 2026 at 7:00 AM The family wrote:<br></div>'
    page += f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{body_of(letter)}</blockquote></div>'
    return answer(letter, f"{text}\n\n{said}\n{quoted(letter)}", page)


def gmail_app(letter, text):
    said = "On Sun, 22 Nov 2026, 07:00 The family, <family@oak.example> wrote:\n"
    return answer(letter, f"{text}\n\n{said}\n{quoted(letter)}")


def iphone(letter, text):
    said = "> On 22 Nov 2026, at 07:00, The family <family@oak.example> wrote:\n> \n"
    return answer(letter, f"{text}\n\nSent from my iPhone\n\n{said}{quoted(letter)}")


def apple_mail(letter, text):
    page = f'<html><body style="overflow-wrap: break-word;">{written(text)}<br><div><br><blockquote type="cite">'
    page += "<div>On 22 Nov 2026, at 07:00, The family &lt;family@oak.example&gt; wrote:</div><br>"
    page += f"<div>{body_of(letter)}</div></blockquote></div><br></body></html>"
    said = "> On 22 Nov 2026, at 07:00, The family <family@oak.example> wrote:\n> \n"
    return answer(letter, f"{text}\n\n{said}{quoted(letter)}", page)


def outlook(letter, text):
    head = "From: The family <family@oak.example>\nSent: Sunday, November 22, 2026 7:00 AM\n"
    head += f"To: Rose Okafor <rose@home.example>\nSubject: {letter.read['Subject']}\n\n"
    return answer(letter, f"{text}\n\n{head}{letter.text}")


def outlook_phone(letter, text):
    page = f'<div dir="ltr">{written(text)}</div><div class="ms-outlook-mobile-reference-message"></div>'
    page += '<hr><div id="divRplyFwdMsg" dir="ltr"><b>From:</b> The family &lt;family@oak.example&gt;<br>'
    page += f"<b>Sent:</b> Sunday, November 22, 2026 7:00:00 AM<br><b>To:</b> Rose<br></div>{body_of(letter)}"
    return answer(letter, "", page)


def yahoo(letter, text):
    page = f'<div class="ydp1">{written(text)}</div><div id="ydp2yahoo_quoted" class="yahoo_quoted"><div>'
    page += f"On Sunday, 22 November 2026 at 07:00:00 CET, The family wrote:</div>{body_of(letter)}</div>"
    said = "On Sunday, 22 November 2026 at 07:00:00 CET, The family <family@oak.example> wrote:\n"
    return answer(letter, f"{text}\n\n    {said}\n {letter.text}", page)


def gmx(letter, text):
    page = f'<div>{written(text)}</div><div name="quote" style="margin:10px 5px"><div><b>Gesendet:</b> Sonntag, '
    page += '22. November 2026 um 07:00 Uhr<br><b>Von:</b> "The family" &lt;family@oak.example&gt;<br>'
    page += "<b>An:</b> rose@home.example<br><b>Betreff:</b> Sunday's letter</div>"
    page += f'<div name="quoted-content">{body_of(letter)}</div></div>'
    return answer(letter, "", page)


def thunderbird(letter, text):
    page = f'<body><p>{written(text)}</p><div class="moz-cite-prefix">Am 22.11.26 um 07:00 schrieb The family:'
    page += f'</div><blockquote type="cite" cite="mid:1">{body_of(letter)}</blockquote></body>'
    return answer(letter, f"{text}\n\nAm 22.11.26 um 07:00 schrieb The family:\n{quoted(letter)}", page)


def proton(letter, text):
    page = f'<div>{written(text)}</div><div class="protonmail_quote">On Sunday, November 22nd, 2026 at 7:00 AM, '
    page += (
        f'The family wrote:<br><blockquote class="protonmail_quote" type="cite">{body_of(letter)}</blockquote></div>'
    )
    return answer(letter, "", page)


CLIENTS = (gmail, gmail_app, iphone, apple_mail, outlook, outlook_phone, yahoo, gmx, thunderbird, proton)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_number_leads_to_its_conversation(people, letter, client):
    send(people, client(letter, "2 We will be four. I bring the chairs."))
    assert said(people) == {REUNION: ["We will be four. I bring the chairs."]}


@pytest.mark.parametrize("client", CLIENTS)
def test_without_a_number_it_is_about_the_letter(people, letter, client):
    send(people, client(letter, "What lovely news from all of you!"))
    assert said(people) == {ABOUT: ["What lovely news from all of you!"]}


@pytest.mark.parametrize("client", CLIENTS)
def test_several_numbers_make_several_posts(people, letter, client):
    send(people, client(letter, "1 What a bird!\n\n3. Ours is three metres long.\nYou may have it."))
    assert said(people) == {LAKE: ["What a bird!"], TABLE: ["Ours is three metres long.\nYou may have it."]}


def test_the_copies_quote_nothing_of_the_letter(people, letter):
    send(people, gmail(letter, "1 What a bird!"))
    post = conversations(people)[LAKE][-1]
    raw = people.content(post.content_id)
    assert b"What a bird!" in raw
    for word in (b"heron", b"blockquote", b"Answer everyone", b"family-"):
        assert word not in raw
    assert post.in_reply_to == "<1@home.example>"
    assert post.subject == f"Re: {LAKE}"
    assert b"heron" in people.content(people.database.read(lambda session: answer_content(session, post.id)))


@pytest.mark.parametrize(
    "text",
    [
        "3 people from us.",
        "2 o'clock is better for us",
        "3 Personen kommen mit",
        "2 of us will come",
        "2026 was a good year",
        "On 2 December we are in town",
        "To 3 of you: thank you",
    ],
)
def test_a_quantity_is_no_number(people, letter, text):
    send(people, gmail_app(letter, text))
    assert said(people) == {ABOUT: [text]}


def test_a_number_that_does_not_exist_is_none(people, letter):
    send(people, gmail_app(letter, "7 What lovely photos!"))
    assert said(people) == {ABOUT: ["7 What lovely photos!"]}


@pytest.mark.parametrize(
    "mark", ["3 ", "#3 ", "3) ", "3. ", "No. 3 ", "3: ", "Nr 3 ", "On 3: ", "to 3) ", "Zu 3: ", "Sur 3 : ", "לגבי 3: "]
)
def test_numbers_as_people_write_them(people, letter, mark):
    send(people, gmail_app(letter, f"{mark}Ours is long."))
    assert said(people) == {TABLE: ["Ours is long."]}


def test_what_stands_between_the_quotes_belongs_there(people, letter):
    lines = []
    for line in letter.text.splitlines():
        lines.append(f"> {line}")
        if "talking about the heron" in line:
            lines.append("\nWe saw it too!\n")
        if "14 Mill Lane" in line:
            lines.append("\nI will bring soup.\n")
    send(people, answer(letter, "On Sun, 22 Nov 2026, The family wrote:\n" + "\n".join(lines)))
    assert said(people) == {LAKE: ["We saw it too!"], REUNION: ["I will bring soup."]}


def inside(letter: Got, *answers: tuple[str, str]) -> str:
    """The letter's HTML with answers typed into it behind certain words: a quote in a table cannot be broken open."""
    page = body_of(letter)
    for words, text in answers:
        before, found, after = page.partition(words)
        assert found
        end = after.index("</p>") + 4
        page = f"{before}{found}{after[:end]}<div>{text}</div>{after[end:]}"
    return page


@pytest.mark.parametrize(
    "opening",
    [
        '<div class="gmail_attr">On Sun, 22 Nov 2026 The family wrote:<br></div><blockquote class="gmail_quote">',
        '<div>On 22 Nov 2026, at 07:00, The family wrote:</div><blockquote type="cite">',
        '<div class="moz-cite-prefix">Am 22.11.26 schrieb The family:</div><blockquote type="cite" cite="mid:1">',
    ],
    ids=["gmail", "apple", "thunderbird"],
)
@pytest.mark.parametrize("above", ["", "<div>See below!</div>"])
def test_what_stands_inside_a_quote_of_html_belongs_there(people, letter, opening, above):
    page = inside(letter, ("talking about the heron", "We saw it too!"), ("14 Mill Lane", "I will bring soup."))
    send(people, answer(letter, "", f"<body>{above}{opening}{page}</blockquote></body>"))
    greeting = {ABOUT: ["See below!"]} if above else {}
    assert said(people) == {LAKE: ["We saw it too!"], REUNION: ["I will bring soup."], **greeting}


def test_what_stands_below_the_whole_letter_is_about_the_letter(people, letter):
    text = f"On Sun, 22 Nov 2026, The family wrote:\n{quoted(letter)}\nWhat lovely news from all of you!\n"
    send(people, answer(letter, text))
    assert said(people) == {ABOUT: ["What lovely news from all of you!"]}


def test_the_only_conversation_that_is_quoted_is_meant(people, letter):
    text = "I will bring soup.\n\n> 2. Reunion at Olu's house.\n"
    text += "> Sunday 6 December, from 12 o'clock, at 14 Mill Lane. Bring a chair.\n"
    send(people, answer(letter, text))
    assert said(people) == {REUNION: ["I will bring soup."]}


def test_a_letter_with_one_conversation_needs_no_number(people):
    due(people)
    people.clock[0] = SUNDAY + timedelta(hours=2)
    says(people, "It is back!", "Re: " + LAKE, 9, in_reply_to="<1@home.example>")
    (letter,) = due(people, SUNDAY + timedelta(days=1))
    send(people, gmail(letter, "Lovely."))
    assert said(people) == {LAKE: ["Lovely."]}


def test_two_answers_about_a_letter_are_one_conversation(people, letter):
    send(people, gmail(letter, "Lovely news!"))
    send(people, answer(letter, "And one more thing.", message_id="<second@home.example>"))
    assert said(people) == {ABOUT: ["Lovely news!", "And one more thing."]}


def press(people: Community, letter: Got, label: str, text: str, number: int) -> None:
    """Press the button of a conversation, and send what the mail program then shows."""
    links = re.findall(r'href="mailto:(family-[^@]+@oak\.example)\?subject=([^"&]*)', letter.html)
    pressed = [address for address, subject in links if subject.startswith("%E2%9D%A4" if label == "heart" else "Re")]
    to = pressed[number - 1]
    send(people, answer(letter, text, to=to, subject="❤" if label == "heart" else f"Re: {LAKE}", in_reply_to=""), to)


def test_the_button_of_an_answer(people, letter):
    press(people, letter, "answer", "We will be four.", 2)
    assert said(people) == {REUNION: ["We will be four."]}


def test_the_button_of_a_heart(people, letter):
    press(people, letter, "heart", "❤", 1)
    assert said(people) == {}
    assert people.database.read(lambda session: reactions_to(session, [1])) == {1: [("❤", 1)]}


def test_a_heart_with_words_is_an_answer(people, letter):
    press(people, letter, "heart", "❤ What a wonderful bird that is", 1)
    assert said(people) == {LAKE: ["❤ What a wonderful bird that is"]}


def test_a_button_in_a_strangers_hand_does_nothing_in_her_name(people, letter):
    to = re.findall(r"mailto:(family-[^@]+@oak\.example)\?subject=Re", letter.html)[0]
    raw = answer(letter, "Hello", to=to, From="Eve <eve@elm.example>", in_reply_to="")
    assert people.receive(raw, to, sender="eve@elm.example")[0] == 550


def test_a_heart_and_a_number(people, letter):
    send(people, gmail_app(letter, "2 ❤️"))
    assert said(people) == {}
    assert 2 in people.database.read(lambda session: reactions_to(session, [2]))


def test_her_photo_goes_along_and_ours_do_not(people, letter):
    message = EmailMessage()
    for name in ("From", "To", "Subject", "Message-ID", "In-Reply-To"):
        message[name] = {
            "From": "rose@home.example",
            "To": "family@oak.example",
            "Subject": "Re: letter",
            "Message-ID": "<photo@home.example>",
            "In-Reply-To": letter.message_id,
        }[name]
    message.set_content("1 Look!")
    message.add_attachment(b"\xff\xd8\xff\xe0 a photo", maintype="image", subtype="jpeg", filename="mine.jpg")
    send(people, message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    post = conversations(people)[LAKE][-1]
    assert b'filename="mine.jpg"' in people.content(post.content_id)
    assert said(people) == {LAKE: ["Look!"]}


def test_an_answer_that_is_held_finds_its_conversation_when_it_is_let_out(people, letter, monkeypatch):
    from storage.lists import update_list

    people.database.write(
        lambda session: update_list(session, list_id=people.list_named().id, posting=Posting.MODERATED)
    )
    send(people, gmail(letter, "1 What a bird!\n2 We come."))
    assert said(people) == {}
    (waiting,) = people.held()
    people.database.write(lambda session: approve_held(session, people.host, waiting.id, now=SUNDAY))
    assert said(people) == {LAKE: ["What a bird!"], REUNION: ["We come."]}


def test_nothing_is_believed_that_is_not_hers(people, letter, monkeypatch):
    believed(monkeypatch, Verdict.UNVERIFIED)
    send(people, gmail(letter, "1 What a bird!"))
    assert said(people) == {}
    assert len(people.held()) == 1


def test_an_empty_answer_is_no_post(people, letter):
    send(people, gmail(letter, ""))
    assert said(people) == {}


def test_the_same_answer_twice_is_one(people, letter):
    raw = gmail(letter, "1 What a bird!\n2 We come.")
    send(people, raw)
    send(people, raw)
    assert said(people) == {LAKE: ["What a bird!"], REUNION: ["We come."]}


# Wishes


def test_weekly(people, letter):
    send(people, gmail(letter, "weekly please\n\nLove, Rose"))
    assert people.membership("rose").delivery is DeliveryMode.WEEKLY
    assert said(people) == {}
    (notice,) = [raw for recipient, raw in people.notices() if b"Auto-Submitted: auto-replied" in raw]
    assert b"one letter a week" in notice


@pytest.mark.parametrize(
    "text", ["The weekly market is on Saturday", "I want more photos of the heron", "More of that!"]
)
def test_a_sentence_is_no_wish(people, letter, text):
    send(people, gmail_app(letter, text))
    assert said(people) == {ABOUT: [text]}


def test_more_brings_the_rest(people):
    for number in range(10, 30):
        says(people, f"Text {number}.", f"Subject {number}", number)
    (letter,) = due(people)
    assert "Text 29." not in letter.text
    send(people, gmail(letter, "more"))
    (rest,) = wished(people)
    assert "Text 29." in rest.text
    assert "Text 10." not in rest.text
    assert wished(people) == []
    send(people, answer(rest, "1 Lovely", message_id="<rest@home.example>"))
    assert list(said(people).values()) == [["Lovely"]]


def test_more_of_one_brings_the_posts_themselves(people, letter):
    before = people.copies().count("rose@home.example")
    send(people, gmail(letter, "more 2"))
    assert people.copies().count("rose@home.example") == before + 1
    assert said(people) == {}


def test_who_was_sent_a_letter_at_once_can_answer_it_too(people):
    (letter,) = at_once(people)
    send(people, gmail(letter, "1 What a bird!"))
    assert said(people) == {LAKE: ["What a bird!"]}


def test_back_after_a_pause_brings_one_letter(people, letter):
    send(people, gmail(letter, "pause"))
    assert people.membership("rose").status is Status.PAUSED
    says(people, "Missed.", "While she was away", 40)
    assert due(people, SUNDAY + timedelta(days=2)) == []
    send(
        people,
        answer(letter, "back", to="family-help@oak.example", message_id="<b@x.example>"),
        "family-help@oak.example",
    )
    assert people.membership("rose").status is Status.ACTIVE
    (missed,) = wished(people)
    assert missed.read["Subject"] == "What you missed, 22 November: While she was away"
    assert "Missed." in missed.text
    assert due(people, SUNDAY + timedelta(days=3)) == []


def test_who_gets_each_post_hears_what_she_missed(people, letter):
    to = "family-help@oak.example"
    raw = answer(letter, "holiday", to=to, From="Tom <tom@home.example>", in_reply_to="", message_id="<p@x.example>")
    assert people.receive(raw, to, sender="tom@home.example") == (250, "2.0.0")
    says(people, "Missed.", "While he was away", 40)
    raw = answer(letter, "I am back", to=to, From="Tom <tom@home.example>", in_reply_to="", message_id="<q@x.example>")
    assert people.receive(raw, to, sender="tom@home.example") == (250, "2.0.0")
    (missed,) = wished(people)
    assert missed.recipient == "tom@home.example"
    assert "1. While he was away." in missed.text
    assert LAKE not in missed.text


def test_what_was_missed_is_told_in_short(people, letter):
    send(people, gmail(letter, "pause"))
    for number in range(10, 20):
        says(people, f"Text {number}.", f"Subject {number}", number)
    help_address = "family-help@oak.example"
    send(people, answer(letter, "I am back", to=help_address, message_id="<b@x.example>"), help_address)
    (missed,) = wished(people)
    assert "7. Subject 16." in missed.text
    assert "3 more conversations:" in missed.text
