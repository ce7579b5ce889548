"""Seals of our own: a post that leaves, its edits, its retraction, a private mail (spec/federation.md §2.3, §2.7)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.message import parse
from handlers.peer.border import NOBODY, Crossing
from handlers.peer.seal import Kind, PostKey, Scope, Seal, SealedPost, minted_id, sealed
from handlers.peer.shape import NO_CONTENTS, contents_of
from handlers.peer.store import Own

HIDDEN = "hidden"
"""Instead of her address, where the author has not chosen that others see it."""
NAME_BYTES = 17  # random ones, of which the name of a post is made

_NAME_LENGTH = 26
_TWIN_BYTES = 16
_LONGEST_REASON = 80
_TAKEN_BACK = "A message was taken back"
_PLEASE_REMOVE = (
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    b"Its author took a message back. The servers of the space remove it now.\r\nYou need not do anything.\r\n"
)


@dataclass(frozen=True, slots=True)
class Departing:
    """A post of ours and for whom it is. Ids have their angle brackets."""

    space: str
    roster: int
    list_id: str
    date: datetime
    author: str  # her token in the space
    name: str  # as she is called there
    keep: int  # days
    address: str = HIDDEN
    in_reply_to: str = ""  # as the space knows what it answers
    twin: str = ""


def post_name(random: bytes) -> str:
    """`random`: 17 bytes."""
    return base64.b32encode(random).decode().lower()[:_NAME_LENGTH]


def twin_of(message_id: str) -> str:
    """By what other lists of the space know the mail that its author sent to them, too. `message_id`: the original."""
    return base64.b64encode(hashlib.sha256(message_id.encode()).digest()[:_TWIN_BYTES]).decode()


def seal_post(own: Own, departing: Departing, crossing: Crossing, name: str, *, to_author: str = "") -> SealedPost:
    """`to_author`: the token of the one person for whom it is; "" for everyone. Raises Unreadable."""
    key = PostKey(own.domain, name, 1)
    seal = Seal(
        kind=Kind.PRIVATE if to_author else Kind.POST,
        key=key,
        space=departing.space,
        roster=departing.roster,
        list_id=departing.list_id,
        date=departing.date.replace(microsecond=0),
        author=departing.author,
        name=departing.name,
        scope=Scope.SPACE,
        keep=departing.keep,
        address=departing.address,
        subject=crossing.subject,
        message_id=minted_id(key),
        in_reply_to=departing.in_reply_to,
        contents=contents_of(parse(crossing.content)),
        twin=departing.twin,
        to_author=to_author,
    )
    return sealed(seal, crossing.content, own.key)


def seal_edit(own: Own, before: Seal, crossing: Crossing, *, date: datetime, notify: bool = False) -> SealedPost:
    """The next revision of a post of ours, whole. `before`: the latest one. Raises Unreadable."""
    seal = replace(
        _next(before, Kind.EDIT, date),
        subject=crossing.subject,
        contents=contents_of(parse(crossing.content)),
        notify=notify,
    )
    return sealed(seal, crossing.content, own.key)


def seal_retraction(own: Own, before: Seal, *, date: datetime, reason: str = "") -> SealedPost:
    """It says nothing of the post but which one it is. `before`: the latest form."""
    seal = replace(
        _next(before, Kind.RETRACT, date),
        name=NOBODY,
        subject=_TAKEN_BACK,
        contents=NO_CONTENTS,
        reason=" ".join(reason.split())[:_LONGEST_REASON],
    )
    return sealed(seal, _PLEASE_REMOVE, own.key)


def _next(before: Seal, kind: Kind, date: datetime) -> Seal:
    key = replace(before.key, rev=before.key.rev + 1)
    first = minted_id(replace(key, rev=1))
    date = date.replace(microsecond=0)
    return replace(
        before, kind=kind, key=key, date=date, message_id=minted_id(key), in_reply_to=first, notify=False, twin=""
    )
