"""One connection to the mailbox (RFC 9051; imapclient speaks it): folders, new mail, moving it, waiting for more.

Nothing is read from the server beyond what was asked for, and no flag is touched: `\\Seen` is the owner's.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from threading import Event

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, IMAPClientReadOnlyError, LoginError
from imapclient.imapclient import JUNK

from handlers.message import LARGEST_HEADER
from organic_mail.imap_profile import ImapPlace

TAKEN_FOLDER = "Organic Mail"
ASIDE_FOLDER = "Set aside"
INBOX = "INBOX"
CONNECT_SECONDS, ANSWER_SECONDS = 30.0, 120.0
SLICE_SECONDS = 0.5
"""So often somebody who waits looks whether to stop."""

logging.getLogger("imapclient").setLevel(logging.WARNING)  # it logs passwords and whole mails at DEBUG


class ImapTrouble(Exception):
    """The server or the way to it failed; a new connection may help."""


class Declined(Exception):
    """The server says no to one command; the connection is as good as before."""


class LoginRefused(ImapTrouble):
    """The server does not believe the name and the password."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail in the selected folder. `header`: at most so much of it as we accept, and a byte more."""

    uid: int
    size: int  # bytes of the whole, as the server says
    arrived_at: datetime
    header: bytes


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as it is now (RFC 9051 §2.3.1.1)."""

    uid_validity: int
    next_uid: int  # 0 when the server does not tell


@contextlib.contextmanager
def _trouble() -> Iterator[None]:
    """Whatever a server can do to the library becomes ImapTrouble."""
    try:
        yield
    except (ImapTrouble, Declined):
        raise
    except LoginError as problem:
        lost = isinstance(problem.__context__, IMAPClientAbortError | OSError)
        raise (ImapTrouble if lost else LoginRefused)(str(problem)) from problem
    except (IMAPClientError, OSError) as problem:
        raise ImapTrouble(f"{type(problem).__name__}: {problem}") from problem
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise ImapTrouble(f"the server's answer cannot be read: {problem!r}") from problem


@contextlib.contextmanager
def _no() -> Iterator[None]:
    """A plain refusal, after which the connection is as good as before (RFC 9051 §7.1.2)."""
    try:
        yield
    except (IMAPClientAbortError, IMAPClientReadOnlyError):
        raise
    except IMAPClientError as refusal:
        raise Declined(str(refusal)) from refusal


class ImapSession:
    """Not for several threads at once. Every method raises ImapTrouble; those that touch mail raise Declined, too."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client
        self._folders: dict[str, str] = {}

    @classmethod
    def open(
        cls, place: ImapPlace, secret: str, *, connect: float = CONNECT_SECONDS, answer: float = ANSWER_SECONDS
    ) -> ImapSession:
        """Connect and log in; seconds to wait for that, and for each answer. Raises LoginRefused and ImapTrouble."""
        with _trouble():
            client = IMAPClient(
                place.host,
                place.port,
                ssl=place.tls,
                ssl_context=place.context(),
                timeout=SocketTimeout(connect, answer),
            )
            client.normalise_times = False
            try:
                if place.mechanism:
                    client.oauth2_login(place.name, secret)
                elif secret.isascii():
                    client.login(place.name, secret)
                else:
                    client.plain_login(place.name, secret)  # LOGIN has no place for other letters (RFC 9051 §6.2.3)
            except BaseException:
                client.shutdown()
                raise
            return cls(client)

    def close(self) -> None:
        """Never raises."""
        with contextlib.suppress(IMAPClientError, OSError):
            self._client.logout()

    def abort(self) -> None:
        """Hang up without a word, when there is nobody to say it to. Never raises."""
        with contextlib.suppress(IMAPClientError, OSError):
            self._client.shutdown()

    @property
    def pushes(self) -> bool:
        """Does the server tell of new mail by itself (RFC 2177)?"""
        return bool(self._client.has_capability("IDLE"))

    @property
    def moves(self) -> bool:
        """RFC 6851 §3.1."""
        return bool(self._client.has_capability("MOVE"))

    def junk_folder(self) -> str | None:
        """Where the provider puts what it takes for spam: by its mark (RFC 6154 §2), else by common names."""
        with _trouble():
            found: str | None = self._client.find_special_folder(JUNK)
            return found

    def has_folder(self, name: str) -> bool:
        with _trouble():
            return bool(self._client.folder_exists(self._own(name)))

    def select(self, folder: str) -> Selected:
        with _trouble(), _no():
            said = self._client.select_folder(folder)
            return Selected(said.get(b"UIDVALIDITY", 0), said.get(b"UIDNEXT", 0))

    def uids(self, first: int, since: date) -> list[int]:
        """UIDs from `first` on in the selected folder, in order: of what came that day or later, and is wanted."""
        with _trouble():
            found = self._client.search(["UID", f"{first}:*", "SINCE", since, "UNDELETED"])
            return sorted(uid for uid in found if uid >= first)  # `9:*` also finds the last mail when it is number 7

    def waiting(self, uids: Sequence[int]) -> list[Waiting]:
        """Those of the UIDs that are still there."""
        with _trouble(), _no():
            part = f"BODY.PEEK[HEADER]<0.{LARGEST_HEADER + 1}>"
            fetched = self._client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE", part])
            return [
                Waiting(uid, said[b"RFC822.SIZE"], said[b"INTERNALDATE"], said[b"BODY[HEADER]<0>"])
                for uid, said in sorted(fetched.items())
                if b"BODY[HEADER]<0>" in said
            ]

    def content(self, uid: int, most: int) -> bytes:
        """The mail, or its first `most` bytes; b"" when it is gone."""
        with _trouble(), _no():
            fetched = self._client.fetch([uid], [f"BODY.PEEK[]<0.{most}>"])
            content: bytes = fetched.get(uid, {}).get(b"BODY[]<0>") or b""
            return content

    def move(self, uids: Sequence[int], name: str) -> None:
        """Put mails of the selected folder into a folder of ours, which is made when it is not there."""
        with _trouble(), _no():
            folder = self._own(name)
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)
                self._client.subscribe_folder(folder)  # mail programs show what is subscribed
            if self.moves:
                self._client.move(uids, folder)
                return
            self._client.copy(uids, folder)
            self._client.delete_messages(uids, silent=True)
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge(uids)  # RFC 4315 §2.1: without it, others' deleted mails would go too

    def wait(self, seconds: float, stop: Event) -> None:
        """Until new mail comes into the selected folder, or so long, or until `stop`."""
        until = time.monotonic() + seconds
        with _trouble():
            self._client.idle()
            try:
                while not stop.is_set() and (rest := until - time.monotonic()) > 0:
                    if self._is_told(min(rest, SLICE_SECONDS)):
                        break
            finally:
                self._client.idle_done()  # raises when the connection has ended meanwhile

    def _is_told(self, seconds: float) -> bool:
        started = time.monotonic()
        said = self._client.idle_check(timeout=seconds)
        if any(words[0] == b"BYE" for words in said):
            raise IMAPClientAbortError("the server has ended the connection")
        if any(len(words) > 1 and words[1] == b"EXISTS" for words in said):
            return True
        # Woken for nothing: the connection may be at its end, which only the next command can tell.
        return not said and time.monotonic() - started < seconds / 2

    def _own(self, name: str) -> str:
        """A folder of ours, in the part of the tree that is the account's own (RFC 2342 §5)."""
        if name not in self._folders:
            prefix = ""
            if self._client.has_capability("NAMESPACE"):
                personal = self._client.namespace().personal
                prefix = personal[0][0] if personal else ""
            self._folders[name] = prefix + name
        return self._folders[name]
