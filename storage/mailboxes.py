"""What has been read in the one mailbox, and how far."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlmodel import Session, col, delete, select

from storage.models import Delivery, MailingList, Moment, Post, words
from storage.models_mailbox import Fate, MailboxFolder, MailboxMail, OwnMailbox

OLDEST = timedelta(days=400)
"""Mail that came longer ago is never read, because nobody knows any more whether it was."""

_REMEMBER = text(
    "INSERT INTO mailbox_mail (fingerprint, fate, seen_at) VALUES (:fingerprint, :fate, :now) ON CONFLICT DO NOTHING"
).bindparams(bindparam("now", type_=Moment()), bindparam("fate", type_=words(Fate)))


@dataclass(frozen=True, slots=True)
class SentCopy:
    """One message that went out to one recipient."""

    member_id: int | None
    content_id: int
    created_at: datetime


def fates_of(session: Session, fingerprints: Collection[bytes]) -> dict[bytes, Fate]:
    """What became of those that were read before."""
    query = select(MailboxMail).where(col(MailboxMail.fingerprint).in_(fingerprints))
    return {mail.fingerprint: mail.fate for mail in session.exec(query)}


def remember_mail(session: Session, fingerprint: bytes, fate: Fate, now: datetime) -> None:
    """Never read it again. The first fate stays."""
    session.connection().execute(_REMEMBER, {"fingerprint": fingerprint, "fate": fate, "now": now})


def prune_mails(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Forget at most `limit` mails that were read before a moment. Returns how many: call again while it is > 0."""
    old = select(MailboxMail.fingerprint).where(col(MailboxMail.seen_at) < before).limit(limit)
    return session.exec(delete(MailboxMail).where(col(MailboxMail.fingerprint).in_(old))).rowcount


def folder_place(session: Session, address: str, name: str) -> MailboxFolder | None:
    """How far a folder was read, None when never."""
    return session.get(MailboxFolder, (address, name))


def set_folder_place(session: Session, *, address: str, name: str, uid_validity: int, last_uid: int) -> None:
    session.merge(MailboxFolder(address=address, name=name, uid_validity=uid_validity, last_uid=last_uid))


def takes_plus(session: Session, address: str) -> bool | None:
    """Does mail for NAME+anything@ arrive in this mailbox? None: not known."""
    mailbox = session.get(OwnMailbox, address)
    return mailbox.plus if mailbox else None


def learn_plus(session: Session, address: str) -> None:
    """Mail for NAME+anything@ has arrived."""
    mailbox = session.get(OwnMailbox, address)
    session.merge(OwnMailbox(address=address, plus=True, asked_at=mailbox.asked_at if mailbox else None))


def ask_for_plus(session: Session, address: str, now: datetime) -> bool:
    """True once for each mailbox of which it is not known: a letter shall go out to learn it."""
    mailbox = session.get(OwnMailbox, address)
    if mailbox is not None and (mailbox.plus is not None or mailbox.asked_at is not None):
        return False
    session.merge(OwnMailbox(address=address, asked_at=now))
    return True


def posts_of(session: Session, message_ids: Iterable[str]) -> list[Post]:
    """Posts of any list by the Message-IDs of their copies, in the order of the Message-IDs."""
    wanted = list(message_ids)
    here = select(MailingList.id).where(col(MailingList.removed_at).is_(None))
    query = select(Post).where(
        col(Post.list_id).in_(here), col(Post.message_id).in_(wanted), col(Post.removed_at).is_(None)
    )
    found = session.exec(query)
    return sorted(found, key=lambda post: wanted.index(post.message_id))


def sent_copy(session: Session, *, post_id: int, member_id: int) -> SentCopy | None:
    """The copy of a post that a member got; None when she got none, or it was forgotten."""
    query = select(Delivery.member_id, Delivery.content_id, Delivery.created_at).where(
        Delivery.post_id == post_id, Delivery.member_id == member_id
    )
    row = session.exec(query).first()
    return SentCopy(*row) if row else None


def letters_to(session: Session, addresses: Collection[str], *, since: datetime) -> list[SentCopy]:
    """Letters of our own that went to these addresses, the newest first, at most 100."""
    query = (
        select(Delivery.member_id, Delivery.content_id, Delivery.created_at)
        .where(
            col(Delivery.cause).is_not(None),  # so that their index serves
            col(Delivery.post_id).is_(None),
            col(Delivery.recipient).in_(addresses),
            col(Delivery.created_at) > since,
        )
        .order_by(col(Delivery.id).desc())
        .limit(100)
    )
    return [SentCopy(*row) for row in session.exec(query)]
