"""A post of ours that was written to a space: its author is asked, and it leaves (spec/federation.md §2.6).

At home it is delivered at once, whatever becomes of this.
"""

from __future__ import annotations

import base64
import secrets as randomness
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Facts, Host, id_of
from handlers.message import Message
from handlers.notice import Notice, NoticeKind
from handlers.peer.compose import twin_of
from handlers.peer.consent import SHORTEST_QUOTE, Fate, Share, fate_of, repeats_one_of
from handlers.peer.cross_post import lists_named
from handlers.peer.roster import Roster, space_name
from handlers.peer.space import list_id_of
from handlers.policy import owner_address
from handlers.post import shown_name
from handlers.template import Value
from handlers.written import whole_text_of, written_text_of
from organic_mail import asking, notices
from organic_mail.known_spaces import known_roster
from storage import departures, members, posts
from storage.contents import read_content
from storage.events import record
from storage.lists import list_by_id
from storage.models import MailingList, Member, Post
from storage.models_questions import QuestionKind
from storage.models_travel import Departure, DepartureState, SpaceAuthor
from storage.remote import remote_post_of

ANSWER_WITHIN = timedelta(days=7)
_POSTS_COMPARED = 30
_TOKEN_BYTES = 7  # 10 characters of base32 are made of them


@dataclass(frozen=True, slots=True)
class _Origin:
    """The server that lets a mail go; by what others know it when it went to them, too."""

    domain: str
    twin: str = ""


def begin(session: Session, host: Host, post: Post, message: Message, space: str, now: datetime) -> None:
    """The post has just been delivered at home. Whether it leaves is decided now, or by its author."""
    member = members.member_by_id(session, post.member_id) if post.member_id else None
    mailing_list = list_by_id(session, post.list_id)
    roster = known_roster(session, space)
    if member is None or mailing_list is None or roster is None:
        return
    own_id = list_id_of(mailing_list.name, host.domain)
    named = lists_named(message, roster, now)
    origin = _Origin(host.domain)
    if len(named) > 1 and own_id in {entry.list_id for entry in named} and post.original_message_id:
        origin = _Origin(named[0].domain, twin_of(post.original_message_id))
        if named[0].list_id != own_id:
            _begin(session, post, roster, DepartureState.ELSEWHERE, origin, now)
            return
    share = Share(departures.share_in(session, member_id=id_of(member), space=space) or member.share)
    repeats = _repeats_a_home_post(session, post, message)
    fate = fate_of(share, parent_stayed=_parent_stayed(session, post), repeats_a_home_post=repeats)
    match fate:
        case Fate.LEAVES:
            _begin(session, post, roster, DepartureState.DUE, origin, now)
        case Fate.ASKS:
            _ask(session, host, post, mailing_list, member, roster, origin, repeats=repeats, now=now)
        case Fate.STAYS_AT_HER_WISH | Fate.STAYS_WITH_ITS_PARENT:
            _begin(session, post, roster, DepartureState.HOME, origin, now)
            say_it_stays(session, host, post, roster, str(fate), now)


def say_it_stays(
    session: Session, host: Host, post: Post, roster: Roster, why: str, now: datetime, *, form: int = 0
) -> None:
    """To its author. why: of handlers.peer.consent.Fate or handlers.peer.border.Why.

    form: the message that the post has become, where only its new words stay.
    """
    member = members.member_by_id(session, post.member_id) if post.member_id else None
    mailing_list = list_by_id(session, post.list_id)
    if member is None or mailing_list is None:
        return
    values: dict[str, Value] = {"subject": post.subject, "space": _shown(roster), "why": why}
    _tell(
        session,
        host,
        NoticeKind.STAYED_HOME,
        member,
        mailing_list,
        post,
        values,
        cause=f"stays:{form}" if form else "stays",
        now=now,
    )
    text = f'"{post.subject[:100]}" of {post.author_name} stays at home and not in {roster.name}: {why}.'
    record(session, "relay", text, now=now, list_id=post.list_id, post_id=post.id, member_id=member.id)


def say_it_waits(session: Session, host: Host, post: Post, space: str, most: int, now: datetime) -> None:
    """To its author, once: so many of hers have left for the space today."""
    member = members.member_by_id(session, post.member_id) if post.member_id else None
    mailing_list, roster = list_by_id(session, post.list_id), known_roster(session, space)
    if member is None or mailing_list is None or roster is None:
        return
    values: dict[str, Value] = {"subject": post.subject, "space": _shown(roster), "why": "later", "most": most}
    _tell(session, host, NoticeKind.STAYED_HOME, member, mailing_list, post, values, cause="later", now=now)


