"""Parts of a message taken out, exchanged or made into several; every other byte stays as it is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from handlers.header_field import header_field
from handlers.message import Message, read_fields
from handlers.mime import Part

_LINE = 57  # bytes that make a line of base64 (RFC 2045 §6.8)
_LONGEST_STEM, _LONGEST_ENDING = 60, 12
_SAFE_IN_VALUES = "!#$&+-.^_`|~"  # RFC 2231 §7, RFC 2045 §5.1
_UNTRUE = frozenset({"content-md5", "content-length"})


@dataclass(frozen=True, slots=True)
class NewPart:
    """What stands where a part was. content_type "": its header may stay as it is."""

    data: bytes
    content_type: str = ""
    name: str = ""


EMPTY_TEXT = NewPart(b"", "text/plain; charset=utf-8")
"""A place to write on."""


def with_parts(message: Message, all_parts: Sequence[Part], new: Mapping[int, Sequence[NewPart]]) -> bytes:
    """The whole message with the leaves at these indices exchanged; by nothing, it is taken out.

    Where a part taken out was the last of its multipart, or all of the message, EMPTY_TEXT stands for it.
    """
    edits: list[tuple[int, int, bytes]] = []
    for index in sorted(new):
        part, pieces = all_parts[index], new[index]
        if not pieces and _may_go(all_parts, index, new):
            edits.append((*_span_with_delimiter(message.raw, part), b""))
        else:
            edits.append((part.start, part.body_end, _written(message, all_parts, part, pieces)))
    out: list[bytes] = []
    at = 0
    for start, end, piece in edits:
        out += (message.raw[at:start], piece)
        at = end
    return b"".join((*out, message.raw[at:]))


def with_ending(name: str, ending: str) -> str:
    """photo.HEIC -> photo.jpg; a name without a stem stays without."""
    stem = name.rpartition(".")[0] or name
    return f"{stem}.{ending}" if stem else ""


def _may_go(all_parts: Sequence[Part], index: int, new: Mapping[int, Sequence[NewPart]]) -> bool:
    """Is something left beside it?"""
    parent = all_parts[index].parent
    return parent is not None and any(
        part.parent == parent and (other not in new or new[other]) for other, part in enumerate(all_parts)
    )


def _span_with_delimiter(raw: bytes, part: Part) -> tuple[int, int]:
    """The part, the delimiter line before it, and the line break that belongs to the next one (RFC 2046 §5.1.1)."""
    start = raw.rfind(b"\n", 0, part.start - 1) + 1
    end = part.body_end
    for line_break in (b"\r\n", b"\n"):
        if raw.startswith(line_break, end):
            return start, end + len(line_break)
    return start, end


def _written(message: Message, all_parts: Sequence[Part], part: Part, pieces: Sequence[NewPart]) -> bytes:
    raw = message.raw
    if not pieces or pieces[0] is EMPTY_TEXT:
        return _other_header(raw, part, EMPTY_TEXT.content_type, "quoted-printable")
    if len(pieces) == 1:
        return _one(raw, part, pieces[0])
    boundary = _boundary(all_parts, part, pieces)
    between = b"\r\n--" + boundary + b"\r\n"
    several = between.join(_fresh(piece) for piece in pieces)
    if part.parent is not None:
        return several
    header = _other_header(raw, part, f'multipart/mixed; boundary="{boundary.decode()}"', "7bit")
    return header + b"--" + boundary + b"\r\n" + several + b"\r\n--" + boundary + b"--\r\n"


def _one(raw: bytes, part: Part, piece: NewPart) -> bytes:
    whole_message = b"\r\n" if part.parent is None and raw.endswith(b"\n") else b""
    body = _base64(piece.data) + whole_message
    if not piece.content_type and part.encoding == "base64" and not _says_more(raw, part):
        return raw[part.start : part.body_start] + body
    return _header(raw, part, piece) + b"\r\n" + body


def _says_more(raw: bytes, part: Part) -> bool:
    fields, _ = read_fields(raw, part.start, part.body_start)
    return any(field.name in _UNTRUE for field in fields)


def _other_header(raw: bytes, part: Part, content_type: str, encoding: str) -> bytes:
    """For something else in its place: nothing that was said about the part is true of it. With its empty line."""
    fields, _ = read_fields(raw, part.start, part.body_start)
    kept = [raw[field.start : field.end] for field in fields if not field.name.startswith("content-")]
    own = header_field("Content-Type", content_type.split()), header_field("Content-Transfer-Encoding", [encoding])
    return b"".join((*kept, *own, b"\r\n"))


def _header(raw: bytes, part: Part, new: NewPart) -> bytes:
    """The part's own fields in their order; those about its form say what is true now. No empty line yet."""
    ours = {"content-transfer-encoding": header_field("Content-Transfer-Encoding", ["base64"])}
    if new.content_type:
        ours["content-type"] = named_field("Content-Type", new.content_type, "name", new.name)
        if part.disposition:
            ours["content-disposition"] = named_field("Content-Disposition", part.disposition, "filename", new.name)
    gone = _UNTRUE | ours.keys()
    fields, _ = read_fields(raw, part.start, part.body_start)
    lines: list[bytes] = []
    for field in fields:
        if field.name in ours:
            lines.append(ours.pop(field.name))
        elif field.name not in gone:
            lines.append(raw[field.start : field.end])
    return b"".join((*lines, *ours.values()))


def _fresh(piece: NewPart) -> bytes:
    return b"".join(
        (
            named_field("Content-Type", piece.content_type or "application/octet-stream", "name", piece.name),
            named_field("Content-Disposition", "attachment", "filename", piece.name),
            header_field("Content-Transfer-Encoding", ["base64"]),
            b"\r\n",
            _base64(piece.data),
        )
    )


def named_field(field: str, value: str, parameter: str, name: str) -> bytes:
    """`Content-Type: image/png; name="a.png"`; the parameter only where there is a name, shortened to fit a line."""
    if not name:
        return header_field(field, value.split())
    stem, dot, ending = name.rpartition(".")
    short = f"{stem[:_LONGEST_STEM]}{dot}{ending[:_LONGEST_ENDING]}" if dot else name[:_LONGEST_STEM]
    if short.isascii() and short.isprintable():
        escaped = short.replace("\\", "\\\\").replace('"', '\\"')
        return header_field(field, [f"{value};", f'{parameter}="{escaped}"'])
    octets = quote(short.encode("utf-8", "replace"), safe=_SAFE_IN_VALUES)
    return header_field(field, [f"{value};", f"{parameter}*=utf-8''{octets}"])  # RFC 2231 §4


def _boundary(all_parts: Sequence[Part], part: Part, pieces: Sequence[NewPart]) -> bytes:
    """Of the multipart that holds the part; else a new one, which no line of base64 and no field can look like."""
    if part.parent is not None:
        return all_parts[part.parent].parameters["boundary"].rstrip(" \t").encode("utf-8", "replace")
    digest = hashlib.sha256(b"\0".join(piece.data for piece in pieces)).hexdigest()
    return f"=_{digest[:32]}".encode()


def _base64(data: bytes) -> bytes:
    """RFC 2045 §6.8, without the last line break, which belongs to what follows."""
    lines = (base64.b64encode(data[at : at + _LINE]) for at in range(0, len(data), _LINE))
    return b"\r\n".join(lines)
