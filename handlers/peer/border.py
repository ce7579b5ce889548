"""What a post may tell when it leaves its home: no address, no path, nothing that its author did not write for others.

spec/federation.md §2.6, the border procedure. The header is not carried over at all; the body is written anew without
members' addresses and without parts that carry addresses by nature. What still holds one afterwards stays at home.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from html import unescape

from handlers import mime
from handlers.header_field import display_name
from handlers.html_text import html_lines
from handlers.letter_words import words_of
from handlers.message import MalformedMessage, Message, parse
from handlers.mime import Part
from handlers.peer.body_tree import Branch, Leaf, written_body
from handlers.peer.control import Unreadable
from handlers.peer.hidden import Hidden
from handlers.peer.shape import contents_of

NOBODY = "member"
"""What somebody is called who has no name but an address."""
LONGEST_SUBJECT = 250  # characters

_LEFT_OUT = re.compile(
    r"message/.*|text/(?:calendar|vcard|x-vcard|directory|x-amp-html|rfc822-headers)|application/ics"
    r"|application/(?:x-)?pkcs7-(?:signature|mime)|application/pgp-(?:keys|signature)"
)
_ENCRYPTED = re.compile(r"multipart/encrypted|application/(?:x-)?pkcs7-mime|application/pgp-encrypted")
_SILENT = re.compile(r"application/(?:x-)?pkcs7-signature|application/pgp-signature|text/x-amp-html")
_BRANCHES = frozenset({"mixed", "alternative", "related"})
_LETTER_REFERENCE = re.compile(r"&#(?:0*([0-9]{2,3})|[xX]0*([0-9A-Fa-f]{2}));")
_PLAIN = re.compile(r"[A-Za-z0-9@._+-]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,200}")


class Why(StrEnum):
    """Why a post stays at home after all."""

    ADDRESS = "address"  # one would still be seen
    ENCRYPTED = "encrypted"  # nobody can look what is in it
    SIZE = "size"
    UNREADABLE = "unreadable"


class StaysHome(Exception):
    """`why` it does."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class BorderFacts:
    """`names`: by address key, what is to stand for each address of every member of the list. `exempt`: keys that may
    be seen, because their owner, the author, chose so."""

    names: Mapping[str, str]
    exempt: Collection[str] = ()
    language: str = "en"  # of the author
    largest: int = 10 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Crossing:
    """What leaves. `left_out`: what was taken out, by name or type; `has_files`: attachments, which nobody searches."""

    subject: str
    content: bytes  # MIME fields, the empty line, the body: 7 bits, short lines
    left_out: tuple[str, ...] = ()
    has_files: bool = False


def crossing(message: Message, facts: BorderFacts) -> Crossing:
    """The post as it may leave; its photos have been cleaned before. Raises StaysHome."""
    hidden = Hidden({key: space_name_of(name) for key, name in facts.names.items() if key not in facts.exempt})
    try:
        all_parts = mime.parts(message)
    except MalformedMessage:
        raise StaysHome(Why.UNREADABLE) from None
    gone = [index for index, part in enumerate(all_parts) if _LEFT_OUT.fullmatch(part.content_type)]
    if any(_ENCRYPTED.fullmatch(part.content_type) for part in all_parts):
        raise StaysHome(Why.ENCRYPTED)
    told = tuple(
        all_parts[index].filename or all_parts[index].content_type
        for index in gone
        if not _SILENT.fullmatch(all_parts[index].content_type)
    )
    tree = _tree(message, all_parts, hidden, set(gone))
    if told or tree is None:
        tree = _with_note(tree, _note(told, facts.language))
    subject = hidden.without(" ".join(_CONTROL.sub(" ", message.subject).split())[:LONGEST_SUBJECT])
    content = written_body(tree)
    if len(content) > facts.largest * 3 // 2 or sum(map(len, _data_of(tree))) > facts.largest:
        raise StaysHome(Why.SIZE)
    if leaks(subject, content, hidden):
        raise StaysHome(Why.ADDRESS)
    has_files = any(not leaf.content_type.startswith("text/") for leaf in _leaves(tree))
    return Crossing(subject, content, told, has_files)


def space_name_of(name: str) -> str:
    """How an author is called in the space, unless she chose another name there: never an address."""
    return NOBODY if "@" in name else display_name(name, otherwise=NOBODY)


