"""Reports: one operator asks another to look at a post that came from there (spec/federation.md §2.7)."""

from __future__ import annotations

import secrets as randomness
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.notice import NoticeKind
from handlers.peer.control_mail import write_control_mail
from handlers.peer.report import report_mail, write_report
from handlers.peer.seal import PostKey
from handlers.peer.store import LinkState, Own, Reported
from handlers.token import new_message_id
from organic_mail.known_spaces import known_roster
from organic_mail.operator_letter import tell_operator
from organic_mail.problem import Problem
from organic_mail.relay_store import link_with
from storage import departures, posts, queue, remote
from storage.events import record
from storage.models import Post


def report(session: Session, host: Host, own: Own | None, post: Post, reason: str, now: datetime) -> str:
    """To the operator of its author's server: over our link with it, else straight. Returns its domain. Raises Problem.

    own: None where this server has no key for other servers.
    """
    found = remote.remote_post_of(session, id_of(post))
    if found is None or found[0].origin == host.domain:
        raise Problem(f"post {post.id} is ours: take it back with organic-mail post remove {post.id}")
    if own is None:
        raise Problem("this server has no key for other servers any more; put HOME/keys/peer.key back")
    kept, author = found
    link, roster = link_with(session, kept.origin), known_roster(session, kept.space)
    entry = roster.server(kept.origin) if roster else None
    over = link if link and link.state is LinkState.ACTIVE else None
    if over is None and entry is None:
        raise Problem(
            f"{kept.origin} is in the space no more; ask its operator yourself, or take the post out of the list"
        )
    control = write_report(own, PostKey(kept.origin, kept.key, kept.rev), reason, now)
    mail = report_mail(own, control, over, seq=randomness.randbits(128) | 1)
    address = over.address if over else entry.relay if entry else ""
    message_id = new_message_id(randomness.token_bytes(16), host.domain)
    raw = write_control_mail(mail, to=address, message_id=message_id, at=now)
    queue.add_notice(session, raw=raw, recipient=address, cause=None, now=now)
    text = f"A post of {author.name} was reported to the operator of {kept.origin}."
    record(session, "peer", text, now=now, list_id=post.list_id, post_id=post.id)
    return kept.origin


def reported(session: Session, host: Host, report: Reported, now: datetime) -> None:
    """Our operator reads it, once a day for each server and post. What is gone already needs no word."""
    for post_id in departures.posts_sealed_as(session, report.key.post, origin=report.key.origin):
        post = posts.post_by_id(session, post_id)
        if post is None or post.removed_at is not None:
            continue
        text = f'{report.peer} asks us to look at "{post.subject[:100]}": {report.reason}'
        record(session, "peer", text, now=now, list_id=post.list_id, post_id=post.id)
        values = {
            "server": report.peer,
            "subject": post.subject,
            "reason": report.reason,
            "number": str(post.id),
        }
        cause = f"report:{report.peer}:{report.key.post}:{now.date()}"
        tell_operator(session, host, NoticeKind.REPORTED, values, cause=cause, now=now)
        return
