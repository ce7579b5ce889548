"""One mail of the mailbox: is it for us, what becomes of it, and where it lies afterwards.

The message goes through the same `receive` as one that came by SMTP. Here nobody waits for an answer: what SMTP would
refuse stays where it is, for the owner of the mailbox to see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.automatic import is_automatic
from handlers.facts import Host
from handlers.incoming import Envelope
from handlers.message import MalformedMessage, Message, parse
from handlers.one_mailbox import OneMailbox
from handlers.smtp_data import has_sound_lines
from organic_mail.first_readers import ReadersGone
from organic_mail.imap_session import Waiting
from organic_mail.mailbox_route import Destination, addressed, comes_from_member, destination_of, envelope_of
from organic_mail.plus_probe import probe_local
from organic_mail.receive import Receiver, shunt_fingerprint
from storage import mailboxes
from storage.arrivals import is_known
from storage.database import Database
from storage.events import record
from storage.models_mailbox import Fate

T = TypeVar("T")


class Run(Protocol):
    def __call__(self, work: Coroutine[Any, Any, T]) -> T: ...


class MailboxIntake:
    """Lives in one thread. `run` waits for a coroutine; `learned` is told when `+` addresses prove to arrive."""

    def __init__(
        self,
        database: Database,
        receiver: Receiver,
        mailbox: OneMailbox,
        *,
        max_size: int,
        run: Run,
        learned: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._receiver = receiver
        self._mailbox = mailbox
        self._max_size = max_size
        self._run = run
        self._learned = learned
        self._clock = clock

    @property
    def _host(self) -> Host:
        return self._receiver.host

    def known(self, mails: Sequence[Waiting], *, junk: bool) -> dict[int, Fate]:
        """The fates of those that were read before, by UID. Raises StorageTrouble.

        What was set aside and has come back is looked at once more: somebody wants it to be.
        """
        wanted = {mail.uid: (_junk_print(mail), fingerprint(mail)) for mail in mails}
        prints = {each for both in wanted.values() for each in both}
        fates = self._database.read(lambda session: mailboxes.fates_of(session, prints))
        found = {
            uid: fates.get(in_junk) if junk and in_junk in fates else fates.get(anywhere)
            for uid, (in_junk, anywhere) in wanted.items()
        }
        return {uid: fate for uid, fate in found.items() if fate is not None and fate is not Fate.ASIDE}

    def take(self, mail: Waiting, content: Callable[[int], bytes], *, junk: bool) -> Fate | None:
        """Read one mail; None: not now, try again later. `content` fetches so many bytes of it from the server.

        What became of it is committed when this returns. Raises ImapTrouble and StorageTrouble with its fate open.
        """
        fate = self._fate(mail, content, junk=junk)
        if fate is not None:
            self._remember(_junk_print(mail) if junk and fate is Fate.LEFT else fingerprint(mail), fate)
        return fate

    def give_up(self, mail: Waiting) -> Fate:
        """We failed at it. Raises StorageTrouble."""
        fate = self._set_aside("We failed at it. The log of the server says more", junk=False)
        self._remember(fingerprint(mail), fate)
        return fate

    def _remember(self, mark: bytes, fate: Fate) -> None:
        now = self._clock()
        self._database.write(lambda session: mailboxes.remember_mail(session, mark, fate, now))

    def _fate(self, mail: Waiting, content: Callable[[int], bytes], *, junk: bool) -> Fate | None:
        try:
            if junk and not self._may_be_ours(parse(mail.header)):
                return Fate.LEFT
            if mail.size > self._max_size:
                return self._set_aside(f"It has {mail.size} bytes, which is too much", junk=junk)
            raw = content(self._max_size + 1)
            if len(raw) > self._max_size:
                return self._set_aside(f"It has more than {self._max_size} bytes, which is too much", junk=junk)
            if not raw:
                return None  # somebody has taken it away meanwhile
            if not has_sound_lines(raw):
                return self._set_aside("It has line breaks or bytes that no email may have", junk=junk)
            message = self._run(self._receiver.parsed(raw))
            return self._decided(raw, message, junk=junk)
        except ReadersGone:
            return None
        except MalformedMessage as malformed:
            return self._set_aside(malformed.reason, junk=junk)

    def _decided(self, raw: bytes, message: Message, *, junk: bool) -> Fate | None:
        if probe_local(self._host.secrets, self._mailbox) in self._tags(message):
            self._database.write(lambda session: mailboxes.learn_plus(session, self._mailbox.key))
            self._learned()
            return Fate.TAKEN
        author = _author(message)
        envelope = envelope_of(message, author)
        destination = self._destination(envelope, message, author, junk=junk)
        if not destination.recipients:
            return Fate.LEFT
        reply = self._run(self._receiver.receive_kept(replace(envelope, recipients=destination.recipients), raw))
        if reply.code == 250:
            return Fate.TAKEN
        if reply.code // 100 == 4:
            failed = self._database.read(lambda session: is_known(session, shunt_fingerprint(raw)))
            return Fate.ASIDE if failed else None
        if reply.enhanced.startswith("5.6."):
            return self._set_aside(reply.text, junk=junk)
        return Fate.LEFT

    def _destination(self, envelope: Envelope, message: Message, author: Mailbox | None, *, junk: bool) -> Destination:
        """From what the provider takes for spam, only what surely answers us or names a member as its author."""
        host, mailbox, now = self._host, self._mailbox, self._clock()

        def look(session: Any) -> Destination:
            found = destination_of(session, host, mailbox, envelope, message, author, now)
            wanted = not junk or found.sure or comes_from_member(session, author)
            return found if wanted else Destination(())

        return self._database.read(look)

    def _may_be_ours(self, message: Message) -> bool:
        """By its header alone: is it worth while to look into this piece of junk?"""
        author = _author(message)
        if message.in_reply_to or message.references or any(self._tags(message)):
            return True
        if is_automatic(envelope_of(message, author), message):
            return True
        return self._database.read(lambda session: comes_from_member(session, author))

    def _tags(self, message: Message) -> list[str]:
        """What stands behind the pluses of our address."""
        return [self._mailbox.local_of(address) or "" for address in addressed(message)]

    def _set_aside(self, why: str, *, junk: bool) -> Fate:
        """It cannot be read. Spam like that is nothing that anybody wants to hear of."""
        if junk:
            return Fate.LEFT
        now = self._clock()
        text = f"An email in the mailbox could not be read and was set aside there. {why.rstrip('.')}."
        self._database.write(lambda session: record(session, "shunted", text, now=now))
        return Fate.ASIDE


def fingerprint(mail: Waiting) -> bytes:
    """By what it is recognised, whatever number the server gives it: its header has the marks of its one delivery."""
    return hashlib.sha256(mail.header).digest()


def _junk_print(mail: Waiting) -> bytes:
    """The same for what was left among the spam, so that it is read when a person takes it out of there."""
    return hashlib.sha256(b"junk\0" + mail.header).digest()


def _author(message: Message) -> Mailbox | None:
    try:
        return author_of(message)
    except NoSingleAuthor:
        return None
