"""Posts of ours on their way into a space, and what their authors said about it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from storage.models import Delivery, Member, Post
from storage.models_travel import Consent, Departure, DepartureState, RemotePost, SpaceAuthor


def begin_departure(
    session: Session,
    *,
    post_id: int,
    space: str,
    state: DepartureState,
    serial: int,
    origin: str,
    token: str = "",
    twin: str = "",
    now: datetime,
) -> Departure:
    """origin: the server that lets it go; twin: by what other lists know a mail that went to them, too."""
    row = Departure(
        post_id=post_id,
        space=space,
        state=state,
        serial=serial,
        origin=origin,
        token=token,
        twin=twin,
        decided_at=None if state is DepartureState.ASKING else now,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def departure_of(session: Session, post_id: int) -> Departure | None:
    return session.get(Departure, post_id)


def departure_asked(session: Session, token: str) -> Departure | None:
    """The one that a question was about."""
    return session.exec(select(Departure).where(Departure.token == token)).first()


def posts_sealed_as(session: Session, key: str, *, origin: str) -> list[int]:
    """Ids of posts that came from their author herself. key: the 26 characters that they have in their space."""
    query = select(Departure.post_id).where(Departure.sealed_as == key, Departure.origin == origin)
    return list(session.exec(query)) if key else []


def twins_of(session: Session, key: str, *, origin: str) -> list[int]:
    """Those of them that another list has let go."""
    query = select(Departure.post_id).where(Departure.sealed_as == key, Departure.origin == origin)
    return list(session.exec(query.where(Departure.state == DepartureState.ELSEWHERE)))


def lists_with_twin(session: Session, *, space: str, twin: str) -> set[int]:
    """Ids of our lists that got this mail from its author herself."""
    query = select(Post.list_id).where(Post.id == Departure.post_id, Departure.twin == twin, Departure.space == space)
    return set(session.exec(query)) if twin else set()


def twin_has_left(session: Session, *, space: str, twin: str, origin: str, sealed_as: str) -> None:
    """The list that a mail names first has let it go: ours know it by its name in the space, too."""
    theirs = (Departure.twin == twin, Departure.space == space, Departure.origin == origin)
    query = select(Departure).where(*theirs, Departure.state == DepartureState.ELSEWHERE)
    for row in session.exec(query):
        row.sealed_as = sealed_as
    session.flush()


def decide_departure(session: Session, *, post_id: int, state: DepartureState, now: datetime) -> bool:
    """False when it was decided before."""
    row = session.get(Departure, post_id)
    if row is None or row.state is not DepartureState.ASKING:
        return False
    row.state, row.decided_at = state, now
    session.flush()
    return True


def due_departures(session: Session) -> list[int]:
    """Ids of posts that may leave, the oldest first."""
    query = select(Departure.post_id).where(Departure.state == DepartureState.DUE)
    return list(session.exec(query.order_by(col(Departure.post_id))))


def gone_posts_of(session: Session, member_id: int) -> list[Post]:
    """Posts of one author that have left for a space."""
    query = select(Post).where(Post.member_id == member_id, Departure.post_id == Post.id)
    return list(session.exec(query.where(Departure.state == DepartureState.GONE)))


def count_asked(session: Session, space: str) -> int:
    """How many posts wait for the word of their authors."""
    query = select(func.count()).where(Departure.space == space, Departure.state == DepartureState.ASKING)
    return session.exec(query).one()


def asked_before(session: Session, moment: datetime, *, limit: int = 100) -> list[Departure]:
    """Those whose authors have not answered since then."""
    query = select(Departure).where(Departure.state == DepartureState.ASKING, Departure.created_at < moment)
    return list(session.exec(query.limit(limit)))


def has_left(session: Session, *, post_id: int, sealed_as: str, serial: int, now: datetime) -> None:
    """It is in the outboxes now."""
    row = session.get_one(Departure, post_id)
    row.state, row.sealed_as, row.serial, row.left_at = DepartureState.GONE, sealed_as, serial, now
    session.flush()


def note_change(session: Session, post_id: int, now: datetime) -> bool:
    """A post has a new form. Returns whether the old one has left, so that the new one shall follow it."""
    row = session.get(Departure, post_id)
    if row is None or row.state is not DepartureState.GONE:
        return False
    row.changed_at = now
    session.flush()
    return True


def due_changes(session: Session) -> list[int]:
    """Ids of posts of which a newer form has yet to leave, the oldest post first."""
    query = select(Departure.post_id).where(col(Departure.changed_at).is_not(None))
    return list(session.exec(query.order_by(col(Departure.post_id))))


def departed_since(session: Session, *, member_id: int, space: str, since: datetime) -> int:
    """How many posts of one author have left for a space."""
    query = (
        select(Departure.post_id)
        .where(Departure.space == space, Departure.state == DepartureState.GONE, col(Departure.left_at) > since)
        .where(Post.id == Departure.post_id, Post.member_id == member_id)
    )
    return len(session.exec(query).all())


def home_contents(session: Session, *, list_id: int, but: int, limit: int) -> list[int]:
    """Ids of the messages of the newest posts that were written to the list alone, or stayed there."""
    left = select(Departure.post_id).where((Departure.state == DepartureState.DUE) | (Departure.sealed_as != ""))
    query = (
        select(Post.content_id)
        .where(Post.list_id == list_id, Post.id != but, col(Post.removed_at).is_(None))
        .where(col(Post.id).not_in(left), col(Post.id).not_in(select(RemotePost.post_id)))
    )
    return list(session.exec(query.order_by(col(Post.id).desc()).limit(limit)))


def space_author(session: Session, *, member_id: int, space: str, token: str) -> SpaceAuthor:
    """How she is known in the space; `token` becomes hers where she has none."""
    row = session.get(SpaceAuthor, (member_id, space))
    if row is None:
        row = SpaceAuthor(member_id=member_id, space=space, token=token)
        session.add(row)
        session.flush()
    return row


def member_of_token(session: Session, *, space: str, token: str) -> int | None:
    """Who is known in the space by this token."""
    return session.exec(
        select(SpaceAuthor.member_id).where(SpaceAuthor.space == space, SpaceAuthor.token == token)
    ).first()


def share_in(session: Session, *, member_id: int, space: str) -> str:
    """What she said for this space: always, never or ask, "" when she said nothing."""
    row = session.get(SpaceAuthor, (member_id, space))
    return row.share if row else ""


def readers_who_never_share(session: Session, *, post_id: int, space: str) -> frozenset[int]:
    """The members who get a copy of this post, and whose own words never leave for its space."""
    hers = and_(col(SpaceAuthor.member_id) == col(Member.id), col(SpaceAuthor.space) == space)
    query = (
        select(col(Delivery.member_id))
        .join(Member, col(Member.id) == Delivery.member_id)
        .outerjoin(SpaceAuthor, hers)
        .where(Delivery.post_id == post_id)
        .where(func.coalesce(func.nullif(col(SpaceAuthor.share), ""), col(Member.share)) == "never")
    )
    return frozenset(member_id for member_id in session.exec(query) if member_id is not None)


def note_consent(
    session: Session, *, member_id: int, space: str, serial: int, post_id: int | None, answer: str, now: datetime
) -> None:
    session.add(Consent(member_id=member_id, space=space, serial=serial, post_id=post_id, answer=answer, said_at=now))
    session.flush()


def consents_of(session: Session, member_id: int, *, limit: int) -> list[Consent]:
    """What she said, the newest first."""
    query = select(Consent).where(Consent.member_id == member_id)
    return list(session.exec(query.order_by(col(Consent.id).desc()).limit(limit)))
