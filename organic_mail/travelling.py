"""Posts of ours that may leave: made fit for the border, sealed, put into the outboxes (spec/federation.md §2.6)."""

from __future__ import annotations

import asyncio
import base64
import secrets as randomness
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session

from handlers.enclosure import needs_cleaning
from handlers.facts import Host, id_of
from handlers.message import Message, parse
from handlers.peer.border import BorderFacts, Crossing, StaysHome, crossing, space_name_of
from handlers.peer.relay import publish
from handlers.peer.roster import Roster
from handlers.peer.seal import Kind, PostKey, Scope, Seal, minted_id, sealed
from handlers.peer.shape import NO_CONTENTS, contents_of
from organic_mail.cleaning_posts import CleaningPosts, tell_of_post
from organic_mail.departing import own_author, say_it_stays
from organic_mail.problem import Problem
from organic_mail.relaying import own_server, relay_store
from organic_mail.remote_posts import known_roster
from storage import departures, posts, remote, spaces
from storage.copies import Source, source_of
from storage.database import Database
from storage.events import record
from storage.members import addresses_of, names_of_addresses
from storage.models import Post
from storage.models_travel import DepartureState

MOST_A_DAY = 20
"""Posts of one author that leave for a space in 24 hours (spec/federation.md §2.10); the others wait."""
_ID_BYTES = 17  # 26 characters of base32 are made of them


def depart_due(database: Database, host: Host, now: datetime) -> None:
    """Every post that may leave does, one transaction each."""
    for post_id in database.read(departures.due_departures):
        source = database.read(lambda session, post_id=post_id: source_of(session, post_id))  # type: ignore[misc]
        message = _clean_message(database, host, source, now)
        database.write(lambda session, found=source, made=message: _depart(session, host, found, made, now))  # type: ignore[misc]


def remove_everywhere(session: Session, host: Host, post_id: int, now: datetime) -> None:
    """Take a post out of its thread, and back from other servers where it has left. Raises Problem."""
    post = posts.post_by_id(session, post_id)
    if post is not None and posts.remove_post(session, post_id=post_id, now=now):
        take_back(session, host, post, now)


def take_back(session: Session, host: Host, post: Post, now: datetime, *, reason: str = "") -> bool:
    """A post of ours that has left is taken back from all servers of its space. False: it never left.

    Raises Problem where this server has lost its key.
    """
    departure = departures.departure_of(session, id_of(post))
    if departure is None:
        return False
    if departure.state is not DepartureState.GONE:
        departure.state = DepartureState.HOME
        return False
    own, store = own_server(session, host), relay_store(session, host)
    if own is None:
        raise Problem("this server has no key for other servers any more; put HOME/keys/peer.key back")
    first = store.post(PostKey(host.domain, departure.sealed_as, 1))
    if first is None:
        return False
    before = first.seal
    rev = 1 + max(form.key.rev for form in store.forms(before.key))
    key = PostKey(host.domain, departure.sealed_as, rev)
    gone = Seal(
        kind=Kind.RETRACT,
        key=key,
        space=before.space,
        roster=before.roster,
        list_id=before.list_id,
        date=now.replace(microsecond=0),
        author=before.author,
        name=before.name,
        scope=before.scope,
        keep=before.keep,
        address=before.address,
        subject="",
        message_id=minted_id(key),
        in_reply_to=before.message_id,
        contents=NO_CONTENTS,
        reason=reason,
    )
    publish(store, own, sealed(gone, b"\r\n", own.key), now)
    text = f'"{post.subject[:100]}" is taken back from {before.space}.'
    record(session, "relay", text, now=now, list_id=post.list_id, post_id=post.id)
    return True


def _clean_message(database: Database, host: Host, source: Source, now: datetime) -> Message:
    """With photos upright and without their place, as its copies have them."""
    message = parse(source.raw)
    if source.cleaned is None and needs_cleaning(message):
        tell = partial(tell_of_post, host, source)
        cleaning = CleaningPosts(database, lambda: now)
        asyncio.run(cleaning.clean(source.post.content_id, source.raw, tell))
        source = database.read(lambda session: source_of(session, id_of(source.post)))
    return message if source.cleaned is None or source.cleaned.raw is None else parse(source.cleaned.raw)


def _depart(session: Session, host: Host, source: Source, message: Message, now: datetime) -> None:
    post, author = source.post, source.author
    departure = departures.departure_of(session, id_of(post))
    if departure is None or departure.state is not DepartureState.DUE or author is None or post.removed_at is not None:
        return
    space, roster = (
        spaces.space_by_id(session, departure.space),
        known_roster(session, departure.space, departure.serial),
    )
    if space is None or space.left_at is not None or roster is None:
        departure.state = DepartureState.HOME
        return
    since = now - timedelta(days=1)
    waits = departures.departed_since(session, member_id=id_of(author), space=space.id, since=since) >= MOST_A_DAY
    if waits or space.frozen_at is not None:
        return
    try:
        made = crossing(message, _border_facts(session, source, roster))
    except StaysHome as stays:
        departure.state = DepartureState.HOME
        say_it_stays(session, host, post, roster, str(stays.why), now)
        return
    _seal(session, host, source, roster, made, now)


def _border_facts(session: Session, source: Source, roster: Roster) -> BorderFacts:
    author = source.author
    exempt = [each.key for each in addresses_of(session, id_of(author))] if author and author.address_shown else []
    return BorderFacts(
        names=names_of_addresses(session, source.post.list_id),
        exempt=exempt,
        language=author.language if author else "en",
        largest=roster.rules.max_post,
    )


def _seal(
    session: Session,
    host: Host,
    source: Source,
    roster: Roster,
    made: Crossing,
    now: datetime,
) -> None:
    own, post, author = own_server(session, host), source.post, source.author
    if own is None or author is None:
        return
    key = PostKey(host.domain, base64.b32encode(randomness.token_bytes(_ID_BYTES)).decode().lower()[:26], 1)
    seal = Seal(
        kind=Kind.POST,
        key=key,
        space=roster.space,
        roster=roster.serial,
        list_id=f"<{source.mailing_list.name}.{host.domain}>",
        date=min(post.written_at, now).replace(microsecond=0),
        author=own_author(session, id_of(author), roster.space).token,
        name=space_name_of(post.author_name),
        scope=Scope.SPACE,
        keep=roster.rules.keep,
        address=source.shown_address or "hidden",
        subject=made.subject,
        message_id=minted_id(key),
        in_reply_to=_parent_there(session, host, post),
        contents=contents_of(parse(made.content)),
    )
    publish(relay_store(session, host), own, sealed(seal, made.content, own.key), now)
    departures.has_left(session, post_id=id_of(post), sealed_as=key.post, serial=roster.serial)
    text = f'"{post.subject[:100]}" has left for {roster.name}.'
    record(session, "relay", text, now=now, list_id=post.list_id, post_id=post.id, member_id=author.id)


def _parent_there(session: Session, host: Host, post: Post) -> str:
    """How other servers know what the post answers; "" for what they do not know."""
    if not post.in_reply_to:
        return ""
    parent = posts.post_by_message_id(session, list_id=post.list_id, message_id=post.in_reply_to)
    if parent is None:
        return ""
    if remote.remote_post_of(session, id_of(parent)) is not None:
        return parent.message_id
    departure = departures.departure_of(session, id_of(parent))
    return f"<{departure.sealed_as}@{host.domain}>" if departure and departure.sealed_as else ""
