"""What lookup has to know of other servers and of people there, before anything is decided."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.facts import Facts, Host, RemoteFacts, id_of
from handlers.route import Route
from storage import members, peers, remote, spaces
from storage.models import MailingList, Member, Status

_HERE = (Status.ACTIVE, Status.PAUSED)
_A_DAY = timedelta(days=1)


def remote_facts(session: Session, host: Host, author: Mailbox | None, route: Route, now: datetime) -> Facts:
    """Who writes, whether she is in the space of the reader, and what stands between the two."""
    reader = remote.remote_author_of(session, route.alias)
    member = members.member_of_address(session, address_key(author.address)) if author else None
    if reader is None:
        return Facts(host, author=author)
    shared = shared_list(session, member, reader.space)
    written = remote.letters_since(session, writer_id=member.id or 0, since=now - _A_DAY) if member else 0
    blocked = member is not None and remote.is_blocked(session, member_id=id_of(member), alias=route.alias)
    return Facts(
        host,
        author=author,
        mailing_list=shared,
        member=member,
        remote=RemoteFacts(reader.name, is_blocked=blocked, written_today=written),
    )


def shared_list(session: Session, member: Member | None, space: str) -> MailingList | None:
    """The list of ours in the space that she is on."""
    if member is None:
        return None
    for mailing_list in spaces.seats_of(session, space):
        membership = members.membership(session, id_of(mailing_list), id_of(member))
        if membership is not None and membership.status in _HERE:
            return mailing_list
    return None


def is_peers_mailbox(session: Session, host: Host, token: str) -> bool:
    """Is there anybody behind organic-peer-TOKEN@? Without a token it is for servers that begin."""
    if host.peer_key is None or not token:
        return host.peer_key is not None
    own = peers.own_key(session)
    return peers.peer_of_mailbox(session, token) is not None or (own is not None and own.mailbox == token)
