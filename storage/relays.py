"""What is relayed, as rows: seen, in the outboxes, offered. organic_mail.relay_store makes records of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage.models import Delivery, DeliveryState
from storage.models_relay import DirectNumber, OfferedEntry, OutboxEntry, RelayAccount, Relayed, RelayRepeat

DIRECT_KEPT = timedelta(days=45)
"""As long as a post may be under way (spec/federation.md §2.6)."""
DONE, HANDED, WAITING = "done", "handed", "waiting"
_UNDER_WAY = col(OutboxEntry.state) != DONE
_IN_A_QUERY = 200  # ranges


def account_of(session: Session, peer: str) -> RelayAccount | None:
    return session.get(RelayAccount, peer)


def save_account(session: Session, *, peer: str, account: str, due_at: datetime | None) -> None:
    session.merge(RelayAccount(peer=peer, account=account, due_at=due_at))
    session.flush()


def drop_account(session: Session, peer: str) -> None:
    """With all that waits for the peer: nobody will exchange anything with it any more."""
    session.exec(delete(OutboxEntry).where(col(OutboxEntry.peer) == peer))
    session.exec(delete(OfferedEntry).where(col(OfferedEntry.peer) == peer))
    session.exec(delete(RelayAccount).where(col(RelayAccount.peer) == peer))


def relayed(session: Session, origin: str, post: str, rev: int) -> Relayed | None:
    return session.get(Relayed, (origin, post, rev))


def forms_of(session: Session, origin: str, post: str) -> Sequence[Relayed]:
    query = select(Relayed).where(Relayed.origin == origin, Relayed.post == post)
    return session.exec(query.order_by(col(Relayed.rev))).all()


def remember_relayed(session: Session, row: Relayed) -> None:
    """Raises IntegrityError for a form that is known."""
    session.add(row)
    session.flush()


def latest_forms(session: Session, space: str, since: datetime, until: datetime) -> Sequence[Relayed]:
    """Forms dated in [since, until) that no higher revision has replaced."""
    later = aliased(Relayed)
    replaced = exists().where(
        col(later.origin) == col(Relayed.origin),
        col(later.post) == col(Relayed.post),
        col(later.rev) > col(Relayed.rev),
    )
    query = select(Relayed).where(Relayed.space == space, col(Relayed.date) >= since, col(Relayed.date) < until)
    return session.exec(query.where(~replaced)).all()


def forget_bytes(session: Session, origin: str, post: str, below: int) -> list[int]:
    """Forms below this revision keep their place, not their words. Returns the ids of the messages they had."""
    rows = [row for row in forms_of(session, origin, post) if row.rev < below and row.content_id is not None]
    contents = [row.content_id for row in rows if row.content_id is not None]
    for row in rows:
        row.content_id = None
    session.flush()
    return contents


def forget_relayed(session: Session, *, before: datetime, retractions_before: datetime, limit: int = 500) -> int:
    """Forms that nobody can send us any more. Returns how many."""
    old = or_(
        (col(Relayed.kind) != "retract") & (col(Relayed.first_at) < before),
        (col(Relayed.kind) == "retract") & (col(Relayed.first_at) < retractions_before),
    )
    rows = session.exec(select(Relayed).where(old).limit(limit)).all()
    for row in rows:
        session.delete(row)
    session.flush()
    return len(rows)


def count_of_author(
    session: Session, *, origin: str, space: str, author: str, dated: tuple[datetime, datetime], since: datetime
) -> int:
    """First forms of an author's posts that came since a moment. dated: from when, not included, to when."""
    hers = (Relayed.origin == origin, Relayed.author == author, Relayed.space == space, Relayed.rev == 1)
    within = (col(Relayed.date) > dated[0], col(Relayed.date) <= dated[1], col(Relayed.first_at) > since)
    return session.exec(select(func.count()).select_from(Relayed).where(*hers, *within)).one()


def add_entry(session: Session, entry: OutboxEntry) -> None:
    session.add(entry)
    session.flush()


def save_entry(session: Session, entry: OutboxEntry) -> None:
    session.merge(entry)
    session.flush()


