"""The message as its copies carry it: photos upright, small enough and without their place.

What is too big and what is a program stays out. The original is never touched. What is made here is kept beside it
(storage.cleaned), so that all copies are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from handlers.body import is_shown_text
from handlers.enclosure import (
    PHOTOS_BUDGET,
    Enclosure,
    beyond_budget,
    enclosures,
    live_films,
)
from handlers.left_out import LeftOut, Why
from handlers.message import Message, parse
from handlers.mime import MOST_PARTS, Part, decoded, parts
from handlers.part_splice import EMPTY_TEXT, NewPart, with_ending, with_parts
from handlers.picture import PictureKind, kind_of
from organic_mail.picture_process import PictureProcess, unpacked_parts
from organic_mail.picture_worker import CHANGED, FILM, PICTURE, SAME, SMALLER, TNEF

SIZES = ((2048, 82), (1600, 82), (1200, 78), (900, 74), (640, 70))
"""Longest side and quality of JPEG, tried in this order until all photos of a mail fit (spec/people.md §2.5)."""

_ENDINGS = {
    PictureKind.JPEG: "jpg",
    PictureKind.PNG: "png",
    PictureKind.GIF: "gif",
    PictureKind.WEBP: "webp",
    PictureKind.TIFF: "tif",
}
_HEIF_NAMES = (".heic", ".heif", ".hif", ".avif")
_HEIF_TYPES = frozenset({"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence", "image/avif"})


@dataclass(frozen=True, slots=True)
class Cleaned:
    """raw: the whole message, None where the original may go out as it is."""

    raw: bytes | None
    left_out: tuple[LeftOut, ...] = ()


@dataclass(slots=True)
class _Sorting:
    """What is being found out about the enclosures of one message, by their index."""

    message: Message
    all_parts: tuple[Part, ...]
    worker: PictureProcess
    programs: frozenset[int]
    data: dict[int, bytes] = field(default_factory=dict)  # as the copies will have it
    seconds: dict[int, float | None] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)

    def original(self, enclosure: Enclosure) -> bytes:
        return decoded(self.message, self.all_parts[enclosure.index])


async def cleaned(raw: bytes) -> Cleaned:
    """Raises WorkerNotStarted, and MalformedMessage over the caps of spec/mail.md §2.2."""
    async with PictureProcess() as worker:
        opened = await _with_tnef_opened(raw, worker)
        message = parse(opened)
        all_parts = parts(message)
        found = enclosures(message, all_parts)
        sorting = _Sorting(message, all_parts, worker, frozenset(each.index for each in found if each.is_program))
        harmless = [each for each in found if not each.is_program]
        await _clean_pictures(sorting, [each for each in harmless if each.kind])
        await _clean_films(sorting, [each for each in harmless if each.is_film])
    return _spliced(raw, sorting, found)


async def _with_tnef_opened(raw: bytes, worker: PictureProcess) -> bytes:
    message = parse(raw)
    all_parts = parts(message)
    new: dict[int, list[NewPart]] = {}
    for each in enclosures(message, all_parts):
        if each.is_tnef:
            status, content = await worker.ask(TNEF, decoded(message, all_parts[each.index]))
            if status == CHANGED:
                new[each.index] = unpacked_parts(content)
    too_many = len(all_parts) + sum(map(len, new.values())) > MOST_PARTS
    return with_parts(message, all_parts, new) if new and not too_many else raw


async def _clean_pictures(sorting: _Sorting, pictures: Sequence[Enclosure]) -> None:
    """First each by itself; while all together are too much, those that take more than their share, ever smaller."""
    for each in pictures:
        await _clean_picture(sorting, each, PICTURE, SIZES[0])
    for size in SIZES[1:]:
        can_shrink = [each for each in pictures if each.index in sorting.data and not _is_fixed(sorting, each)]
        total = sum(len(sorting.data[each.index]) for each in can_shrink)
        if total <= PHOTOS_BUDGET:
            return
        for each in can_shrink:
            if len(sorting.data[each.index]) > PHOTOS_BUDGET // len(can_shrink):
                await _clean_picture(sorting, each, SMALLER, size)


async def _clean_picture(sorting: _Sorting, picture: Enclosure, what: bytes, size: tuple[int, int]) -> None:
    original = sorting.original(picture)
    longest, quality = size
    status, content = await sorting.worker.ask(
        what, original, content_type=picture.content_type, longest=longest, quality=quality
    )
    if status == CHANGED:
        sorting.data[picture.index] = content
    elif status == SAME:
        sorting.data[picture.index] = original
    elif picture.index not in sorting.data:
        sorting.unreadable.append(picture.index)


def _is_fixed(sorting: _Sorting, picture: Enclosure) -> bool:
    """It cannot be made smaller: it moves, or has pages. It counts as a file."""
    return kind_of(sorting.data[picture.index]) in (PictureKind.GIF, PictureKind.TIFF)


async def _clean_films(sorting: _Sorting, films: Sequence[Enclosure]) -> None:
    for each in films:
        original = sorting.original(each)
        status, content = await sorting.worker.ask(FILM, original)
        if status != CHANGED:
            sorting.unreadable.append(each.index)
            continue
        seconds, _, film = content.partition(b"\n")
        sorting.seconds[each.index] = float(seconds) if float(seconds) > 0 else None
        sorting.data[each.index] = film


def _spliced(raw: bytes, sorting: _Sorting, found: Sequence[Enclosure]) -> Cleaned:
    """What stays behind goes, what has changed is exchanged."""
    live = {each.index for each in live_films(found, sorting.seconds)}
    files = {
        each.index: len(sorting.data.get(each.index) or sorting.original(each))
        for each in found
        if each.index not in live and each.index not in sorting.programs and each.index not in sorting.unreadable
        if each.kind is None or _is_fixed(sorting, each)
    }
    too_big = beyond_budget(files)
    reasons = {
        **dict.fromkeys(sorting.programs, Why.PROGRAM),
        **dict.fromkeys(sorting.unreadable, Why.UNREADABLE),
        **dict.fromkeys(too_big, Why.TOO_BIG),
    }
    new: dict[int, list[NewPart]] = {index: [] for index in (*live, *reasons)}
    left_out: list[LeftOut] = []
    for each in found:
        if each.index in reasons:
            name = each.name or each.content_type
            left_out.append(LeftOut(name, len(sorting.original(each)), reasons[each.index]))
        elif each.index in sorting.data and each.index not in live:
            piece = _new_part(each, sorting.data[each.index])
            if piece.content_type or piece.data != sorting.original(each):
                new[each.index] = [piece]
    if left_out and not any(is_shown_text(sorting.all_parts, index) for index in range(len(sorting.all_parts))):
        first = next(index for index in new if index in reasons)
        new[first] = [EMPTY_TEXT]  # where the readers can be told
    changed = with_parts(sorting.message, sorting.all_parts, new) if new else sorting.message.raw
    return Cleaned(None if changed == raw else changed, tuple(left_out))


def _new_part(enclosure: Enclosure, data: bytes) -> NewPart:
    """With another header only where it has become another kind, or was called what few programs show."""
    kind = kind_of(data)
    misnamed = enclosure.name.lower().endswith(_HEIF_NAMES)
    if kind is None or (kind is enclosure.kind and not misnamed and enclosure.content_type not in _HEIF_TYPES):
        return NewPart(data)
    if enclosure.content_type == kind and not misnamed:
        return NewPart(data)
    return NewPart(data, kind.value, with_ending(enclosure.name, _ENDINGS[kind]))
