"""Posts that their authors take back by mail (spec/people.md §3.5)."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import NoticeKind
from handlers.own_post import TakeBack, TakeBackHeld
from handlers.template import Value
from organic_mail.changing import space_left_for, tell
from organic_mail.joining import Answer
from organic_mail.problem import Problem
from organic_mail.travelling import remove_everywhere
from storage import held, posts
from storage.events import record
from storage.models import HeldState

log = structlog.get_logger()


def take_back(session: Session, host: Host, action: TakeBack, answer: Answer, now: datetime) -> None:
    """At home it goes whatever happens; other servers are asked where it has left."""
    post = posts.post_by_id(session, action.post_id)
    if post is None:
        return
    space = space_left_for(session, post)
    try:
        remove_everywhere(session, host, action.post_id, now)
    except Problem as problem:
        log.error("other servers cannot be asked to remove a post", post=action.post_id, reason=str(problem))
        space = None
    values: dict[str, Value] = {
        "subject": post.subject,
        "space": (space.title or space.name) if space else "",
        "was_held": False,
    }
    tell(session, host, NoticeKind.TAKEN_BACK, action.member_id, post.list_id, answer, now, values)
    text = f'{post.author_name} took back "{post.subject[:100]}".'
    record(session, "withdrawn", text, now=now, list_id=post.list_id, post_id=post.id, member_id=action.member_id)


def take_back_held(session: Session, host: Host, action: TakeBackHeld, answer: Answer, now: datetime) -> None:
    """Whoever was asked about it need not decide any more."""
    waiting = held.held_by_id(session, action.held_id)
    if waiting is None or not held.decide(session, held_id=action.held_id, state=HeldState.DISCARDED, now=now):
        return
    values: dict[str, Value] = {"subject": waiting.subject, "space": "", "was_held": True}
    tell(session, host, NoticeKind.TAKEN_BACK, action.member_id, waiting.list_id, answer, now, values)
    text = f'{waiting.author} took back "{waiting.subject[:100]}", which still waited.'
    record(session, "withdrawn", text, now=now, list_id=waiting.list_id, member_id=action.member_id)
