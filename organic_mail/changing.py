"""Other words in a post: from its author by mail, or from the operator for her (spec/people.md §3.5)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Facts, Host, id_of
from handlers.message import Message, parse
from handlers.notice import Notice, NoticeKind
from handlers.own_post import ChangePost, SayUnchanged, with_new_words
from handlers.own_post_answer import MOST_CHANGES
from handlers.peer.roster import Roster
from handlers.policy import owner_address
from handlers.template import Value
from organic_mail import notices
from organic_mail.joining import Answer
from organic_mail.known_spaces import known_roster
from organic_mail.own_posts import A_DAY
from organic_mail.problem import Problem
from storage import departures, forms, members, posts, remote
from storage.contents import read_content, store_content
from storage.events import record
from storage.lists import list_by_id
from storage.models import Post
from storage.models_travel import DepartureState


def change(session: Session, host: Host, action: ChangePost, message: Message, answer: Answer, now: datetime) -> Post:
    """Her new words, and her files where some came with them. message: what she wrote. Raises LookupError."""
    post = posts.post_by_id(session, action.post_id)
    if post is None:
        raise LookupError(f"no post {action.post_id}")
    before = parse(read_content(session, post.content_id))
    space = _put(session, post, with_new_words(before, action.text, message), now)
    tell(session, host, NoticeKind.REPLACED, action.member_id, post.list_id, answer, now, _values(post.subject, space))
    return post


def change_for_author(session: Session, post_id: int, text: str, now: datetime) -> bool:
    """The operator does it. Returns whether other servers get the new form, too. Raises Problem."""
    post = posts.post_by_id(session, post_id)
    if post is None or post.removed_at is not None:
        raise Problem(f"there is no post {post_id}; see which there are: organic-mail thread show ID")
    elsewhere = remote.remote_post_of(session, post_id)
    if elsewhere is not None:
        raise Problem(f"post {post_id} was written at {elsewhere[0].origin}; only {elsewhere[0].origin} can change it")
    if not text.strip():
        raise Problem("there are no new words; to take the post back: organic-mail post remove ID")
    if forms.changes_since(session, post_id=post_id, since=now - A_DAY) >= MOST_CHANGES:
        raise Problem(f"post {post_id} was changed {MOST_CHANGES} times in a day; try again tomorrow")
    before = parse(read_content(session, post.content_id))
    return _put(session, post, with_new_words(before, text.strip()), now) is not None


def say_unchanged(session: Session, host: Host, action: SayUnchanged, answer: Answer, now: datetime) -> None:
    """Nothing was done, nobody else reads what she wrote, and she hears why."""
    values: dict[str, Value] = {"why": str(action.why), "most": MOST_CHANGES}
    tell(session, host, NoticeKind.UNCHANGED, action.member_id, action.list_id, answer, now, values)
    member = members.member_by_id(session, action.member_id)
    text = f"{member.name if member else ''} wants a post taken back or changed, and was told why not: {action.why}."
    record(session, "dropped", text.strip(), now=now, list_id=action.list_id, member_id=action.member_id)


def tell(
    session: Session,
    host: Host,
    kind: NoticeKind,
    member_id: int,
    list_id: int | None,
    answer: Answer,
    now: datetime,
    values: dict[str, Value],
) -> None:
    """The one answer to her mail; a person reads what she says to that."""
    member = members.member_by_id(session, member_id)
    mailing_list = list_by_id(session, list_id) if list_id else None
    if member is None or mailing_list is None:
        return
    letter = Notice(
        kind,
        Mailbox(member.name, members.primary_address(session, member_id)),
        member.language,
        mailing_list,
        reply_to=owner_address(Facts(host, mailing_list=mailing_list)),
        in_reply_to=answer.message_id,
        values=values,
    )
    notices.send(session, host, letter, cause=answer.cause, now=now, member=member)


def space_left_for(session: Session, post: Post) -> Roster | None:
    """The space whose servers have the post from us."""
    departure = departures.departure_of(session, id_of(post))
    has_left = departure is not None and departure.state is DepartureState.GONE
    return known_roster(session, departure.space) if departure and has_left else None


def _values(subject: str, space: Roster | None) -> dict[str, Value]:
    return {"subject": subject, "space": (space.title or space.name) if space else ""}


def _put(session: Session, post: Post, raw: bytes, now: datetime) -> Roster | None:
    """Returns the space where the new form goes, too: organic_mail.travelling takes it there."""
    forms.change_post(session, post_id=id_of(post), content_id=store_content(session, raw, now), now=now)
    text = f'"{post.subject[:100]}" by {post.author_name} has new words.'
    record(session, "corrected", text, now=now, list_id=post.list_id, post_id=post.id, member_id=post.member_id)
    goes = departures.note_change(session, id_of(post), now)
    return space_left_for(session, post) if goes else None
