"""Where pictures stand in the text of a mail: below a signature, in a quote, beside the line that tells of them."""

from __future__ import annotations

import pytest

from handlers.message import parse
from handlers.mime import parts
from handlers.shown_pictures import ShownPictures, shown_pictures

PICTURE = (
    "Content-Type: image/jpeg\r\nContent-ID: <{id}>\r\nContent-Disposition: {how}; filename={id}.jpg\r\n\r\n/9j/\r\n"
)


def mail(*pieces: str, kind: str = "mixed", subject: str = "The lake") -> bytes:
    head = f"From: anna@home.example\r\nSubject: {subject}\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n"
    return (head + "".join(f"--b\r\n{piece}\r\n" for piece in pieces) + "--b--\r\n").encode()


def html(body: str) -> str:
    return f"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>"


def plain(text: str) -> str:
    return f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"


def picture(content_id: str, how: str = "inline") -> str:
    return PICTURE.format(id=content_id, how=how)


def found(raw: bytes, original: str | None = None) -> ShownPictures:
    message = parse(raw)
    return shown_pictures(message, parts(message), author="Anna Lindqvist", original=original)


def by_name(raw: bytes, original: str | None = None) -> tuple[set[str], dict[str, str]]:
    """Cut pictures and captions by Content-ID."""
    shown, all_parts = found(raw, original), parts(parse(raw))
    captions = {all_parts[index].content_id: caption for index, caption in shown.captions.items()}
    return {all_parts[index].content_id for index in shown.cut}, captions


class TestCut:
    @pytest.mark.parametrize(
        "body",
        [
            '<p>Hello!</p><div class="gmail_signature">Anna<br><img src="cid:x"></div>',
            '<p>Hello!</p><div>-- <br>Anna<br><img src="cid:x"></div>',
            '<p>Hello!</p><div class="gmail_quote">On 1.1.2026 at 10:00 Bo &lt;bo@b.example&gt; wrote:'
            '<blockquote>The heron <img src="cid:x"></blockquote></div>',
            '<p>Hello!</p><div id="appendonsend"></div><p>Look</p><img src="CID:x">',
            "<p>Hello!</p><p>From: Bo &lt;bo@b.example&gt;<br>Sent: 1 January 2026 10:00<br>To: Anna<br>Subject: Heron"
            '</p><p>Look at it</p><p><img src="cid:x"></p>',
        ],
    )
    def test_in_a_quote_or_a_signature(self, body: str) -> None:
        assert by_name(mail(html(body), picture("x"), kind="related"))[0] == {"x"}

    @pytest.mark.parametrize(
        "body",
        [
            '<p>Hello!</p><img src="cid:x"><p>Love, Anna</p>',
            '<p>Hello!</p><img src="cid:x"><div class="gmail_signature">Anna</div>',
            '<blockquote>Where is it?</blockquote><p>Here:</p><img src="cid:x"><blockquote>And now?</blockquote>',
            '<div>-- <br>a thought between two lines<br>-- <br><img src="cid:y"></div><p>And one more</p>'
            '<img src="cid:x"><p>is here</p>' + "<p>line</p>" * 20,
            '<p>Hello!</p><img src="https://elsewhere.example/x.gif">',
        ],
    )
    def test_not_what_she_put_there(self, body: str) -> None:
        assert "x" not in by_name(mail(html(body), picture("x"), kind="related"))[0]

    def test_a_forwarded_mail_is_whole(self) -> None:
        body = '<div class="gmail_quote">---------- Forwarded message<blockquote><img src="cid:x"></blockquote></div>'
        raw = mail(html(body), picture("x"), kind="related", subject="Fwd: The lake")
        assert by_name(raw) == (set(), {})

    def test_plain_text_cuts_no_pictures(self) -> None:
        assert by_name(mail(plain("Hello!\r\n\r\n-- \r\nAnna"), picture("x"), picture("y", "attachment"))) == (
            set(),
            {},
        )


class TestCaptions:
    def test_lines_behind_their_photos(self) -> None:
        body = (
            "<p>We are back from the lake.<br>It was cold.</p>"
            '<img src="cid:x"><p>The old jetty.</p><img src="cid:y"><p>The heron.</p><p>Love, Anna</p>'
        )
        raw = mail(html(body), picture("x"), picture("y"), kind="related")
        assert by_name(raw)[1] == {"x": "The old jetty.", "y": "The heron."}

    def test_lines_before_their_photos(self) -> None:
        raw = mail(
            plain("Dear all,\r\n\r\nThe old jetty.\r\n"),
            picture("x"),
            plain("The heron:\r\n"),
            picture("y"),
            plain("Love,\r\nAnna\r\n"),
        )
        assert by_name(raw)[1] == {"x": "The old jetty.", "y": "The heron:"}

    @pytest.mark.parametrize(
        "pieces",
        [
            (plain("We were at the lake\r\nand it was cold.\r\n"), picture("x")),  # a paragraph
            (plain("Dear family,\r\n"), picture("x")),
            (picture("x"), plain("Love from Anna\r\n")),
            (plain("x" * 91), picture("x")),
            (plain("The heron.\r\n"), picture("x", "attachment")),  # which has no place in the text
            (plain("\r\n❤\r\n"), picture("x")),
        ],
    )
    def test_other_lines_are_none(self, pieces: tuple[str, ...]) -> None:
        assert by_name(mail(*pieces))[1] == {}

    def test_no_quoted_line_is_one(self) -> None:
        raw = mail(
            plain("Here it is\r\n\r\nOn 1.1.2026 Bo <bo@b.example> wrote:\r\n> Where is the heron?\r\n"), picture("x")
        )
        assert by_name(raw)[1] == {}
