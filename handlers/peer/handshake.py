"""How two servers come to trust each other: four mails, and both operators have said yes (spec/federation.md §2.2).

B, who was given a code or knows the domain, asks; A, who made the code or is open to everybody, answers. B binds
itself to a nonce before it sees A's, so that neither side can choose the words that the operators compare. Every
function is given what is known and gives a `Step`: what is known then, what is mailed, what is told to whom.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from handlers.peer.card import Card, enclosed, opened, read_card
from handlers.peer.code import Code, is_mac, mac
from handlers.peer.control import Control, Unreadable, canonical, read_canonical
from handlers.peer.keys import PeerKey, is_signed
from handlers.peer.safety_words import are_same, shown_and_asked
from handlers.peer.value import read_domain

PATIENCE = timedelta(days=14)
"""For everything between asking and being active."""
MOST_REQUESTS = 5
"""Of strangers, in a day."""
MOST_WRONG_WORDS = 3

_APPROVE = "organic-approve-v1"


class State(StrEnum):
    NONE = "none"
    REQUESTED = "requested"
    OFFERED = "offered"
    REVEALED = "revealed"
    APPROVED_US = "approved-us"
    APPROVED_THEM = "approved-them"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    SEVERED = "severed"


PENDING = frozenset(
    {State.REQUESTED, State.OFFERED, State.REVEALED, State.APPROVED_US, State.APPROVED_THEM}
)  # fmt: skip


class Alarm(StrEnum):
    """What an operator is told by mail."""

    ASKS = "asks"  # another server wants to exchange mail, and she decides
    ACTIVE = "active"
    OTHER_KEY = "other-key"  # the key is not the one in the code
    BROKEN = "broken"  # what came later does not fit what came first
    WRONG_WORDS = "wrong-words"


@dataclass(frozen=True, slots=True)
class Us:
    domain: str
    key: PeerKey
    card: Control  # as of now


@dataclass(frozen=True, slots=True)
class Link:
    """What one server knows of a link. Cards: in their canonical form; nonces: base64; tokens: local parts."""

    domain: str  # theirs
    state: State
    began_at: datetime
    changed_at: datetime
    is_ours: bool  # the other one asked: we are A
    code_token: str  # of the invitation; "": the operators compare words
    code_key_id: str  # of the key that the code names
    our_card: str
    our_nonce: str
    commit: str  # B's
    their_card: str = ""
    their_nonce: str = ""
    said_yes: bool = False  # our operator
    they_said_yes: bool = False
    wrong_words: int = 0
    our_mailbox: str = ""
    our_epoch: str = ""
    their_mailbox: str = ""
    their_epoch: str = ""

    @property
    def card(self) -> Card:
        """Theirs. Raises Unreadable while we have none."""
        return read_card(read_canonical(self.their_card))

    @property
    def transcript(self) -> bytes | None:
        """What both sides have seen, once they have seen all of it."""
        if not (self.their_card and self.our_nonce and self.their_nonce):
            return None
        ours = (read_card(read_canonical(self.our_card)).domain, self.our_card, self.our_nonce)
        theirs = (self.domain, self.their_card, self.their_nonce)
        first, second = sorted((ours, theirs))
        pieces = (first[1].encode(), second[1].encode(), base64.b64decode(first[2]), base64.b64decode(second[2]))
        return hashlib.sha256(b"organic-peer-v1\n" + b"".join(pieces)).digest()


@dataclass(frozen=True, slots=True)
class Step:
    """What follows. link: None where nothing changes. told: one sentence for the log, "" for silence."""

    link: Link | None = None
    mails: tuple[Control, ...] = ()
    told: str = ""
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The first mail, as it was read."""

    card: Card
    card_text: str
    commit: str
    mac: str


def ask(us: Us, domain: str, code: Code | None, *, nonce: bytes, now: datetime) -> Step:
    """B begins: peer-request."""
    card = canonical(us.card.fields)
    commit = _commit(card, nonce)
    link = Link(
        domain=domain,
        state=State.REQUESTED,
        began_at=now,
        changed_at=now,
        is_ours=False,
        code_token=code.token if code else "",
        code_key_id=code.key_id if code else "",
        our_card=card.decode(),
        our_nonce=base64.b64encode(nonce).decode(),
        commit=commit,
    )
    proof = (("mac", mac(code.token, "M1", card, commit.encode())),) if code else ()
    asked = _mail("peer-request", us, domain, *enclosed("card", us.card), ("commit", commit), *proof)
    return Step(link, (asked,), f"We asked {domain} to exchange mail with us.")


def read_request(control: Control) -> Request:
    """Raises Unreadable."""
    card_block = opened("card", control)
    return Request(
        read_card(card_block), canonical(card_block.fields).decode(), control.first("commit"), control.get("mac") or ""
    )


