"""The body of a copy: the author's bytes, but for the line at the end and members' addresses in attribution lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from handlers.attribution import attributed_addresses
from handlers.footer import closing_text, is_writable, part_codec, written
from handlers.message import Message
from handlers.mime import Part, is_opaque, parts
from handlers.transfer import Edit, decoded, spliced

_TEXTS = ("text/plain", "text/html")
_NOT_WRITTEN = frozenset({"multipart/report", "multipart/digest"})  # what programs put together
_ARMOUR = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----", re.MULTILINE)  # RFC 9580 §6.2, §7
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_ENDINGS = tuple(re.compile(ending, re.IGNORECASE) for ending in ("</body", "</html"))


@dataclass(frozen=True, slots=True)
class _Text:
    """A text part that can be edited: the codec to write into it, and its octets as characters to look at.

    In a charset that holds ASCII each octet is shown as one character, whatever it means; only UTF-16 and UTF-32
    have to be really decoded.
    """

    part: Part
    codec: str
    view: str
    view_codec: str

    @property
    def is_html(self) -> bool:
        return self.part.content_type == "text/html"

    def octets_before(self, place: int) -> int:
        if self.view_codec == "latin-1":
            return place
        return len(self.view[:place].encode(self.view_codec, "surrogatepass"))


def edited_body(
    message: Message, *, line: str, language: str, aliases: Mapping[str, str], otherwise: str = ""
) -> bytes:
    """The body with `line` at the end of its last plain text and of its last HTML, and aliases for addresses.

    `otherwise` is the same in letters that every charset has, for a text whose charset lacks those of the line.
    `aliases` maps address keys to the addresses that may be seen instead, in attribution lines only. Signed,
    encrypted and attached parts keep every byte, as does what cannot be edited safely; a line of more than 998
    octets, which nobody may send (RFC 5322 §2.1.1), stays as its author's program made it. The result ends in CRLF
    unless it is empty. Raises `MalformedMessage` over the caps of spec/mail.md §2.2.
    """
    texts = _texts(message)
    last = {text.part.content_type: text for text in texts}
    pieces: list[bytes] = []
    at = message.body_start
    for text in texts:
        part = text.part
        edits = _address_edits(text, aliases)
        if text is last[part.content_type]:
            edits = sorted([*edits, _closing_edit(text, line, language, otherwise)])
        if edits:
            data = message.raw[part.body_start : part.body_end]
            pieces += (message.raw[at : part.body_start], spliced(data, part.encoding, edits))
            at = part.body_end
    body = b"".join((*pieces, message.raw[at:]))
    return body if body.endswith(b"\r\n") or not body else body + b"\r\n"


def _texts(message: Message) -> list[_Text]:
    """The parts that may be edited; none when the text itself is signed or encrypted in the old way of PGP."""
    all_parts = parts(message)
    texts: list[_Text] = []
    for place, part in enumerate(all_parts):
        if not is_shown_text(all_parts, place):
            continue
        if part.depth and message.raw[part.body_end : part.body_end + 1] == b"-":
            continue  # its boundary follows the header at once: there is no line to write on
        octets = decoded(message.raw[part.body_start : part.body_end], part.encoding)
        if octets is None:
            continue
        if _ARMOUR.search(octets):
            return []
        if text := _text(part, octets):
            texts.append(text)
    return texts


def _text(part: Part, octets: bytes) -> _Text | None:
    codec = part_codec(part.parameters.get("charset", ""), octets)
    if codec is None:
        return None
    if not codec.startswith(("utf_16", "utf_32")):
        return _Text(part, codec, octets.decode("latin-1"), "latin-1")
    if part.encoding != "base64":  # RFC 2045 §6.2: no other encoding carries their zeros
        return None
    try:
        return _Text(part, codec, octets.decode(codec, "surrogatepass"), codec)
    except UnicodeDecodeError:
        return None


def is_shown_text(all_parts: tuple[Part, ...], place: int) -> bool:
    """Is it a text that its author wrote to be read here, and that no signature covers?"""
    part = all_parts[place]
    if part.content_type not in _TEXTS or part.disposition == "attachment" or part.filename:
        return False
    holder = part.parent
    while holder is not None:
        if all_parts[holder].content_type in _NOT_WRITTEN:
            return False
        holder = all_parts[holder].parent
    return not is_opaque(all_parts, place)


def _address_edits(text: _Text, aliases: Mapping[str, str]) -> list[Edit]:
    return [
        Edit(text.octets_before(shown.start), text.octets_before(shown.end), shown.alias.encode(text.view_codec))
        for shown in attributed_addresses(text.view, aliases, html=text.is_html)
    ]


def _closing_edit(text: _Text, line: str, language: str, otherwise: str) -> Edit:
    """At the very end, or within the HTML body; on lines of its own."""
    view = text.view
    place = _end_of_html(view) if text.is_html else len(view)
    if not text.is_html and otherwise and not is_writable(line, _narrowest(text)):
        line = otherwise
    closing = closing_text(line, is_html=text.is_html, language=language)
    if not text.is_html:
        if not view:
            closing = closing.removeprefix("\r\n")
        elif not view.endswith("\n"):
            closing = "\r\n" + closing
    new = written(closing, text.codec, is_html=text.is_html)
    if text.part.encoding == "7bit" and not new.isascii():
        new = written(closing, _narrowest(text), is_html=text.is_html)
    start = text.octets_before(place)
    return Edit(start, start, new)


def _narrowest(text: _Text) -> str:
    """The codec of letters that the part's encoding may be too narrow for."""
    return "ascii" if text.part.encoding == "7bit" else text.codec


def _end_of_html(view: str) -> int:
    """Where the body ends; what stands in a comment is not seen, and does not count."""
    seen = _COMMENT.sub(lambda comment: " " * len(comment[0]), view)
    for ending in _ENDINGS:
        places = [found.start() for found in ending.finditer(seen)]
        if places:
            return places[-1]
    return len(view)
