"""What a client sends after DATA, read in bounded memory: one end, one set of line breaks (spec/mail.md §2.1)."""

from __future__ import annotations

from handlers.reply import Reply

_END = b"\r\n.\r\n"  # RFC 5321 §4.1.1.4, and nothing else ends a message
_ENDLESS_LINE = 1 << 20  # bytes, after which no mail is to be expected any more
_ENDLESS_HEADER = 1 << 17  # twice what any mail may have (spec/mail.md §2.2)

TOO_LARGE = Reply(552, "5.3.4", "This email is too large for us. Please send a smaller one")
BROKEN_LINES = Reply(550, "5.6.0", "This email has line breaks or bytes that no email may have")
_SHAPELESS = Reply(550, "5.6.0", "This email has a line or a header that does not end")


def has_sound_lines(content: bytes) -> bool:
    """No CR or LF stands alone, and there is no NUL (RFC 5322 §2.2, §2.3)."""
    breaks = content.count(b"\r\n")
    return content.count(b"\n") == breaks == content.count(b"\r") and b"\0" not in content


class DataReader:
    """Feed it what comes from the wire until it says that the message has ended; then ask for the `result`.

    It keeps at most a little more than `max_size` bytes: what cannot be taken any more is dropped as it comes.
    """

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._wire_limit = max_size + max_size // 50  # doubled dots do not count (RFC 1870 §5)
        self._kept = bytearray(b"\r\n")  # the end of the DATA command, so that an end at once is seen
        self._header_has_ended = False
        self._problem: Reply | None = None
        self.received = 0
        """Bytes that came from the wire so far."""
        self.rest = b""
        """What came behind the end: the client's next commands (RFC 2920 §3.1)."""

    @property
    def hopeless(self) -> bool:
        """Twice the size that is allowed has come: nobody who reads our answers sends that much."""
        return self.received > 2 * self._max_size

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; True when the message has ended."""
        kept = self._kept
        seam = max(0, len(kept) - len(_END) + 1)
        self.received += len(chunk)
        kept += chunk
        end = kept.find(_END, seam)
        if end >= 0:
            self.rest = bytes(kept[end + len(_END) :])
            del kept[end + 2 :]
            return True
        if self._problem is None:
            self._problem = self._found_wrong(seam)
        if self._problem is not None:
            del kept[: -len(_END) + 1]
        return False

    def result(self) -> bytes | Reply:
        """The message with its doubled dots undone (RFC 5321 §4.5.2), or why it cannot be taken."""
        if self._problem is not None:
            return self._problem
        kept = self._kept
        if b"\r\n." in kept:
            kept = kept.replace(b"\r\n.", b"\r\n")
        content = bytes(memoryview(kept)[2:])
        if len(content) > self._max_size:
            return TOO_LARGE
        return content if has_sound_lines(content) else BROKEN_LINES

    def _found_wrong(self, seam: int) -> Reply | None:
        kept = self._kept
        if self.received > self._wire_limit:
            return TOO_LARGE
        if not self._header_has_ended:
            self._header_has_ended = kept.find(b"\r\n\r\n", seam) >= 0
        if not self._header_has_ended:
            return _SHAPELESS if len(kept) > _ENDLESS_HEADER else None
        line_is_endless = len(kept) > _ENDLESS_LINE and kept.find(b"\r\n", len(kept) - _ENDLESS_LINE) < 0
        return _SHAPELESS if line_is_endless else None
