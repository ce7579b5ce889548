"""Private mail between members of two servers: straight from one to the other (spec/federation.md §2.6)."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Facts, Host, id_of
from handlers.header_field import header_field, text_tokens
from handlers.message import Message, parse
from handlers.notice import Notice, NoticeKind
from handlers.outcome import SendRemotely
from handlers.peer.seal import Seal, SealedPost
from handlers.policy import owner_address
from handlers.private_copy import Alias, PrivateCopyFacts, private_copy
from handlers.token import private_reference
from organic_mail import notices
from organic_mail.remote_facts import shared_list
from organic_mail.remote_posts import author_of_seal, parent_here
from storage import departures, members, queue, remote
from storage.events import record
from storage.models import MailingList, Member
from storage.models_travel import RemoteLetter


def take(session: Session, action: SendRemotely, *, content_id: int, now: datetime) -> None:
    """It leaves as soon as its photos are clean (organic_mail.travelling)."""
    remote.add_letter(
        session,
        alias=action.alias,
        writer_id=action.writer_id,
        list_id=action.list_id,
        content_id=content_id,
        now=now,
    )
    writer, reader = members.member_by_id(session, action.writer_id), remote.remote_author_of(session, action.alias)
    if writer is not None and reader is not None:
        text = f"{writer.name or writer.alias} wrote to {reader.name} of {reader.origin} alone."
        record(session, "private", text, now=now, member_id=action.writer_id)


def block(session: Session, alias: str, member_id: int, *, blocks: bool, now: datetime) -> None:
    """Nobody is told: what comes from then on is accepted and dropped."""
    remote.set_block(session, member_id=member_id, alias=alias, blocks=blocks, now=now)
    member, other = members.member_by_id(session, member_id), remote.remote_author_of(session, alias)
    if member is not None and other is not None:
        wants = "no private mail any more from" if blocks else "private mail again from"
        text = f"{member.name or member.alias} wants {wants} {other.name} of {other.origin}."
        record(session, "private", text, now=now, member_id=member_id)


def deliver_private(session: Session, host: Host, post: SealedPost, now: datetime) -> None:
    """To the member whose token it names. Whom she has blocked is not told so."""
    seal = post.seal
    author = author_of_seal(session, seal, now)
    member_id = departures.member_of_token(session, space=seal.space, token=seal.to_author)
    member = members.member_by_id(session, member_id) if member_id else None
    shared = shared_list(session, member, seal.space)
    if member is None or shared is None:
        record(session, "dropped", f"A private mail from {seal.key.origin} was for nobody here.", now=now)
        return
    if remote.is_blocked(session, member_id=id_of(member), alias=author.alias):
        text = f"A private mail from {author.name} of {author.origin} to {member.name or member.alias} was dropped."
        record(session, "dropped", text, now=now, member_id=member.id)
        return
    parent = parent_here(session, seal.in_reply_to, shared)
    facts = PrivateCopyFacts(
        domain=host.domain,
        list_name=shared.name,
        writer=Alias(author.name, author.alias),
        reader=Alias(member.name, member.alias),
        language=member.language,
        private_reference=private_reference(host.secrets, member_id=id_of(member), thread_id=0, domain=host.domain),
        message_id=seal.message_id,
        in_reply_to=(parent,) if parent else (),
        references=(parent,) if parent else (),
        written_at=seal.date,
        aliases={},
        place=f"{author.list_name}, {author.origin}",
    )
    queue.add_notice(
        session,
        raw=private_copy(parse(_as_mail(seal, post.content, parent)), facts),
        recipient=members.primary_address(session, id_of(member)),
        cause=None,
        language=member.language,
        member_id=member.id,
        now=now,
    )
    text = f"{author.name} of {author.origin} wrote to {member.name or member.alias} alone."
    record(session, "private", text, now=now, member_id=member.id)


def tell_lost(
    session: Session,
    host: Host,
    letter: RemoteLetter,
    writer: Member,
    reader: str,
    mailing_list: MailingList,
    message: Message,
    now: datetime,
) -> None:
    """Its writer hears that it did not leave."""
    lost = Notice(
        NoticeKind.PRIVATE_LOST,
        Mailbox(writer.name, members.primary_address(session, id_of(writer))),
        writer.language,
        mailing_list,
        reply_to=owner_address(Facts(host, mailing_list=mailing_list)),
        in_reply_to=message.message_id,
        values={"other": reader, "subject": message.subject or "(no subject)", "reason": ""},
    )
    notices.send(session, host, lost, cause=f"remote:{letter.id}", now=now, member=writer)
    text = f"A private mail of {writer.name or writer.alias} for {reader} could not leave, and its writer was told."
    record(session, "private", text, now=now, member_id=writer.id)


def _as_mail(seal: Seal, content: bytes, parent: str) -> bytes:
    answers = [header_field("In-Reply-To", [parent])] if parent else []
    fields = [
        header_field("Subject", text_tokens(seal.subject)),
        header_field("Date", [format_datetime(seal.date)]),
        header_field("Message-ID", [seal.message_id]),
        *answers,
    ]
    return b"".join(fields) + content
