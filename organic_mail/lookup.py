"""What storage knows about one message, read before anything is decided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.automatic import has_automatic_subject, is_report
from handlers.ban import is_banned
from handlers.facts import Facts, Host, QuestionFacts, TokenFacts, id_of
from handlers.message import Message
from handlers.route import Kind, Route, candidates, in_domain
from handlers.token import read_verp
from organic_mail.answered import (
    answered_member,
    answered_post,
    hiding_keys,
    is_empty_answer,
    is_made_here,
    membership_of,
    reaction_facts,
    said_not_hers,
    through,
)
from organic_mail.asking import joining_is_busy
from organic_mail.letter_facts import button_facts, letter_facts, sent_letter_facts
from organic_mail.muting import muting_facts
from organic_mail.own_posts import own_post_facts
from organic_mail.peer_limits import must_wait
from organic_mail.private_facts import private_facts
from organic_mail.remote_facts import is_peers_mailbox, remote_facts
from organic_mail.reported import complaint_facts, sent_facts
from storage import members, questions, remote, spaces, tokens
from storage.bans import patterns_concerning
from storage.forms import posts_with
from storage.intake import Seat, has_list, has_posted, seat_of
from storage.letter_buttons import button
from storage.lists import list_by_id, list_named
from storage.models import MailingList, Member, Post, Role, Status
from storage.models_questions import QuestionKind

_RUN_THE_LIST = (Role.MODERATOR, Role.OWNER)
_HERE = (Status.ACTIVE, Status.PAUSED)
_PEOPLE = (Kind.OWNER, Kind.OPERATOR)
_READ_FOR_COMMANDS = (Kind.LIST, Kind.JOIN, Kind.HELP)
_AN_HOUR = timedelta(hours=1)
_AT_A_LIST = (Kind.LIST, Kind.JOIN, Kind.LEAVE, Kind.HELP, Kind.OWNER)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to whom we write about a list."""

    name: str
    address: str
    language: str


def route_of(session: Session, host: Host, address: str, today: date) -> Route | None:
    """Where mail for this address goes; None when there is nothing at it."""
    for route in candidates(address, host.domain):
        found = _existing(session, host, route, today)
        if found is not None:
            return found
    return None


def look_up(
    session: Session, host: Host, message: Message, author: Mailbox | None, address: str, now: datetime
) -> tuple[Route, Facts]:
    """Where a message for this address goes, and what the deciders want to know about it."""
    for route in candidates(address, host.domain):
        # that a list is still there is seen with its facts, in the same statement
        found = route if route.kind in _AT_A_LIST else _existing(session, host, route, now.date())
        facts = _facts(session, host, message, author, found, now) if found else None
        if found is not None and facts is not None and (facts.mailing_list or not found.list_name):
            return found, facts
    return Route(Kind.NOBODY, address), Facts(host, author=author)


