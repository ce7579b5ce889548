"""What came back, addresses that get no mail, and memberships that are paused.

An address is given by its marks (handlers.token.address_marks); the first one is written, any of them is found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, literal, sql, text, union_all, update
from sqlmodel import Session, SQLModel, col, delete, select

from storage.forms import posts_with
from storage.letter_recall import recall_letters_of
from storage.letters import IN_LETTERS, begin_letters
from storage.models import Delivery, Membership, Status
from storage.models_bounces import Blame, Bounce, Pause, PauseReason, Suppression
from storage.prepared import PreparedAmong

_BOUNCES = SQLModel.metadata.tables[Bounce.__tablename__]
_SUPPRESSIONS = SQLModel.metadata.tables[Suppression.__tablename__]
_AGAINST = PreparedAmong(
    lambda marks: union_all(
        sql.select(_BOUNCES.c.id).where(_BOUNCES.c.mark.in_(marks), _BOUNCES.c.blame != Blame.OURS),
        sql.select(literal(0)).select_from(_SUPPRESSIONS).where(_SUPPRESSIONS.c.member_id == bindparam("member_id")),
    ).limit(1)
)


@dataclass(frozen=True, slots=True)
class SentCopy:
    """A mail that went out, as its return path names it."""

    recipient: str
    post_id: int | None  # None: a letter of ours
    list_id: int | None
    membership_id: int | None
    sent_on: datetime


def sent_copy(session: Session, *, content_id: int, member_id: int) -> SentCopy | None:
    """The mail with this content to this member; None when its row was forgotten."""
    of_posts = col(Delivery.post_id).in_([post.id for post in posts_with(session, content_id)])
    letters = col(Delivery.post_id).is_(None) & (col(Delivery.content_id) == content_id)
    for which in (of_posts, letters):
        query = select(Delivery).where(which, Delivery.member_id == member_id).order_by(col(Delivery.id))
        row = session.exec(query.limit(1)).first()
        if row is not None:
            return SentCopy(row.recipient, row.post_id, row.list_id, row.membership_id, row.created_at)
    return None


def post_of_content(session: Session, content_id: int) -> int | None:
    return next((post.id for post in posts_with(session, content_id)), None)


def add_bounce(
    session: Session,
    *,
    mark: str,
    member_id: int,
    domain: str,
    blame: Blame,
    weight: float,
    run: str,
    said: str,
    now: datetime,
) -> None:
    row = {
        "at": now,
        "mark": mark,
        "member_id": member_id,
        "domain": domain,
        "blame": blame,
        "weight": weight,
        "run": run,
        "said": said,
        "judged": False,
        "void": False,
    }
    session.connection().execute(insert(_BOUNCES), row)


def counted(session: Session, marks: Sequence[str]) -> list[Bounce]:
    """What speaks against an address, oldest first."""
    query = select(Bounce).where(col(Bounce.mark).in_(marks), Bounce.blame != Blame.OURS, col(Bounce.void).is_(False))
    return list(session.exec(query.order_by(col(Bounce.at), col(Bounce.id))))


def fresh(session: Session, *, before: datetime, limit: int = 1000) -> list[Bounce]:
    """What nobody has looked at yet, oldest first."""
    query = select(Bounce).where(text("NOT judged"), Bounce.at <= before)  # written out: as the index has it
    return list(session.exec(query.order_by(col(Bounce.at), col(Bounce.id)).limit(limit)))


def of_run(session: Session, run: str) -> list[Bounce]:
    """All that came back of one fan-out and is not our fault."""
    return list(session.exec(select(Bounce).where(Bounce.run == run, Bounce.blame != Blame.OURS)))


def ours_since(session: Session, since: datetime) -> list[Bounce]:
    """What was refused because of us."""
    query = select(Bounce).where(Bounce.blame == Blame.OURS, Bounce.at > since)
    return list(session.exec(query.order_by(col(Bounce.at), col(Bounce.id))))


def recipients_of_post(session: Session, post_id: int) -> list[str]:
    """The addresses that copies of a post went or go to."""
    return list(session.exec(select(Delivery.recipient).where(Delivery.post_id == post_id)))


def recipients_of_letters(session: Session, *, since: datetime, until: datetime) -> list[str]:
    """The addresses that letters of ours went to which were written in this time."""
    query = select(Delivery.recipient).where(
        col(Delivery.post_id).is_(None), Delivery.created_at >= since, Delivery.created_at < until
    )
    return list(session.exec(query))


def set_judged(session: Session, ids: Collection[int]) -> None:
    session.connection().execute(update(_BOUNCES).where(_BOUNCES.c.id.in_(ids)).values(judged=True))


def set_void(session: Session, run: str) -> None:
    """Nothing that came back of this fan-out counts any more."""
    session.connection().execute(update(_BOUNCES).where(_BOUNCES.c.run == run).values(void=True))
    session.expire_all()


def forget(session: Session, marks: Sequence[str]) -> bool:
    """The address has proven to be alive. Was there anything to forget?"""
    gone = session.exec(delete(Bounce).where(col(Bounce.mark).in_(marks), col(Bounce.blame) != Blame.OURS)).rowcount
    return lift(session, marks) or gone > 0


def lift(session: Session, marks: Sequence[str]) -> bool:
    """Mail goes to this address again. False when it did all the time."""
    return session.exec(delete(Suppression).where(col(Suppression.mark).in_(marks))).rowcount > 0


def is_spoken_against(session: Session, *, member_id: int, marks: Sequence[str]) -> bool:
    """Does anything count against this address, or is one of hers suppressed? Asked for every mail of a member."""
    return bool(_AGAINST.rows(session, marks, {"member_id": member_id}))


def prune_bounces(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Forget at most `limit` old ones. Returns how many: call again while it is > 0."""
    old = select(Bounce.id).where(col(Bounce.at) < before).limit(limit)
    return session.exec(delete(Bounce).where(col(Bounce.id).in_(old))).rowcount


