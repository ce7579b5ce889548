"""The parts of a message, found as spans of its bytes (RFC 2045, RFC 2046). Iterative; nothing is copied.

A part that itself carries a message (message/rfc822) is a leaf: what somebody attached is never opened.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from handlers.charset import text_of
from handlers.encoded_word import base64_bytes, decode_words
from handlers.field_value import field_text
from handlers.message import LARGEST_HEADER, Field, MalformedMessage, Message, field_body, read_fields, remembered
from handlers.mime_parameter import parameterised

MOST_PARTS = 200
DEEPEST = 20
LONGEST_BOUNDARY = 70  # RFC 2046 §5.1.1

_TOKEN = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+/[!#$%&'*+.^_`{|}~0-9A-Za-z-]+")
_BLANKS_AT_LINE_END = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n|\Z)")
_OPAQUE = frozenset({"multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNATURES = frozenset(
    {
        "application/pgp-signature",
        "application/pgp-encrypted",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    }
)
_OTHER_FORMS = frozenset(
    {"text/enriched", "text/richtext", "text/x-amp-html", "text/watch-html", "text/vnd.google.email-reaction+json"}
)
_UNSAFE_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Part:
    """One part; offsets point into the message's `raw`.

    `start` is where its header begins, `body_end` leaves out the line break that belongs to the boundary
    (RFC 2046 §5.1.1). `parent` is an index into the tuple of parts, `depth` is 0 for the message itself.
    """

    content_type: str  # lower case, "text/plain"
    parameters: Mapping[str, str]  # names in lower case, RFC 2231 undone
    encoding: str  # Content-Transfer-Encoding, lower case
    disposition: str  # "inline", "attachment" … or ""
    filename: str  # without folders, safe to show; "" when it has none
    content_id: str  # without angle brackets
    start: int
    body_start: int
    body_end: int
    parent: int | None
    depth: int

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str
    size: int  # bytes, decoded


@dataclass(slots=True)
class _Open:
    """A multipart that is being read."""

    index: int
    boundary: bytes


@remembered
def parts(message: Message) -> tuple[Part, ...]:
    """All parts in document order; the first one is the whole message.

    A multipart without a usable boundary is one leaf. A closing delimiter may be missing. Raises
    `MalformedMessage` for more than 200 parts, more than 20 levels or a boundary over 70 characters.
    """
    raw = message.raw
    found = [_part(raw, message.fields, 0, message.body_start, len(raw), parent=None, depth=0, default="text/plain")]
    open_ones: list[_Open] = []
    _open(open_ones, found, 0)
    delimiter = _delimiter(open_ones)
    at = message.body_start
    leaf: int | None = None  # the part whose body is being passed over
    while open_ones:
        hit = delimiter.search(raw, max(at - 1, 0))
        if hit is None:
            break
        owner = _innermost(open_ones, hit[1])
        body_end = hit.start() - (raw[hit.start() - 1 : hit.start()] == b"\r")
        ended = [one.index for one in open_ones[owner + 1 :]] + ([leaf] if leaf is not None else [])
        # The empty line that ends a header may be the very line break that belongs to the boundary.
        body_end = max(body_end, *(found[index].body_start for index in ended)) if ended else body_end
        for index in ended:
            found[index] = replace(found[index], body_end=body_end)
        leaf = None
        closing = bool(hit[2])
        del open_ones[owner if closing else owner + 1 :]
        line_end = raw.find(b"\n", hit.end())
        at = len(raw) if line_end == -1 else line_end + 1
        if not closing:
            parent = open_ones[owner].index
            _begin(raw, found, at, parent, _delimiter(open_ones))
            leaf = len(found) - 1
            at = found[leaf].body_start
            if _open(open_ones, found, leaf):
                leaf = None
        delimiter = _delimiter(open_ones)
    return tuple(found)


def decoded(message: Message, part: Part) -> bytes:
    """The part's bytes with the transfer encoding undone (RFC 2045 §6); an unknown encoding leaves them as they are."""
    data = message.raw[part.body_start : part.body_end]
    if part.encoding == "base64":
        return base64_bytes(data)
    if part.encoding == "quoted-printable":
        return binascii.a2b_qp(_BLANKS_AT_LINE_END.sub(b"", data))  # RFC 2045 §6.7 rule 3
    return data


def text(message: Message, part: Part) -> str:
    """The part's text: charset undone (unknown ones tolerantly), lines end in a single line feed."""
    plain = text_of(decoded(message, part), part.parameters.get("charset", ""))
    return plain.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def is_opaque(all_parts: tuple[Part, ...], index: int) -> bool:
    """Is this part, or one that holds it, signed or encrypted, so that no byte of it may change?"""
    at: int | None = index
    while at is not None:
        if all_parts[at].content_type in _OPAQUE:
            return True
        at = all_parts[at].parent
    return False