def _facts(
    session: Session, host: Host, message: Message, author: Mailbox | None, route: Route, now: datetime
) -> Facts:
    sent = sent_facts(session, route.bounce) if route.bounce else None
    complaint = complaint_facts(session, host, message, now.date()) if _may_complain(route, message) else None
    if route.kind is Kind.PEER:
        return Facts(host, author=author, peer_waits=must_wait(session, host, message, route.token, now))
    if route.kind is Kind.REMOTE:
        remotely = remote_facts(session, host, author, route, now)
        return replace(remotely, is_banned=author is not None and is_banned_from(session, None, author.address))
    if route.kind in (Kind.ALIAS, Kind.BOUNCE):
        private = private_facts(session, host, message, author, route, now)
        if private is not None:
            banned = author is not None and is_banned_from(session, private.mailing_list, author.address)
            return replace(private, sent=sent, complaint=complaint, is_banned=banned)
    bounced = _bounced_post(session, route)
    sent_letter = None
    if route.bounce is not None and bounced is None and not is_report(message):
        sent_letter = sent_letter_facts(session, host, route.bounce)
    sent_from = bounced.list_id if bounced else sent_letter[0] if sent_letter else None
    seat = _seat(session, host, author, route, sent_from, now)
    mailing_list, membership = seat.mailing_list, seat.membership
    is_post = route.kind in (Kind.LIST, Kind.SPACE, Kind.BOUNCE)
    is_here = membership is not None and membership.status in _HERE
    may_read = mailing_list is not None and seat.member is not None and not is_here
    may_join = route.kind in _READ_FOR_COMMANDS and not is_here
    answered = answered_member(session, host, mailing_list, message) if is_post and not membership else None
    letter = sent_letter[1] if sent_letter else None
    if route.kind is Kind.LIST:
        letter = letter_facts(session, host, mailing_list, message)
    pressed = button_facts(session, mailing_list, route.token) if route.kind is Kind.TOKEN else None
    reads_through = through(session, mailing_list, seat.member) if may_read else None
    own_post = None
    if (is_post or pressed) and seat.member is not None:
        surely, reads = pressed.post if pressed else bounced, is_here or reads_through is not None
        own_post = own_post_facts(session, mailing_list, message, seat.member, surely, now, reads=reads)
    member_id = seat.member.id if seat.member else None
    for_owners = route.kind in _PEOPLE or _hears_of_bounces(route, mailing_list)
    people = people_who_run(session, host, mailing_list, (Role.OWNER,)) if for_owners else ()
    return Facts(
        host,
        author=author,
        mailing_list=mailing_list,
        member=seat.member,
        membership=membership,
        through=reads_through,
        answers_member=answered,
        answers_ours=has_automatic_subject(message) and _answers_ours(session, host, mailing_list, route, message),
        hiding=hiding_keys(session, message) if is_post or pressed else (),
        owners=tuple(person.address for person in people),
        token=_token(session, route.token) if route.kind is Kind.TOKEN else None,
        question=_question(session, host, mailing_list, route.token) if route.kind is Kind.TOKEN else None,
        said_not_hers=answered is not None and author is not None and said_not_hers(session, answered, author),
        joining_busy=may_join and mailing_list is not None and joining_is_busy(session, mailing_list, now),
        posts_last_hour=seat.posts,
        bounced_post=bounced,
        sent=sent,
        complaint=complaint,
        reaction=reaction_facts(session, mailing_list, message) if is_post else None,
        muting=muting_facts(session, host, mailing_list, message) if is_post else None,
        own_post=own_post,
        letter=letter,
        button=pressed,
        space=route.space,
        is_banned=author is not None and seat.has_bans and is_banned_from(session, mailing_list, author.address),
        has_posted=has_posted(session, mailing_list, member_id),
        is_empty=is_post and mailing_list is not None and is_empty_answer(session, host, mailing_list, message),
    )


def is_banned_from(session: Session, mailing_list: MailingList | None, address: str) -> bool:
    """On this list, or on all of them."""
    key = address_key(address)
    return is_banned(key, patterns_concerning(session, key=key, list_id=mailing_list.id if mailing_list else None))


def _hears_of_bounces(route: Route, mailing_list: MailingList | None) -> bool:
    return route.kind is Kind.BOUNCE and mailing_list is not None and mailing_list.bounces_to_owners


def _may_complain(route: Route, message: Message) -> bool:
    return route.kind in (*_PEOPLE, Kind.BOUNCE) and is_report(message)


def people_who_run(
    session: Session, host: Host, mailing_list: MailingList | None, roles: Collection[Role] = _RUN_THE_LIST
) -> tuple[Recipient, ...]:
    """The active ones of a list; the operator where there are none; nobody where the operator gave no address."""
    if mailing_list is not None:
        people = members.people_of(session, id_of(mailing_list), statuses=_HERE, roles=roles)
        found = tuple(Recipient(each.member.name, each.address, each.member.language) for each in people)
        if found:
            return found
    return (Recipient("", host.operator, host.language),) if host.operator else ()


