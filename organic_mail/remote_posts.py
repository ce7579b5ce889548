"""Posts of other servers for our members: ordinary list mail under an alias of ours (spec/federation.md §2.4)."""

from __future__ import annotations

import base64
import secrets as randomness
from datetime import datetime, timedelta
from email.utils import format_datetime

from sqlmodel import Session

from handlers.ban import is_banned
from handlers.facts import Host, id_of
from handlers.header_field import header_field, mailbox_tokens, name_and_place, text_tokens
from handlers.peer.handshake import State
from handlers.peer.roster import Roster, space_name
from handlers.peer.seal import PostKey, Seal, SealedPost
from handlers.peer.store import Way
from organic_mail.home_elsewhere import hold_back
from organic_mail.known_spaces import known_roster
from organic_mail.remote_held import is_kept_back, take_away_held
from storage import departures, peers, posts, remote, remote_held, repeats, spaces
from storage.bans import patterns_concerning
from storage.contents import store_content
from storage.departures import lists_with_twin
from storage.erasing import empty_posts, note_erasure
from storage.events import record
from storage.models import MailingList, Post
from storage.models_travel import RemoteAuthor
from storage.unused import forget_messages

_ALIAS_BYTES = 5


def deliver(session: Session, host: Host, post: SealedPost, way: Way, now: datetime, *, but: int | None = None) -> None:
    """A post for those of our lists that were in its roster, or a later form of one that they have.

    but: the list that it was written to; those to which the same mail came have it, too.
    """
    seal = post.seal
    roster = known_roster(session, seal.space, seal.roster)
    if roster is None:
        raise LookupError("what is delivered has been judged by its roster")
    ours = {entry.list_id for entry in roster.active(seal.date) if entry.domain == host.domain}
    known = {each.list_id: each for each in posts_of(session, seal.key)}
    have_it = lists_with_twin(session, space=seal.space, twin=seal.twin) | {but}
    for mailing_list in spaces.seats_of(session, seal.space):
        if f"<{mailing_list.name}.{host.domain}>" not in ours or mailing_list.id in have_it:
            continue
        author = author_of_seal(session, seal, now)
        if _is_refused(session, mailing_list, author, host):
            text = f"A post of {seal.name} of {seal.key.origin} was not shared: {mailing_list.name} does not want it."
            record(session, "dropped", text, now=now, list_id=mailing_list.id)
            continue
        parent = parent_here(session, seal.in_reply_to, mailing_list)
        content = _as_mail(post, author, mailing_list, host, parent)
        earlier = known.get(id_of(mailing_list))
        if earlier is None and is_kept_back(session, host, mailing_list, author, post, content, way, now):
            continue
        content_id = store_content(session, content, now)
        if earlier is not None:
            _replace(session, earlier, seal, content_id)
        elif way is not Way.ARCHIVE:
            _publish(session, host, mailing_list, seal, author, content_id, parent, roster, way, now)


def bring(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    author: RemoteAuthor,
    post: SealedPost,
    way: Way,
    now: datetime,
) -> Post | None:
    """What has waited reaches the members of the list as it would have. None where its Message-ID is there already."""
    seal = post.seal
    roster = known_roster(session, seal.space, seal.roster)
    if roster is None:
        raise LookupError("what has waited has been judged by its roster")
    parent = parent_here(session, seal.in_reply_to, mailing_list)
    content_id = store_content(session, _as_mail(post, author, mailing_list, host, parent), now)
    return _publish(session, host, mailing_list, seal, author, content_id, parent, roster, way, now)


def posts_of(session: Session, key: PostKey) -> list[Post]:
    """What we keep of a post of another server."""
    return remote.posts_of_key(session, origin=key.origin, key=key.post)


def take_back(session: Session, key: PostKey, now: datetime) -> None:
    """Its author's server wants it: the post leaves the archive, the letters and the queue.

    So does what came straight from her to a list of ours, when her mail named a list of that server first.
    """
    twins = departures.twins_of(session, key.post, origin=key.origin)
    take_away(session, [*(id_of(post) for post in posts_of(session, key)), *twins], now)
    take_away_held(session, remote_held.held_of_key(session, origin=key.origin, key=key.post), now)


def take_away_all_of(session: Session, space: str, origin: str, now: datetime) -> None:
    """All that we keep of one server's posts in a space: it has left, and wants it."""
    take_away(session, remote.posts_of_server(session, space=space, origin=origin), now)
    take_away_held(session, remote_held.held_of_server(session, space=space, origin=origin), now)


