"""A letter as a mail: what its readers share is made once, and a copy adds what is one reader's own.

The shared message is whole but for the fields that each reader has of her own, with a mark where her name stands. The
mark is a line that quoted-printable cannot make (RFC 2045 §6.7), so no text of anybody's can be taken for it.
"""

from __future__ import annotations

import base64
import hashlib
import html
from binascii import b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from dkim.canonicalization import Relaxed

from handlers.facts import Host
from handlers.header_field import header_field, mailbox_tokens, phrase_tokens, text_tokens
from handlers.html_text import html_lines
from handlers.letter_content import first_name
from handlers.letter_form import letter_html, letter_text
from handlers.letter_page import NAME_MARK, Page
from handlers.message import parse
from handlers.mime import parts
from handlers.mime import text as mime_text
from handlers.sign import Signer
from handlers.template import one_line
from handlers.written_line import text_lines
from storage.models import MailingList, Posting

LONGEST_HTML = 80_000
"""Bytes of the HTML, before it is encoded: some programs cut what is longer than 102 kB (spec/people.md §2.1)."""
_NAME = b"=NAME=\r\n"
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058 §3.1


@dataclass(frozen=True, slots=True)
class Edition:
    """What letters to several readers share, ready to be sent many times."""

    fields: tuple[bytes, ...]
    pieces: tuple[bytes, ...]  # of the body, around the places of the name
    canonical: tuple[bytes, ...]  # the same as DKIM hashes them (RFC 6376 §3.4.4)

    @property
    def size(self) -> int:
        return 2 * sum(map(len, self.pieces))


@dataclass(frozen=True, slots=True)
class Reader:
    """What is one reader's own. `unsubscribe` may be without its https address."""

    name: str
    address: str
    message_id: str
    unsubscribe: str
    unsubscribe_url: str = ""


def edition_mail(page: Page, mailing_list: MailingList, host: Host, *, now: datetime) -> bytes:
    """The shared message, with lines that end in CRLF."""
    text, rich = letter_text(page), letter_html(page)
    boundary = f"=_{hashlib.sha256((text + rich).encode()).hexdigest()[:32]}"
    body = [
        _part(boundary, b"Content-Type: text/plain; charset=utf-8", _quoted(text)),
        *_rich_parts(page, boundary, rich),
        f"--{boundary}--\r\n".encode("ascii"),
    ]
    return b"".join((*_fields(page, mailing_list, host, boundary, now), b"\r\n", *body))


def edition_of(raw: bytes) -> Edition:
    """Raises MalformedMessage, and ValueError when it is no shared message of ours."""
    message = parse(raw)
    pieces = message.body.split(_NAME)
    if len(pieces) == 1:
        raise ValueError("this message has no place for its reader's name")
    fields = tuple(message.field_bytes(field) for field in message.fields)
    return Edition(fields, tuple(pieces), tuple(Relaxed.canonicalize_body(piece) for piece in pieces))


def shown_text(raw: bytes, name: str) -> str:
    """All words of both forms of a reader's letter: what is quoted of it may be of either. raw: the shared message."""
    first = one_line(first_name(name))
    message = parse(raw.replace(b"=\r\n" + _NAME, _quoted_piece(first)[:-3]))
    forms = [part for part in parts(message) if part.content_type.startswith("text/")]
    lines = [
        line
        for part in forms
        for line in (html_lines if part.content_type == "text/html" else text_lines)(mime_text(message, part))
    ]
    return "\n".join(line.text for line in lines)


def letter_copy(edition: Edition, reader: Reader, signer: Signer | None, signed_at: datetime) -> bytes:
    """One reader's letter up to the last place of her name; what follows is the last piece of the edition.

    Without a signer a provider signs, and nobody is promised one-click.
    """
    name = one_line(first_name(reader.name))
    plain, rich = _quoted_piece(name), _quoted_piece(html.escape(name))
    # the first place is the text, the others are HTML
    names = [plain, *[rich] * (len(edition.pieces) - 2)]
    stop = [f"<mailto:{reader.unsubscribe}>"]  # RFC 2369 §3.2
    if reader.unsubscribe_url:
        stop.insert(0, f"<{reader.unsubscribe_url}>,")
    fields = [
        *edition.fields,
        header_field("To", mailbox_tokens(reader.name, reader.address)),
        header_field("Message-ID", [reader.message_id]),
        header_field("List-Unsubscribe", stop),
    ]
    start = _mixed(edition.pieces[:-1], names)
    if signer is None:
        return b"".join((*fields, b"\r\n", *start))
    if reader.unsubscribe_url:
        fields.append(_ONE_CLICK)
    hashed = hashlib.sha256(b"".join(_mixed(edition.canonical[:-1], names)))
    hashed.update(edition.canonical[-1])
    return b"".join((signer.sign(fields, hashed.digest(), signed_at), *fields, b"\r\n", *start))


