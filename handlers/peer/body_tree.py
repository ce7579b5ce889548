"""A body written anew, part by part, so that no mail server on its way has a reason to touch it.

Texts are UTF-8 in quoted-printable, everything else is base64: 7 bits, in lines of at most 76 (spec/federation.md
§2.4).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.header_field import header_field
from handlers.part_splice import named_field

_LINE = 57  # bytes that make a line of base64 (RFC 2045 §6.8)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part. `data`: decoded; of a text in UTF-8 with lines that end in LF."""

    content_type: str
    data: bytes
    filename: str = ""
    disposition: str = ""
    content_id: str = ""
    is_flowed: bool = False  # RFC 3676 §4.1


@dataclass(frozen=True, slots=True)
class Branch:
    """A multipart. `shown_first`: the type of its root part, for multipart/related (RFC 2387 §3.1)."""

    subtype: str
    children: tuple[Leaf | Branch, ...]
    shown_first: str = ""


def written_body(tree: Leaf | Branch) -> bytes:
    """MIME fields, an empty line, the body. A nested multipart is written by a call for each level."""
    return b"MIME-Version: 1.0\r\n" + _written(tree)


def _written(tree: Leaf | Branch) -> bytes:
    if isinstance(tree, Leaf):
        return _leaf(tree)
    parts = [_written(child) for child in tree.children]
    # No line of quoted-printable or base64 begins like that, and each multipart has its own.
    boundary = f"=_{hashlib.sha256(b'/'.join(parts)).hexdigest()[:32]}"
    tokens = [f"multipart/{tree.subtype};", f'boundary="{boundary}"']
    if tree.shown_first:
        tokens[1] += ";"
        tokens.append(f'type="{tree.shown_first}"')
    delimiter = f"--{boundary}\r\n".encode()
    body = b"".join(delimiter + part + b"\r\n" for part in parts)
    return header_field("Content-Type", tokens) + b"\r\n" + body + f"--{boundary}--\r\n".encode()


def _leaf(leaf: Leaf) -> bytes:
    is_text = leaf.content_type.startswith("text/")
    if is_text:
        tokens = [f"{leaf.content_type};", "charset=utf-8" + (";" if leaf.is_flowed else "")]
        fields = [header_field("Content-Type", [*tokens, *(["format=flowed"] if leaf.is_flowed else [])])]
    else:
        fields = [named_field("Content-Type", leaf.content_type, "name", leaf.filename)]
    if leaf.disposition or leaf.filename:
        fields.append(named_field("Content-Disposition", leaf.disposition or "attachment", "filename", leaf.filename))
    if leaf.content_id:
        fields.append(header_field("Content-ID", [f"<{leaf.content_id}>"]))
    encoding = "quoted-printable" if is_text else "base64"
    fields.append(header_field("Content-Transfer-Encoding", [encoding]))
    return b"".join((*fields, b"\r\n", _quoted(leaf.data) if is_text else _base64(leaf.data)))


def _quoted(data: bytes) -> bytes:
    """Line by line, with "From " at the beginning of one encoded, too: old mail servers would change it."""
    lines = (binascii.b2a_qp(line, istext=True).replace(b"=\n", b"=\r\n") for line in data.split(b"\n"))
    return b"\r\n".join(b"=46" + line[1:] if line.startswith(b"From ") else line for line in lines)


def _base64(data: bytes) -> bytes:
    lines: Sequence[bytes] = [base64.b64encode(data[at : at + _LINE]) for at in range(0, len(data), _LINE)]
    return b"\r\n".join(lines)
