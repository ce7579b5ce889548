"""What comes with the text of a post: pictures, films and files; and how much of it a copy can carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from handlers import film, picture
from handlers.body import is_shown_text
from handlers.message import Message
from handlers.mime import Part, decoded, is_opaque, parts
from handlers.picture import PictureKind

PHOTOS_BUDGET = 8 * 10**6
"""Bytes of pictures in one mail (spec/people.md §2.5): what is more is made smaller."""
FILES_BUDGET = 10 * 10**6
"""Bytes of everything else (spec/people.md §3.6): what is more stays behind, the largest first."""
LIVE_SECONDS = 4.0
"""A phone's photo may have a film of so many seconds with it (spec/people.md §1.1)."""

_TNEF_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_TNEF = b"\x78\x9f\x3e\x22"
_PROGRAM_ENDINGS = frozenset((
    "apk", "appx", "appxbundle", "bat", "chm", "cmd", "com", "cpl", "dll", "exe", "hta", "jar", "jnlp", "js",
    "jse", "lnk", "mjs", "msc", "msi", "msix", "msixbundle", "msp", "mst", "pif", "ps1", "reg", "scf", "scr",
    "sct", "sys", "vb", "vbe", "vbs", "ws", "wsc", "wsf", "wsh", "xll",
))  # fmt: skip
"""Of files that do something when they are opened; large providers refuse a mail that has one."""
_PROGRAM_HEAD = 64  # bytes
_NEVER_OPENED = frozenset({"message/rfc822", "message/global"})
_ENCODED_HEAD = 1024  # bytes of a part that hold the first bytes of what is in it


@dataclass(frozen=True, slots=True)
class Enclosure:
    """One part that is not the text; `index` among the parts of its message."""

    index: int
    name: str  # "" where it has none
    content_type: str  # as its sender calls it
    encoded_size: int  # bytes
    kind: PictureKind | None = None
    is_film: bool = False
    is_tnef: bool = False
    is_program: bool = False

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0].casefold()


def enclosures(message: Message, all_parts: tuple[Part, ...]) -> list[Enclosure]:
    """In document order, without what is signed or encrypted, of which no byte may change."""
    return [
        _enclosure(message, part, index)
        for index, part in enumerate(all_parts)
        if not (
            part.is_multipart
            or part.content_type in _NEVER_OPENED
            or is_shown_text(all_parts, index)
            or is_opaque(all_parts, index)
        )
    ]


def needs_cleaning(message: Message) -> bool:
    """Might the copies need other bytes than these? Raises MalformedMessage over the caps of spec/mail.md §2.2."""
    found = enclosures(message, parts(message))
    if any(each.kind or each.is_film or each.is_tnef or each.is_program for each in found):
        return True
    return sum(each.encoded_size for each in found) > FILES_BUDGET


def live_films(found: Iterable[Enclosure], seconds: Mapping[int, float | None]) -> list[Enclosure]:
    """The films that a phone has made along with a photo of the same name. seconds: of each film, by its index."""
    everything = list(found)
    photos = {each.stem for each in everything if each.kind and each.stem}
    return [
        each
        for each in everything
        if each.is_film and each.stem in photos and (lasts := seconds.get(each.index)) is not None
        if lasts <= LIVE_SECONDS
    ]


def beyond_budget(sizes: Mapping[int, int], budget: int = FILES_BUDGET) -> list[int]:
    """Which of these stay behind so that the others fit, the largest first. sizes: bytes by index."""
    total = sum(sizes.values())
    behind: list[int] = []
    for index, size in sorted(sizes.items(), key=lambda each: (-each[1], each[0])):
        if total <= budget:
            break
        behind.append(index)
        total -= size
    return behind


def _enclosure(message: Message, part: Part, index: int) -> Enclosure:
    head = decoded(message, replace(part, body_end=min(part.body_end, part.body_start + _ENCODED_HEAD)))
    kind = picture.kind_of(head[: picture.HEAD], part.content_type)
    is_film = kind is None and film.is_film(head[: film.HEAD])
    if kind is None and not is_film and part.content_type.startswith("image/"):
        kind = picture.kind_of(decoded(message, part), part.content_type)
    is_tnef = part.content_type in _TNEF_TYPES or head.startswith(_TNEF)
    size = part.body_end - part.body_start
    _, dot, ending = part.filename.rstrip(". ").rpartition(".")  # Windows overlooks what is at the end
    is_program = bool(dot and ending.lower() in _PROGRAM_ENDINGS) or _begins_a_program(head)
    return Enclosure(index, part.filename, part.content_type, size, kind, is_film, is_tnef, is_program)


def _begins_a_program(head: bytes) -> bool:
    """Of Windows or of Linux, whatever its name says; a text may well begin with "MZ"."""
    return head.startswith(b"\x7fELF") or (head.startswith(b"MZ") and b"\0" in head[:_PROGRAM_HEAD])
