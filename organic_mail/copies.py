"""From claimed deliveries to copies that can go out: what copies share is made once, what is personal for each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlmodel import Session

from handlers.conversation import conversation_fields, conversation_root
from handlers.enclosure import needs_cleaning
from handlers.facts import Host
from handlers.left_out import unpacked_left_out
from handlers.letter_mail import Edition, Reader, edition_of, letter_copy
from handlers.mentioned import mentioned_addresses
from handlers.message import Message, parse
from handlers.post import shown_ids
from handlers.private_copy import private_copy
from handlers.render import CopyFacts, Rendition, copy, notice_copy, rendition
from handlers.seven_bit import seven_bit
from handlers.sign import Signer
from handlers.token import private_reference, unsubscribe_token, verp_address
from organic_mail.answered import hiding_keys
from organic_mail.cleaning_posts import CleaningPosts, Tell, tell_of_post, tell_of_private_mail
from organic_mail.known_spaces import space_facts
from organic_mail.private_copies import private_copy_facts
from organic_mail.smtp_client import Outgoing
from organic_mail.smtp_wire import envelope_path, wire_form
from storage.cleaned import KeptCleaned
from storage.contents import read_content
from storage.copies import Source, source_of
from storage.database import Database
from storage.departures import readers_who_never_share
from storage.letter_buttons import list_of_edition
from storage.members import aliases_for
from storage.models import Post
from storage.private_mail import private_source
from storage.queue import Claimed
from storage.thread_marks import index_of
from storage.threads import thread_by_id

KEPT, KEPT_BYTES = 32, 16 * 2**20
"""Of what copies share, for the next claims of the same post."""


@dataclass(frozen=True, slots=True)
class Key:
    """What copies share that have it in common."""

    post_id: int | None  # None: a notice
    content_id: int
    language: str
    seven_bit: bool = False  # for a next hop that takes no lines of 8 bits
    private_id: int | None = None  # of mail to one member alone
    letter: bool = False  # a letter to many, with a place for each one's name
    through: str = ""  # the list that its readers are on, when the post's own one has that as a member


def key_of(claimed: Claimed, *, seven_bit: bool = False) -> Key:
    return Key(
        claimed.post_id,
        claimed.content_id,
        claimed.language,
        seven_bit,
        claimed.private_id,
        claimed.letter_id is not None,
        claimed.through,
    )


@dataclass(frozen=True, slots=True)
class SharedPost:
    """All that the copies of a post in one language have in common."""

    host: Host
    list_name: str
    rendition: Rendition
    body: bytes  # in wire form

    @property
    def size(self) -> int:
        return len(self.body)

    def outgoing(self, claimed: Claimed, signer: Signer) -> Outgoing:
        """The copy of one member; every attempt makes the same bytes."""
        member_id = claimed.member_id or 0
        leave = f"{claimed.through or self.list_name}-{claimed.leave_token or 'leave'}"
        mailbox = self.host.mailbox
        reference = private_reference(
            self.host.secrets, member_id=member_id, thread_id=claimed.thread_id or 0, domain=self.host.domain
        )
        header = copy(
            self.rendition,
            private_reference=reference,
            unsubscribe=mailbox.link(leave) if mailbox else f"{leave}@{self.host.domain}",
            unsubscribe_url=_leave_page(self.host, claimed),
            signer=None if mailbox else signer,
            signed_at=claimed.created_at,
        )
        return Outgoing(
            _sender(self.host, claimed),
            envelope_path(claimed.recipient),
            wire_form(header),
            self.body,
            self.rendition.eight_bit,
        )


@dataclass(frozen=True, slots=True)
class SharedSpacePost:
    """A post to a space has two forms: whose own words never leave home answers there (spec/federation.md §2.4)."""

    post: SharedPost
    at_home: SharedPost
    stay_at_home: frozenset[int]  # members

    @property
    def size(self) -> int:
        return self.post.size + self.at_home.size

    def outgoing(self, claimed: Claimed, signer: Signer) -> Outgoing:
        form = self.at_home if claimed.member_id in self.stay_at_home else self.post
        return form.outgoing(claimed, signer)


@dataclass(frozen=True, slots=True)
class SharedNotice:
    """A message for one, complete but for its signature: of our own, or private mail."""

    host: Host
    raw: bytes

    @property
    def size(self) -> int:
        return len(self.raw)

    def outgoing(self, claimed: Claimed, signer: Signer) -> Outgoing:
        raw = self.raw if self.host.mailbox else notice_copy(self.raw, signer, claimed.created_at)
        signed = wire_form(raw)
        recipient = envelope_path(claimed.recipient)
        return Outgoing(_sender(self.host, claimed), recipient, signed, b"", eight_bit=not signed.isascii())


@dataclass(frozen=True, slots=True)
class SharedLetter:
    """What the letters of one edition have in common."""

    host: Host
    list_name: str
    edition: Edition
    body: bytes  # the last piece, in wire form: the pictures are in it

    @property
    def size(self) -> int:
        return self.edition.size + len(self.body)

    def outgoing(self, claimed: Claimed, signer: Signer) -> Outgoing:
        leave = f"{claimed.through or self.list_name}-{claimed.leave_token or 'leave'}"
        mailbox = self.host.mailbox
        reader = Reader(
            claimed.reader_name,
            claimed.recipient,
            claimed.letter_message_id,
            unsubscribe=mailbox.link(leave) if mailbox else f"{leave}@{self.host.domain}",
            unsubscribe_url=_leave_page(self.host, claimed),
        )
        start = letter_copy(self.edition, reader, None if mailbox else signer, claimed.created_at)
        recipient = envelope_path(claimed.recipient)
        return Outgoing(_sender(self.host, claimed), recipient, wire_form(start), self.body, eight_bit=False)


Shared = SharedPost | SharedSpacePost | SharedNotice | SharedLetter


def _leave_page(host: Host, claimed: Claimed) -> str:
    """Where one press ends her mail (RFC 8058 §3.1); "" without a web part."""
    if not host.base_url or claimed.membership_id is None:
        return ""
    return f"{host.base_url}/u/{unsubscribe_token(host.secrets, membership_id=claimed.membership_id)}"


def _sender(host: Host, claimed: Claimed) -> str:
    """Where a bounce comes back to; the day is the delivery's, so that all attempts have the same one."""
    if host.mailbox:
        return envelope_path(host.mailbox.address)
    return verp_address(
        host.secrets,
        member_id=claimed.member_id or 0,
        content_id=claimed.content_id,
        day=claimed.created_at.date(),
        domain=host.domain,
    )


