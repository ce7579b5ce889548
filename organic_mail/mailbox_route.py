"""For whom is a mail that came to the one mailbox? An answer in addresses at our own domain, as SMTP would bring them.

So that everything behind it stays the same: what stands behind the plus, or in the Subject, or in the Message-IDs that
an answer gives back, becomes the part before the @ (contract §3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox, address_key, parse_mailboxes
from handlers.facts import Host, id_of
from handlers.incoming import Envelope
from handlers.message import Message, parse
from handlers.one_mailbox import OneMailbox, answered_local, subject_local
from handlers.returned import Returned, returned
from handlers.route import Kind
from handlers.token import DAYS_VALID, read_private_reference, verp_address
from organic_mail.lookup import route_of
from storage import mailboxes, members
from storage.contents import read_content
from storage.lists import all_lists, list_by_id
from storage.mailboxes import SentCopy
from storage.models import MailingList, Post, Posting, Replies, Role, Status
from storage.threads import thread_by_id

TRACES = ("delivered-to", "x-original-to", "x-delivered-to", "envelope-to", "x-envelope-to")
"""Where providers write the address that they delivered to."""
_WRITTEN_TO = ("to", "cc")
_MAY_WRITE = (Status.ACTIVE, Status.PAUSED)
_RUN_THE_LIST = (Role.MODERATOR, Role.OWNER)
_BY_SUBJECT = (Kind.TOKEN, Kind.LEAVE, Kind.JOIN, Kind.HELP, Kind.OWNER)


@dataclass(frozen=True, slots=True)
class Destination:
    """`recipients`: addresses at our domain, () when nobody here is meant. `sure`: only we can have told them."""

    recipients: tuple[str, ...]
    sure: bool = False


def envelope_of(message: Message, author: Mailbox | None) -> Envelope:
    """What is left of the SMTP envelope: the provider kept the reverse-path (RFC 5321 §4.4)."""
    path = message.value("return-path")
    if path is None:
        return Envelope(author.address if author else "", ())
    return Envelope(path.strip().strip("<>").strip(), ())


def destination_of(
    session: Session, host: Host, mailbox: OneMailbox, envelope: Envelope, message: Message, author: Mailbox | None,
    now: datetime,
) -> Destination:  # fmt: skip
    """From the surest sign to the weakest."""
    report = returned(envelope, message)
    if report is not None:
        bounced = tuple(dict.fromkeys(_bounce_addresses(session, host, report, now)))
        return Destination(bounced, sure=True)
    tags = [local for address in addressed(message) if (local := mailbox.local_of(address))]
    answered = [local for parent in _parents(message) if (local := answered_local(parent, host.domain))]
    subject = subject_local(message.subject)
    named = _existing(session, host, tags, now) or _existing(session, host, answered, now)
    if not named and subject:
        named = [found for found in _existing(session, host, [subject], now) if found[1] in _BY_SUBJECT]
    if named:
        addresses = tuple(dict.fromkeys(address for address, _ in named))
        return Destination(addresses, sure=any(kind is Kind.TOKEN for _, kind in named) or bool(answered))
    answers = _answered_list(session, host, message, author)
    if answers:
        return Destination((answers,), sure=True)
    return Destination(_default(session, host, author))


def comes_from_member(session: Session, author: Mailbox | None) -> bool:
    return author is not None and members.member_of_address(session, address_key(author.address)) is not None


def addressed(message: Message) -> Iterator[str]:
    """The addresses that it was delivered to, as the provider says, then those that it was written to."""
    for name in (*TRACES, *_WRITTEN_TO):
        for field in message.all(name):
            value = message.field_bytes(field).partition(b":")[2].decode("utf-8", "replace")
            for written in parse_mailboxes(value):
                yield written.address


def _parents(message: Message) -> tuple[str, ...]:
    """What it answers, the nearest first."""
    return (*message.in_reply_to, *reversed(message.references))


def _existing(session: Session, host: Host, locals_: list[str], now: datetime) -> list[tuple[str, Kind]]:
    """Those at which there is something."""
    found: list[tuple[str, Kind]] = []
    for local in dict.fromkeys(locals_):
        route = route_of(session, host, f"{local}@{host.domain}", now.date())
        if route is not None and route.kind is not Kind.ALIAS:  # nobody has a private address here
            found.append((route.address, route.kind))
    return found


def _answered_list(session: Session, host: Host, message: Message, author: Mailbox | None) -> str:
    """The list whose post it answers; where answers go to the people who run it, their address. "" for neither."""
    parents = _parents(message)
    for post in mailboxes.posts_of(session, parents):
        mailing_list = list_by_id(session, post.list_id)
        if mailing_list is not None:
            return _answer_address(session, host, mailing_list, author)
    for parent in parents:
        reference = read_private_reference(host.secrets, parent)
        thread = thread_by_id(session, reference.thread_id) if reference else None
        mailing_list = list_by_id(session, thread.list_id) if thread else None
        if mailing_list is not None and mailing_list.removed_at is None:
            return _answer_address(session, host, mailing_list, author)
    return ""


def _answer_address(session: Session, host: Host, mailing_list: MailingList, author: Mailbox | None) -> str:
    address = f"{mailing_list.name}@{host.domain}"
    if mailing_list.posting is not Posting.ANNOUNCE and mailing_list.replies is not Replies.AUTHOR:
        return address
    member = members.member_of_address(session, address_key(author.address)) if author else None
    membership = members.membership(session, id_of(mailing_list), id_of(member)) if member else None
    runs_it = membership is not None and membership.role in _RUN_THE_LIST
    return address if runs_it else f"{mailing_list.name}-owner@{host.domain}"


def _default(session: Session, host: Host, author: Mailbox | None) -> tuple[str, ...]:
    """The only list there is, or the only one of its author. Of several, the operator finds out which was meant."""
    lists = all_lists(session)
    if len(lists) == 1:
        return (f"{lists[0].name}@{host.domain}",)
    member = members.member_of_address(session, address_key(author.address)) if author else None
    hers = members.memberships_of(session, id_of(member)) if member else []
    names = [mailing_list.name for mailing_list, membership in hers if membership.status in _MAY_WRITE]
    if not names:
        return ()
    return (f"{names[0] if len(names) == 1 else 'postmaster'}@{host.domain}",)


def _bounce_addresses(session: Session, host: Host, report: Returned, now: datetime) -> Iterator[str]:
    """The return paths that the reported copies would have had with a domain of our own (spec/mail.md §1.7)."""
    for copy in _reported(session, host, report, now):
        yield verp_address(
            host.secrets,
            member_id=copy.member_id or 0,
            content_id=copy.content_id,
            day=copy.created_at.date(),
            domain=host.domain,
        )


def _reported(session: Session, host: Host, report: Returned, now: datetime) -> list[SentCopy]:
    posts = mailboxes.posts_of(session, report.ids)
    signed = [reference for each in report.ids if (reference := read_private_reference(host.secrets, each))]
    if signed:  # only who had her copy can give this back
        member_id, thread_id = signed[0].member_id, signed[0].thread_id
        found = [_copy(session, post, member_id) for post in posts if post.thread_id == thread_id]
        return [copy for copy in found if copy is not None][:1]
    copies = []
    for address in report.addresses:
        member = members.member_of_address(session, address_key(address))
        member_id = id_of(member) if member else 0
        theirs = [copy for post in posts[:1] if (copy := _copy(session, post, member_id))]
        copies += theirs or _letter(session, report, address, now)
    return copies


def _copy(session: Session, post: Post, member_id: int) -> SentCopy | None:
    return mailboxes.sent_copy(session, post_id=id_of(post), member_id=member_id)


def _letter(session: Session, report: Returned, address: str, now: datetime) -> list[SentCopy]:
    """The letter of ours to this address whose Message-ID came back."""
    since = now - timedelta(days=DAYS_VALID)
    for letter in mailboxes.letters_to(session, {address, address_key(address)}, since=since):
        if parse(read_content(session, letter.content_id)).message_id in report.ids:
            return [letter]
    return []
