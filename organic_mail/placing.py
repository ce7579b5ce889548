"""Into which conversation a post goes, as people mean it (spec/people.md §1.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.conversation import read_conversation_root
from handlers.facts import Host
from handlers.message import MalformedMessage, Message, parse
from handlers.mime import parts
from handlers.outcome import Publish
from handlers.thread import base_subject, index_root, is_reply_subject
from handlers.token import read_private_reference
from handlers.written import quotes_something
from organic_mail.answered_text import sent_text
from storage import members, posts
from storage.contents import read_content
from storage.models import Post
from storage.thread_marks import has_mark, index_mark, last_marked, subject_mark
from storage.threads import Signs, thread_by_id
from storage.umbrella import membership_through

OLD = timedelta(days=14)
"""An answer to something older, under another subject and without a word of it, begins a conversation."""
SAME_SUBJECT = timedelta(days=30)
"""So long an answer may belong to what was written under its subject, when nothing else tells what it answers."""
SHORTEST_STAMP = 16
LONGEST_TEXT = 256 * 1024
"""Bytes of a mail's texts that are looked through while it is stored."""


@dataclass(frozen=True, slots=True)
class Place:
    in_reply_to: str  # "" for the first post of a conversation
    references: tuple[str, ...]
    signs: Signs


def place_of(session: Session, host: Host, action: Publish, message: Message) -> Place:
    base = base_subject(action.subject, is_answer=bool(message.in_reply_to))
    finding = _Finding(session, host, action, message, base, index_root(message))
    parent = finding.parent()
    if parent is not None and finding.begins_anew(parent):
        return Place("", (), Signs(base, action.written_at, thread_id=finding.by_subject))
    known = parent.message_id if parent is not None and action.in_reply_to else action.in_reply_to
    signs = Signs(base, action.written_at, finding.index, thread_id=finding.by_signs)
    return Place(known, action.references, signs)


@dataclass(frozen=True, slots=True)
class _Finding:
    session: Session
    host: Host
    action: Publish
    message: Message
    base: str
    index: str

    def parent(self) -> Post | None:
        """What it answers, by In-Reply-To; else, where there is none, the last post of its Outlook conversation."""
        answered = self.action.in_reply_to
        if answered:
            named = posts.post_by_message_id(self.session, list_id=self.action.list_id, message_id=answered)
            return named or self._stamped(answered)
        thread_id = self._by_index() if self.index and not self.action.references else None
        return posts.last_post_of(self.session, thread_id) if thread_id else None

    def begins_anew(self, parent: Post) -> bool:
        """Did she take an old mail to write about something else? Programs call that an answer."""
        if abs(self.action.written_at - parent.written_at) <= OLD:
            return False
        marked = subject_mark(self.base)
        if has_mark(self.session, list_id=self.action.list_id, thread_id=parent.thread_id, mark=marked):
            return False
        raw = read_content(self.session, parent.content_id)
        if _is_long(self.message.raw) or _is_long(raw):
            return False  # to read that would keep all others waiting
        return not quotes_something(self.message.raw, original=sent_text(self.session, self.host, parent))

    def by_signs(self) -> int | None:
        """The thread of our own mark in its References, of its Outlook conversation, or of its subject."""
        return self._by_private_reference() or self._by_index() or self.by_subject()

    def by_subject(self) -> int | None:
        """Never by the subject alone: it says that it is an answer, soon, by one who may have read what it answers."""
        if not self.base or not is_reply_subject(self.action.subject, is_answer=bool(self.message.in_reply_to)):
            return None
        found = last_marked(self.session, list_id=self.action.list_id, mark=subject_mark(self.base))
        if found is None or abs(self.action.written_at - found.written_at) > SAME_SUBJECT:
            return None
        return found.thread_id if self._may_have_read(found.thread_id) else None

    def _stamped(self, message_id: str) -> Post | None:
        """The post whose copy to her got this Message-ID on its way, as Amazon SES does it."""
        stamp = message_id.strip("<>").partition("@")[0]
        if self.action.member_id is None or len(stamp) < SHORTEST_STAMP:
            return None
        return posts.post_stamped(
            self.session, list_id=self.action.list_id, member_id=self.action.member_id, stamp=stamp
        )

    def _by_private_reference(self) -> int | None:
        """Under the same subject; under any, when it is all that a program has kept of what she answers."""
        names_nothing_else = not (self.action.references or self.action.in_reply_to)
        for thread_id in self._private_threads(reversed((*self.message.references, *self.message.in_reply_to))):
            thread = thread_by_id(self.session, thread_id) if names_nothing_else else None
            if thread is not None and thread.posts and thread.list_id == self.action.list_id:
                return thread_id
            mark = subject_mark(self.base)
            if has_mark(self.session, list_id=self.action.list_id, thread_id=thread_id, mark=mark):
                return thread_id
        return None

    def _private_threads(self, message_ids: Iterable[str]) -> Iterable[int]:
        found = (read_private_reference(self.host.secrets, message_id) for message_id in message_ids)
        return (reference.thread_id for reference in found if reference)

    def _by_index(self) -> int | None:
        if not self.index:
            return None
        ours = read_conversation_root(self.host.secrets, self.index)
        thread = thread_by_id(self.session, ours) if ours else None
        if thread is not None and thread.list_id == self.action.list_id:
            return thread.id
        found = last_marked(self.session, list_id=self.action.list_id, mark=index_mark(self.index))
        return found.thread_id if found else None

    def _may_have_read(self, thread_id: int) -> bool:
        """Was she on the list when it was last written to?"""
        thread = thread_by_id(self.session, thread_id)
        member_id = self.action.member_id
        if thread is None or not thread.posts or member_id is None:
            return False
        membership = members.membership(self.session, self.action.list_id, member_id) or membership_through(
            self.session, outer_id=self.action.list_id, member_id=member_id
        )
        return membership is not None and _since(membership.joined_at, membership.created_at) <= thread.last_post_at


def _is_long(raw: bytes) -> bool:
    try:
        texts = [part for part in parts(parse(raw)) if part.content_type.startswith("text/")]
    except MalformedMessage:
        return True
    return sum(part.body_end - part.body_start for part in texts) > LONGEST_TEXT


def _since(joined_at: datetime | None, created_at: datetime) -> datetime:
    return joined_at or created_at
