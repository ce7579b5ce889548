"""The body of a copy: one line at its end, aliases in attribution lines, every other byte as it was."""

from __future__ import annotations

import base64
import quopri
from email.message import Message as LibraryMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.body import edited_body
from handlers.footer import part_codec
from handlers.message import parse
from tests.copying import FACTS, read

LINE = "Everyone in Räksmörgås–list reads your reply. To stop, write to family-leave@oak.example."
PLAIN = "Everyone in Raeksmoergas-list reads your reply. To stop, write to family-leave@oak.example."
HTML_START = '\r\n<p lang="en" style="margin:1.5em 0 0;font-size:14px;line-height:1.4;color:#666">\r\n'
HTML_END = "\r\n</p>\r\n"


def after(raw: bytes, line: str = LINE) -> bytes:
    return edited_body(parse(raw), line=line, language="en", aliases=FACTS.aliases)


def simple(body: bytes, content_type: str = "text/plain; charset=utf-8", encoding: str = "8bit") -> bytes:
    header = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return header.encode() + body


def leaves(raw: bytes, body: bytes) -> list[LibraryMessage]:
    header = raw[: parse(raw).body_start]
    return [part for part in read(header + body).walk() if not part.is_multipart()]


def multipart(kind: str, *children: bytes) -> bytes:
    between = b"".join(b"--=_b\r\n" + child + b"\r\n" for child in children)
    return (
        b"Content-Type: multipart/"
        + kind.encode()
        + b'; boundary="=_b"\r\n\r\nPreamble\r\n'
        + between
        + b"--=_b--\r\nEnd\r\n"
    )


def test_a_message_without_a_content_type_is_ascii() -> None:
    assert after(b"From: a@b\r\n\r\nHello\r\n") == f"Hello\r\n\r\n{PLAIN}\r\n".encode()


@pytest.mark.parametrize("encoding", ["7bit", ""])
def test_seven_bits_stay_seven_bits(encoding: str) -> None:
    assert after(simple(b"Hello\r\n", encoding=encoding)) == f"Hello\r\n\r\n{PLAIN}\r\n".encode()
    html = after(simple(b"<b>Hello</b>", "text/html; charset=utf-8", encoding))
    assert html.isascii()
    assert b"R&#228;ksm&#246;rg&#229;s&#8211;list" in html


@pytest.mark.parametrize(
    ("charset", "written"),
    [
        ("utf-8", LINE),
        ("UTF8", LINE),
        ("windows-1252", LINE),
        ("iso-8859-1", LINE.replace("–", "-")),
        ("latin1", LINE.replace("–", "-")),
        ("iso-8859-15", LINE.replace("–", "-")),
        ("windows-1251", PLAIN.replace("s-list", "s–list")),
        ("koi8-r", PLAIN),
        ("gb18030", LINE),
        ("gb2312", PLAIN),
        ("us-ascii", PLAIN),
        ("x-unknown", PLAIN),
        ("default_charset", PLAIN),
    ],
)
def test_the_line_is_written_in_the_parts_charset(charset: str, written: str) -> None:
    body = after(simple(b"Hej\r\n", f'text/plain; charset="{charset}"'))
    codec = {"x-unknown": "ascii", "default_charset": "ascii"}.get(charset, charset)
    assert body.decode(codec) == f"Hej\r\n\r\n{written}\r\n"


@pytest.mark.parametrize(("charset", "name"), [("iso-8859-1", "Räksmörgås&#8211;list"), ("x-unknown", "R&#228;ksm")])
def test_html_has_character_references_for_what_its_charset_lacks(charset: str, name: str) -> None:
    assert name.encode("latin-1") in after(simple(b"<b>Hej</b>", f"text/html; charset={charset}"))


def test_japanese_seven_bit_text_is_written_in_its_own_code() -> None:
    line = "「家族」のみんなが返信を読みます。"
    body = after(simple("こんにちは\r\n".encode("iso2022_jp"), "text/plain; charset=iso-2022-jp", "7bit"), line)
    assert body.isascii()
    assert body.decode("iso2022_jp") == f"こんにちは\r\n\r\n{line}\r\n"


