"""The keys by which other servers know us: HOME/keys/peer.key signs, HOME/keys/peer-next.key waits for its turn.

Other servers are told the hash of the next key beforehand, so whoever steals the one in use cannot put another in its
place (spec/federation.md §2.3). That only helps while the next key lies somewhere else.
"""

from __future__ import annotations

import re
import secrets as randomness
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from handlers.peer.code import TOKEN_BYTES, new_token
from handlers.peer.keys import PeerKey, key_hash
from organic_mail.keys import write_private
from organic_mail.problem import Problem
from storage import peers
from storage.database import Database
from storage.models_peers import OwnPeerKey

IN_USE, NEXT = "peer.key", "peer-next.key"
_AFTER = "peer-after.key"

_PRIVATE = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
_OF_NEXT = """\
# The next key of this server among other servers. Move this file to another place, not on this machine,
# and keep it well: with it alone can the key in use be replaced after a theft (organic-mail peer rotate).
"""


class OwnKeys:
    """Reads the private key that belongs to the public one in use; also after another process changed it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: PeerKey | None = None

    def __call__(self, public: bytes) -> PeerKey:
        """Raises Problem when the file does not hold it."""
        if self._read is None or self._read.public != public:
            self._read = self._found(public)
        return self._read

    def _found(self, public: bytes) -> PeerKey:
        key = read_key(self._folder / IN_USE)
        following = self._folder / NEXT
        if key.public != public and following.exists():  # between the two halves of a rotation
            key = read_key(following)
        if key.public != public:
            raise Problem(f"{self._folder / IN_USE} is not the key that other servers know; put back the right one")
        return key


def read_key(file: Path) -> PeerKey:
    """Raises Problem."""
    try:
        found = _PRIVATE.search(file.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise Problem(f"{file} cannot be read ({reason}); put it back from the backup") from None
    if found is None:
        raise Problem(f"{file} holds no key (64 hex digits); put it back from the backup")
    return PeerKey(bytes.fromhex(found[0]))


def make_key(file: Path, *, words: str = "") -> PeerKey:
    """A new one, in a file that nobody else can read."""
    private = randomness.token_bytes(32)
    write_private(file, f"{words}{private.hex()}\n".encode("ascii"))
    return PeerKey(private)


def make_next_key(folder: Path) -> PeerKey:
    return make_key(folder / NEXT, words=_OF_NEXT)


def put_next_key(folder: Path, *, new_text: bytes) -> None:
    """It comes from where it was kept, and is about to be used."""
    (folder / NEXT).unlink(missing_ok=True)
    write_private(folder / NEXT, new_text)


def make_key_after_next(folder: Path) -> PeerKey:
    (folder / _AFTER).unlink(missing_ok=True)  # of a rotation that did not come about
    return make_key(folder / _AFTER, words=_OF_NEXT)


def take_places(folder: Path) -> None:
    """The next key signs, and the one after it is the next."""
    (folder / NEXT).replace(folder / IN_USE)
    (folder / _AFTER).replace(folder / NEXT)


def have_own_key(database: Database, folder: Path, now: datetime) -> None:
    """Makes sure that there is one. The files come first, so that a row never lacks its file. Raises Problem."""
    if database.read(peers.own_key) is not None:
        return
    key = read_key(folder / IN_USE) if (folder / IN_USE).exists() else make_key(folder / IN_USE)
    following = read_key(folder / NEXT) if (folder / NEXT).exists() else make_next_key(folder)

    def add(session: Session) -> None:
        if peers.own_key(session) is None:
            add_key(session, key, following, now=now)

    database.write(add)


def add_key(session: Session, key: PeerKey, following: PeerKey, *, now: datetime) -> OwnPeerKey:
    """It is in use from now on; our mailbox stays the one that others know."""
    before = peers.own_key(session)
    mailbox = before.mailbox if before else new_token(randomness.token_bytes(TOKEN_BYTES))
    return peers.add_own_key(session, key=key.public, following=key_hash(following.public), mailbox=mailbox, now=now)
