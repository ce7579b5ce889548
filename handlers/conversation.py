"""Thread-Topic and Thread-Index, by which Outlook and Exchange group what others group by References.

Microsoft's format: six bytes of the time of the first message, a GUID of 16 bytes, and five bytes for each answer
below. A GUID of ours holds the thread's number under a MAC, so that it is known again without a table.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from handlers.header_field import header_field, plain_text, text_tokens
from handlers.thread import INDEX_ROOT
from handlers.token import Secret, Secrets

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of Windows, which counts tenths of microseconds
_ID_BYTES = 5
_MAC_BYTES = 11


def conversation_root(secrets: Secrets, *, thread_id: int, started_at: datetime) -> str:
    """What the copies of one thread have in common: base64 of 22 bytes. OverflowError: no number of a thread."""
    number = thread_id.to_bytes(_ID_BYTES, "big")
    return base64.b64encode(_time(started_at) + number + _mac(secrets[0], number)).decode("ascii")


def read_conversation_root(secrets: Secrets, root: str) -> int | None:
    """The thread that `conversation_root` made it for, None for everybody else's."""
    guid = base64.b64decode(root)[INDEX_ROOT - 16 :]
    number, mac = guid[:_ID_BYTES], guid[_ID_BYTES:]
    if not any(hmac.compare_digest(_mac(secret, number), mac) for secret in secrets):
        return None
    return int.from_bytes(number, "big")


def conversation_fields(root: str, *, subject: str, written_at: datetime, is_first: bool) -> list[bytes]:
    """Thread-Topic and Thread-Index of one post; its own five bytes say how long after the first it was written."""
    index = base64.b64decode(root)
    if not is_first:
        since = int.from_bytes(_time(written_at), "big") - int.from_bytes(index[:6], "big")
        index += max(0, min(since >> 2, (1 << 31) - 1)).to_bytes(4, "big") + b"\x10"
    encoded = base64.b64encode(index).decode("ascii")
    words = text_tokens(plain_text(subject))
    named = [header_field("Thread-Topic", words)] if words else []
    return [*named, header_field("Thread-Index", [encoded])]


def _time(moment: datetime) -> bytes:
    """The six upper bytes of eight."""
    since = moment - _EPOCH
    return ((since.days * 86400 + since.seconds) * 10**7 >> 16).to_bytes(6, "big")


def _mac(secret: Secret, number: bytes) -> bytes:
    return hmac.digest(secret.key, b"conversation1" + number, hashlib.sha256)[:_MAC_BYTES]