def proven_by(request: Request, tokens: Sequence[str]) -> str | None:
    """The token of the invitation that whoever asks has in hand."""
    pieces = (request.card_text.encode(), request.commit.encode())
    return next((token for token in tokens if is_mac(request.mac, token, "M1", *pieces)), None)


def asked(us: Us, request: Request, token: str, known: Link | None, *, nonce: bytes, now: datetime) -> Step:
    """A gets a peer-request. token: of the invitation, "" where we are open to everybody.

    Who holds our code is answered at once, because our operator gave it out; both still have to approve.
    """
    domain = request.card.domain
    if known is not None and known.state not in {State.NONE, State.SEVERED}:
        if known.commit == request.commit:
            return Step()
        if known.state not in PENDING:
            text = f"{domain} asks to begin anew, and we are in touch with it. If that is right: peer sever {domain}"
            return Step(told=text)
        if not token or (not known.is_ours and domain < us.domain):
            return Step()
    link = Link(
        domain=domain,
        state=State.REQUESTED,
        began_at=now,
        changed_at=now,
        is_ours=True,
        code_token=token,
        code_key_id="",
        our_card=canonical(us.card.fields).decode(),
        our_nonce=base64.b64encode(nonce).decode(),
        commit=request.commit,
        their_card=request.card_text,
    )
    told = f"{domain} asks to exchange mail with us."
    if not token:
        return Step(link, told=told, alarm=Alarm.ASKS)
    return replace(offer(us, link, now=now), told=told, alarm=Alarm.ASKS)


def offer(us: Us, link: Link, *, now: datetime) -> Step:
    """A shows its card and nonce: peer-offer."""
    card = read_canonical(link.our_card)
    proof: tuple[tuple[str, str], ...] = ()
    if link.code_token:
        proof = (("mac", _offer_mac(link.code_token, link.our_card, link.our_nonce, link.their_card, link.commit)),)
    mail = _mail("peer-offer", us, link.domain, *enclosed("card", card), ("nonce", link.our_nonce), *proof)
    return Step(replace(link, state=State.OFFERED, changed_at=now), (mail,))


def offered(us: Us, link: Link, control: Control, *, now: datetime) -> Step:
    """B gets A's card and nonce, and opens its commitment: peer-reveal. Raises Unreadable."""
    if link.is_ours or link.state is not State.REQUESTED:
        return Step()
    block = opened("card", control)
    card, text, nonce = read_card(block), canonical(block.fields).decode(), _read_nonce(control.first("nonce"))
    if card.domain != link.domain:
        raise Unreadable("the card is of another server")
    if link.code_token and card.key_id != link.code_key_id:
        told = f"{link.domain} has another key than the one in its code. Nothing was agreed; ask its operator."
        return _aborted(us, link, told, Alarm.OTHER_KEY, "other-key", now)
    expected = (link.code_token, text, nonce, link.our_card, link.commit)
    if link.code_token and not hmac.compare_digest((control.get("mac") or "").encode(), _offer_mac(*expected).encode()):
        raise Unreadable("whoever answered does not have our code")
    shown = replace(link, state=State.REVEALED, changed_at=now, their_card=text, their_nonce=nonce)
    mail = _mail("peer-reveal", us, link.domain, ("nonce", link.our_nonce))
    step = Step(shown, (mail,), f"{link.domain} has shown us its card.", Alarm.ASKS)
    if not shown.said_yes:
        return step
    approval = _approval(us, shown)
    return Step(replace(shown, state=State.APPROVED_US), (mail, approval), step.told)


def revealed(us: Us, link: Link, control: Control, *, now: datetime) -> Step:
    """A gets B's nonce, and may approve. Raises Unreadable."""
    if not link.is_ours or link.state is not State.OFFERED:
        return Step()
    nonce = _read_nonce(control.first("nonce"))
    if _commit(link.their_card.encode(), base64.b64decode(nonce)) != link.commit:
        told = f"What {link.domain} sent does not fit what it had bound itself to. Nothing was agreed."
        return _aborted(us, link, told, Alarm.BROKEN, "broken", now)
    shown = replace(link, state=State.REVEALED, changed_at=now, their_nonce=nonce)
    if not shown.said_yes:
        return Step(shown, alarm=None if link.code_token else Alarm.ASKS)
    return Step(replace(shown, state=State.APPROVED_US), (_approval(us, shown),))


def approve(us: Us, link: Link, *, mailbox: str, epoch: str, now: datetime) -> Step:
    """Our operator says yes; on the path by words, after `words_are_right`. mailbox, epoch: fresh ones of ours."""
    if link.said_yes:
        return Step()
    said = replace(link, said_yes=True, our_mailbox=mailbox, our_epoch=epoch, changed_at=now)
    told = f"We said yes to {link.domain}."
    if link.transcript is None:
        return Step(said, told=told)
    state = State.ACTIVE if link.they_said_yes else State.APPROVED_US
    return Step(replace(said, state=state), (_approval(us, said),), told)


