"""What an author wrote is kept, what a program quoted or signed is cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.written import whole_text_of, written_text, written_text_of
from tests.growth import grows_linearly

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ORIGINAL = """Dear all,
We are back from the lake and the children have not stopped talking.

Will somebody come with us next Sunday to see the heron?
Love, Anna"""


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def share_right(name: str) -> float:
    cases = json.loads((DATA / f"replies-{name}" / "cases.json").read_text()).values()
    return sum(written_text(case["text"]).split() == case["new"].split() for case in cases) / len(cases)


@pytest.mark.parametrize(("name", "floor"), [("discourse", 0.87), ("crisp", 0.95), ("github", 1.0), ("talon", 1.0)])
def test_public_replies(name: str, floor: float) -> None:
    """What is missed is meant so: forwards stay whole, quotes are cut also above the answer."""
    assert share_right(name) >= floor


@pytest.mark.parametrize(
    "text",
    [
        "> Will you come?\nYes!",
        "Yes!\n\nOn Sun, Nov 22, 2026 at 8:14 AM Anna <anna@oak.example> wrote:\n\n> Will you come?",
        "Yes!\nOn Sun, Nov 22, 2026 at 8:14 AM Anna <\nanna@oak.example> wrote:\n> Will you come?",
        "On 22 Nov 2026, at 08:14, Anna wrote:\n\n> Will you come?\n\nYes!",
        "Yes!\n\nAnna wrote:\n> Will you come?",
        "Yes!\n\n2026/11/22 Anna <anna@oak.example>\n\n| Will you come?\n| Anna",
        "Yes!\n\nFrom: Anna\nSent: 22 November 2026\nTo: all\nSubject: Lake\n\nWill you come?",
        "Yes!\n\n________________________________\nVon: Anna\nGesendet: gestern\nAn: alle\nBetreff: See\n\nKommst du?",
        "Yes!\n\n-----Ursprüngliche Nachricht-----\n\nKommst du?",
        "Yes!\n\n---- On Sun, 22 Nov 2026 08:14:00 +0100 Anna<anna@oak.example> wrote ----\n\nWill you come?",
        "Yes!\n\n-- \nOlu\nOak Street 1",
        "Yes!\n\nSent from my iPhone",
        "Yes!\n\nSkickat från min iPad\n\nDen 22 nov. 2026 kl 08:14 skrev Anna <anna@oak.example>:\n\n> Kommer du?",
        "Yes!\n\nGet Outlook for Android<https://aka.ms/x>",
        "Yes!\r\n\r\n> Will you come?\r\n",
    ],
)
def test_only_her_words_are_left(text: str) -> None:
    assert written_text(text) == "Yes!"


@pytest.mark.parametrize(
    "text",
    [
        "The concert is on 12.12.2026 at 19:00 at these places:\n\nthe church\nthe hall",
        "Please write to olu@oak.example until 12.12.2026 at 19:00 with this:\nname\nage",
        "See you at 5 pm on Monday!\nGrandma wrote:\n\nmy dear children",
        "Timetable for 12.12.2026 from 10:00:\n| time | what |\n| 10 | cake |",
        "To: Mum\nFrom: Ingrid\nSubject: love\n\nHappy birthday!",
        "Date: Sunday\nFrom: 10:00\nTo: 12:00\n\nBring cake.",
        "*** Original recipe ***\n\n3 eggs",
        "=== From the lake ===\nphotos follow",
        "One thought.\n\n--\n\n" + "Another thought.\n" * 13,
        "Things:\n-- bread\n-- milk",
        "Sent with love from all of us",
        "I sent it from my phone to Anna, and she has it.",
        "Sent from my iPhone is what it says.\nBut I have no iPhone.",
        "> 50 people came",
        "> Only a quote.",
        "❤",
    ],
)
def test_no_word_of_hers_is_lost(text: str) -> None:
    assert written_text(text) == text.strip()


def test_answers_between_quotes_are_all_kept_in_order() -> None:
    text = "Hello!\n\n> Will you come?\n\nYes.\n\n> With cake?\nOf course.\n\n> Anna"
    assert written_text(text) == "Hello!\n\nYes.\n\nOf course."


def test_a_forwarded_message_stays_whole() -> None:
    text = "Look!\n\n---------- Forwarded message ---------\nFrom: Bob <b@c.example>\nTo: Anna\nSubject: x\n\nNews"
    assert written_text(text) == text
    assert written_text("Begin forwarded message:\n\n> News") == "Begin forwarded message:\n\n> News"
    raw = b"Subject: WG: x\r\n\r\nLook!\r\n\r\nAm 22.11.2026 um 08:14 schrieb Bob <b@c.example>:\r\n\r\n> News\r\n"
    assert "> News" in written_text_of(raw)


def test_with_the_original_known_answers_inside_it_are_found() -> None:
    head = "From: Anna <anna@oak.example>\nSent: Sunday\nTo: all\nSubject: Lake\n\n"
    inside = ORIGINAL.replace("talking.\n", "talking.\nMine neither!\n").replace("heron?\n", "heron?\nWe will.\n")
    assert written_text(f"See below.\n\n{head}{inside}", original=ORIGINAL) == "See below.\n\nMine neither!\n\nWe will."
    assert written_text(inside, original=ORIGINAL) == "Mine neither!\n\nWe will."
    assert "We will" not in written_text(f"See below.\n\n{head}{inside}")


def test_a_quote_that_was_wrapped_anew_is_found() -> None:
    wrapped = ORIGINAL.replace("children have", "children\nhave").replace("us next", "us\nnext")
    assert written_text(f"Yes!\n\n{wrapped}\n", original=ORIGINAL) == "Yes!"


def test_another_message_below_is_not_taken_for_her_words() -> None:
    text = "Yes!\n\nFrom: Bob\nSent: Sunday\nTo: all\nSubject: Cake\n\nWho bakes?\nI cannot.\nBob"
    assert written_text(text, original=ORIGINAL) == "Yes!"


def test_saying_the_same_as_the_original_is_an_answer() -> None:
    assert written_text("Happy birthday to you!", original="Happy birthday to you!") == "Happy birthday to you!"
    assert written_text("Love, Anna", original=ORIGINAL) == "Love, Anna"


@pytest.mark.parametrize(
    "quote",
    [
        f"On Sun, 22 Nov 2026, at 8:14, Anna <anna@oak.example> wrote:\n\n{quoted(ORIGINAL)}",
        f"From: Anna <anna@oak.example>\nSent: Sunday\nTo: all\nSubject: Lake\n\n{ORIGINAL}",
    ],
)
def test_saying_the_same_above_a_quote_is_an_answer(quote: str) -> None:
    same = "Will somebody come with us next Sunday to see the heron?"
    assert written_text(f"{same}\n\n{quote}", original=ORIGINAL) == same


def test_an_answer_behind_a_quoted_line_is_kept() -> None:
    text = ORIGINAL.replace("heron?", "heron? yes")
    assert written_text(text, original=ORIGINAL) == "Will somebody come with us next Sunday to see the heron? yes"


def test_a_quoted_line_wrapped_without_its_mark_is_quoted() -> None:
    text = quoted(ORIGINAL).replace("children have", "children\nhave") + "\n\nYes!"
    assert written_text(text, original=ORIGINAL) == "Yes!"


def test_an_emoji_inside_the_original_is_an_answer() -> None:
    head = "From: Anna <anna@oak.example>\nSent: Sunday\nTo: all\nSubject: Lake\n\n"
    assert written_text(head + ORIGINAL.replace("talking.\n", "talking.\n❤\n"), original=ORIGINAL).strip() == "❤"


def test_nothing_but_the_original_is_an_empty_answer() -> None:
    quote = f"On Sun, 22 Nov 2026, at 8:14, Anna <anna@oak.example> wrote:\n\n{quoted(ORIGINAL)}"
    assert written_text(quote, original=ORIGINAL) == ""
    assert "heron" in written_text(quote)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            '<div dir="ltr">Yes!</div><div class="gmail_quote"><div class="gmail_attr">Anna wrote:</div>'
            '<blockquote class="gmail_quote">Come?</blockquote></div>',
            "Yes!",
        ),
        (
            '<div class="gmail_quote"><div class="gmail_attr">Anna wrote:</div><blockquote>Come?</blockquote>'
            "<div>Yes!</div><blockquote>Cake?</blockquote><div>No.</div></div>",
            "Yes!\n\nNo.",
        ),
        (
            'Yes!<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Anna</div><div>Come?</div>',
            "Yes!",
        ),
        ('Yes!<div id="x_divRplyFwdMsg">From: Anna</div><table><tr><td>Come?</td></tr></table>', "Yes!"),
        ('Yes!<div class="yahoo_quoted" id="yahoo_quoted_1"><div>Anna wrote:</div><div>Come?</div></div>', "Yes!"),
        ('Yes!<div name="quote"><b>Gesendet:</b> heute<div>Come?</div></div>', "Yes!"),
        ('Yes!<div class="moz-cite-prefix">Am 1.1. Anna:</div><blockquote type="cite">Come?</blockquote>', "Yes!"),
        ('Yes!<div class="protonmail_quote">Anna wrote:<blockquote type="cite">Come?</blockquote></div>', "Yes!"),
        ('Yes!<div class="zmail_extra"><div>---- On x wrote ----</div><blockquote>Come?</blockquote></div>', "Yes!"),
        ('Yes!<div class="ms-outlook-mobile-reference-message"><div>Come?</div></div>', "Yes!"),
        ('<p>Yes!</p><div class="gmail_signature">Olu, Oak Street</div>', "Yes!"),
        (
            'Yes!<div name="messageSignatureSection">Olu</div><div name="messageReplySection">On x:<p>Come?</p></div>',
            "Yes!",
        ),
        ('Yes!<div id="composer_signature"><div>Oak Street</div></div>', "Yes!"),
        ('Yes!<div class="ydp1a2b3c4dyahoo_quoted">Anna wrote:<div>Come?</div></div>', "Yes!"),
        ('Yes!<hr><div class="OutlookMessageHeader">From: Anna</div><div>Come?</div>', "Yes!"),
        ('Yes!<div class="mail_android_quote">Am 1.1. schrieb Anna:<div>Kommst du?</div></div>', "Yes!"),
        (
            '<p class="MsoNormal">Yes!</p><div style="border-top:solid"><p class="MsoNormal"><b>Von:</b> Anna<br>'
            "<b>Gesendet:</b> So<br><b>An:</b> alle<br><b>Betreff:</b> See</p></div><p>Kommst du?</p>",
            "Yes!",
        ),
        ("Yes!<br>&gt; Come?", "Yes!"),
        ('Poem<blockquote style="margin: 0 0 0 40px; border: none">roses</blockquote>', "Poem\n\nroses"),
        ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<ol><li>cake</li><li>tea</li></ol><ul><li>milk</li></ul>", "1. cake\n2. tea\n- milk"),
        ('<a href="https://oak.example/map">the map</a>', "the map <https://oak.example/map>"),
        ('<a href="https://oak.example/">oak.example</a>', "oak.example"),
        ('<style>x</style><p style="display: none">secret</p><p hidden>x</p><script>x</script>seen', "seen"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<img src="cid:1" alt="❤️"><img alt="a photo of the lake">', "❤️"),
        ("caf&eacute;&nbsp;&amp; cake", "café & cake"),
    ],
)
def test_html(html: str, expected: str) -> None:
    raw = b"Subject: Re: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    assert written_text_of(raw) == expected


def test_a_forward_in_gmails_container_stays() -> None:
    html = (
        'Look!<div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>'
        "From: Bob</div><br>The news</div>"
    )
    read = written_text_of(b"Content-Type: text/html\r\n\r\n" + html.encode())
    assert read.startswith("Look!")
    assert read.endswith("The news")
    assert "From: Bob" in read


@pytest.mark.parametrize(
    "html",
    [
        lambda size: "<div>" * size + "x",
        lambda size: "".join(f"<font color={number}>" for number in range(size // 4)) + "<p>x</p>" * size,
        lambda size: "<div>" + "".join(f"<font color={i}>" for i in range(40)) + "</div>" + "<div>x</div>" * size,
        lambda size: "<div " + " ".join(f'a{number}="<"' for number in range(size)) + ">x",
        lambda size: "<blockquote>" * size + "x",
        lambda size: "<a <b <c " * size,
        lambda size: "<" * size,
    ],
)
def test_html_bombs_take_linear_time(html: Callable[[int], str]) -> None:
    head = b"Content-Type: text/html\r\n\r\n"
    assert grows_linearly(lambda size: written_text_of(head + html(size).encode()), 2_000)


@pytest.mark.parametrize(
    "block",
    [
        "Hello dear family, the children were at the lake on 3 March.\n",
        "> x\n",
        "> x\ny at 10:00 12.12.2026:\n",
        "On 12.12.2026 at 10:00 <a@b.example>:\n",
        "From: a\n",
        "From: a\nx\n",
        "--\n",
        "--- a ---\n",
        "____\n",
        "Sent from my iPhone\n",
        "<" + "a" * 70 + "\n",
        "\n",
    ],
)
def test_many_lines_take_linear_time(block: str) -> None:
    assert grows_linearly(lambda lines: written_text(block * (lines // block.count("\n"))), 2_400)


def test_the_text_part_speaks_unless_it_is_a_stand_in() -> None:
    def both(plain: str, html: str) -> bytes:
        return (
            "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
            f"--b\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--\r\n"
        ).encode()

    assert written_text_of(both("the plain text is here", "<p>html</p>")) == "the plain text is here"
    assert written_text_of(both(" ", "<p>html</p>")) == "html"
    assert written_text_of(both("see html", "<p>the real text of this mail</p>")) == "the real text of this mail"
    assert written_text_of(both("Yes!", "Yes!")) == "Yes!"


def test_texts_around_a_photo_are_joined() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe jetty:\r\n--b\r\n"
        b"Content-Type: image/jpeg\r\n\r\nxx\r\n--b\r\n\r\nThe heron.\r\n--b\r\nContent-Type: text/plain\r\n"
        b'Content-Disposition: attachment; filename="notes.txt"\r\n\r\nnotes\r\n--b--\r\n'
    )
    assert written_text_of(raw) == "The jetty:\n\nThe heron."
    assert "notes" not in whole_text_of(raw)


def test_a_photo_with_nothing_but_a_quote_has_no_text() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n> Send photos!\r\n--b\r\n"
        b"Content-Type: image/jpeg\r\n\r\nxx\r\n--b--\r\n"
    )
    assert written_text_of(raw) == ""


def test_a_blank_before_all_is_no_part_of_it() -> None:
    """Yahoo writes one; a poem keeps its own."""
    assert written_text(" Yes, at noon.\n\nRose\n") == "Yes, at noon.\n\nRose"
    assert written_text("  Roses are red\n  violets are blue\n") == "  Roses are red\n  violets are blue"


def test_flowed_text_is_one_paragraph_again() -> None:
    raw = (
        b"Content-Type: text/plain; format=flowed\r\n\r\nWe were at \r\nthe lake.\r\n From there\r\n\r\n"
        b"> Will you \r\n> come?\r\n-- \r\nOlu\r\n"
    )
    assert written_text_of(raw) == "We were at the lake.\nFrom there"
    delsp = "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n家 \r\n族".encode()
    assert written_text_of(delsp) == "家族"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ""),
        (b"Hello", "Hello"),
        (b"From: a@b.c\r\nFrom: d@e.f\r\n\r\nHello\r\n\r\n> quote", "Hello"),
        (b"Content-Type: multipart/mixed\r\n\r\nHello", "Hello"),
        (b"Content-Type: image/png\r\n\r\n\x89PNG", ""),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe", "Grüße"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=", "Hello"),
    ],
)
def test_whatever_comes_is_read(raw: bytes, expected: str) -> None:
    assert written_text_of(raw) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my Verizon, Samsung Galaxy smartphone",
        "Sent via the Samsung Galaxy S21, an AT&T 5G smartphone",
        "Yahoo Mail: Search, Organize, Conquer",
        "Get BlueMail for Android",
        "Hanki Outlook Androidille",
        "Küldve a Samsung Galaxy okostelefonról.",
        "मेरे iPhone से भेजा गया",
        "Sent from my phone, please excuse brevity",
    ],
)
def test_lines_of_devices_go(line: str) -> None:
    assert written_text(f"Yes!\n\n{line}\n") == "Yes!"


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my phone, I love you all",
        "Sent from my desk, the iPhone is dead",
        "Sent from my desk, iPhone is dead",
        "Get well soon, and get rid of Outlook on the iPhone!",
        "We use Outlook on Android and it is fine with us, but the calendar is slow and never shows birthdays",
    ],
)
def test_a_last_line_about_devices_stays(line: str) -> None:
    assert written_text(f"Yes!\n\n{line}\n").endswith(line)


@pytest.mark.parametrize(
    "head",
    [
        "Van: A\nVerzonden: 22 nov\nAan: B\nOnderwerp: C",
        "De: A\nEnviada em: 22 nov\nPara: B\nAssunto: C",
        "Da: A\nInviato il: 22 nov\nA: B\nOggetto: C",
        "Nuo: A\nIšsiųsta: 22.11\nKam: B\nTema: C",
        "از: A\nارسال شده: 22.11\nبه: B\nموضوع: C",
        "Foo: A <a@oak.example>\nBar: 22.11.2026 08:14\nBaz: B <b@oak.example>\nQux: C",  # a language of no table
    ],
)
def test_heads_of_many_languages(head: str) -> None:
    assert written_text(f"Yes!\n\n{head}\n\nWill you come?") == "Yes!"
    answered = f"{head}\n\n{ORIGINAL}".replace("talking.\n", "talking.\nTo: you it is\n")
    assert written_text(f"Yes!\n\n{answered}", original=ORIGINAL) == "Yes!\n\nTo: you it is"
