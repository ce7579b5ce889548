"""Mail that we write ourselves: short letters with one wanted answer (spec/people.md §3.6).

The words stand once, in templates/notices/KIND.txt; handlers/template.py tells how to write one. The HTML part shows
the same paragraphs in large type; a paragraph of one word is the word to answer with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from enum import StrEnum

from handlers.address import Mailbox
from handlers.facts import Host
from handlers.template import Text, Value, one_line, templates, text_of
from storage.models import MailingList

_LONGEST_QUOTE = 4000


class NoticeKind(StrEnum):
    INVITATION = "invitation"
    WELCOME = "welcome"
    BACK = "back"
    GOODBYE = "goodbye"
    WAITING = "waiting"  # to the author of what is held
    ASKED = "asked"  # to the people who decide about it
    NOT_SHARED = "not_shared"
    PASSED_ON = "passed_on"  # to a member whose words at the address for help a person reads
    NOT_SURE = "not_sure"  # to a member who wrote there what is nearly a command: which one did she mean?
    TOO_BIG = "too_big"  # to the author of a post: not all that it came with went out
    DID_YOU_WRITE = "did_you_write"  # to a member in whose name something came
    DO_YOU_LEAVE = "do_you_leave"  # the same when it asks to take her off the list
    ALSO_YOU = "also_you"  # to a member whose copy was answered from an unknown address
    CONFIRM_JOINING = "confirm_joining"
    IS_MEMBER = "is_member"  # to a member who asked to join
    NOT_JOINED = "not_joined"
    UNREACHED = "unreached"  # to a member, at another address than the one that failed
    CAME_BACK = "came_back"  # the same to the people who run the list
    STILL_THERE = "still_there"  # to an address that failed: is it alive again?
    MARKED_AS_SPAM = "marked_as_spam"  # to a member whose mail program complained
    COMPLAINED = "complained"  # the same to the people who run the list
    PRIVATE_LOST = "private_lost"  # to the writer of private mail that did not arrive
    BLOCKED = "blocked"  # to a member who wants no private mail from another
    UNBLOCKED = "unblocked"
    MANY_BACK = "many_back"  # to the operator
    REFUSED = "refused"  # to the operator
    PAUSED = "paused"  # to a member who wants no mail for now
    CHANGED = "changed"  # to a member who wants her mail at another pace
    DIRECTORY = "directory"  # to a member who asks who is on the list
    LISTED = "listed"  # to a member who said how she wants to stand there
    HELP = "help"
    HELP_STRANGER = "help_stranger"  # to who is no member
    RULES = "rules"
    YOUR_DATA = "your_data"
    FORGET = "forget"  # to a member who wants to be forgotten: does she?
    CONFIRM_MOVING = "confirm_moving"  # to an address that shall become a member's
    MOVED = "moved"  # to the one that she had before
    WHO_CAME = "who_came"  # to the owners: somebody joined or left
    DAILY_NOTE = "daily_note"  # to the owners of a list, or the operator: what was not shared
    TAKEN_BACK = "taken_back"  # to an author who took her email back
    REPLACED = "replaced"  # to an author who put other words into hers
    UNCHANGED = "unchanged"  # to who wanted one of the two, and we did not do it
    MAY_TRAVEL = "may_travel"  # to an author: may her post leave for a space?
    STAYED_HOME = "stayed_home"  # to an author whose post did not
    SHARING = "sharing"  # to a member who says whether her posts may leave
    HOME_AWAY = "home_away"  # to a member: the server that is her home for a space brings nothing any more
    SPACE_JOINS = "space_joins"  # to members: a list of another server joins a space
    SPACE_NEW = "space_new"  # to members: their own list does
    SPACE_ASKED = "space_asked"  # to owners: shall it?
    PEER_ASKS = "peer_asks"  # to the operator: another server wants to exchange mail
    PEER_NEWS = "peer_news"  # to the operator: something about another server
    REPORTED = "reported"  # to the operator: another server asks her to look at a post of ours
    PROBE = "probe"  # from our one mailbox to itself


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that goes with a letter."""

    name: str
    content_type: str  # "application/zip"
    content: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """One letter of ours. `values`: what its template names; every text in it may come from a stranger."""

    kind: NoticeKind
    recipient: Mailbox
    language: str  # of the recipient (BCP 47); where we lack words in it, English
    mailing_list: MailingList | None
    reply_to: str  # where an answer goes, at our domain
    in_reply_to: str = ""  # the message that made us write, "" when no mail did
    values: Mapping[str, Value] = field(default_factory=dict)
    quoted: str = ""  # what somebody wrote, shown below our words
    below: str = ""  # what we have to show there: whole, with its lines
    enclosed: Enclosed | None = None


