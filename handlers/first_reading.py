"""Everything that reads the structure of a stranger's message, once, for a process that may die of it."""

from __future__ import annotations

from contextlib import suppress

from handlers.address import NoSingleAuthor, author_of
from handlers.dsn import failures, is_report
from handlers.html_text import html_lines
from handlers.message import parse
from handlers.mime import parts, text

SAMPLE = (
    b"From: Anna <anna@home.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<p>Hello</p>\r\n"
)
"""Something to read before there is a message, so that everything is imported."""


def read_through(raw: bytes) -> None:
    """Raises MalformedMessage over the caps of spec/mail.md §2.2; anything else that comes out is a fault of ours.

    HTML and failure reports are read here because libraries do it, the first in C.
    """
    message = parse(raw)
    all_parts = parts(message)
    for part in all_parts:
        if part.content_type == "text/html":
            html_lines(text(message, part))
    with suppress(NoSingleAuthor):
        author_of(message)
    if is_report(message, all_parts):
        failures(message)
