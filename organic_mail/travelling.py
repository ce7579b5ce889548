"""Posts of ours that may leave: made fit for the border, sealed, put into the outboxes (spec/federation.md §2.6)."""

from __future__ import annotations

import asyncio
import re
import secrets as randomness
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlmodel import Session

from handlers.enclosure import needs_cleaning
from handlers.facts import Host, id_of
from handlers.message import Message, parse
from handlers.peer.border import BorderFacts, Crossing, StaysHome, Why, crossing, space_name_of
from handlers.peer.compose import HIDDEN, NAME_BYTES, Departing, post_name, seal_edit, seal_post, seal_retraction
from handlers.peer.direct import direct_mail, out_of_reach
from handlers.peer.limits import POSTS_OF_AUTHOR
from handlers.peer.relay import publish
from handlers.peer.roster import Roster
from handlers.peer.seal import PostKey, Seal
from handlers.peer.store import Way
from handlers.post import shown_name
from organic_mail.cleaning import Cleaned
from organic_mail.cleaning_posts import CleaningPosts, Tell, tell_of_post
from organic_mail.departing import own_author, say_it_stays, say_it_waits
from organic_mail.known_spaces import known_roster
from organic_mail.problem import Problem
from organic_mail.relay_store import SqlRelayStore
from organic_mail.relaying import own_server, relay_store, send_direct
from organic_mail.remote_mail import tell_lost
from organic_mail.remote_posts import deliver
from storage import departures, posts, remote, spaces
from storage.cleaned import cleaned_of
from storage.contents import read_content
from storage.copies import Source, source_of
from storage.database import Database
from storage.events import record
from storage.lists import list_by_id
from storage.members import addresses_of, member_by_id, names_of_addresses
from storage.models import Post
from storage.models_travel import Departure, DepartureState, RemoteLetter
from storage.trouble import StorageTrouble

_MINTED = re.compile(r"<[a-z2-7]{26}(?:\.[0-9]{1,5})?@[a-z0-9.-]+>")
"""Message-IDs of the space itself: others may name somebody's own domain."""
MOST_A_DAY = POSTS_OF_AUTHOR
"""Posts of one author that leave for a space in 24 hours; the others wait."""

log = structlog.get_logger()


def depart_due(database: Database, host: Host, now: datetime) -> None:
    """Every post that may leave does, and every new form of one that has left, one transaction each.

    One that we fail at stays at home.
    """
    for due, let_go in ((departures.due_departures, _let_leave), (departures.due_changes, _let_follow)):
        for post_id in database.read(due):
            try:
                let_go(database, host, post_id, now)
            except StorageTrouble:
                raise
            except Exception:
                log.exception("a post cannot leave", post=post_id)
                database.write(lambda session, failed=post_id: _keep_home(session, host, failed, now))  # type: ignore[misc]


def _let_leave(database: Database, host: Host, post_id: int, now: datetime) -> None:
    if database.write(lambda session: _waits(session, host, post_id, now)):
        return
    source = database.read(lambda session: source_of(session, post_id))
    message = _clean_message(database, source.post.content_id, partial(tell_of_post, host, source), now)
    database.write(lambda session: _depart(session, host, source, message, now))


def _let_follow(database: Database, host: Host, post_id: int, now: datetime) -> None:
    """A new form goes where the post has gone, and there only."""
    if database.read(lambda session: _is_frozen(session, post_id)):
        return
    source = database.read(lambda session: source_of(session, post_id))
    message = _clean_message(database, source.post.content_id, partial(tell_of_post, host, source), now)
    database.write(lambda session: _follow(session, host, source, message, now))


def _keep_home(session: Session, host: Host, post_id: int, now: datetime) -> None:
    """Its newest form: one that has left before is still there."""
    departure, post = departures.departure_of(session, post_id), posts.post_by_id(session, post_id)
    if departure is None or post is None:
        return
    if departure.changed_at is None:
        departure.state = DepartureState.HOME
    departure.changed_at = None
    roster = known_roster(session, departure.space)
    if roster is not None:
        say_it_stays(session, host, post, roster, str(Why.UNREADABLE), now)


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
    if departure.state in (DepartureState.ASKING, DepartureState.DUE):
        departure.state = DepartureState.HOME
    if departure.state is not DepartureState.GONE:
        return False
    departure.changed_at = None
    own, store = own_server(session, host), relay_store(session, host)
    if own is None:
        raise Problem("this server has no key for other servers any more; put HOME/keys/peer.key back")
    latest = _latest_seal(store, host, departure)
    if latest is None:
        return False
    gone = seal_retraction(own, latest, date=now, reason=reason)
    away = out_of_reach(store, own, gone.seal, latest, now)
    publish(store, own, gone, now)
    for entry in away:
        send_direct(session, direct_mail(own, gone, entry, randomness.randbits(128) | 1), now)
    text = f'"{post.subject[:100]}" is taken back from {latest.space}.'
    record(session, "relay", text, now=now, list_id=post.list_id, post_id=post.id)
    return True


