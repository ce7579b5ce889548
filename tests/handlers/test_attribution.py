"""Members' addresses leave the lines that say who is quoted, and stay where a person wrote them."""

from __future__ import annotations

from html import unescape

import pytest

from handlers.attribution import attributed_addresses
from tests.growth import grows_linearly

ALIASES = {
    "anna@home.example": "anna.lindqvist@oak.example",
    "bob.b+lists@work.example": "bob@oak.example",
    "jörg@xn--bcher-kva.example": "joerg@oak.example",
}


def edited(text: str, *, html: bool = False) -> str:
    out = []
    at = 0
    for shown in attributed_addresses(text, ALIASES, html=html):
        out += [text[at : shown.start], shown.alias]
        at = shown.end
    return "".join(out) + text[at:]


ATTRIBUTIONS = [
    "On Mon, 23 Nov 2026 at 10:00, Anna Lindqvist <anna@home.example> wrote:\r\n> Hello\r\n",
    "On Mon, 23 Nov 2026 at 10:00, Anna Lindqvist\r\n<anna@home.example> wrote:\r\n\r\n> Hello\r\n",
    "On Mon, 23 Nov 2026 at 10:00, Anna Lindqvist <anna@home.example>\r\nwrote:\r\n> Hello\r\n",
    "On Mon, 23 Nov 2026\r\nat 10:00, Anna Lindqvist\r\n<anna@home.example>\r\nwrote:\r\n",
    "On 11/23/26 10:00, anna@home.example wrote:\r\n> Hello",
    "Am 23.11.2026 um 10:00 schrieb Anna Lindqvist <anna@home.example>:\r\n> Hallo\r\n",
    "Am 23.11.2026 um 10:00 schrieb anna@home.example:\r\n> Hallo\r\n",
    "Anna Lindqvist <anna@home.example> schrieb am Mo., 23. Nov. 2026, 10:00:\r\n\r\n> Hallo\r\n",
    "Den mån 23 nov. 2026 kl 10:00 skrev Anna Lindqvist <anna@home.example>:\r\n",
    "Le lun. 23 nov. 2026 à 10:00, Anna Lindqvist <anna@home.example> a\r\nécrit :\r\n",
    "Le 23/11/2026 à 10:00, anna@home.example a écrit :\r\n",
    "El lun, 23 nov 2026 a las 10:00, Anna (<anna@home.example>) escribió:\r\n",
    "Il giorno lun 23 nov 2026 Anna Lindqvist <anna@home.example> ha scritto:\r\n",
    "пн, 23 нояб. 2026 г. в 10:00, Anna <anna@home.example> пишет:\r\n> Привет",
    "2026年11月23日(月) 10:00 Anna Lindqvist <anna@home.example>:\r\n\r\n> こんにちは\r\n",
    "Anna Lindqvist <anna@home.example> 于2026年11月23日周一 10:00写道：\r\n",
    "23.11.2026 10:00, Anna [mailto:anna@home.example]:\r\n> Hello\r\n",
    "> On Monday, Anna <anna@home.example> wrote:\r\n>> Hello\r\n> Hi\r\n",
    "> > On Monday, Anna\r\n> > <anna@home.example> wrote:\r\n> > > Hello\r\n",
    "-----Original Message-----\r\nFrom: Anna Lindqvist [mailto:anna@home.example]\r\nSent: Monday\r\n",
    "---------- Forwarded message ---------\r\nFrom: Anna <anna@home.example>\r\nDate: Mon\r\nSubject: Hi\r\n",
    "Von: Anna <anna@home.example>\r\nGesendet: Montag\r\nAn: Bob <x@y.example>\r\n",
    "> From: x@y.example\r\n> To: Eve <eve@y.example>,\r\n>  Anna <anna@home.example>,\r\n>  Olu <o@y.example>\r\n",
    "*From:* Anna <anna@home.example>\r\n*Sent:* Monday\r\n",
    "De : Anna <anna@home.example>\r\nEnvoyé : lundi\r\nÀ : x@y.example\r\n",
    "Da: x@y.example\r\nA: anna@home.example\r\nOggetto: Ciao\r\n",
    "От: Anna <anna@home.example>\r\nКому: x@y.example\r\n",
    "\r\nOn Monday, Anna <ANNA@Home.Example> wrote:\r\n",
]


@pytest.mark.parametrize("text", ATTRIBUTIONS)
@pytest.mark.parametrize("seen_as", ["utf-8", "utf-16"])
def test_attribution_lines_lose_the_address(text: str, seen_as: str) -> None:
    view = text.encode("utf-8").decode("latin-1") if seen_as == "utf-8" else text
    after = edited(view)
    assert "anna@home.example" not in after.lower()
    assert after.count("anna.lindqvist@oak.example") == 1
    kept = after.replace("anna.lindqvist@oak.example", "anna@home.example")
    assert kept.lower() == view.lower()


