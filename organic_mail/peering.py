"""Links with other servers: what operators decide and what handshake mails bring (spec/federation.md §2.2).

handlers.peer.handshake decides; here its steps are stored, mailed and told, each in one transaction.
"""

from __future__ import annotations

import secrets as randomness
from dataclasses import asdict, fields
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import NoticeKind
from handlers.peer import code, handshake
from handlers.peer.code import TOKEN_BYTES, VALID, Code, new_token
from handlers.peer.control import Control, Unreadable
from handlers.peer.handshake import Alarm, Link, State, Step
from handlers.peer.letter import PEER_MAILBOX
from handlers.peer.safety_words import shown_and_asked
from handlers.peer.value import read_domain
from handlers.template import Value
from organic_mail.operator_letter import tell_operator
from organic_mail.peer_sending import Ourselves, ourselves, send_handshake, send_over
from organic_mail.problem import Problem
from storage import peers, queue, relays
from storage.events import record
from storage.models_peers import Peer

_NONCE_BYTES = 32
_EPOCH_LETTERS = 8
_A_DAY = timedelta(days=1)


def make_invite(session: Session, host: Host, now: datetime) -> str:
    """A code for the operator of another server; good once, for 14 days."""
    us = ourselves(session, host, now).us
    token = new_token(randomness.token_bytes(TOKEN_BYTES))
    peers.add_invite(session, token=token, now=now)
    record(session, "peer", "We made a code that invites another server.", now=now)
    return code.write_code(Code(us.domain, us.key.id, token))


def begin(session: Session, host: Host, domain: str, given: Code | None, now: datetime) -> None:
    """Ask another server, with its code or without. Raises Problem where we are in touch with it already."""
    if domain == host.domain:
        raise Problem("that is the code of this very server; give it to the operator of another one")
    known = link_at(session, domain)
    if known is not None and known.state not in {State.NONE, State.SEVERED}:
        if given is not None and known.code_token == given.token:
            return
        raise Problem(f"{domain} is {known.state} already; see: organic-mail peer show {domain}")
    us = ourselves(session, host, now).us
    step = handshake.ask(us, domain, given, nonce=randomness.token_bytes(_NONCE_BYTES), now=now)
    carry_out(session, host, domain, step, now)


def approve(session: Session, host: Host, domain: str, now: datetime, *, words: str = "") -> Link:
    """Our operator says yes. words: what she typed, where the words are compared. Raises Problem."""
    link = link_at(session, domain)
    if link is None or link.state in {State.NONE, State.SEVERED}:
        raise Problem(f"{domain} has not asked, and was not asked; begin with: organic-mail peer invite")
    us = ourselves(session, host, now).us
    if link.state is State.SUSPENDED:
        _resume(session, link, now)
    elif not link.said_yes:
        carry_out(session, host, domain, _agreement(us, link, words, now), now)
    return link_at(session, domain) or link


def _agreement(us: handshake.Us, link: Link, words: str, now: datetime) -> Step:
    if not link.code_token and link.is_ours and link.state is State.REQUESTED:
        return handshake.offer(us, link, now=now)
    if not link.code_token:
        if link.transcript is None:
            raise Problem(f"{link.domain} has not answered yet; approve it once it has, then compare the words")
        wrong = handshake.words_are_right(us, link, words, now=now)
        if wrong is not None:
            return wrong
    mailbox, epoch = (
        new_token(randomness.token_bytes(TOKEN_BYTES)),
        new_token(randomness.token_bytes(5), _EPOCH_LETTERS),
    )
    return handshake.approve(us, link, mailbox=mailbox, epoch=epoch, now=now)


def _resume(session: Session, link: Link, now: datetime) -> None:
    peers.save_peer(session, domain=link.domain, fields={"state": State.ACTIVE, "changed_at": now, "reason": ""})
    record(session, "peer", f"Mail is exchanged with {link.domain} again.", now=now)


def words_of(link: Link, domain: str) -> tuple[tuple[str, ...], int] | None:
    """What our operator reads out, and how many words she is told; None where nobody compares words (now)."""
    if link.code_token or link.said_yes or link.transcript is None:
        return None
    shown, asked = shown_and_asked(link.transcript, ours=domain, theirs=link.domain)
    return shown, len(asked)


def suspend(session: Session, domain: str, now: datetime) -> None:
    """Nothing goes in or out for now. Raises Problem."""
    peer = _linked(session, domain, State.ACTIVE)
    peers.save_peer(session, domain=peer.domain, fields={"state": State.SUSPENDED, "changed_at": now})
    record(session, "peer", f"Mail with {domain} is suspended.", now=now)


def sever(session: Session, host: Host, domain: str, reason: str, now: datetime) -> None:
    """The link ends, and its mailbox with it. Raises Problem."""
    peer = peers.peer_at(session, domain)
    if peer is None or peer.state in {State.NONE, State.SEVERED}:
        raise Problem(f"there is no link with {domain}; see: organic-mail peer ls")
    us = ourselves(session, host, now).us
    if peer.state in {State.ACTIVE, State.SUSPENDED}:
        _drop_waiting(session, peer)
        told = (("v", "1"), ("type", "sever"), ("from", us.domain), ("to", domain), ("reason", reason))
        send_over(session, host, us, peer, Control(told), now)
    _close(session, domain, reason, now, ours=True)
    record(session, "peer", f"The link with {domain} has ended.", now=now)


