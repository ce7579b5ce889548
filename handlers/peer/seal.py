"""The origin's seal: who wrote what, when, for whom, and what its body says (spec/federation.md §2.3).

A relaying server passes a sealed post on as it is. Whoever holds the origin's key can check it, any number of hops
away; nobody else can make one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from handlers.peer.control import Fields, Unreadable, canonical
from handlers.peer.keys import PeerKey, is_signed
from handlers.peer.shape import Contents
from handlers.peer.value import moment_text

VERSION = "1"
_CONTEXT = "organic-seal-v1"
_POST_ID = re.compile(r"[a-z2-7]{26}")
_AUTHOR = re.compile(r"[a-z2-7]{10}")
_MOST_REVISIONS = 10_000


class Kind(StrEnum):
    """What a sealed mail is."""

    POST = "post"
    EDIT = "edit"
    RETRACT = "retract"
    PRIVATE = "private"


class Scope(StrEnum):
    """How far a post may travel."""

    HOME = "home"
    SPACE = "space"


@dataclass(frozen=True, slots=True, order=True)
class PostKey:
    """By what every server knows a post, or a later form of it."""

    origin: str  # domain
    post: str  # 26 characters
    rev: int


@dataclass(frozen=True, slots=True)
class Seal:
    """Everything that an origin signs. Ids of lists and spaces and Message-IDs have their angle brackets."""

    kind: Kind
    key: PostKey
    space: str
    roster: int  # serial: who may see it
    list_id: str  # where it was written
    date: datetime  # UTC, whole seconds
    author: str  # 10 characters, the same for all her posts in the space
    name: str  # as she wants to be called there
    scope: Scope
    keep: int  # days in others' archives
    address: str  # "hidden", or her address where she chose that others see it
    subject: str
    message_id: str
    in_reply_to: str  # "" for a first post
    contents: Contents
    twin: str = ""  # tells other lists of the space to which she wrote the same mail
    to_author: str = ""  # of a private mail: the token of whom it is for
    notify: bool = False  # of an edit: members shall get it by mail
    reason: str = ""  # of a post that is taken back


@dataclass(frozen=True, slots=True)
class SealedPost:
    """A seal with its signature, and the bytes that travel with it unchanged."""

    seal: Seal
    key_id: str
    digest: str  # base64, what the signature covers
    signature: str  # base64
    content: bytes  # MIME fields, the empty line, the body
    others: bytes = b""  # fields of the protocol that we do not know, to be passed on

    @property
    def key(self) -> PostKey:
        return self.seal.key

    @property
    def size(self) -> int:
        return len(self.content)


def sealed_fields(seal: Seal) -> Fields:
    """In the order that the signature covers."""
    later = (("twin", seal.twin), ("to-author", seal.to_author), ("reason", seal.reason))
    optional = [(name, value) for name, value in later if value]
    if seal.notify:
        optional.append(("notify", "yes"))
    return (
        ("v", VERSION),
        ("type", seal.kind),
        ("origin", seal.key.origin),
        ("space", seal.space),
        ("roster", str(seal.roster)),
        ("list", seal.list_id),
        ("post", seal.key.post),
        ("rev", str(seal.key.rev)),
        ("date", moment_text(seal.date)),
        ("author", seal.author),
        ("name", seal.name),
        ("scope", seal.scope),
        ("keep", str(seal.keep)),
        ("address", seal.address),
        ("subject", seal.subject),
        ("message-id", seal.message_id),
        ("in-reply-to", seal.in_reply_to),
        *optional,
        ("shape", seal.contents.shape),
        *((f"part.{number}", line) for number, line in enumerate(seal.contents.parts, start=1)),
    )


def seal_digest(seal: Seal) -> str:
    """Base64. Raises Unreadable for a value that cannot be sealed."""
    signed = f"{_CONTEXT}\n".encode() + _canonical_seal(seal)
    return base64.b64encode(hashlib.sha256(signed).digest()).decode()


def sealed(seal: Seal, content: bytes, key: PeerKey) -> SealedPost:
    """Signed by its origin. Raises Unreadable for a value that cannot be sealed."""
    signature = key.sign(_CONTEXT, _canonical_seal(seal))
    return SealedPost(seal, key.id, seal_digest(seal), signature, content)


def seal_is_good(post: SealedPost, public: bytes) -> bool:
    """Does it say what the owner of the key has signed?"""
    if post.digest != seal_digest(post.seal):
        return False
    return is_signed(public, _CONTEXT, _canonical_seal(post.seal), post.signature)


@lru_cache(maxsize=256)  # the same post comes over every link
def _canonical_seal(seal: Seal) -> bytes:
    return canonical(sealed_fields(seal))


def check_form(seal: Seal) -> None:
    """Raises Unreadable for a seal that no server of ours would write."""
    key = seal.key
    if not _POST_ID.fullmatch(key.post) or not _AUTHOR.fullmatch(seal.author):
        raise Unreadable("the post or its author has no proper name")
    if not 1 <= key.rev <= _MOST_REVISIONS or (key.rev == 1) != (seal.kind in (Kind.POST, Kind.PRIVATE)):
        raise Unreadable("the revision does not fit the kind of mail")
    if seal.message_id != minted_id(key):
        raise Unreadable("the Message-ID is not the one of the post")


def minted_id(key: PostKey) -> str:
    """The Message-ID that a post has at every server but its own; a later form has its own (RFC 5322 §3.6.4)."""
    local = key.post if key.rev == 1 else f"{key.post}.{key.rev}"
    return f"<{local}@{key.origin}>"