def entries_due(session: Session, peer: str, now: datetime, limit: int) -> Sequence[OutboxEntry]:
    return session.exec(_of(peer).where(_UNDER_WAY, col(OutboxEntry.due_at) <= now).limit(limit)).all()


def entries_in(session: Session, peer: str, ranges: Sequence[tuple[int, int]], limit: int) -> Sequence[OutboxEntry]:
    """With these numbers (first and last of each range), in order."""
    found: list[OutboxEntry] = []
    for among in _among(ranges):
        found.extend(session.exec(_of(peer).where(among).limit(limit - len(found))))
    return found


def acknowledge(session: Session, peer: str, ranges: Sequence[tuple[int, int]], now: datetime) -> int:
    """Items with these numbers are done; how many were not yet."""
    session.expire_all()
    waiting = (col(OutboxEntry.peer) == peer, _UNDER_WAY)
    done = [
        session.exec(update(OutboxEntry).where(*waiting, among).values(state=DONE, done_at=now)).rowcount
        for among in _among(ranges)
    ]
    return sum(done)


def entries_of_post(session: Session, origin: str, post: str) -> Sequence[OutboxEntry]:
    query = select(OutboxEntry).where(OutboxEntry.origin == origin, OutboxEntry.post == post, _UNDER_WAY)
    return session.exec(query.order_by(OutboxEntry.peer, col(OutboxEntry.seq))).all()


def entry_for(session: Session, peer: str, origin: str, post: str, rev: int) -> OutboxEntry | None:
    query = _of(peer).where(OutboxEntry.origin == origin, OutboxEntry.post == post, OutboxEntry.rev == rev, _UNDER_WAY)
    return session.exec(query.order_by(None).order_by(col(OutboxEntry.seq).desc()).limit(1)).first()


def count_entries(session: Session, peer: str, states: Collection[str]) -> int:
    query = select(func.count()).where(OutboxEntry.peer == peer)
    return session.exec(query.where(col(OutboxEntry.state).in_(states))).one()


def waiting_for(session: Session, peer: str, *, space: str = "") -> tuple[int, datetime | None]:
    """How many posts a peer has not acknowledged yet, and since when; of one space, or of all."""
    query = select(func.count(), func.min(col(OutboxEntry.created_at))).where(OutboxEntry.peer == peer, _UNDER_WAY)
    if space:
        same = (Relayed.origin == OutboxEntry.origin, Relayed.post == OutboxEntry.post, Relayed.rev == OutboxEntry.rev)
        query = query.where(Relayed.space == space, *same)
    count, since = session.exec(query).one()
    return count, since


def count_put_off(session: Session, address: str) -> int:
    """Mails to the mailbox of a peer that its mail server has asked to try again."""
    query = select(func.count()).select_from(Delivery).where(Delivery.recipient == address)
    return session.exec(query.where(Delivery.state == DeliveryState.DEFERRED)).one()


def oldest_entries(session: Session, peer: str, *, created_before: datetime, beyond: int) -> Sequence[OutboxEntry]:
    """Not done; older than that, or the oldest of more than `beyond`."""
    too_many = select(func.count()).where(OutboxEntry.peer == peer, _UNDER_WAY)
    surplus = max(session.exec(too_many).one() - beyond, 0)
    old = session.exec(_of(peer).where(_UNDER_WAY, col(OutboxEntry.created_at) < created_before)).all()
    first = session.exec(_of(peer).where(_UNDER_WAY).limit(surplus)).all() if surplus else ()
    return sorted({entry.seq: entry for entry in (*old, *first)}.values(), key=lambda entry: entry.seq)


def next_entry_due(session: Session, peer: str) -> datetime | None:
    query = select(OutboxEntry.due_at).where(OutboxEntry.peer == peer, _UNDER_WAY)
    return session.exec(query.order_by(col(OutboxEntry.due_at)).limit(1)).first()


