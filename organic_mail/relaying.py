"""Posts between servers, at the daemon: what comes over a link is judged in the transaction that takes it, what is due
goes into the queue (spec/federation.md §2.5, §2.9). The rules are the core's (handlers.peer).
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.facts import Host
from handlers.message import Message
from handlers.peer.account import received_control
from handlers.peer.control import Unreadable
from handlers.peer.control_mail import ACCOUNT_KINDS, REPORT, ControlMail, read_control_mail, write_control_mail
from handlers.peer.direct import DirectMail, received_direct
from handlers.peer.outbox import Outgoing, due
from handlers.peer.relay import received_post
from handlers.peer.relay_mail import SEALED_KINDS, PostMail, read_post_mail, write_post_mail
from handlers.peer.report import received_report
from handlers.peer.restart import awake
from handlers.peer.roster import space_name
from handlers.peer.space import want_roster
from handlers.peer.store import Action, Own, Reported, RosterWanted, Telling
from handlers.token import new_message_id
from organic_mail import remote_mail, remote_posts
from organic_mail.known_spaces import known_roster
from organic_mail.peer_sending import ourselves, send_over
from organic_mail.relay_store import SqlRelayStore
from organic_mail.reporting import reported
from storage import peers, queue, relays, remote, spaces
from storage.community import the_community
from storage.database import Database
from storage.events import record
from storage.unused import forget_messages

RELAYED = SEALED_KINDS | ACCOUNT_KINDS | {REPORT}
"""Kinds of mail that come over a link and are about posts."""
_GIVEN_UP = timedelta(minutes=55)
"""After that the queue lets go of a mail to a peer: what is not acknowledged in an hour is sent again, or announced."""
_LETTERS_KEPT = timedelta(days=30)
_SEEN_KEPT, _RETRACTIONS_KEPT = timedelta(days=120), timedelta(days=400)  # spec/federation.md §2.5, §2.7


def own_server(session: Session, host: Host) -> Own | None:
    """None while this server has no key for other servers."""
    row, community = peers.own_key(session), the_community(session)
    if row is None or host.peer_key is None:
        return None
    return Own(host.domain, host.peer_key(row.key), community.restored_at if community else None)


def relay_store(session: Session, host: Host) -> SqlRelayStore:
    return SqlRelayStore(
        session,
        deliver=lambda post, way, now: remote_posts.deliver(session, host, post, way, now),
        take_away=lambda key, now: remote_posts.take_back(session, key, now),
        deliver_private=lambda post, now: remote_mail.deliver_private(session, host, post, now),
    )


def receive(session: Session, host: Host, message: Message, token: str, *, aligned: bool, now: datetime) -> None:
    """What came over the link whose mailbox has this token. Nobody is answered; the next status tells the peer."""
    own, store = own_server(session, host), relay_store(session, host)
    kind = (message.value("organic-type") or "").strip()
    if own is None:
        return
    try:
        if kind in ACCOUNT_KINDS:
            mail = read_control_mail(message)
            outcome = received_control(store, own, mail, token=token, now=now, aligned=aligned)
        elif kind == REPORT:
            outcome = received_report(store, own, read_control_mail(message), token=token, now=now)
        else:
            post = read_post_mail(message)
            if peers.is_own_mailbox(session, token):
                outcome = received_direct(store, own, post, now)
            else:
                outcome = received_post(store, own, post, token=token, now=now, aligned=aligned)
    except Unreadable as problem:
        record(session, "dropped", f"A mail of another server could not be read: {problem}.", now=now)
        return
    if outcome.why:
        link = store.link_of_token(token)
        sender = link.peer if link else "another server"
        record(session, "relay", f"A {kind} from {sender}: {outcome.taken}, {outcome.why}.", now=now)
    act(session, host, outcome.actions, now)


def is_anything_due(session: Session, host: Host, now: datetime) -> bool:
    return bool(relay_store(session, host).due_links(now))


def wake(database: Database, host: Host, now: datetime) -> None:
    """We were away: peers hear of us at once."""
    if database.read(lambda session: bool(relay_store(session, host).links())):
        database.write(lambda session: awake(relay_store(session, host), now))


def send_due(database: Database, host: Host, now: datetime) -> None:
    """What is due for peers goes into the queue."""
    if database.read(lambda session: is_anything_due(session, host, now)):
        database.write(lambda session: hand_over_due(session, host, now))


def hand_over_due(session: Session, host: Host, now: datetime) -> None:
    own = own_server(session, host)
    if own is None:
        return
    found = due(relay_store(session, host), own, now)
    for outgoing in found.mails:
        queue.add_notice(
            session,
            raw=_written(session, host, outgoing, now),
            recipient=outgoing.address,
            cause=None,
            expires_at=now + _GIVEN_UP,
            now=now,
        )
    act(session, host, found.actions, now)


def send_direct(session: Session, direct: DirectMail, now: datetime) -> None:
    """Straight to a server of a space, without a link; the queue alone sees to it that it arrives."""
    post = direct.mail.post
    raw = write_post_mail(post, direct.mail.hop, to=direct.address, title=_title(session, post.seal.space))
    queue.add_notice(session, raw=raw, recipient=direct.address, cause=None, now=now)


def act(session: Session, host: Host, actions: Iterable[Action], now: datetime) -> None:
    for action in actions:
        match action:
            case Reported():
                reported(session, host, action, now)
            case RosterWanted(peer, space, serial):
                _ask_for_roster(session, host, peer, space, serial, now)
            case Telling(event, peer, detail, key):
                about = f" ({key.origin}/{key.post})" if key else ""
                record(session, "peer", f"{peer}: {event}{f', {detail}' if detail else ''}{about}.", now=now)


def forget_relayed_posts(database: Database, now: datetime) -> None:
    """What nobody can send us any more need not be known, and what was lent for a time goes."""

    def forget(session: Session) -> int:
        before, retractions = now - _SEEN_KEPT, now - _RETRACTIONS_KEPT
        gone = relays.forget_relayed(session, before=before, retractions_before=retractions)
        forget_messages(session, remote.forget_letters(session, before=now - _LETTERS_KEPT))
        return gone + remote_posts.forget_old_posts(session, now)

    while database.write(forget):
        pass


def _written(session: Session, host: Host, outgoing: Outgoing, now: datetime) -> bytes:
    match outgoing.mail:
        case PostMail(post, hop):
            return write_post_mail(post, hop, to=outgoing.address, title=_title(session, post.seal.space))
        case ControlMail():
            message_id = new_message_id(randomness.token_bytes(8), host.domain)
            return write_control_mail(outgoing.mail, to=outgoing.address, message_id=message_id, at=now)


def _title(session: Session, space: str) -> str:
    roster = known_roster(session, space)
    return roster.title if roster and roster.title else space_name(space)


def _ask_for_roster(session: Session, host: Host, peer: str, space: str, serial: int, now: datetime) -> None:
    known, row = spaces.space_by_id(session, space), peers.peer_at(session, peer)
    if row is None or known is None or known.left_at is not None or known.serial >= serial:
        return
    us = ourselves(session, host, now).us
    send_over(session, host, us, row, want_roster(space, known.serial + 1, ours=us.domain, to=peer), now)