def suppression(session: Session, marks: Sequence[str]) -> Suppression | None:
    return session.exec(select(Suppression).where(col(Suppression.mark).in_(marks))).first()


def suppress(session: Session, *, mark: str, member_id: int, next_probe_at: datetime | None, now: datetime) -> None:
    """No mail goes to this address any more but probes."""
    session.merge(Suppression(mark=mark, member_id=member_id, since=now, next_probe_at=next_probe_at))
    session.flush()


def suppressions(session: Session) -> list[Suppression]:
    """Of people whom we still know, the oldest first."""
    query = select(Suppression).where(col(Suppression.member_id).is_not(None))
    return list(session.exec(query.order_by(col(Suppression.since), col(Suppression.mark))))


def pause(session: Session, row: Membership, reason: PauseReason, now: datetime) -> bool:
    """No copies for an active membership until it is resumed. False for one that is not active."""
    if row.status is not Status.ACTIVE or row.id is None:
        return False
    row.status = Status.PAUSED
    if not recall_letters_of(session, row.id, now) and row.delivery not in IN_LETTERS:
        begin_letters(session, row)  # so that it is known what she misses
    session.merge(Pause(membership_id=row.id, reason=reason, since=now))
    session.flush()
    return True


def paused(session: Session, *, member_id: int, reason: PauseReason) -> list[Membership]:
    """A person's memberships that are paused for this reason."""
    query = (
        select(Membership)
        .join(Pause, col(Pause.membership_id) == col(Membership.id))
        .where(Membership.member_id == member_id, Membership.status == Status.PAUSED, Pause.reason == reason)
    )
    return list(session.exec(query))


def why_paused(session: Session, row: Membership) -> PauseReason | None:
    """None: she is not paused, or wished it herself."""
    found = session.get(Pause, row.id) if row.status is Status.PAUSED else None
    return found.reason if found else None


def resume(session: Session, row: Membership) -> None:
    row.status = Status.ACTIVE
    session.flush()