def _mixed(pieces: Sequence[bytes], names: Sequence[bytes]) -> list[bytes]:
    return [part for piece, name in zip(pieces, names, strict=True) for part in (piece, name)]


def _fields(page: Page, mailing_list: MailingList, host: Host, boundary: str, now: datetime) -> list[bytes]:
    def link(role: str = "") -> str:
        local = f"{mailing_list.name}{role}"
        return f"<mailto:{host.mailbox.link(local) if host.mailbox else f'{local}@{host.domain}'}>"

    title = mailing_list.title
    announce = mailing_list.posting is Posting.ANNOUNCE
    answers = host.written_to(f"{mailing_list.name}-owner" if announce else mailing_list.name)
    return [
        b"Date: " + format_datetime(now).encode("ascii") + b"\r\n",
        header_field("From", mailbox_tokens(title, host.sent_from(mailing_list.name))),
        header_field("Reply-To", mailbox_tokens(title, answers)),
        header_field("Subject", text_tokens(page.subject)),
        header_field("List-Id", [*phrase_tokens(title), f"<{mailing_list.name}.{host.domain}>"]),  # RFC 2919 §3
        header_field("List-Post", ["NO" if announce else link()]),  # RFC 2369 §3.4
        header_field("List-Help", [link("-help")]),
        header_field("List-Owner", [link("-owner")]),
        header_field("Precedence", ["list"]),
        header_field("Auto-Submitted", ["auto-generated"]),  # RFC 3834 §5
        header_field("X-Auto-Response-Suppress", ["OOF, AutoReply, RN, NRN"]),
        header_field("MIME-Version", ["1.0"]),
        header_field("Content-Type", ["multipart/alternative;", f'boundary="{boundary}"']),
    ]


def _rich_parts(page: Page, boundary: str, rich: str) -> list[bytes]:
    """The HTML, with its pictures around it where it has any."""
    head = b"Content-Type: text/html; charset=utf-8"
    if not page.pictures:
        return [_part(boundary, head, _quoted(rich))]
    inner = f"{boundary}r"
    pictures = [
        _part(
            inner,
            f"Content-Type: {shown.picture.content_type}\r\nContent-Disposition: inline\r\n"
            f"Content-ID: <{shown.cid}>".encode("ascii"),  # RFC 2045 §7
            base64.encodebytes(shown.picture.data).replace(b"\n", b"\r\n"),
            encoding=b"base64",
        )
        for shown in page.pictures
    ]
    related = f'Content-Type: multipart/related; type="text/html";\r\n\tboundary="{inner}"'.encode("ascii")
    return [
        f"--{boundary}\r\n".encode("ascii") + related + b"\r\n\r\n",
        _part(inner, head, _quoted(rich)),
        *pictures,
        f"--{inner}--\r\n".encode("ascii"),
    ]


def _part(boundary: str, head: bytes, content: bytes, *, encoding: bytes = b"quoted-printable") -> bytes:
    start = f"--{boundary}\r\n".encode("ascii")
    return b"".join((start, head, b"\r\nContent-Transfer-Encoding: ", encoding, b"\r\n\r\n", content, b"\r\n"))


def _quoted(text: str) -> bytes:
    """Quoted-printable, with the name's mark on a line of its own between soft line breaks."""
    return (b"=\r\n" + _NAME).join(_quoted_piece(piece, last=False) for piece in text.split(NAME_MARK))


def _quoted_piece(text: str, *, last: bool = True) -> bytes:
    encoded = b2a_qp(text.encode("utf-8")).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return encoded + b"=\r\n" if last else encoded