def _existing(session: Session, host: Host, route: Route, today: date) -> Route | None:
    match route.kind:
        case Kind.OPERATOR:
            return route
        case Kind.BOUNCE:
            bounce = read_verp(host.secrets, route.address.partition("@")[0], today)
            return replace(route, bounce=bounce) if bounce else None
        case Kind.PEER:
            return route if is_peers_mailbox(session, host, route.token) else None
        case Kind.ALIAS:
            return route if members.alias_owner(session, route.alias) else None
        case Kind.REMOTE:
            return route if remote.remote_author_of(session, route.alias) else None
        case Kind.SPACE:
            seat = spaces.seat_at(session, route.address.partition("@")[0])
            return replace(route, list_name=seat[0].name, space=seat[1].id) if seat else None
        case Kind.TOKEN:
            mailing_list = list_named(session, route.list_name)
            if mailing_list is None:
                return None
            asked = (
                tokens.find_token(session, route.token)
                or questions.find_question(session, route.token)
                or button(session, route.token)
            )
            return route if asked and asked.list_id == mailing_list.id else None
        case _:
            return route if has_list(session, route.list_name) else None


def _seat(
    session: Session, host: Host, author: Mailbox | None, route: Route, sent_from: int | None, now: datetime
) -> Seat:
    """The list, the author and what ties the two. sent_from: the list whose mail went out with this return path."""
    key = address_key(author.address) if author else ""
    if route.list_name and not in_domain(key, host.domain):
        since = now - _AN_HOUR if host.posts_per_hour and route.kind in (Kind.LIST, Kind.SPACE) else None
        return seat_of(session, list_name=route.list_name, key=key, since=since) or Seat(None, None, None)
    if sent_from is not None:
        mailing_list = list_by_id(session, sent_from)
    else:
        mailing_list = list_named(session, route.list_name) if route.list_name else None
    member = _member_of(session, host, author)
    return Seat(mailing_list, member, membership_of(session, mailing_list, member))


def _member_of(session: Session, host: Host, author: Mailbox | None) -> Member | None:
    """By one of her addresses; in a copy of ours that goes on to another list, by her alias."""
    if author is None:
        return None
    key = address_key(author.address)
    if in_domain(key, host.domain):
        return members.alias_owner(session, key.partition("@")[0])
    return members.member_of_address(session, key)


def _answers_ours(
    session: Session, host: Host, mailing_list: MailingList | None, route: Route, message: Message
) -> bool:
    """What comes to an address that stands in one mail of ours alone answers it, whatever its header says."""
    if route.kind in (Kind.TOKEN, Kind.BOUNCE):
        return True
    return is_made_here(host, message) or answered_post(session, mailing_list, message) is not None


def _token(session: Session, token: str) -> TokenFacts | None:
    stored = tokens.find_token(session, token)
    member = members.member_by_id(session, stored.member_id) if stored else None
    membership = members.membership_by_id(session, stored.membership_id) if stored else None
    if stored is None or member is None or membership is None:
        return None
    keys = frozenset(address.key for address in members.addresses_of(session, id_of(member)))
    return TokenFacts(stored, member, membership, keys)


def _question(session: Session, host: Host, mailing_list: MailingList | None, token: str) -> QuestionFacts | None:
    """What we asked, and the addresses from which it may be answered."""
    asked = questions.find_question(session, token)
    if asked is None or mailing_list is None:
        return None
    match asked.kind:
        case QuestionKind.JOINING | QuestionKind.MOVING:
            keys = {asked.key}
        case QuestionKind.DECISION:
            people = members.people_of(session, id_of(mailing_list), statuses=_HERE, roles=_RUN_THE_LIST)
            keys = _keys_of(session, [id_of(each.member) for each in people])
            keys |= {address_key(host.operator)} if host.operator else set()
            vouchers = _keys_of(session, questions.asked_members(session, token)) - keys
            return QuestionFacts(asked, keys | vouchers, vouchers)
        case _:  # she whom we asked
            keys = _keys_of(session, [asked.member_id or 0])
    return QuestionFacts(asked, keys)


def _keys_of(session: Session, member_ids: Collection[int]) -> set[str]:
    return {address.key for member_id in member_ids for address in members.addresses_of(session, member_id)}


def _bounced_post(session: Session, route: Route) -> Post | None:
    """The post whose copy was sent from this bounce address, in a list that is still there."""
    if route.bounce is None:
        return None
    for post in posts_with(session, route.bounce.content_id):
        mailing_list = list_by_id(session, post.list_id)
        if mailing_list is not None and mailing_list.removed_at is None and post.removed_at is None:
            return post
    return None
