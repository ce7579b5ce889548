"""The process that opens strangers' pictures, films and winmail.dat: limited, without files or network, one a mail.

It reads requests from its standard input and answers on its standard output. What kills it leaves one picture out of
one mail. It is started when a mail has something for it, so that nothing of this stands in the memory of the daemon.
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from handlers.film import bare_film, seconds_of
from handlers.part_splice import NewPart
from handlers.picture import MOST_PIXELS, MOST_PIXELS_JPEG, Look, PictureKind, UnreadablePicture, kind_of
from handlers.picture_gif import bare_gif, look_at_gif
from handlers.picture_jpeg import bare_jpeg, look_at_jpeg
from handlers.picture_png import bare_png, look_at_png
from handlers.picture_webp import bare_webp, look_at_webp

MEMORY = 2**30  # bytes of address space (spec/people.md §4)
CPU_SECONDS = 60  # for one question
CPU_SECONDS_IN_ALL = 300
NICENESS = 10

REQUEST = struct.Struct("!cIIQ")  # what, longest side, quality, bytes that follow
LOOKS = struct.Struct("!IIIQ")  # width, height, colours, fingerprint
ANSWER = struct.Struct("!cQ")  # how it went, bytes that follow
READY = b"ready\n"
PICTURE, SMALLER, FILM, TNEF, LOOK = b"P", b"S", b"F", b"T", b"L"
SAME, CHANGED, TOO_MUCH, UNREADABLE = b"=", b"+", b"!", b"?"

_LOOKS = {
    PictureKind.JPEG: look_at_jpeg,
    PictureKind.PNG: look_at_png,
    PictureKind.GIF: look_at_gif,
    PictureKind.WEBP: look_at_webp,
}
_BARE = {
    PictureKind.JPEG: bare_jpeg,
    PictureKind.PNG: bare_png,
    PictureKind.GIF: bare_gif,
    PictureKind.WEBP: bare_webp,
}


class TooMuch(ValueError):
    """A picture so large that opening it would be the purpose of it."""


def clean_picture(data: bytes, content_type: str, *, longest: int, quality: int, small: bool) -> bytes:
    """The picture upright, without notes and not too large; the same bytes where it needs nothing.

    A photo (JPEG, HEIC) is made to fit `longest` pixels; other pictures only when `small`. Raises TooMuch and
    UnreadablePicture.
    """
    kind = kind_of(data, content_type)
    if kind is None or kind is PictureKind.OTHER:
        raise UnreadablePicture
    look = _look(data, kind)
    if look is not None:
        if look.pixels > (MOST_PIXELS_JPEG if kind is PictureKind.JPEG else MOST_PIXELS):
            raise TooMuch
        fits = look.longest <= longest or not (small or kind is PictureKind.JPEG)
        if look.animated or (fits and look.orientation == 1):
            with contextlib.suppress(UnreadablePicture):
                return _BARE[kind](data)
    return _redrawn(data, kind, look, longest=longest, quality=quality, small=small)


def _look(data: bytes, kind: PictureKind) -> Look | None:
    """None: only its decoder can tell."""
    with contextlib.suppress(UnreadablePicture):
        return _LOOKS[kind](data) if kind in _LOOKS else None
    return None


def _redrawn(data: bytes, kind: PictureKind, look: Look | None, *, longest: int, quality: int, small: bool) -> bytes:
    from organic_mail import picture_redraw

    _close_doors()
    try:
        return picture_redraw.redrawn(data, kind, look, longest=longest, quality=quality, small=small)
    except picture_redraw.TooManyPixels:
        raise TooMuch from None
    except picture_redraw.Undecodable:
        if kind is PictureKind.JPEG and look is not None:
            return bare_jpeg(data, orientation=look.orientation)  # damaged, as it came, but for its notes
        raise UnreadablePicture from None


def _looks(data: bytes, content_type: str) -> tuple[int, int, int, int]:
    """Width and height in pixels, its colours and its fingerprint. Raises TooMuch and UnreadablePicture."""
    from organic_mail import picture_redraw

    kind = kind_of(data, content_type)
    if kind is None or kind is PictureKind.OTHER:
        raise UnreadablePicture
    _close_doors()
    try:
        return picture_redraw.looks(data, kind, _look(data, kind))
    except picture_redraw.TooManyPixels:
        raise TooMuch from None
    except picture_redraw.Undecodable:
        raise UnreadablePicture from None


def _close_doors() -> None:
    """From here on no file can be opened and nobody be called: all that is needed has been loaded."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def run() -> None:
    """Answer until there are no more requests."""
    _limit()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _say(answers, READY)
    while head := requests.read(REQUEST.size):
        what, longest, quality, size = REQUEST.unpack(head)
        content_type = requests.readline().decode("utf-8", "replace").strip()
        data = requests.read(size)
        _limit_cpu()
        try:
            status, content = _answer(what, data, content_type, longest, quality)
        except MemoryError:
            os._exit(1)
        _say(answers, ANSWER.pack(status, len(content)) + content)


def _limit() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")  # where memory is short, this goes first


def _limit_cpu() -> None:
    """So many seconds more than it has used so far: a mail of fifty photos is no attack."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (min(until, CPU_SECONDS_IN_ALL), CPU_SECONDS_IN_ALL))


def _answer(what: bytes, data: bytes, content_type: str, longest: int, quality: int) -> tuple[bytes, bytes]:
    try:
        if what == FILM:
            return CHANGED, f"{seconds_of(data) or -1}\n".encode() + bare_film(data)
        if what == TNEF:
            from organic_mail.tnef_opening import NotOpened, opened_tnef

            try:
                return CHANGED, packed_parts(opened_tnef(data))
            except NotOpened:
                return UNREADABLE, b""
        if what == LOOK:
            return CHANGED, LOOKS.pack(*_looks(data, content_type))
        clean = clean_picture(data, content_type, longest=longest, quality=quality, small=what == SMALLER)
        return (SAME, b"") if clean == data else (CHANGED, clean)
    except TooMuch:
        return TOO_MUCH, b""
    except UnreadablePicture:
        return UNREADABLE, b""


def packed_parts(parts: list[NewPart]) -> bytes:
    """For the way back to the daemon: each a line of its type, a line of its name, a line of its size, its bytes."""
    lines = (f"{each.content_type}\n{each.name}\n{len(each.data)}\n".encode() + each.data for each in parts)
    return b"".join(lines)


def _say(answers: BinaryIO, content: bytes) -> None:
    answers.write(content)
    answers.flush()
