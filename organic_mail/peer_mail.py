"""One mail from another server, written down: a step of a handshake, or what came over a link."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.incoming import Incoming, Verdict
from handlers.notice import NoticeKind
from handlers.peer.control import Control, Unreadable
from handlers.peer.control_mail import control_digest
from handlers.peer.handshake import State
from handlers.peer.hop import hop_is_good
from handlers.peer.letter import read_letter
from handlers.peer.relay_mail import read_hop
from organic_mail import peering, relaying, rotating, space_mail
from organic_mail.operator_letter import tell_operator
from organic_mail.peer_limits import count_roster, handshake_counts
from storage import peers
from storage.events import record
from storage.models_peers import Peer

WARNED_AFTER = 3  # mails in a row over one link whose DKIM signature did not pass


def came(session: Session, host: Host, incoming: Incoming, now: datetime) -> None:
    """What does not fit is dropped without a word to anybody but our own log."""
    token, kind = incoming.route.token, (incoming.message.value("organic-type") or "").strip()
    if token and kind in relaying.RELAYED:
        aligned = incoming.authentication.verdict is Verdict.ALIGNED
        relaying.receive(session, host, incoming.message, token, aligned=aligned, now=now)
        return
    try:
        control = read_letter(incoming.message)
        if token:
            _over_link(session, host, incoming, control, now)
        else:
            if handshake_counts(session, now):
                peering.handshake_came(session, host, control, now)
    except Unreadable as problem:
        text = f"A mail of another server to {incoming.route.address} changed nothing: {problem}."
        record(session, "dropped", text, now=now)


def _over_link(session: Session, host: Host, incoming: Incoming, control: Control, now: datetime) -> None:
    peer = peers.peer_of_mailbox(session, incoming.route.token)
    if peer is None or peer.state not in {State.ACTIVE, State.SUSPENDED}:
        raise Unreadable("it does not come over a link")
    _check_hop(session, host, peer, incoming, control, now)
    if peer.state == State.SUSPENDED and control.type != "sever":
        raise Unreadable(f"mail with {peer.domain} is suspended")
    _heard(session, host, peer, proven=incoming.authentication.verdict is Verdict.ALIGNED, now=now)
    match control.type:
        case "sever":
            peering.severed(session, host, peer.domain, control, now)
        case "rotate":
            rotating.rotation_came(session, host, peer, control, now)
        case _:
            if control.type == "roster":
                count_roster(session, peer.domain, now)
            space_mail.came(session, host, peer, control, now)


def _check_hop(session: Session, host: Host, peer: Peer, incoming: Incoming, control: Control, now: datetime) -> None:
    signed = read_hop(incoming.message, what=control_digest(control))
    if (signed.hop.sender, signed.hop.to, signed.hop.epoch) != (peer.domain, host.domain, peer.their_epoch):
        raise Unreadable("its hop is not that of this link")
    keys = [
        each.key for each in peers.peer_keys(session, peer.domain) if not each.valid_until or each.valid_until > now
    ]
    if not any(hop_is_good(signed, key) for key in keys):
        raise Unreadable("its hop is not signed by the key that we know")


def _heard(session: Session, host: Host, peer: Peer, *, proven: bool, now: datetime) -> None:
    """Trouble with DNS must not lose mail, but somebody should look at it (spec/federation.md §2.3)."""
    unproven = 0 if proven else peer.unproven + 1
    peers.save_peer(session, domain=peer.domain, fields={"heard_at": now, "unproven": unproven})
    if unproven == WARNED_AFTER:
        values = {"what": "unproven", "server": peer.domain, "reason": ""}
        cause = f"peer:unproven:{peer.domain}:{now.date()}"
        tell_operator(session, host, NoticeKind.PEER_NEWS, values, cause=cause, now=now)