def test_what_no_letter_is_like_becomes_a_question_mark() -> None:
    assert after(simple(b"Hi\r\n", encoding="7bit"), "家 Straße") == b"Hi\r\n\r\n? Strasse\r\n"


@pytest.mark.parametrize(
    ("charset", "codec", "mark"),
    [
        ("utf-16", "utf_16_le", b"\xff\xfe"),
        ("utf-16", "utf_16_be", b"\xfe\xff"),
        ("utf-16", "utf_16_le", b""),
        ("utf-16", "utf_16_be", b""),
        ("utf-16le", "utf_16_le", b""),
        ("utf-16be", "utf_16_be", b""),
        ("utf-32", "utf_32_le", b"\xff\xfe\0\0"),
        ("utf-32", "utf_32_be", b""),
        ("utf-32", "utf_32_le", b""),
    ],
)
def test_wide_characters_keep_their_order(charset: str, codec: str, mark: bytes) -> None:
    text = "Hej 🏡\r\nOn Monday, Anna <anna@home.example> wrote:\r\n"
    raw = simple(base64.b64encode(mark + text.encode(codec)), f"text/plain; charset={charset}", "base64")
    decoded = base64.b64decode(after(raw))
    expected = text.replace("anna@home.example", "anna.lindqvist@oak.example")
    assert decoded == mark + f"{expected}\r\n{LINE}\r\n".encode(codec)


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("utf-16", "\u4f60\u597d".encode("utf-16-le")),  # nothing tells the order
        ("utf-16le", b"odd"),
        ("utf-16", b""),
        ("cp037", "Hello".encode("cp037")),
        ("x-utf-16-odd", b"Hello"),
        ("ebcdic-us", b"Hello"),
    ],
)
def test_a_text_that_cannot_be_written_into_is_left_alone(charset: str, data: bytes) -> None:
    raw = simple(base64.b64encode(data) + b"\r\n", f"text/plain; charset={charset}", "base64")
    assert after(raw) == raw[parse(raw).body_start :]
    assert part_codec(charset, data) is None or charset == "utf-16le"


@pytest.mark.parametrize("encoding", ["binary", "x-uuencode", "7-bit-ish"])
def test_an_unknown_encoding_is_left_alone(encoding: str) -> None:
    raw = simple(b"Hello\r\n", encoding=encoding)
    assert after(raw) == b"Hello\r\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", f"{LINE}\r\n"),
        (b"Hello", f"Hello\r\n\r\n{LINE}\r\n"),
        (b"Hello\r\n", f"Hello\r\n\r\n{LINE}\r\n"),
        (b"Hello\r\n\r\n\r\n", f"Hello\r\n\r\n\r\n\r\n{LINE}\r\n"),
        (b"Hello\r\n-- \r\nAnna\r\n", f"Hello\r\n-- \r\nAnna\r\n\r\n{LINE}\r\n"),
    ],
)
def test_the_line_stands_in_a_paragraph_of_its_own(body: bytes, expected: str) -> None:
    assert after(simple(body)).decode() == expected


def test_flowed_text_keeps_its_paragraphs() -> None:
    raw = simple(b"A long paragraph \r\nthat flows \r\n", "text/plain; charset=utf-8; format=flowed; delsp=yes")
    body = after(raw)
    assert body.startswith(b"A long paragraph \r\nthat flows \r\n\r\n")
    [last] = body.decode().split("\r\n\r\n")[1:]
    assert last == LINE + "\r\n"  # RFC 3676 §4.1: it ends in no blank, so it flows into nothing