def notice(letter: Notice, host: Host, *, message_id: str, now: datetime) -> bytes:
    """The complete message, unsigned, with lines that end in CRLF."""
    sender = _sender(letter.mailing_list, host)
    words = _words(letter, host)
    reply_to = host.written_to(letter.reply_to.partition("@")[0])
    addresses = (sender.address, letter.recipient.address, reply_to)
    message = EmailMessage(policy=SMTP if all(address.isascii() for address in addresses) else SMTPUTF8)
    message["From"] = _address(sender)
    message["To"] = _address(letter.recipient)
    message["Reply-To"] = _address(Mailbox("", reply_to))
    message["Subject"] = words.heading
    message["Date"] = now
    message["Message-ID"] = message_id
    if letter.in_reply_to:
        message["In-Reply-To"] = letter.in_reply_to
        message["References"] = letter.in_reply_to
    message["Auto-Submitted"] = "auto-replied" if letter.in_reply_to else "auto-generated"  # RFC 3834 §5
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"  # [MS-OXCMAIL] §2.1.3.2.20: bounces may come
    quoted = _quotable(letter.quoted, _LONGEST_QUOTE) or _quotable(letter.below, len(letter.below))
    page = templates().get_template("notice.html").render(text=words, quoted=quoted)
    paragraphs = (*words.paragraphs, quoted) if quoted else words.paragraphs
    message.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    mark = hashlib.sha256(message_id.encode()).hexdigest()[:32]
    message.set_boundary(f"=_{mark}")
    if letter.enclosed:
        main_type, _, sub_type = letter.enclosed.content_type.partition("/")
        message.add_attachment(
            letter.enclosed.content, maintype=main_type, subtype=sub_type, filename=letter.enclosed.name
        )
        message.set_boundary(f"=_outer_{mark}")
    message["Content-Language"] = words.language  # RFC 3282 §2
    return message.as_bytes()


def _quotable(text: str, most: int) -> str:
    """Its lines without control characters, and not too many of them."""
    lines = ("".join(letter for letter in line if letter.isprintable()) for line in text[:most].splitlines())
    return "\n".join(lines).strip() + ("\n…" if len(text) > most else "")


def _sender(mailing_list: MailingList | None, host: Host) -> Mailbox:
    if mailing_list is None:
        return Mailbox(host.name, host.sent_from("organic"))
    return Mailbox(mailing_list.title, host.sent_from(mailing_list.name))


def _address(mailbox: Mailbox) -> Address:
    local, _, domain = mailbox.address.rpartition("@")
    return Address(display_name=one_line(mailbox.name), username=local, domain=domain)


def _words(letter: Notice, host: Host) -> Text:
    mailing_list = letter.mailing_list
    known: dict[str, Value] = {
        "name": letter.recipient.name,
        "title": mailing_list.title if mailing_list else host.name,
        "owner": host.shown(letter.reply_to.partition("@")[0], letter.language),
    }
    if mailing_list:
        known["address"] = host.written_to(mailing_list.name)
        for role in ("owner", "leave", "help", "join"):
            known[role] = host.shown(f"{mailing_list.name}-{role}", letter.language)
    known |= letter.values
    return text_of(f"notices/{letter.kind}", letter.language, known)
