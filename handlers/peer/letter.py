"""The mails of handshakes and spaces: what a person who opens one reads, then the block that the server reads.

spec/federation.md §2.1: everything that servers write to each other is ordinary mail, and says what it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from handlers import mime
from handlers.message import MalformedMessage, Message
from handlers.peer.control import Control, Unreadable, read_block, write_block
from handlers.peer.hop import SignedHop
from handlers.peer.relay_mail import SENDER, VERSION

HANDSHAKE = frozenset({"peer-request", "peer-offer", "peer-reveal", "peer-approve", "peer-abort"})
"""They come to organic-peer@, from servers that may be strangers; everything else comes over a link."""
PEER_MAILBOX = "organic-peer"

_MACHINES = "The two servers read the lines below. You need not do anything with this mail."
_WORDS = {
    "peer-request": (
        "{us} asks {them} to exchange mail",
        "The mail server of {us} would like to exchange the mail of lists with {them}. "
        "Nothing is exchanged before the operators of both have said yes.",
    ),
    "peer-offer": (
        "{us} shows its card to {them}",
        "The mail server of {us} answers, and says by which key it is known.",
    ),
    "peer-reveal": ("{us} goes on", "The mail server of {us} shows what it had bound itself to before."),
    "peer-approve": (
        "{us} says yes to {them}",
        "The operator of {us} agrees to exchange the mail of lists with {them}.",
    ),
    "peer-abort": (
        "{us} has stopped",
        "What {us} got from {them} does not fit what it expected, so nothing was agreed. The operators should talk.",
    ),
    "sever": ("{us} ends its link with {them}", "The operator of {us} has ended the exchange of mail with {them}."),
    "rotate": ("{us} has a new key", "The mail server of {us} signs with another key from now on."),
    "roster": ("Who is in {space}", "This is the list of all who are in {space} now, signed by its steward."),
    "space-invite": (
        "{us} asks a list of {them} into {space}",
        "The owner of a list at {them} is asked to join {space}. Below stands who is in, and by which rules.",
    ),
    "space-accept": ("{us} joins {space}", "The owner of a list at {us} has said yes to {space}."),
    "leave": ("A server leaves {space}", "A server has left {space}. From now on no post goes there."),
    "roster-want": ("{us} asks who is in {space}", "The mail server of {us} lacks a part of the list of who is in."),
}


@dataclass(frozen=True, slots=True)
class PeerLetter:
    """hop: over a link; None in a handshake."""

    control: Control
    us: str  # domain
    them: str
    to: str  # address
    hop: SignedHop | None = None


def write_letter(letter: PeerLetter, *, message_id: str, now: datetime) -> bytes:
    """Complete but for DKIM, with lines that end in CRLF."""
    control, hop = letter.control, letter.hop
    words = {"us": letter.us, "them": letter.them, "space": control.get("title") or control.get("space") or ""}
    subject, sentence = (text.format_map(words) for text in _WORDS[control.type])
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{PEER_MAILBOX if hop is None else SENDER}@{letter.us}"
    message["To"] = letter.to
    message["Subject"] = subject
    message["Date"] = now
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    message["Organic-Version"] = VERSION
    message["Organic-Type"] = control.type
    if hop is not None:
        message["Organic-Path"] = hop.hop.path
        values = {"v": VERSION, "k": hop.key_id, "to": hop.hop.to, "epoch": hop.hop.epoch, "seq": hop.hop.seq}
        message["Organic-Hop"] = "; ".join(f"{name}={value}" for name, value in {**values, "s": hop.signature}.items())
    message.set_content(f"{sentence}\n\n{_MACHINES}\n\n{write_block(control)}", cte="quoted-printable")
    return message.as_bytes()


def read_letter(message: Message) -> Control:
    """The block of a mail from another server, unjudged. Raises Unreadable."""
    try:
        all_parts = mime.parts(message)
    except MalformedMessage as malformed:
        raise Unreadable(malformed.reason) from None
    if len(all_parts) != 1 or all_parts[0].content_type != "text/plain":
        raise Unreadable("a control mail is one plain text")
    control = read_block(mime.text(message, all_parts[0]))
    if control.first("v") != VERSION or control.type not in _WORDS:
        raise Unreadable("it is of a kind that we do not know")
    return control
