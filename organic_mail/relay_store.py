"""What relaying has to remember, in SQL: the records of handlers.peer.store from rows, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from pydantic import TypeAdapter
from sqlmodel import Session

from handlers.message import parse
from handlers.peer.control import read_canonical
from handlers.peer.handshake import State
from handlers.peer.hop import Hop, SignedHop
from handlers.peer.keys import key_id
from handlers.peer.limits import DAY, allowance_of
from handlers.peer.ranges import Ranges
from handlers.peer.relay_mail import PostMail, read_post_mail, write_post_mail
from handlers.peer.roster import Roster, read_roster
from handlers.peer.seal import Kind, PostKey, Seal, SealedPost
from handlers.peer.store import KnownKey, Link, LinkState, Offered, OutboxRow, RowState, Seen, Way
from storage import departures, peer_reports, peers, relays, spaces
from storage.contents import read_content, store_content
from storage.models_peers import Peer, PeerKey
from storage.models_relay import OfferedEntry, OutboxEntry, Relayed
from storage.shunts import set_aside
from storage.unused import forget_messages

_LINKED = (State.ACTIVE, State.SUSPENDED)
_ACCOUNT = TypeAdapter(Link)
_MOST_PUT_OFF = 10
"""Mails that a peer's mail server wants later; then it gets no others before."""
Deliver = Callable[[SealedPost, Way, datetime], None]
DeliverPrivate = Callable[[SealedPost, datetime], None]
TakeAway = Callable[[PostKey, datetime], None]