def take_away(session: Session, post_ids: list[int], now: datetime) -> None:
    """Of each its place in the thread stays, so that answers keep theirs."""
    forget_messages(session, empty_posts(session, post_ids, now))
    note_erasure(session, now)


def forget_old_posts(session: Session, now: datetime) -> int:
    """Those whose time is over, as their authors' servers agreed. Returns how many."""
    old = remote.kept_too_long(session, now=now)
    waited = remote_held.held_too_long(session, now=now)
    take_away(session, old, now)
    take_away_held(session, waited, now)
    return len(old) + len(waited)


def author_of_seal(session: Session, seal: Seal, now: datetime) -> RemoteAuthor:
    """Under the alias that she has with us."""
    random = base64.b32encode(randomness.token_bytes(_ALIAS_BYTES)).decode().lower()
    return remote.remote_author(
        session,
        space=seal.space,
        origin=seal.key.origin,
        token=seal.author,
        name=seal.name,
        list_name=seal.list_id.strip("<>").partition(".")[0],
        alias=f"r-{random}",
        now=now,
    )


def _is_refused(session: Session, mailing_list: MailingList, author: RemoteAuthor, host: Host) -> bool:
    """A ban of the alias is one of this author, a ban of *@DOMAIN one of that server. Others still get the post.

    So it is with a server whose link our operator has ended, when its posts come by way of others.
    """
    peer = peers.peer_at(session, author.origin)
    if peer is not None and peer.is_refused and peer.state == State.SEVERED:
        return True
    keys = (f"{author.alias}@{host.domain}", f"{author.alias}@{author.origin}")
    return any(is_banned(key, patterns_concerning(session, key=key, list_id=id_of(mailing_list))) for key in keys)


def _publish(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    seal: Seal,
    author: RemoteAuthor,
    content_id: int,
    parent: str,
    sealed: Roster,
    way: Way,
    now: datetime,
) -> Post | None:
    try:
        post = posts.store_post(
            session,
            list_id=id_of(mailing_list),
            member_id=None,
            author_name=seal.name,
            content_id=content_id,
            message_id=seal.message_id,
            original_message_id="",
            in_reply_to=parent,
            references=(parent,) if parent else (),
            subject=seal.subject,
            written_at=seal.date,
            received_at=now,
            now=now,
        )
    except posts.DuplicateMessageId:
        return None
    remote.note_remote_post(
        session,
        post_id=id_of(post),
        author=author,
        key=seal.key.post,
        rev=seal.key.rev,
        keep_until=seal.date + timedelta(days=seal.keep),
    )
    current = known_roster(session, seal.space) or sealed
    hold_back(session, host, mailing_list, id_of(post), seal, sealed=sealed, current=current, now=now)
    if way is Way.MAY_REPEAT:
        repeats.gather(session, id_of(post), now)
    text = f'{seal.name} of {seal.key.origin} wrote "{seal.subject[:100]}" to everyone in {space_name(seal.space)}.'
    record(session, "posted", text, now=now, list_id=mailing_list.id, post_id=post.id, content_id=content_id)
    return post


def parent_here(session: Session, message_id: str, mailing_list: MailingList) -> str:
    """How our members' copies name what a post of the space answers; "" where it answers nothing."""
    local, _, origin = message_id.strip("<>").rpartition("@")
    for post_id in departures.posts_sealed_as(session, local.partition(".")[0], origin=origin):
        own = posts.post_by_id(session, post_id)
        if own is not None and own.list_id == mailing_list.id:
            return own.message_id
    return message_id


def _replace(session: Session, earlier: Post, seal: Seal, content_id: int) -> None:
    """Nobody gets mail of that; who reads it later reads the new form."""
    before = earlier.content_id
    remote.replace_post(session, post_id=id_of(earlier), content_id=content_id, subject=seal.subject, rev=seal.key.rev)
    forget_messages(session, {before})


def _as_mail(post: SealedPost, author: RemoteAuthor, mailing_list: MailingList, host: Host, parent: str) -> bytes:
    """The post as our archive has it: what its members' copies are made from."""
    seal = post.seal
    sender = mailbox_tokens(
        name_and_place(author.name, f"{author.list_name}, {author.origin}"), f"{author.alias}@{host.domain}"
    )
    answers = [header_field("In-Reply-To", [parent])] if parent else []
    fields = [
        header_field("From", sender),
        header_field("To", [f"<{mailing_list.name}-{space_name(seal.space)}@{host.domain}>"]),
        header_field("Subject", text_tokens(seal.subject)),
        header_field("Date", [format_datetime(seal.date)]),
        header_field("Message-ID", [seal.message_id]),
        *answers,
    ]
    return b"".join(fields) + post.content