def made_copies(shared: Shared, rows: Sequence[Claimed], signer: Signer) -> list[tuple[Claimed, Outgoing | Exception]]:
    """Signed copies for these rows; an exception in its place says that a copy could not be made."""
    made: list[tuple[Claimed, Outgoing | Exception]] = []
    for claimed in rows:
        try:
            made.append((claimed, shared.outgoing(claimed, signer)))
        except Exception as problem:
            made.append((claimed, problem))
    return made


class NotCleaned(Exception):
    """The copies of this mail may need other bytes than those received, and nobody has looked yet."""

    def __init__(self, content_id: int, raw: bytes, tell: Tell) -> None:
        super().__init__(f"message {content_id}")
        self.content_id = content_id
        self.raw = raw
        self.tell = tell


class SharedBytes:
    """Finds or makes what copies share, and keeps the last of it. Lives in one event loop."""

    def __init__(self, database: Database, host: Host, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._cleaning = CleaningPosts(database, clock)
        self.host = host
        self._kept: OrderedDict[Key, asyncio.Task[Shared]] = OrderedDict()

    async def get(self, key: Key) -> Shared:
        """Raises StorageTrouble, and whatever makes it impossible."""
        if key not in self._kept:
            self._kept[key] = asyncio.create_task(self._made(key))
        self._kept.move_to_end(key)
        try:
            shared = await asyncio.shield(self._kept[key])
        except Exception:
            self._kept.pop(key, None)
            raise
        self._forget_old()
        return shared

    def _forget_old(self) -> None:
        sizes = {key: made.result().size for key, made in self._kept.items() if made.done() and not made.exception()}
        total = sum(sizes.values())
        for key, size in list(sizes.items())[:-1]:
            if total <= KEPT_BYTES and len(self._kept) <= KEPT:
                return
            del self._kept[key]
            total -= size

    async def _made(self, key: Key) -> Shared:
        try:
            return await asyncio.to_thread(self._make, key)
        except NotCleaned as mail:
            await self._cleaning.clean(mail.content_id, mail.raw, mail.tell)
        return await asyncio.to_thread(self._make, key)

    def _make(self, key: Key) -> Shared:
        if key.private_id is not None:
            return SharedNotice(self.host, self._private_mail(key, key.private_id))
        if key.letter:
            return self._letter(key)
        if key.post_id is None:
            raw = self._database.read(lambda session: read_content(session, key.content_id))
            return SharedNotice(self.host, seven_bit(parse(raw)) if key.seven_bit else raw)
        post_id = key.post_id
        source = self._database.read(lambda session: source_of(session, post_id))
        tell = partial(tell_of_post, self.host, source)
        message = _cleaned(source.post.content_id, source.raw, source.cleaned, tell)
        facts = self._database.read(lambda session: copy_facts(session, source, message, self.host, key.through))
        # RFC 6376 §5.3: what is signed must be what arrives, so the change comes first
        message = parse(seven_bit(message)) if key.seven_bit else message
        shared = self._post(message, facts, key)
        space = facts.space.space if facts.space else ""
        if not space:
            return shared
        stay = self._database.read(lambda session: readers_who_never_share(session, post_id=post_id, space=space))
        if not stay:
            return shared
        return SharedSpacePost(shared, self._post(message, replace(facts, answers_stay=True), key), stay)

    def _post(self, message: Message, facts: CopyFacts, key: Key) -> SharedPost:
        made = rendition(message, facts, key.language)
        return SharedPost(self.host, facts.list_name, made, wire_form(made.body))

    def _letter(self, key: Key) -> SharedLetter:
        raw, mailing_list = self._database.read(
            lambda session: (read_content(session, key.content_id), list_of_edition(session, key.content_id))
        )
        edition = edition_of(raw)
        return SharedLetter(self.host, mailing_list.name, edition, wire_form(edition.pieces[-1]))

    def _private_mail(self, key: Key, private_id: int) -> bytes:
        source = self._database.read(lambda session: private_source(session, private_id))
        tell = partial(tell_of_private_mail, self.host, source)
        message = _cleaned(source.mail.content_id, source.raw, source.cleaned, tell)
        facts = self._database.read(lambda session: private_copy_facts(session, source, message, self.host))
        return private_copy(parse(seven_bit(message)) if key.seven_bit else message, facts)


def _cleaned(content_id: int, raw: bytes, made: KeptCleaned | None, tell: Tell) -> Message:
    """The message as its copies carry it. Raises NotCleaned."""
    message = parse(raw)
    if made is None and needs_cleaning(message):
        raise NotCleaned(content_id, raw, tell)
    return message if made is None or made.raw is None else parse(made.raw)


def copy_facts(session: Session, source: Source, message: Message, host: Host, through: str = "") -> CopyFacts:
    """What storage knows of a post for its copies. through: as in Key."""
    post, mailing_list, author = source.post, source.mailing_list, source.author
    known_as, space = space_facts(session, post, mailing_list)
    aliases = aliases_for(session, mentioned_addresses(message))
    hiding = hiding_keys(session, message)
    return CopyFacts(
        domain=host.domain,
        list_name=mailing_list.name,
        leave_list=through,
        list_title=mailing_list.title,
        list_posting=mailing_list.posting,
        replies=mailing_list.replies,
        author_name=post.author_name,
        author_alias=author.alias if author else known_as or f"{mailing_list.name}-owner",
        author_shown_address=source.shown_address or None,
        message_id=post.message_id,
        in_reply_to=shown_ids(message.in_reply_to, host, hiding),
        references=shown_ids(message.references, host, hiding),
        written_at=post.written_at,
        aliases={
            key: host.written_to(mailing_list.name) if host.mailbox else f"{alias}@{host.domain}"
            for key, alias in aliases.items()
        },
        mailbox=host.mailbox,
        left_out=unpacked_left_out(source.cleaned.left_out) if source.cleaned else (),
        conversation=() if message.raw_value("thread-topic") else _conversation(session, host, post),
        space=space,
    )


def _conversation(session: Session, host: Host, post: Post) -> tuple[bytes, ...]:
    """What groups the post for Outlook: the root that somebody's Outlook gave its thread, else one of ours."""
    thread = thread_by_id(session, post.thread_id)
    if thread is None:
        return ()
    root = index_of(session, post.thread_id)
    root = root or conversation_root(host.secrets, thread_id=post.thread_id, started_at=thread.created_at)
    is_first = not post.in_reply_to
    return tuple(conversation_fields(root, subject=thread.subject, written_at=post.written_at, is_first=is_first))