@pytest.mark.parametrize(
    ("html", "place"),
    [
        ("<html><body><p>Hi</p></body></html>\r\n", "</body>"),
        ("<HTML><BODY>Hi</BODY ></HTML>", "</BODY >"),
        ("<html><p>Hi</html>", "</html>"),
        ("<body>a</body><body>b</body>", "</body>"),
        ("<body>a<!--[if mso]></body><![endif]--><p>b</p></BODY>", "</BODY>"),
        ("<p>Hi</p><!-- </body> --!><p>x</p>", ""),
        ("<p>Hi</p><!--></body>", "</body>"),
        ("<p>Hi</p>", ""),
        ("", ""),
    ],
)
def test_in_html_the_line_stands_at_the_end_of_the_body(html: str, place: str) -> None:
    body = after(simple(html.encode(), "text/html; charset=utf-8")).decode()
    at = html.rindex(place) if place else len(html)
    expected = html[:at] + HTML_START + LINE + HTML_END + html[at:]
    assert body == (expected if expected.endswith("\r\n") else expected + "\r\n")


def test_signs_of_html_in_a_title_are_escaped() -> None:
    body = after(simple(b"Hi", "text/html; charset=utf-8"), "<b> & </p>")
    assert b"\r\n&lt;b&gt; &amp; &lt;/p&gt;\r\n" in body


def test_both_forms_of_an_alternative_get_the_line() -> None:
    plain = simple(b"Hej =E5\r\n=\r\n", "text/plain; charset=iso-8859-1", "quoted-printable")
    html = simple(
        base64.encodebytes(b"<html><body>Hej</body></html>" * 9).replace(b"\n", b"\r\n"),
        "text/html; charset=utf-8",
        "base64",
    )
    raw = multipart("alternative", plain, html)
    one, other = leaves(raw, after(raw))
    assert one.get_payload(decode=True) == f"Hej å\r\n\r\n{LINE}\r\n".replace("–", "-").encode("latin-1")
    decoded = other.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    assert decoded.replace((HTML_START + LINE + HTML_END).encode(), b"", 1) == b"<html><body>Hej</body></html>" * 9


def test_only_the_last_text_gets_the_line() -> None:
    raw = multipart("mixed", simple(b"First\r\n"), simple(b"abc=", "image/jpeg", "base64"), simple(b"Last\r\n"))
    body = after(raw)
    assert body.count(b"family-leave@") == 1
    assert f"Last\r\n\r\n{LINE}\r\n\r\n--=_b--\r\nEnd\r\n".encode() in body
    assert body.startswith(b"Preamble\r\n--=_b\r\n")


ATTACHED = b"Content-Disposition: attachment\r\n" + simple(b"Not a letter\r\n")
NAMED = simple(b"Not a letter\r\n", 'text/plain; name="notes.txt"')
FORWARDED = b"Content-Type: message/rfc822\r\n\r\nFrom: anna@home.example\r\nSubject: x\r\n\r\nHello\r\n"
CALENDAR = simple(b"BEGIN:VCALENDAR\r\n", "text/calendar; method=REQUEST")
SIGNED = multipart(
    "signed", simple(b"On Monday, Anna <anna@home.example> wrote:\r\n"), simple(b"sig", "application/pgp-signature")
)
ENCRYPTED = multipart("encrypted", simple(b"Version: 1\r\n", "application/pgp-encrypted"), simple(b"secret\r\n"))


@pytest.mark.parametrize("part", [ATTACHED, NAMED, FORWARDED, CALENDAR, SIGNED.replace(b"=_b", b"=_c")])
def test_parts_that_are_no_letter_keep_their_bytes(part: bytes) -> None:
    raw = multipart("mixed", simple(b"Hello\r\n"), part)
    body = after(raw)
    assert part in body
    assert body.count(b"family-leave@") == 1
    only = multipart("mixed", part)
    assert after(only) == only[parse(only).body_start :]


