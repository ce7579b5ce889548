"""Reactions written down: counted, changed, taken back."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.outcome import React, Withdraw
from storage import members, reactions
from storage.events import record
from storage.posts import post_by_id


def react(session: Session, action: React | Withdraw, now: datetime) -> None:
    """It is counted, and goes to nobody."""
    post, member = post_by_id(session, action.post_id), members.member_by_id(session, action.member_id)
    if post is None or member is None:
        return
    match action:
        case React(post_id, member_id, emoji):
            reactions.react(session, post_id=post_id, member_id=member_id, emoji=emoji, now=now)
            what = f"gave {emoji} for"
        case Withdraw(post_id, member_id):
            reactions.withdraw(session, post_id=post_id, member_id=member_id)
            what = "took back a reaction to"
    text = f'{member.name or member.alias} {what} "{post.subject[:100]}".'
    record(session, "reacted", text, now=now, list_id=post.list_id, post_id=post.id, member_id=member.id)