def _latest_seal(store: SqlRelayStore, host: Host, departure: Departure) -> Seal | None:
    """Of the post as other servers have it."""
    first = PostKey(host.domain, departure.sealed_as, 1)
    forms = [store.post(form.key) for form in store.forms(first)]
    return max((form.seal for form in forms if form), key=lambda seal: seal.key.rev, default=None)


def send_letters(database: Database, host: Host, now: datetime) -> None:
    """Every private mail to somebody of another server leaves, straight for that one."""
    for letter in database.read(remote.waiting_letters):
        try:
            message = _clean_message(database, letter.content_id, _tell_nobody, now)
        except StorageTrouble:
            raise
        except Exception:
            log.exception("the photos of a private mail cannot be cleaned", letter=letter.id)
            message = None
        database.write(lambda session, found=letter, made=message: _send_letter(session, host, found, made, now))  # type: ignore[misc]


def _clean_message(database: Database, content_id: int, tell: Tell, now: datetime) -> Message:
    """With photos upright and without their place, as copies have them."""
    raw = database.read(lambda session: read_content(session, content_id))
    message, made = parse(raw), database.read(lambda session: cleaned_of(session, content_id))
    if made is None and needs_cleaning(message):
        asyncio.run(CleaningPosts(database, lambda: now).clean(content_id, raw, tell))
        made = database.read(lambda session: cleaned_of(session, content_id))
    return message if made is None or made.raw is None else parse(made.raw)


def _tell_nobody(session: Session, made: Cleaned, now: datetime) -> None:
    """What stayed behind of a private mail is named in the mail itself."""


def _send_letter(session: Session, host: Host, letter: RemoteLetter, clean: Message | None, now: datetime) -> None:
    """clean: None where it could not be made fit; its writer is told then."""
    own, writer = own_server(session, host), member_by_id(session, letter.writer_id)
    reader, mailing_list = remote.remote_author_of(session, letter.alias), list_by_id(session, letter.list_id)
    remote.letter_left(session, letter.id or 0, now)
    roster = known_roster(session, reader.space) if reader else None
    entry = roster.server(reader.origin) if roster and reader else None
    if writer is None or reader is None or mailing_list is None:
        return
    message = clean or parse(read_content(session, letter.content_id))
    if own is None or roster is None or entry is None or clean is None:
        tell_lost(session, host, letter, writer, reader.name, mailing_list, message, now)
        return
    facts = BorderFacts(names_of_addresses(session, letter.list_id), language=writer.language)
    try:
        made = crossing(message, facts)
    except StaysHome:
        tell_lost(session, host, letter, writer, reader.name, mailing_list, message, now)
        return
    leaving = Departing(
        space=roster.space,
        roster=roster.serial,
        list_id=f"<{mailing_list.name}.{host.domain}>",
        date=now,
        author=own_author(session, letter.writer_id, roster.space).token,
        name=space_name_of(shown_name(writer, None)),
        keep=roster.rules.keep,
        in_reply_to=next((each for each in message.in_reply_to if _MINTED.fullmatch(each)), ""),
    )
    name = post_name(randomness.token_bytes(NAME_BYTES))
    post = seal_post(own, leaving, made, name, to_author=reader.token)
    send_direct(session, direct_mail(own, post, entry, randomness.randbits(128) | 1), now)


def _waits(session: Session, host: Host, post_id: int, now: datetime) -> bool:
    """In a frozen space nothing leaves. Who has let many go today is told that the rest waits."""
    post, departure = posts.post_by_id(session, post_id), departures.departure_of(session, post_id)
    space = spaces.space_by_id(session, departure.space) if departure else None
    if post is None or post.member_id is None or space is None or space.left_at is not None:
        return False
    if space.frozen_at is not None:
        return True
    since = now - timedelta(days=1)
    left = departures.departed_since(session, member_id=post.member_id, space=space.id, since=since)
    if left >= MOST_A_DAY:
        say_it_waits(session, host, post, space.id, MOST_A_DAY, now)
    return left >= MOST_A_DAY


