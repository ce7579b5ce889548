"""Whose mail came back, or was marked as spam: what storage knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlmodel import Session

from handlers.address import address_key
from handlers.complaint import Clues, clues
from handlers.facts import ComplaintFacts, Host, SentFacts, id_of
from handlers.message import Message
from handlers.score import run_of
from handlers.token import VerpAddress
from storage import bounces, members, posts, tokens
from storage.models import Membership, TokenAction
from storage.private_mail import private_sent
from storage.threads import thread_by_id


def sent_facts(session: Session, bounce: VerpAddress) -> SentFacts | None:
    """The mail that a return path names; None when it went to nobody whom we know.

    When the mail itself is forgotten it was to her primary address, unless she got that one later.
    """
    sent = bounces.sent_copy(session, content_id=bounce.content_id, member_id=bounce.member_id)
    private = private_sent(session, content_id=bounce.content_id, reader_id=bounce.member_id)
    if sent is not None:
        run = run_of(sent.post_id, sent.sent_on.date())
        return SentFacts(bounce.member_id, sent.recipient, run, private.id if private else None)
    addresses = members.addresses_of(session, bounce.member_id)
    if not addresses or addresses[0].created_at.date() > bounce.day:
        return None
    post_id = bounces.post_of_content(session, bounce.content_id)
    run = run_of(post_id, bounce.day)
    return SentFacts(bounce.member_id, addresses[0].address, run, private.id if private else None)


def complaint_facts(session: Session, host: Host, message: Message, today: date) -> ComplaintFacts | None:
    """Whose copy a complaint is about; None when it is no complaint, or tells nobody whom we know."""
    found = clues(message, host, today)
    if found is None:
        return None
    for sure, memberships in ((True, _signed(session, found)), (False, _named(session, found))):
        for membership in memberships:
            member = members.member_by_id(session, membership.member_id) if membership else None
            if membership is not None and member is not None:
                return ComplaintFacts(member, membership, sure)
    return None


def _signed(session: Session, found: Clues) -> Iterator[Membership | None]:
    """By what only her own copy has."""
    for verp in found.sent:
        sent = bounces.sent_copy(session, content_id=verp.content_id, member_id=verp.member_id)
        if sent is not None and sent.membership_id is not None:
            yield members.membership_by_id(session, sent.membership_id)
    for membership_id in found.membership_ids:
        yield members.membership_by_id(session, membership_id)
    for reference in found.references:
        thread = thread_by_id(session, reference.thread_id)
        yield members.membership(session, thread.list_id, reference.member_id) if thread else None
    for text in found.leave_tokens:
        token = tokens.find_token(session, text)
        if token is not None and token.action is TokenAction.LEAVE:
            yield members.membership_by_id(session, token.membership_id)


def _named(session: Session, found: Clues) -> Iterator[Membership | None]:
    """By her address, when a post of one of her lists is named beside it."""
    for address in found.recipients:
        member = members.member_of_address(session, address_key(address))
        for mailing_list, membership in members.memberships_of(session, id_of(member)) if member else ():
            for message_id in found.message_ids:
                if posts.post_by_message_id(session, list_id=id_of(mailing_list), message_id=message_id):
                    yield membership