class SqlRelayStore:
    """A handlers.peer.direct.DirectStore within one transaction.

    `deliver` and `take_away` are what a post means for members and the archive (organic_mail.remote_posts),
    `deliver_private` what it means for one of them (organic_mail.remote_mail).
    """

    def __init__(
        self, session: Session, *, deliver: Deliver, take_away: TakeAway, deliver_private: DeliverPrivate
    ) -> None:
        self._session = session
        self.deliver_private = deliver_private
        self._deliver = deliver
        self._take_away = take_away

    def link(self, peer: str) -> Link | None:
        return link_with(self._session, peer)

    def link_of_token(self, token: str) -> Link | None:
        row = peers.peer_of_mailbox(self._session, token)
        return _link_of(self._session, row) if row is not None and row.state in _LINKED else None

    def links(self) -> Sequence[Link]:
        return [_link_of(self._session, row) for row in peers.all_peers(self._session) if row.state in _LINKED]

    def due_links(self, now: datetime) -> Sequence[Link]:
        active = [link for link in self.links() if link.state is not LinkState.SUSPENDED]
        due = [link for link in active if link.due_at is not None and link.due_at <= now]
        return [link for link in due if relays.count_put_off(self._session, link.address) < _MOST_PUT_OFF]

    def save_link(self, link: Link) -> None:
        save_link(self._session, link)

    def roster(self, space: str, serial: int | None = None) -> Roster | None:
        found = spaces.space_by_id(self._session, space)
        if found is None:
            return None
        block = spaces.roster_block(self._session, space, found.serial if serial is None else serial)
        return read_roster(read_canonical(block)) if block else None

    def spaces(self) -> Sequence[str]:
        return [space.id for space in spaces.all_spaces(self._session) if space.left_at is None]

    def has_left(self, space: str, domain: str) -> bool:
        leave = next((each for each in spaces.leaves_of(self._session, space) if each.domain == domain), None)
        roster = self.roster(space) if leave else None
        entry = roster.server(domain) if roster else None
        if leave is None or entry is None:
            return False
        return not (isinstance(entry.since, int) and entry.since > leave.serial)  # else it has come back since

    def rotated_keys(self, domain: str) -> Sequence[KnownKey]:
        keys = peers.peer_keys(self._session, domain)
        return [_known(key) for key in keys] if len(keys) > 1 else ()

    def seen(self, key: PostKey) -> Seen | None:
        row = relays.relayed(self._session, key.origin, key.post, key.rev)
        return _seen(row) if row else None

    def forms(self, key: PostKey) -> Sequence[Seen]:
        return [_seen(row) for row in relays.forms_of(self._session, key.origin, key.post)]

    def remember(self, seen: Seen, post: SealedPost | None) -> None:
        content_id = store_content(self._session, kept_form(post), seen.first_at) if post is not None else None
        if post is not None and post.seal.twin:
            departures.twin_has_left(
                self._session, space=seen.space, twin=post.seal.twin, origin=seen.key.origin, sealed_as=seen.key.post
            )
        relays.remember_relayed(
            self._session,
            Relayed(
                origin=seen.key.origin,
                post=seen.key.post,
                rev=seen.key.rev,
                digest=seen.digest,
                kind=seen.kind,
                space=seen.space,
                roster=seen.roster,
                date=seen.date,
                path=seen.path,
                size=seen.size,
                author=seen.author,
                first_at=seen.first_at,
                content_id=content_id,
            ),
        )

    def post(self, key: PostKey) -> SealedPost | None:
        row = relays.relayed(self._session, key.origin, key.post, key.rev)
        if row is None or row.content_id is None:
            return None
        return read_post_mail(parse(read_content(self._session, row.content_id))).post

    def count_of_author(self, seal: Seal, *, since: datetime) -> int:
        return relays.count_of_author(
            self._session,
            origin=seal.key.origin,
            space=seal.space,
            author=seal.author,
            dated=(seal.date - DAY, seal.date),
            since=since,
        )

    def latest(self, space: str, day: date) -> Iterable[Seen]:
        since = datetime.combine(day, time(), UTC)
        return [_seen(row) for row in relays.latest_forms(self._session, space, since, since + timedelta(days=1))]

    def deliver(self, post: SealedPost, way: Way, now: datetime) -> None:
        self._deliver(post, way, now)

    def erase(self, key: PostKey, now: datetime) -> None:
        form = relays.relayed(self._session, key.origin, key.post, key.rev)
        if form is not None and form.kind == Kind.RETRACT:
            self._take_away(key, now)
        forget_messages(self._session, relays.forget_bytes(self._session, key.origin, key.post, key.rev))

    def has_twin(self, space: str, twin: str) -> bool:
        got = departures.lists_with_twin(self._session, space=space, twin=twin)
        return all(each.id in got for each in spaces.seats_of(self._session, space))

    def quarantine(self, mail: PostMail, why: str, now: datetime) -> None:
        hop = mail.hop.hop
        raw = write_post_mail(mail.post, mail.hop, to=f"organic-peer@{hop.to}", title=mail.post.seal.space)
        set_aside(
            self._session,
            content_id=store_content(self._session, raw, now),
            reason=f"A post from {hop.sender} was neither delivered nor passed on: {why}.",
            envelope_sender="",
            recipients=(),
            now=now,
        )

    def remember_direct(self, sender: str, seq: int, now: datetime, *, author: str = "") -> bool:
        return relays.remember_direct(self._session, sender, str(seq), now, author=author)

    def count_private(self, sender: str, author: str, *, since: datetime) -> int:
        return relays.count_direct(self._session, sender, author, since=since)

    def count_report(self, peer: str, digest: str, now: datetime) -> int:
        if not peer_reports.remember_report(self._session, peer=peer, digest=digest, now=now):
            return 0
        return peer_reports.count_reports(self._session, peer=peer, since=now - DAY)

    def count_repeat(self, peer: str, key: PostKey, now: datetime) -> int:
        return relays.count_repeat(self._session, peer, f"{key.origin}/{key.post}/{key.rev}", now)

    def add_row(self, row: OutboxRow) -> None:
        relays.add_entry(self._session, _entry(row))

    def save_row(self, row: OutboxRow) -> None:
        relays.save_entry(self._session, _entry(row))

    def rows_due(self, peer: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        return [_row(entry) for entry in relays.entries_due(self._session, peer, now, limit)]

    def rows_in(self, peer: str, ranges: Ranges, limit: int) -> Sequence[OutboxRow]:
        return [_row(entry) for entry in relays.entries_in(self._session, peer, ranges, limit)]

    def acknowledge(self, peer: str, ranges: Ranges, now: datetime) -> int:
        return relays.acknowledge(self._session, peer, ranges, now)

    def rows_of(self, origin: str, post: str) -> Sequence[OutboxRow]:
        return [_row(entry) for entry in relays.entries_of_post(self._session, origin, post)]

    def row_for(self, peer: str, key: PostKey) -> OutboxRow | None:
        entry = relays.entry_for(self._session, peer, key.origin, key.post, key.rev)
        return _row(entry) if entry else None

    def count_rows(self, peer: str, *states: RowState) -> int:
        return relays.count_entries(self._session, peer, states)

    def oldest_rows(self, peer: str, *, created_before: datetime, beyond: int) -> Sequence[OutboxRow]:
        entries = relays.oldest_entries(self._session, peer, created_before=created_before, beyond=beyond)
        return [_row(entry) for entry in entries]

    def next_row_due(self, peer: str) -> datetime | None:
        return relays.next_entry_due(self._session, peer)

    def renumber(self, peer: str) -> int:
        return relays.renumber(self._session, peer)

    def prune_rows(self, peer: str, done_before: datetime) -> None:
        relays.prune_entries(self._session, peer, done_before)

    def offered(self, peer: str) -> Sequence[Offered]:
        return [_offered(row) for row in relays.offered_by(self._session, peer)]

    def offers_of(self, key: PostKey) -> Sequence[Offered]:
        return [_offered(row) for row in relays.offers_of(self._session, key.origin, key.post, key.rev)]

    def save_offered(self, offered: Offered) -> None:
        key = offered.key
        row = OfferedEntry(
            peer=offered.peer,
            seq=offered.seq,
            origin=key.origin,
            post=key.post,
            rev=key.rev,
            wanted_at=offered.wanted_at,
        )
        relays.save_offered(self._session, row)

    def drop_offered(self, peer: str, seqs: Iterable[int]) -> None:
        relays.drop_offered(self._session, peer, seqs)


def reading_store(session: Session) -> SqlRelayStore:
    """For questions alone: who asks delivers nothing."""

    def nothing(*_: object) -> None:
        raise LookupError("nothing is delivered while one only asks")

    return SqlRelayStore(session, deliver=nothing, take_away=nothing, deliver_private=nothing)


def save_link(session: Session, link: Link) -> None:
    """Our account with a server, as it is now."""
    account = _ACCOUNT.dump_json(replace(link, keys=())).decode()
    relays.save_account(session, peer=link.peer, account=account, due_at=link.due_at)
    if link.state is LinkState.SUSPENDED:
        peers.save_peer(session, domain=link.peer, fields={"state": State.SUSPENDED})


def link_with(session: Session, peer: str) -> Link | None:
    """Our account with a server; None for one that is severed or was never made."""
    row = peers.peer_at(session, peer)
    return _link_of(session, row) if row is not None and row.state in _LINKED else None


def _link_of(session: Session, row: Peer) -> Link:
    """What was agreed in the handshake stands in the peer's row, everything after it in the account."""
    kept = relays.account_of(session, row.domain)
    keys = tuple(_known(key) for key in peers.peer_keys(session, row.domain))
    address = f"organic-peer-{row.their_mailbox}@{row.domain}"
    if kept is None:
        begun = row.heard_at or row.changed_at
        link = Link(row.domain, address, keys, row.our_epoch, row.their_epoch, begun, due_at=begun)
    else:
        link = replace(_ACCOUNT.validate_json(kept.account), address=address, keys=keys, due_at=kept.due_at)
    link = replace(link, allowance=allowance_of(row.their_card))
    if row.state == State.SUSPENDED:
        return replace(link, state=LinkState.SUSPENDED)
    return replace(link, state=LinkState.ACTIVE) if link.state is LinkState.SUSPENDED else link


def kept_form(post: SealedPost) -> bytes:
    """As a mail with a hop that leads nowhere: each link gets its own."""
    origin = post.key.origin
    hop = SignedHop(Hop(origin, origin, "kept", 0, post.digest, origin), post.key_id, post.signature)
    return write_post_mail(post, hop, to=f"organic-peer@{origin}", title=post.seal.space)


def _known(key: PeerKey) -> KnownKey:
    return KnownKey(key_id(key.key), key.key, key.valid_until, key.compromised_since)


def _seen(row: Relayed) -> Seen:
    key = PostKey(row.origin, row.post, row.rev)
    kind = Kind(row.kind)
    return Seen(key, row.digest, kind, row.space, row.roster, row.date, row.path, row.first_at, row.size, row.author)


def _entry(row: OutboxRow) -> OutboxEntry:
    return OutboxEntry(
        peer=row.peer,
        seq=row.seq,
        origin=row.key.origin,
        post=row.key.post,
        rev=row.key.rev,
        size=row.size,
        created_at=row.created_at,
        due_at=row.due_at,
        tries=row.tries,
        state=row.state,
        done_at=row.done_at,
    )


def _row(entry: OutboxEntry) -> OutboxRow:
    return OutboxRow(
        entry.peer,
        entry.seq,
        PostKey(entry.origin, entry.post, entry.rev),
        entry.size,
        entry.created_at,
        entry.due_at,
        entry.tries,
        RowState(entry.state),
        entry.done_at,
    )


def _offered(row: OfferedEntry) -> Offered:
    return Offered(row.peer, row.seq, PostKey(row.origin, row.post, row.rev), row.wanted_at)
