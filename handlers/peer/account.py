"""Control mails that come over a link: statuses, offers and wants (spec/federation.md §2.9)."""

from __future__ import annotations

from datetime import datetime

from handlers.peer.control import Control, Unreadable
from handlers.peer.control_mail import OFFER, STATUS, ControlMail
from handlers.peer.link_account import heard, is_from_peer
from handlers.peer.offer import apply_offer, apply_want, read_offer, read_want
from handlers.peer.relay import Outcome, Taken
from handlers.peer.status import apply_status, read_status
from handlers.peer.store import Action, Link, Own, RelayStore


def received_control(
    store: RelayStore, own: Own, mail: ControlMail, *, token: str, now: datetime, aligned: bool = True
) -> Outcome:
    """One that came to the mailbox of this token. `aligned`: did its DKIM verify?"""
    link = store.link_of_token(token)
    control, hop = mail.control, mail.hop.hop
    if link is None or (control.get("from"), control.get("to")) != (hop.sender, hop.to):
        return Outcome(Taken.DROPPED, "it does not come over a link")
    # A status alone may speak of a new epoch: it is how the peer tells us.
    epoch = (control.get("epoch") or "") if control.type == STATUS else link.peer_epoch
    if not is_from_peer(link, own, mail.hop, epoch, now):
        return Outcome(Taken.DROPPED, "it is not signed for us by the peer of this mailbox")
    link, told = heard(link, now, aligned=aligned)
    try:
        return Outcome(Taken.APPLIED, "", (*told, *_applied(store, own, link, control, now)))
    except Unreadable as problem:
        return Outcome(Taken.DROPPED, str(problem))


def _applied(store: RelayStore, own: Own, link: Link, control: Control, now: datetime) -> tuple[Action, ...]:
    """Raises Unreadable before anything is written."""
    if control.type == STATUS:
        status = read_status(control)
        if link.peer_status and status.time <= link.peer_status:
            raise Unreadable("a later status came before it")
        return apply_status(store, own, link, status, now)
    if control.type == OFFER:
        time, offers = read_offer(control, link.peer)
        if control.first("epoch") != link.peer_epoch or (link.peer_offer and time < link.peer_offer):
            raise Unreadable("it is about numbers of long ago")
        apply_offer(store, link, time, offers, now)
        return ()
    want = read_want(control)
    if control.first("epoch") != link.epoch or (link.peer_want and want.time < link.peer_want):
        raise Unreadable("it is about numbers of long ago")
    apply_want(store, own, link, want, now)
    return ()
