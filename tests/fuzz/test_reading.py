"""Whatever bytes come, the readers answer or refuse; they never fail, and what they find stays inside the message."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.address import NoSingleAuthor, address_key, author_of, parse_mailboxes, valid_mailbox
from handlers.field_value import message_ids, moment
from handlers.html_text import html_lines
from handlers.message import MalformedMessage, parse
from handlers.mime import attachments, is_opaque, parts, text
from handlers.mime_parameter import parameterised
from handlers.thread import base_subject, index_root, is_reply_subject
from handlers.written import written_text, written_text_of
from tests.growth import grows_linearly

DATA = Path(__file__).parents[2].parent / "shared" / "data"
MAILS = [
    path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for path in sorted(DATA.glob("mime-*/*"))
    if path.name not in ("cases.json", "SOURCE.txt") and path.stat().st_size < 20_000
]
PIECES = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b":",
        b";",
        b'"',
        b"(",
        b")",
        b"<",
        b">",
        b"@",
        b",",
        b"\\",
        b"=",
    ),
    *(b"?=", b"=?utf-8?q?", b"=?utf-8?b?", b"*0*=", b"--", b"--b", b"--b--", b"\xff\xfe", b"\xc3", b"\0"),
    *(b"From: ", b"Subject: ", b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: text/html\r\n"),
    *(b"Content-Transfer-Encoding: base64\r\n", b"> ", b"-- ", b"On 1.1.2026 at 10:00 <a@b.c> wrote:"),
    *(b"From: a\nTo: b\nSent: c\nSubject: d\n", b"<blockquote>", b"<div hidden>", b"</p>", b"<li>", b"&#0;", b"&amp"),
    *(b"Sent from my iPhone", b"---------- Forwarded message ---------"),
)


@st.composite
def mutated_mail(draw: st.DrawFn) -> bytes:
    """A real mail with pieces cut out, doubled and put in."""
    raw = draw(st.sampled_from(MAILS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 200)))
        new = draw(
            st.one_of(st.just(b""), st.just(raw[start:end] * 2), st.sampled_from(PIECES), st.binary(max_size=20))
        )
        raw = raw[:start] + new + raw[end:]
    return raw


anything = st.one_of(
    mutated_mail(), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.binary(max_size=400)
)


@given(anything)
@settings(max_examples=400)
@example(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--")
def test_messages(raw: bytes) -> None:
    assert isinstance(written_text_of(raw, original="On Monday we were at the lake\nwith all of the children"), str)
    try:
        message = parse(raw)
        found = parts(message)
    except MalformedMessage:
        return
    for index, part in enumerate(found):
        assert 0 <= part.start <= part.body_start <= part.body_end <= len(raw)
        assert (part.parent is None) == (index == 0)
        assert part.parent is None or part.parent < index
        assert isinstance(text(message, part), str)
        is_opaque(found, index)
    attachments(message)
    index_root(message)
    assert message.date is None or message.date.tzinfo is not None
    assert not {"\r", "\n"} & set(message.subject)
    with suppress(NoSingleAuthor):
        assert valid_mailbox(author_of(message).address, smtputf8=True)


texts = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(), max_size=300),  # half surrogate pairs as well
    st.lists(st.sampled_from(PIECES), max_size=40).map(lambda all_: b"".join(all_).decode("latin-1")),
)


@given(texts, st.one_of(st.none(), texts))
@settings(max_examples=300)
def test_texts(content: str, original: str | None) -> None:
    written = written_text(content, original=original)
    # Nothing is made up: every written line stood in the text.
    squeezed = "".join(content.split()).replace(">", "")
    for line in written.splitlines():
        assert "".join(line.split()).replace(">", "") in squeezed
    html_lines(content)
    parameterised(content)
    parse_mailboxes(content)
    message_ids(content)
    moment(content)
    address_key(content)
    valid_mailbox(content, smtputf8=True)
    is_reply_subject(content)
    assert base_subject(base_subject(content)) == base_subject(content)


@given(st.sampled_from(PIECES), st.sampled_from(PIECES), st.integers(1, 4))
@settings(max_examples=15)
def test_no_repetition_takes_long(one: bytes, other: bytes, times: int) -> None:
    piece = one * times + other

    def read(size: int) -> None:
        raw = piece * (size // len(piece))
        written_text_of(raw)
        written_text_of(b"Content-Type: text/html\r\n\r\n" + raw)
        parse_mailboxes(raw.decode("latin-1"))

    assert grows_linearly(read, 24_000)