def severed(session: Session, host: Host, domain: str, control: Control, now: datetime) -> None:
    """The other operator has ended the link."""
    reason = control.get("reason") or ""
    _drop_waiting(session, _linked(session, domain, State.ACTIVE, State.SUSPENDED))
    _close(session, domain, reason, now)
    record(session, "peer", f"{domain} has ended the link with us. {reason}".strip(), now=now)
    values = {"what": "severed", "server": domain, "reason": reason}
    tell_operator(session, host, NoticeKind.PEER_NEWS, values, cause=f"peer:severed:{domain}:{now.date()}", now=now)


def _drop_waiting(session: Session, peer: Peer) -> None:
    mailbox = f"{PEER_MAILBOX}-{peer.their_mailbox}@{peer.domain}"
    queue.drop(session, [row.id for row in queue.queue_rows(session) if row.recipient == mailbox])


def _close(session: Session, domain: str, reason: str, now: datetime, *, ours: bool = False) -> None:
    """ours: then no list of ours wants what its people write, whatever way it comes (spec/federation.md §2.10)."""
    closed = {"our_mailbox": "", "our_epoch": "", "said_yes": False, "they_said_yes": False, "code_token": ""}
    relays.drop_account(session, domain)
    fields_now = {**closed, "state": State.SEVERED, "reason": reason[:200], "is_refused": ours, "changed_at": now}
    peers.save_peer(session, domain=domain, fields=fields_now)


def handshake_came(session: Session, host: Host, control: Control, now: datetime) -> None:
    """A mail to organic-peer@ whose From is proven. What does not fit changes nothing, and nobody is answered.

    Raises Unreadable.
    """
    domain, own = handshake.from_domain(control), ourselves(session, host, now)
    if read_domain(control.first("to")) != host.domain:
        raise Unreadable("it is for another server")
    if control.type == "peer-request":
        _request_came(session, host, own, control, domain, now)
        return
    link = link_at(session, domain)
    if link is None:
        raise Unreadable("we are not in touch with it")
    match control.type:
        case "peer-offer":
            step = handshake.offered(own.us, link, control, now=now)
        case "peer-reveal":
            step = handshake.revealed(own.us, link, control, now=now)
        case "peer-approve":
            step = handshake.approved(own.us, link, control, now=now)
        case _:
            step = handshake.aborted(link, now=now)
    carry_out(session, host, domain, step, now)


def _request_came(session: Session, host: Host, own: Ourselves, control: Control, domain: str, now: datetime) -> None:
    request = handshake.read_request(control)
    if request.card.domain != domain:
        raise Unreadable("the card is of another server")
    known = link_at(session, domain)
    is_again = known is not None and known.commit == request.commit
    token = handshake.proven_by(request, [each.token for each in peers.unused_invites(session, after=now - VALID)])
    if token is None and not is_again:
        old = [each.token for each in peers.old_invites(session, before=now - VALID)]
        if handshake.proven_by(request, old):
            raise Unreadable(f"{domain} came with a code that has expired or was used before")
        if not host.peers_may_ask:
            raise Unreadable("it has no code of ours")
    if not is_again and peers.requests_since(session, now - _A_DAY) >= handshake.MOST_REQUESTS:
        raise Unreadable("too many servers asked today")
    nonce = randomness.token_bytes(_NONCE_BYTES)
    step = handshake.asked(own.us, request, token or "", known, nonce=nonce, now=now)
    if token and step.link is not None:
        peers.use_invite(session, token, domain=domain, now=now)
    carry_out(session, host, domain, step, now)


def give_up_handshakes(session: Session, host: Host, now: datetime) -> None:
    """What nobody went on with for 14 days."""
    for peer in peers.all_peers(session):
        carry_out(session, host, peer.domain, handshake.expired(link_of(peer), now), now)


def carry_out(session: Session, host: Host, domain: str, step: Step, now: datetime) -> None:
    """Store what is known now, send what is to be sent, tell what is to be told."""
    if step.link is not None:
        before = peers.peer_at(session, domain)
        became_active = step.link.state is State.ACTIVE and (before is None or before.state != State.ACTIVE)
        known = {name: value for name, value in asdict(step.link).items() if name != "domain"}
        peers.save_peer(session, domain=domain, fields=known)
        if became_active:
            card = step.link.card
            peers.pin_key(session, domain=domain, key=card.key, following=card.next, now=now)
    for control in step.mails:
        send_handshake(session, host, control, domain, now)
    if step.told:
        record(session, "peer", step.told, now=now)
    if step.alarm is not None:
        _tell(session, host, domain, step, step.alarm, now)


def _tell(session: Session, host: Host, domain: str, step: Step, alarm: Alarm, now: datetime) -> None:
    """At most one letter a day to our operator about one thing."""
    cause = f"peer:{alarm}:{domain}:{now.date()}"
    if alarm is not Alarm.ASKS:
        values = {"what": str(alarm), "server": domain, "reason": ""}
        tell_operator(session, host, NoticeKind.PEER_NEWS, values, cause=cause, now=now)
        return
    link = step.link
    if link is None or not link.their_card:
        return
    card = link.card
    asked: dict[str, Value] = {
        "server": domain,
        "community": card.operator,
        "key": card.key_id,
        "by_code": bool(link.code_token),
        "ours": link.is_ours,
    }
    tell_operator(session, host, NoticeKind.PEER_ASKS, asked, cause=cause, now=now)


def link_at(session: Session, domain: str) -> Link | None:
    peer = peers.peer_at(session, domain)
    return link_of(peer) if peer else None


def link_of(peer: Peer) -> Link:
    known = {field.name: getattr(peer, field.name) for field in fields(Link)}
    return Link(**{**known, "state": State(peer.state)})


def _linked(session: Session, domain: str, *states: State) -> Peer:
    peer = peers.peer_at(session, domain)
    if peer is None or peer.state not in states:
        raise Problem(f"{domain} is not active; see: organic-mail peer ls")
    return peer
