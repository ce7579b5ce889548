"""The mails by which linked servers keep account of their posts: a sentence for people, then a block for machines.

spec/federation.md §2.1, §2.9. Each is signed as a hop of its own, which names the digest of its block.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from handlers import mime
from handlers.header_field import header_field, mailbox_tokens, text_tokens
from handlers.message import MalformedMessage, Message
from handlers.peer.control import Control, Unreadable, canonical, read_block, write_block
from handlers.peer.hop import SignedHop
from handlers.peer.relay_mail import SENDER, VERSION, one_field, read_hop

STATUS = "status"
OFFER = "offer"
WANT = "want"
REPORT = "report"
ACCOUNT_KINDS = frozenset({STATUS, OFFER, WANT})

_SUBJECTS = {
    STATUS: "What has arrived",
    OFFER: "What we have for you",
    WANT: "What we would like to have",
    REPORT: "Please look at a post",
}
_SENTENCES = {
    STATUS: "Two servers of a network of mailing lists write to each other here. This mail says which posts arrived.",
    OFFER: "Two servers of a network of mailing lists write to each other here. This mail says which posts wait.",
    WANT: "Two servers of a network of mailing lists write to each other here. This mail asks for posts.",
    REPORT: "The operator of one server asks the one of another server to look at a post, which is named below.",
}
_NOTHING_TO_DO = "Programs read it. You need not do anything."


@dataclass(frozen=True, slots=True)
class ControlMail:
    control: Control
    hop: SignedHop


def control_digest(control: Control) -> str:
    """What the hop of a control mail names, in base64."""
    return base64.b64encode(hashlib.sha256(canonical(control.fields)).digest()).decode()


def write_control_mail(mail: ControlMail, *, to: str, message_id: str, at: datetime) -> bytes:
    """Complete but for DKIM. `to`: the peer's address; `message_id`: with angle brackets."""
    hop, kind = mail.hop.hop, mail.control.type
    text = f"{_SENTENCES[kind]}\n{_NOTHING_TO_DO}\n\n{write_block(mail.control)}"
    signed = [f"v={VERSION};", f"k={mail.hop.key_id};", f"to={hop.to};", f"epoch={hop.epoch};"]
    fields = [
        header_field("From", mailbox_tokens(hop.sender, f"{SENDER}@{hop.sender}")),
        header_field("To", mailbox_tokens(hop.to, to)),
        header_field("Subject", text_tokens(_SUBJECTS[kind])),
        header_field("Date", [format_datetime(at)]),
        header_field("Message-ID", [message_id]),
        b"Auto-Submitted: auto-generated\r\n",
        header_field("Organic-Version", [VERSION]),
        header_field("Organic-Type", [kind]),
        header_field("Organic-Path", [hop.path]),
        header_field("Organic-Hop", [*signed, f"seq={hop.seq};", f"s={mail.hop.signature}"]),
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    ]
    return b"".join(fields) + base64.encodebytes(text.replace("\n", "\r\n").encode()).replace(b"\n", b"\r\n")


def read_control_mail(message: Message) -> ControlMail:
    """What came, unjudged: no signature is looked at. Raises Unreadable."""
    kind = one_field(message, "organic-type")
    try:
        all_parts = mime.parts(message)
    except MalformedMessage as malformed:
        raise Unreadable(malformed.reason) from None
    if len(all_parts) != 1 or all_parts[0].content_type != "text/plain":
        raise Unreadable("a control mail is one plain text")
    control = read_block(mime.text(message, all_parts[0]))
    if kind not in _SUBJECTS or control.type != kind or one_field(message, "organic-version") != VERSION:
        raise Unreadable("the kind of control mail is not one that we know")
    return ControlMail(control, read_hop(message, what=control_digest(control)))