def answered(session: Session, token: str, answer: str, now: datetime) -> None:
    """once, always or never. What she said is hers to read later.

    Said again later, it changes nothing for that post, but always and never count for those to come.
    """
    departure = departures.departure_asked(session, token)
    post = posts.post_by_id(session, departure.post_id) if departure else None
    if departure is None or post is None or post.member_id is None:
        return
    goes = answer in ("once", "always")
    state = DepartureState.DUE if goes else DepartureState.HOME
    for_all = answer in ("always", "never")
    if not departures.decide_departure(session, post_id=departure.post_id, state=state, now=now) and not for_all:
        return
    if for_all:
        own_author(session, post.member_id, departure.space).share = answer
    departures.note_consent(
        session,
        member_id=post.member_id,
        space=departure.space,
        serial=departure.serial,
        post_id=departure.post_id,
        answer=answer,
        now=now,
    )
    what = "may leave for" if goes else "stays at home and not in"
    text = f'{post.author_name} said {answer}: "{post.subject[:100]}" {what} {space_name(departure.space)}.'
    record(session, "consent", text, now=now, list_id=post.list_id, post_id=post.id, member_id=post.member_id)


def stop_waiting(session: Session, now: datetime) -> None:
    """Who says nothing for a week lets it stay."""
    for departure in departures.asked_before(session, now - ANSWER_WITHIN):
        post = posts.post_by_id(session, departure.post_id)
        departures.decide_departure(session, post_id=departure.post_id, state=DepartureState.HOME, now=now)
        if post is not None and post.member_id is not None:
            departures.note_consent(
                session,
                member_id=post.member_id,
                space=departure.space,
                serial=departure.serial,
                post_id=departure.post_id,
                answer="silence",
                now=now,
            )


def own_author(session: Session, member_id: int, space: str) -> SpaceAuthor:
    """How she is known in the space."""
    token = base64.b32encode(randomness.token_bytes(_TOKEN_BYTES)).decode().lower()[:10]
    return departures.space_author(session, member_id=member_id, space=space, token=token)


def _begin(
    session: Session,
    post: Post,
    roster: Roster,
    state: DepartureState,
    origin: _Origin,
    now: datetime,
    token: str = "",
) -> None:
    departures.begin_departure(
        session,
        post_id=id_of(post),
        space=roster.space,
        state=state,
        serial=roster.serial,
        origin=origin.domain,
        token=token,
        twin=origin.twin,
        now=now,
    )


def _ask(
    session: Session,
    host: Host,
    post: Post,
    mailing_list: MailingList,
    member: Member,
    roster: Roster,
    origin: _Origin,
    *,
    repeats: bool,
    now: datetime,
) -> None:
    token = asking.new_question(session, QuestionKind.DEPARTURE, mailing_list, now, member_id=id_of(member))
    _begin(session, post, roster, DepartureState.ASKING, origin, now, token)
    others = sorted({entry.domain for entry in roster.active(now)} - {host.domain})
    values: dict[str, Value] = {
        "subject": post.subject,
        "space": _shown(roster),
        "others": tuple(others),
        "shown": shown_name(member, None),
        "repeats": repeats,
    }
    reply_to = f"{mailing_list.name}-{token}@{host.domain}"
    _tell(session, host, NoticeKind.MAY_TRAVEL, member, mailing_list, post, values, reply_to=reply_to, now=now)
    text = f'{post.author_name} was asked whether "{post.subject[:100]}" may leave for {roster.name}.'
    record(session, "asked", text, now=now, list_id=post.list_id, post_id=post.id, member_id=post.member_id)


def _tell(
    session: Session,
    host: Host,
    kind: NoticeKind,
    member: Member,
    mailing_list: MailingList,
    post: Post,
    values: dict[str, Value],
    *,
    reply_to: str = "",
    cause: str = "asks",
    now: datetime,
) -> None:
    letter = Notice(
        kind,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=reply_to or owner_address(Facts(host, mailing_list=mailing_list)),
        in_reply_to=post.original_message_id,
        values=values,
    )
    notices.send(session, host, letter, cause=f"departure:{post.id}:{cause}", now=now, member=member)


def _shown(roster: Roster) -> str:
    return roster.title or roster.name


def _parent_stayed(session: Session, post: Post) -> bool:
    """Does it answer a post of this list that never left? What we do not know counts as nothing."""
    if not post.in_reply_to:
        return False
    parent = posts.post_by_message_id(session, list_id=post.list_id, message_id=post.in_reply_to)
    if parent is None or remote_post_of(session, id_of(parent)) is not None:
        return False
    return not _leaves(departures.departure_of(session, id_of(parent)))


def _leaves(departure: Departure | None) -> bool:
    return departure is not None and (departure.state is DepartureState.DUE or bool(departure.sealed_as))


def _repeats_a_home_post(session: Session, post: Post, message: Message) -> bool:
    """Does it quote at length what was written to the list alone?"""
    text = whole_text_of(message.raw)
    if len(text) < SHORTEST_QUOTE:
        return False
    recent = departures.home_contents(session, list_id=post.list_id, but=id_of(post), limit=_POSTS_COMPARED)
    return repeats_one_of(text, (written_text_of(read_content(session, content_id)) for content_id in recent))