def leaks(subject: str, content: bytes, hidden: Hidden) -> bool:
    """Does a member's address stand anywhere in the finished bytes, or in a text as people or programs read it?

    Raises StaysHome where they cannot be read.
    """
    try:
        message = parse(content)
        all_parts = mime.parts(message)
        contents_of(message)
    except (MalformedMessage, Unreadable):
        raise StaysHome(Why.UNREADABLE) from None
    views = [subject, content.decode("ascii", "replace")]
    for part in all_parts:
        views += (part.filename, part.content_id)
        if not part.content_type.startswith("text/"):
            continue
        text = mime.text(message, part)
        views.append(text)
        if part.content_type == "text/html":
            views += (unescape(text), "\n".join(line.text for line in html_lines(text)))
    return any(hidden.is_in(view) for view in views)


def _tree(message: Message, all_parts: tuple[Part, ...], hidden: Hidden, gone: Collection[int]) -> Leaf | Branch | None:
    """None where nothing is left. Children stand behind what holds them, so it is built from the end."""
    built: dict[int, Leaf | Branch | None] = {}
    children: dict[int, list[int]] = {}
    for index, part in enumerate(all_parts):
        if part.parent is not None:
            children.setdefault(part.parent, []).append(index)
    for index in reversed(range(len(all_parts))):
        part = all_parts[index]
        if index in gone:
            built[index] = None
        elif part.is_multipart:
            kept = tuple(child for each in children.get(index, ()) if (child := built[each]) is not None)
            built[index] = _branch(part, kept)
        else:
            built[index] = _leaf(message, part, hidden)
    return built[0]


def _branch(part: Part, kept: tuple[Leaf | Branch, ...]) -> Leaf | Branch | None:
    if len(kept) <= 1:
        return kept[0] if kept else None
    subtype = part.content_type.partition("/")[2]
    shown = kept[0].content_type if isinstance(kept[0], Leaf) else f"multipart/{kept[0].subtype}"
    known = subtype if subtype in _BRANCHES else "mixed"  # what was signed is signed no more
    return Branch(known, kept, shown if known == "related" else "")


def _leaf(message: Message, part: Part, hidden: Hidden) -> Leaf:
    content_id = part.content_id if _CONTENT_ID.fullmatch(part.content_id) else ""
    disposition = part.disposition if part.disposition in ("inline", "attachment") else ""
    if not part.content_type.startswith("text/"):
        data = mime.decoded(message, part)
        return Leaf(part.content_type, data, part.filename, disposition or "attachment", content_id)
    text = mime.text(message, part)
    is_html = part.content_type == "text/html"
    if is_html:
        text = _LETTER_REFERENCE.sub(_spelled_out, text)
    is_flowed = part.parameters.get("format", "").lower() == "flowed" and "delsp" not in part.parameters
    data = hidden.without(text, is_html=is_html).encode("utf-8", "replace")
    return Leaf(part.content_type, data, part.filename, disposition, content_id, is_flowed)


def _spelled_out(reference: re.Match[str]) -> str:
    """`&#98;` is a b: some programs write addresses so."""
    letter = chr(int(reference[1]) if reference[1] else int(reference[2], 16))
    return letter if _PLAIN.fullmatch(letter) else reference[0]


def _note(told: Collection[str], language: str) -> str:
    words = words_of(language)
    return words.say("Left out here: %(files)s.", files=", ".join(told)) if told else ""


def _with_note(tree: Leaf | Branch | None, note: str) -> Leaf | Branch:
    own = Leaf("text/plain", f"{note}\n".encode() if note else b"")
    if tree is None:
        return own
    if isinstance(tree, Leaf) and tree.content_type == "text/plain" and not tree.filename:
        return Leaf("text/plain", tree.data.rstrip(b"\n") + b"\n\n" + own.data, is_flowed=tree.is_flowed)
    children = tree.children if isinstance(tree, Branch) and tree.subtype == "mixed" else (tree,)
    return Branch("mixed", (*children, own))


def _leaves(tree: Leaf | Branch) -> list[Leaf]:
    found: list[Leaf] = []
    waiting: list[Leaf | Branch] = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Leaf):
            found.append(each)
        else:
            waiting.extend(each.children)
    return found


def _data_of(tree: Leaf | Branch) -> list[bytes]:
    return [leaf.data for leaf in _leaves(tree)]