@pytest.mark.parametrize(
    "raw",
    [
        SIGNED,
        ENCRYPTED,
        simple(b"MIIabc=\r\n", "application/pkcs7-mime; smime-type=signed-data", "base64"),
        simple(b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nHi\r\n"),
        simple(quopri.encodestring(b"-----BEGIN PGP MESSAGE-----\r\n\r\nabc=\r\n"), encoding="quoted-printable"),
        multipart("mixed", simple(b"Hi\r\n-----BEGIN PGP MESSAGE-----\r\n"), simple(b"<p>Hi", "text/html")),
        multipart(
            "report; report-type=delivery-status", simple(b"It failed\r\n"), simple(b"x\r\n", "message/delivery-status")
        ),
        multipart("digest", simple(b"Hi\r\n", "text/plain")),
        simple(b"GIF89a", "image/gif", "base64"),
        b"Content-Type: multipart/mixed\r\n\r\nno boundary\r\n",
    ],
)
def test_signed_encrypted_and_textless_mail_passes_untouched(raw: bytes) -> None:
    assert after(raw) == raw[parse(raw).body_start :].removesuffix(b"\r\n") + b"\r\n"


def test_a_quoted_armour_is_only_a_text() -> None:
    assert b"family-leave@" in after(simple(b"> -----BEGIN PGP MESSAGE-----\r\n> what is this?\r\n"))


def test_attribution_lines_in_every_text_part_lose_members_addresses() -> None:
    quote = b"On Monday, Bob <bob@work.example> wrote:\r\n> ask bob@work.example\r\n"
    raw = multipart("mixed", simple(quote), simple(b"x", "image/png", "base64"), simple(quote))
    body = after(raw)
    assert body.count(b"On Monday, Bob <bob.okafor@oak.example> wrote:\r\n> ask bob@work.example\r\n") == 2


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_attribution_lines_are_found_under_their_encoding(encoding: str) -> None:
    text = "Löst!\r\n\r\nDen 23 nov. 2026 kl 10:00 skrev Anna <anna@home.example>:\r\n\r\n> Tårta?\r\n".encode()
    data = (
        quopri.encodestring(text.replace(b"\r\n", b"\n"))
        if encoding == "quoted-printable"
        else base64.encodebytes(text)
    )
    raw = simple(data.replace(b"\n", b"\r\n"), encoding=encoding)
    [leaf] = leaves(raw, after(raw))
    expected = text.replace(b"anna@home.example", b"anna.lindqvist@oak.example")
    assert leaf.get_payload(decode=True) == expected + f"\r\n{LINE}\r\n".encode()


def test_a_body_without_its_last_line_break_gets_it() -> None:
    raw = simple(b"abc", "image/png", "base64")
    assert after(raw) == b"abc\r\n"


@given(
    st.text(alphabet="aå–\r\n <>/bodyhtml=.-", max_size=80),
    st.sampled_from(["text/plain", "text/html"]),
    st.sampled_from(["utf-8", "iso-8859-1", "utf-16", "us-ascii"]),
    st.sampled_from(["8bit", "quoted-printable", "base64"]),
)
def test_without_the_line_the_text_is_what_it_was(text: str, kind: str, charset: str, encoding: str) -> None:
    octets = (text.replace("\r", "").replace("\n", "\r\n") + "\r\n").encode(charset, "replace")
    data = {
        "8bit": lambda: octets,
        "quoted-printable": lambda: quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n"),
        "base64": lambda: base64.encodebytes(octets).replace(b"\n", b"\r\n"),
    }[encoding]()
    if charset == "utf-16" and encoding != "base64":
        return  # no other encoding carries its zeros
    raw = simple(data, f"{kind}; charset={charset}", encoding)
    [before], [leaf] = leaves(raw, raw[parse(raw).body_start :]), leaves(raw, after(raw, "Line."))
    was, now = before.get_payload(decode=True), leaf.get_payload(decode=True)
    assert isinstance(was, bytes)
    assert isinstance(now, bytes)
    if was == now:
        assert charset == "utf-16"
        return
    same = next((at for at, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), len(was))
    added = len(now) - len(was)
    starts = [at for at in range(max(0, same - added), same + 1) if now[:at] + now[at + added :] == was]
    codec = "utf-16-le" if charset == "utf-16" else charset
    assert any("Line." in now[start : start + added].decode(codec, "replace") for start in starts)