def _depart(session: Session, host: Host, source: Source, message: Message, now: datetime) -> None:
    post, author = source.post, source.author
    departure = departures.departure_of(session, id_of(post))
    if departure is None or departure.state is not DepartureState.DUE:
        return
    if author is None or post.removed_at is not None:
        departure.state = DepartureState.HOME
        return
    space, roster = (
        spaces.space_by_id(session, departure.space),
        known_roster(session, departure.space, departure.serial),
    )
    if space is None or space.left_at is not None or roster is None:
        departure.state = DepartureState.HOME
        return
    try:
        made = crossing(message, _border_facts(session, source, roster))
    except StaysHome as stays:
        departure.state = DepartureState.HOME
        say_it_stays(session, host, post, roster, str(stays.why), now)
        return
    _seal(session, host, source, departure, roster, made, now)


def _is_frozen(session: Session, post_id: int) -> bool:
    departure = departures.departure_of(session, post_id)
    space = spaces.space_by_id(session, departure.space) if departure else None
    return space is not None and space.frozen_at is not None


def _follow(session: Session, host: Host, source: Source, message: Message, now: datetime) -> None:
    """Under the roster of the post, so that nobody reads it who has not read that. Nobody gets mail of it."""
    post, departure = source.post, departures.departure_of(session, id_of(source.post))
    now_there = posts.post_by_id(session, id_of(post))
    if departure is None or departure.changed_at is None or now_there is None:
        return
    if now_there.content_id != post.content_id:  # it was changed once more meanwhile
        return
    departure.changed_at = None
    own, store = own_server(session, host), relay_store(session, host)
    space = spaces.space_by_id(session, departure.space)
    roster = known_roster(session, departure.space, departure.serial)
    before = _latest_seal(store, host, departure)
    if own is None or space is None or space.left_at is not None or roster is None or before is None:
        return
    if now_there.removed_at is not None:
        return
    try:
        made = crossing(message, _border_facts(session, source, roster))
    except StaysHome as stays:
        say_it_stays(session, host, post, roster, str(stays.why), now, form=post.content_id)
        return
    changed = seal_edit(own, before, made, date=now)
    publish(store, own, changed, now)
    deliver(session, host, changed, Way.ARCHIVE, now, but=post.list_id)
    text = f'The new words of "{post.subject[:100]}" have left for {roster.name}.'
    record(session, "relay", text, now=now, list_id=post.list_id, post_id=post.id, member_id=post.member_id)


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
    departure: Departure,
    roster: Roster,
    made: Crossing,
    now: datetime,
) -> None:
    own, post, author = own_server(session, host), source.post, source.author
    if own is None or author is None:
        return
    leaving = Departing(
        space=roster.space,
        roster=roster.serial,
        list_id=f"<{source.mailing_list.name}.{host.domain}>",
        date=min(post.written_at, now),
        author=own_author(session, id_of(author), roster.space).token,
        name=space_name_of(post.author_name),
        keep=roster.rules.keep,
        address=source.shown_address or HIDDEN,
        in_reply_to=_parent_there(session, post),
        twin=departure.twin,
    )
    leaves = seal_post(own, leaving, made, post_name(randomness.token_bytes(NAME_BYTES)))
    publish(relay_store(session, host), own, leaves, now)
    deliver(session, host, leaves, Way.EACH, now, but=post.list_id)
    departures.has_left(session, post_id=id_of(post), sealed_as=leaves.key.post, serial=roster.serial, now=now)
    text = f'"{post.subject[:100]}" has left for {roster.name}.'
    record(session, "relay", text, now=now, list_id=post.list_id, post_id=post.id, member_id=author.id)


def _parent_there(session: Session, post: Post) -> str:
    """How other servers know what the post answers; "" for what they do not know."""
    if not post.in_reply_to:
        return ""
    parent = posts.post_by_message_id(session, list_id=post.list_id, message_id=post.in_reply_to)
    if parent is None:
        return ""
    if remote.remote_post_of(session, id_of(parent)) is not None:
        return parent.message_id
    departure = departures.departure_of(session, id_of(parent))
    return f"<{departure.sealed_as}@{departure.origin}>" if departure and departure.sealed_as else ""