def attachments(message: Message) -> list[Attachment]:
    """What came with the text, photos shown inside it included; not the text itself nor its signatures."""
    all_parts = parts(message)
    first_text = next((part for part in all_parts if part.content_type in ("text/plain", "text/html")), None)
    return [
        Attachment(_name(part), part.content_type, len(decoded(message, part)))
        for part in all_parts
        if _is_attachment(part, all_parts, part is first_text)
    ]


def _is_attachment(part: Part, all_parts: tuple[Part, ...], is_first_text: bool) -> bool:
    if part.is_multipart or part.content_type in _SIGNATURES:
        return False
    if part.disposition == "attachment":
        return part.depth > 0 or part.content_type not in ("text/plain", "text/html")
    if part.content_type in ("text/plain", "text/html"):
        return bool(part.filename) and not is_first_text
    other_form = part.parent is not None and all_parts[part.parent].content_type == "multipart/alternative"
    return not (other_form and part.content_type in _OTHER_FORMS)


def _name(part: Part) -> str:
    if part.filename:
        return part.filename
    if part.content_type == "message/rfc822":
        return "message.eml"
    main, _, sub = part.content_type.partition("/")
    return f"{main}.{sub.removeprefix('x-').partition('+')[0].rpartition('.')[2]}"


def _open(open_ones: list[_Open], found: list[Part], index: int) -> bool:
    """Go into the part when it is a multipart with a boundary."""
    part = found[index]
    boundary = part.parameters.get("boundary", "").rstrip(" \t") if part.is_multipart else ""
    if not boundary:
        return False
    if len(boundary) > LONGEST_BOUNDARY:
        raise MalformedMessage(f"A boundary in the message is longer than {LONGEST_BOUNDARY} characters.")
    if part.depth >= DEEPEST:
        raise MalformedMessage(f"The message is nested more than {DEEPEST} levels deep.")
    open_ones.append(_Open(index, boundary.encode("utf-8", "replace")))
    return True


def _delimiter(open_ones: list[_Open]) -> re.Pattern[bytes]:
    """A delimiter line of any open multipart: its boundary and nothing else but blanks (RFC 2046 §5.1.1)."""
    choice = b"|".join(re.escape(one.boundary) for one in reversed(open_ones))
    return re.compile(rb"\n--(" + choice + rb")(--)?[ \t]*(?=\r?\n|\r?\Z)")


def _innermost(open_ones: list[_Open], boundary: bytes) -> int:
    return max(level for level, one in enumerate(open_ones) if one.boundary == boundary)


def _begin(raw: bytes, found: list[Part], start: int, parent: int, delimiter: re.Pattern[bytes]) -> None:
    """Read the header of the part that begins at *start*; it cannot reach beyond the next delimiter."""
    if len(found) >= MOST_PARTS:
        raise MalformedMessage(f"The message has more than {MOST_PARTS} parts.")
    window = min(len(raw), start + LARGEST_HEADER + 100)
    hit = delimiter.search(raw, start - 1, window)
    fields, body_start = read_fields(raw, start, hit.start() + 1 if hit else len(raw))
    holder = found[parent]
    default = "message/rfc822" if holder.content_type == "multipart/digest" else "text/plain"  # RFC 2046 §5.1.5
    found.append(
        _part(raw, fields, start, body_start, len(raw), parent=parent, depth=holder.depth + 1, default=default)
    )


def _part(
    raw: bytes,
    fields: tuple[Field, ...],
    start: int,
    body_start: int,
    body_end: int,
    *,
    parent: int | None,
    depth: int,
    default: str,
) -> Part:
    content_type, parameters = _content_type(_first(raw, fields, "content-type"), default)
    disposition, details = parameterised(_first(raw, fields, "content-disposition"))
    encoding = _first(raw, fields, "content-transfer-encoding").strip(" \t\"';").lower()
    content_id = "".join(_first(raw, fields, "content-id").split()).strip("<>")
    return Part(
        content_type=content_type,
        parameters=parameters,
        encoding=encoding or "7bit",
        disposition=disposition.lower(),
        filename=_safe_name(details.get("filename") or parameters.get("name", "")),
        content_id=content_id,
        start=start,
        body_start=body_start,
        body_end=body_end,
        parent=parent,
        depth=depth,
    )


def _first(raw: bytes, fields: tuple[Field, ...], name: str) -> str:
    return next((field_text(field_body(raw, field)) for field in fields if field.name == name), "")


def _content_type(value: str, default: str) -> tuple[str, Mapping[str, str]]:
    """RFC 2045 §5.2: what has no readable Content-Type is plain text."""
    if not value:
        return default, {}
    named, parameters = parameterised(value)
    content_type = "".join(named.split()).lower()
    if _TOKEN.fullmatch(content_type):
        return content_type, parameters
    if content_type == "text":  # RFC 1049 wrote it so
        return "text/plain", parameters
    return "text/plain", {name: text for name, text in parameters.items() if name == "charset"}


def _safe_name(name: str) -> str:
    """A file name without folders, controls and direction marks."""
    plain = _UNSAFE_IN_NAMES.sub("", decode_words(name)).replace("\\", "/")
    return plain.rpartition("/")[2].strip()[:255]