def renumber(session: Session, peer: str) -> int:
    """What is done goes, all else is numbered from 1 in its order. Returns the next free number."""
    session.exec(delete(OutboxEntry).where(col(OutboxEntry.peer) == peer, ~_UNDER_WAY))
    numbers = session.exec(select(OutboxEntry.seq).where(OutboxEntry.peer == peer).order_by(col(OutboxEntry.seq))).all()
    session.expire_all()
    for new, old in enumerate(numbers, start=1):  # never up, so that no two rows meet
        own = (col(OutboxEntry.peer) == peer, col(OutboxEntry.seq) == old)
        session.exec(update(OutboxEntry).where(*own).values(seq=new, state=WAITING))
    return len(numbers) + 1


def prune_entries(session: Session, peer: str, done_before: datetime) -> None:
    old = (col(OutboxEntry.peer) == peer, ~_UNDER_WAY, col(OutboxEntry.done_at) < done_before)
    session.exec(delete(OutboxEntry).where(*old))


def make_all_due(session: Session, now: datetime) -> int:
    """What waits for peers is tried at once. Returns how much. What was handed over lies in the queue as a mail, or has
    left it: put there once more it would only count against what a peer takes in an hour."""
    session.exec(update(RelayAccount).values(due_at=now))
    not_handed = _UNDER_WAY, col(OutboxEntry.state) != HANDED
    waiting = update(OutboxEntry).where(*not_handed, col(OutboxEntry.due_at) > now)
    return session.exec(waiting.values(due_at=now)).rowcount


def offered_by(session: Session, peer: str) -> Sequence[OfferedEntry]:
    return session.exec(select(OfferedEntry).where(OfferedEntry.peer == peer).order_by(col(OfferedEntry.seq))).all()


def offers_of(session: Session, origin: str, post: str, rev: int) -> Sequence[OfferedEntry]:
    query = select(OfferedEntry).where(
        OfferedEntry.origin == origin, OfferedEntry.post == post, OfferedEntry.rev == rev
    )
    return session.exec(query.order_by(OfferedEntry.peer)).all()


def save_offered(session: Session, row: OfferedEntry) -> None:
    session.merge(row)
    session.flush()


def drop_offered(session: Session, peer: str, seqs: Iterable[int]) -> None:
    session.exec(delete(OfferedEntry).where(col(OfferedEntry.peer) == peer, col(OfferedEntry.seq).in_(list(seqs))))


def remember_direct(session: Session, sender: str, number: str, now: datetime, *, author: str) -> bool:
    """False when this mail came before. number: up to 39 digits. author: of a private one."""
    session.exec(delete(DirectNumber).where(col(DirectNumber.received_at) < now - DIRECT_KEPT))
    if session.get(DirectNumber, (sender, number)) is not None:
        return False
    session.add(DirectNumber(sender=sender, number=number, author=author, received_at=now))
    session.flush()
    return True


def count_direct(session: Session, sender: str, author: str, *, since: datetime) -> int:
    """Private mails of one author that came since a moment."""
    hers = (DirectNumber.sender == sender, DirectNumber.author == author, col(DirectNumber.received_at) > since)
    return session.exec(select(func.count()).select_from(DirectNumber).where(*hers)).one()


def count_repeat(session: Session, peer: str, post: str, now: datetime) -> int:
    """How often within an hour, this time included."""
    since = now - timedelta(hours=1)
    session.exec(delete(RelayRepeat).where(col(RelayRepeat.sent_at) <= since))
    session.add(RelayRepeat(peer=peer, post=post, sent_at=now))
    session.flush()
    return session.exec(select(func.count()).where(RelayRepeat.peer == peer, RelayRepeat.post == post)).one()


def _among(ranges: Sequence[tuple[int, int]]) -> Iterator[ColumnElement[bool]]:
    for start in range(0, len(ranges), _IN_A_QUERY):
        yield or_(*(col(OutboxEntry.seq).between(*pair) for pair in ranges[start : start + _IN_A_QUERY]))


def _of(peer: str) -> SelectOfScalar[OutboxEntry]:
    return select(OutboxEntry).where(OutboxEntry.peer == peer).order_by(col(OutboxEntry.seq))