def words_are_right(us: Us, link: Link, typed: str, *, now: datetime) -> Step | None:
    """None where they are; else what follows: after three mistakes nothing is left of the handshake."""
    if link.transcript is None:
        raise Unreadable("there are no words yet")
    _, asked_for = shown_and_asked(link.transcript, ours=us.domain, theirs=link.domain)
    if are_same(typed, asked_for):
        return None
    wrong = replace(link, wrong_words=link.wrong_words + 1, changed_at=now)
    if wrong.wrong_words < MOST_WRONG_WORDS:
        return Step(wrong)
    told = f"The words of {link.domain} were wrong three times. Nothing was agreed."
    return _aborted(us, wrong, told, Alarm.WRONG_WORDS, "wrong-words", now)


def approved(us: Us, link: Link, control: Control, *, now: datetime) -> Step:
    """The other operator has said yes: peer-approve, signed by the key on their card. Raises Unreadable."""
    if link.they_said_yes or link.state not in PENDING or not link.their_card:
        return Step()
    shown = link
    if link.transcript is None:  # their nonce is still on its way, and stands here, too
        shown = revealed(us, link, control, now=now).link or link
        if shown.state is State.NONE or shown.transcript is None:
            return Step(shown if shown.state is State.NONE else None)
    if shown.transcript is None or control.first("t") != base64.b64encode(shown.transcript).decode():
        raise Unreadable("they have seen something else than we have")
    if not is_signed(shown.card.key, _APPROVE, canonical(control.without("k", "s").fields), control.first("s")):
        raise Unreadable("it is not signed by their key")
    agreed = replace(
        shown,
        they_said_yes=True,
        their_mailbox=_mailbox_token(control.first("token")),
        their_epoch=_mailbox_token(control.first("epoch")),
        state=State.ACTIVE if shown.said_yes else State.APPROVED_THEM,
        changed_at=now,
    )
    mails = (_approval(us, agreed),) if agreed.said_yes and link.transcript is None else ()
    told = f"{link.domain} said yes." + (" We are in touch now." if agreed.state is State.ACTIVE else "")
    return Step(agreed, mails, told, Alarm.ACTIVE if agreed.state is State.ACTIVE else None)


def expired(link: Link, now: datetime) -> Step:
    """What nobody went on with for 14 days is void."""
    if link.state not in PENDING or now < link.began_at + PATIENCE:
        return Step()
    told = f"Nothing came of exchanging mail with {link.domain}: it took longer than 14 days, so it has expired."
    return Step(_void(link, now), told=told)


def aborted(link: Link, *, now: datetime) -> Step:
    """The other one found that something does not fit."""
    if link.state not in PENDING:
        return Step()
    told = f"{link.domain} has stopped: what we sent does not fit what it expected. Talk to its operator."
    return Step(_void(link, now), told=told, alarm=Alarm.BROKEN)


def from_domain(control: Control) -> str:
    """Which server says that it wrote this. Raises Unreadable."""
    if control.first("v") != "1":
        raise Unreadable("it is of another version")
    return read_domain(control.first("from"))


def _aborted(us: Us, link: Link, told: str, alarm: Alarm, reason: str, now: datetime) -> Step:
    return Step(_void(link, now), (_mail("peer-abort", us, link.domain, ("reason", reason)),), told, alarm)


def _void(link: Link, now: datetime) -> Link:
    return replace(link, state=State.NONE, changed_at=now, code_token="", said_yes=False, they_said_yes=False)


def _approval(us: Us, link: Link) -> Control:
    unsigned = _mail(
        "peer-approve",
        us,
        link.domain,
        ("t", base64.b64encode(link.transcript or b"").decode()),
        ("nonce", link.our_nonce),
        ("token", link.our_mailbox),
        ("epoch", link.our_epoch),
    )
    return Control((*unsigned.fields, ("k", us.key.id), ("s", us.key.sign(_APPROVE, canonical(unsigned.fields)))))


def _mail(kind: str, us: Us, to: str, *fields: tuple[str, str]) -> Control:
    return Control((("v", "1"), ("type", kind), ("from", us.domain), ("to", to), *fields))


def _commit(card: bytes, nonce: bytes) -> str:
    return base64.b64encode(hashlib.sha256(b"organic-commit\n" + card + nonce).digest()).decode()


def _offer_mac(token: str, card: str, nonce: str, asker_card: str, commit: str) -> str:
    pieces = (card.encode(), base64.b64decode(nonce), asker_card.encode(), commit.encode())
    return mac(token, "M2", *pieces)


def _read_nonce(text: str) -> str:
    try:
        nonce = base64.b64decode(text, validate=True)
    except ValueError:
        raise Unreadable("a nonce is not in base64") from None
    if len(nonce) != 32:
        raise Unreadable("a nonce has 32 bytes")
    return text


def _mailbox_token(text: str) -> str:
    if not (text.isascii() and text.isalnum() and text == text.lower() and 8 <= len(text) <= 32):
        raise Unreadable("a token cannot be read")
    return text