def test_latin_1_is_understood() -> None:
    view = "Le 23/11/2026, anna@home.example a écrit :\r\n"
    assert edited(view) == "Le 23/11/2026, anna.lindqvist@oak.example a écrit :\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "My new address is anna@home.example, please write to me there.\r\n",
        "Anna Lindqvist <anna@home.example>\r\n",
        "Write to Anna <anna@home.example>. What I wrote before:\r\n> that is old\r\n",
        "You find these people at home:\r\nanna@home.example\r\n> nobody\r\n",
        "-- \r\nAnna Lindqvist\r\nEmail: anna@home.example\r\nPhone: 123\r\n",
        "> My address is anna@home.example\r\n> and his is other\r\nThanks!\r\n",
        "Q: Whom do I ask?\r\nA: Write to anna@home.example\r\n\r\n",
        "On Monday, Xanna@home.example wrote:\r\n",
        "On Monday, anna@home.example.org wrote:\r\n",
        "On Monday, Eve <eve@other.example> wrote:\r\n> Hello\r\n",
        "",
        "@",
        "%40 @@ a@ @b\r\n",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert edited(text) == text


def test_addresses_are_compared_as_addresses() -> None:
    text = "On Monday, Bob <Bob.B+Lists@WORK.example> wrote:\r\n"
    assert edited(text) == "On Monday, Bob <bob@oak.example> wrote:\r\n"


def test_addresses_beyond_ascii_are_understood() -> None:
    view = "Am Montag schrieb Jörg <jörg@bücher.example>:\r\n".encode().decode("latin-1")
    assert edited(view).encode("latin-1").decode() == "Am Montag schrieb Jörg <joerg@oak.example>:\r\n"


GMAIL = (
    '<div dir="ltr">Yes!</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, 23 Nov 2026 at '
    '10:00, Anna Lindqvist &lt;<a href="mailto:anna@home.example">anna@home.example</a>&gt; wrote:<br></div>'
    '<blockquote class="gmail_quote" style="margin:0"><div>Write to anna@home.example</div></blockquote></div>'
)


def test_the_attribution_of_gmail() -> None:
    after = edited(GMAIL, html=True)
    assert after.count("anna.lindqvist@oak.example") == 2
    assert "<div>Write to anna@home.example</div>" in after


@pytest.mark.parametrize(
    "html",
    [
        '<div class="moz-cite-prefix">On 23.11.26 10:00, Anna Lindqvist wrote:<br></div><blockquote type="cite" '
        'cite="mid:x">',
        '<p>Am 23.11.2026 schrieb <a href="mailto:anna@home.example">Anna Lindqvist</a>:</p><blockquote>Hallo',
        '<blockquote type="cite"><div>On 23 Nov 2026, at 10:00, Anna &lt;<a href="mailto:anna@home.example" class="">'
        'anna@home.example</a>&gt; wrote:</div><br class="Apple-interchange-newline"><div><div>Hello</div></div>',
        '<div id="divRplyFwdMsg"><b>From:</b> Anna &lt;anna@home.example&gt;<br><b>Sent:</b> Monday<br></div>',
        "<p class=MsoNormal><b><span lang=EN>From:</span></b><span> Anna [mailto:anna@home.example] <br>\r\n"
        "<b>Sent:</b> Monday</span></p>",
        "<table><tr><td>Von:</td><td>Anna &lt;anna@home.example&gt;</td></tr></table>",
        "<pre>Hi\r\n&gt; On Monday, Anna &lt;anna@home.example&gt;\r\n&gt; wrote:\r\n&gt;&gt; Hello</pre>",
        "&gt; On Monday, Anna &lt;anna%40home.example&gt; wrote:<br>&gt;&gt; Hello<br>",
        "<p>On Monday, Anna &lt;anna&#x40;home.example&gt; wrote:</p><blockquote>Hi",
        '<p>On Monday, <a href="mailto:anna&commat;home.example">anna&#0064;home.example</a> wrote:</p><blockquote>Hi',
        "<DIV>23 Nov, 10:00, \"Anna\"&#160;&lt;<A HREF='MAILTO:anna@home.example'>anna@home.example</A>&gt;:</DIV>\r\n"
        "<BLOCKQUOTE>Hello</BLOCKQUOTE>",
    ],
)
def test_attribution_lines_in_html_lose_the_address(html: str) -> None:
    after = edited(html, html=True)
    assert "anna@home.example" not in unescape(after).lower()
    assert "anna%40" not in after


@pytest.mark.parametrize(
    "html",
    [
        '<p>Write to me: <a href="mailto:anna@home.example">anna@home.example</a></p><p>Anna</p>',
        "<p>My address is anna@home.example</p><blockquote>It was another</blockquote>",
        '<a href="https://x.example/?to=anna@home.example">here</a>',
        "<!-- anna@home.example",
        "<p anna@home.example",
        "< anna@home.example",
        "<",
    ],
)
def test_everything_else_in_html_stays(html: str) -> None:
    assert edited(html, html=True) == html


@pytest.mark.parametrize(
    "hard",
    [
        ("anna@home.example\r\n", ""),
        ("anna@home.example, ", ":"),
        ("<anna@home.example>", ""),
        ("<", "anna@home.example"),
        ("<!--", "anna@home.example"),
        ("> ", "anna@home.example"),
        ("a", "@" * 100_000),
        ("&", "anna@home.example"),
        ("<blockquote>", "anna@home.example:"),
        ("To: x,\r\n", "anna@home.example"),
    ],
)
@pytest.mark.parametrize("html", [True, False])
def test_hard_texts_take_linear_time(hard: tuple[str, str], html: bool) -> None:
    piece, end = hard
    assert grows_linearly(lambda size: edited(piece * (size // len(piece)) + end, html=html), 40_000)
