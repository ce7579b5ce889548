"""winmail.dat opened: what Outlook packed into one file that only Outlook can read ([MS-OXTNEF]).

Only for the worker (picture_worker). The library comes with the extra `tnef`; without it nothing is opened.
"""

from __future__ import annotations

import logging
import mimetypes

from handlers.part_splice import NewPart


class NotOpened(ValueError):
    """It stays as it is."""


def opened_tnef(data: bytes) -> list[NewPart]:
    """The files in it; when there are none, its text. Raises NotOpened."""
    try:
        from tnefparse import TNEF
    except ImportError:
        raise NotOpened from None
    logging.disable()  # what the library thinks of the bytes would end on the operator's screen
    try:
        tnef = TNEF(data, do_checksum=False)
        files = [(each.long_filename(), each.data) for each in tnef.attachments]
        if any(
            not isinstance(content, bytes) or getattr(each, "embed", None)
            for each, (_, content) in zip(tnef.attachments, files, strict=True)
        ):
            raise NotOpened  # a mail in the mail, which we could not write out
        return [_file(str(name), content) for name, content in files] or _text(tnef)
    except NotOpened:
        raise
    except MemoryError:
        raise
    except Exception as fault:  # the library says nowhere what it raises
        raise NotOpened from fault


def _file(name: str, content: bytes) -> NewPart:
    plain = name.replace("\\", "/").rpartition("/")[2].strip("\0 ")
    plain = "".join(letter for letter in plain if letter.isprintable())
    return NewPart(content, mimetypes.guess_type(plain)[0] or "application/octet-stream", plain or "file")


def _text(tnef: object) -> list[NewPart]:
    for body, name in (("htmlbody", "message.html"), ("body", "message.txt"), ("rtfbody", "message.rtf")):
        text = getattr(tnef, body, None)
        if text:
            content = text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")
            return [_file(name, content)]
    raise NotOpened
