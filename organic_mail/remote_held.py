"""Posts of other servers that the people of a list read first (spec/federation.md §2.6, §2.10).

They are passed on to other servers all the same: to relay is not to endorse. Whatever is decided here stays here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.message import parse
from handlers.peer.relay_mail import read_post_mail
from handlers.peer.roster import space_name
from handlers.peer.seal import SealedPost
from handlers.peer.store import Way
from organic_mail.asking_people import ask_people
from organic_mail.relay_store import kept_form
from storage import held, remote_held
from storage.contents import read_content, store_content
from storage.erasing import note_erasure
from storage.events import record
from storage.models import HeldPost, HeldState, MailingList
from storage.models_remote import HeldRemote, RemotePosts
from storage.models_travel import RemoteAuthor
from storage.unused import forget_messages

MOST_ASKED_ABOUT = 20
"""Posts of one server that wait on a list, each with a letter of its own to those who decide; then one an hour."""
ALL_READ = "What comes from other servers is read before it goes out."


def is_kept_back(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    author: RemoteAuthor,
    post: SealedPost,
    content: bytes,
    way: Way,
    now: datetime,
) -> bool:
    """Does it wait for a decision, or was it kept back by one? Then nobody gets it, nor finds it in the archive.

    content: the post as our archive would have it. A later form takes the place of one that waits.
    """
    found = remote_held.held_form(session, list_id=id_of(mailing_list), origin=post.key.origin, key=post.key.post)
    if found is not None:
        waiting, form = found
        if waiting.state is HeldState.WAITING and post.key.rev > form.rev:
            _replace(session, waiting, form, post, content, now)
        return True
    reason = _why(session, mailing_list, author)
    if way is Way.ARCHIVE or not reason:
        return False
    _hold(session, host, mailing_list, author, post, content, way, reason, now)
    return True


def let_out(session: Session, waiting: HeldPost, form: HeldRemote, now: datetime) -> tuple[SealedPost, Way]:
    """Somebody has said yes: the post, and how it would have reached the members."""
    remote_held.trust(session, list_id=waiting.list_id or 0, alias=form.alias, always=False, now=now)
    return read_post_mail(parse(read_content(session, form.sealed_content_id))).post, Way(form.way)


def trust_always(session: Session, waiting: HeldPost, form: HeldRemote, now: datetime) -> None:
    """Nobody need be asked about this author again."""
    remote_held.trust(session, list_id=waiting.list_id or 0, alias=form.alias, always=True, now=now)
    text = f"What {waiting.author} writes goes out unread from now on."
    record(session, "decided", text, now=now, list_id=waiting.list_id)


def take_away_held(session: Session, held_ids: Collection[int], now: datetime) -> None:
    """Its author, her server or its time wants it: it waits no longer, and its words go."""
    if held_ids:
        forget_messages(session, remote_held.empty_held(session, held_ids, now))
        note_erasure(session, now)


def _why(session: Session, mailing_list: MailingList, author: RemoteAuthor) -> str:
    """ "" where it may go out."""
    list_id = id_of(mailing_list)
    rule = remote_held.rule_of(session, list_id)
    if rule is RemotePosts.ACCEPT or remote_held.is_trusted(session, list_id=list_id, alias=author.alias):
        return ""
    if rule is RemotePosts.HELD:
        return ALL_READ
    if remote_held.has_posted(session, list_id=list_id, alias=author.alias):
        return ""
    return f"It is the first email that {_shown(author)} writes here."


def _hold(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    author: RemoteAuthor,
    post: SealedPost,
    content: bytes,
    way: Way,
    reason: str,
    now: datetime,
) -> None:
    seal = post.seal
    many = remote_held.waiting_of_server(session, list_id=id_of(mailing_list), origin=author.origin) >= MOST_ASKED_ABOUT
    waiting = held.hold(
        session,
        list_id=id_of(mailing_list),
        content_id=store_content(session, content, now),
        member_id=None,
        envelope_sender="",
        recipient=f"{mailing_list.name}-{space_name(seal.space)}@{host.domain}",
        author=_shown(author),
        subject=seal.subject,
        reason=reason,
        now=now,
    )
    remote_held.note_held(
        session,
        held_id=id_of(waiting),
        author=author,
        key=seal.key.post,
        rev=seal.key.rev,
        way=way,
        sealed_content_id=store_content(session, kept_form(post), now),
        keep_until=seal.date + timedelta(days=seal.keep),
    )
    ask_people(session, host, waiting, now, once=f"remote:{author.origin}:{now:%Y-%m-%dT%H}" if many else "")
    text = f"A post of {waiting.author} to {waiting.recipient} waits for a decision. {reason}"
    record(session, "held", text, now=now, list_id=waiting.list_id)


def _replace(
    session: Session, waiting: HeldPost, form: HeldRemote, post: SealedPost, content: bytes, now: datetime
) -> None:
    before = remote_held.replace_held(
        session,
        waiting,
        form,
        content_id=store_content(session, content, now),
        sealed_content_id=store_content(session, kept_form(post), now),
        subject=post.seal.subject,
        rev=post.key.rev,
    )
    forget_messages(session, before)


def _shown(author: RemoteAuthor) -> str:
    """As readers see her; her address is known to her own server alone."""
    return f"{author.name} ({author.list_name}, {author.origin})"
