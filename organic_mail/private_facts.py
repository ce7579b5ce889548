"""What storage knows about mail to a member's alias: who the two are, and what stands between them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, select

from handlers.address import Mailbox, address_key
from handlers.automatic import has_automatic_subject
from handlers.facts import Facts, Host, PrivateFacts, ReactionFacts, id_of
from handlers.message import Message
from handlers.reaction import reaction_in
from handlers.route import Kind, Route
from handlers.token import address_marks
from organic_mail.answered import answered_members, hiding_keys, is_made_here, membership_of, said_not_hers
from storage import bounces, members
from storage.models import MailingList, Member, Post
from storage.private_mail import blockers, has_got, private_sent, shared_list, written_since

_AN_HOUR = timedelta(hours=1)


def private_facts(
    session: Session, host: Host, message: Message, author: Mailbox | None, route: Route, now: datetime
) -> Facts | None:
    """None when the address is nobody's alias, nor the return path of private mail."""
    reader = _reader(session, route)
    if reader is None:
        return None
    member = members.member_of_address(session, address_key(author.address)) if author else None
    shared = shared_list(session, member_id=id_of(member), other_id=id_of(reader)) if member else None
    answered = None
    if member is None and author is not None:
        answered, shared = _answered(session, host, message, reader)
    return Facts(
        host,
        author=author,
        mailing_list=shared,
        member=member,
        membership=membership_of(session, shared, member),
        answers_member=answered,
        answers_ours=has_automatic_subject(message) and _answers_ours(session, host, member, route, message),
        hiding=hiding_keys(session, message),
        said_not_hers=answered is not None and author is not None and said_not_hers(session, answered, author),
        private=_between(session, host, member, reader, now),
        reaction=_reaction(session, member, reader, message),
    )


def _reader(session: Session, route: Route) -> Member | None:
    """For whom it is: the owner of the alias; where a reader answered to the return path, the writer."""
    if route.kind is Kind.ALIAS:
        return members.alias_owner(session, route.alias)
    if route.bounce is None:
        return None
    sent = private_sent(session, content_id=route.bounce.content_id, reader_id=route.bounce.member_id)
    return members.member_by_id(session, sent.writer_id) if sent else None


def _answered(
    session: Session, host: Host, message: Message, reader: Member
) -> tuple[Member | None, MailingList | None]:
    """Whose copy it answers, when that member shares a list with the reader."""
    for member in answered_members(session, host, message):
        shared = shared_list(session, member_id=id_of(member), other_id=id_of(reader))
        if shared is not None:
            return member, shared
    return None, None


def _answers_ours(session: Session, host: Host, member: Member | None, route: Route, message: Message) -> bool:
    if route.kind is Kind.BOUNCE or is_made_here(host, message):
        return True
    return member is not None and has_got(session, reader_id=id_of(member), message_ids=message.in_reply_to)


def _between(session: Session, host: Host, member: Member | None, reader: Member, now: datetime) -> PrivateFacts:
    if member is None:
        return PrivateFacts(reader)
    key = address_key(members.primary_address(session, id_of(reader)))
    counts = host.posts_per_hour > 0
    return PrivateFacts(
        reader,
        blockers=blockers(session, id_of(member), id_of(reader)),
        is_reachable=bounces.suppression(session, address_marks(host.secrets, key)) is None,
        written_lately=written_since(session, writer_id=id_of(member), since=now - _AN_HOUR) if counts else 0,
    )


def _reaction(session: Session, member: Member | None, reader: Member, message: Message) -> ReactionFacts | None:
    """A program's reaction to one of the reader's posts: it comes here where answers go to the author alone."""
    found = reaction_in(message) if member is not None else None
    if member is None or found is None or not found.by_program or found.quoted:
        return None
    wrote = select(Post).where(Post.member_id == reader.id)
    for parent in message.in_reply_to:
        for post in session.exec(wrote.where(Post.message_id == parent)):
            on_list = members.membership(session, post.list_id, id_of(member))
            if on_list is not None and post.removed_at is None:
                return ReactionFacts(found, post)
    return None
