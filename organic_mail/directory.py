"""What members are told when they ask: who is on the list, how it works, its rules."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.directory_page import Entry, Yes, directory_page
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.template import Value
from handlers.wishes import AskToForget, AskToMove, Explain, SendDirectory, SetLine, WishData
from organic_mail import asking, forgetting, moving, notices, own_data
from organic_mail.joining import Answer
from storage import directory, members, questions
from storage.events import record
from storage.list_words import words_of_list
from storage.lists import list_by_id
from storage.models import Joining, MailingList, Member, Membership, Role, Status
from storage.models_questions import QuestionKind

_HERE = (Status.ACTIVE, Status.PAUSED)
Wish = SendDirectory | SetLine | Explain | WishData | AskToForget | AskToMove


def grant(session: Session, host: Host, wish: Wish, answer: Answer, now: datetime) -> None:
    """What somebody asked to know, or to have changed about herself."""
    match wish:
        case SendDirectory(membership_id):
            send_directory(session, host, membership_id, answer, now)
        case SetLine():
            set_line(session, host, wish, answer, now)
        case AskToMove():
            moving.ask_at_new_address(session, host, wish, answer.message_id, now)
        case Explain():
            explain(session, host, wish, answer, now)
        case WishData(member_id, list_id):
            own_data.wish(session, member_id=member_id, list_id=list_id, in_reply_to=answer.message_id, now=now)
        case AskToForget(member_id, list_id):
            forgetting.ask(session, host, member_id=member_id, list_id=list_id, in_reply_to=answer.message_id, now=now)


def send_directory(session: Session, host: Host, membership_id: int, answer: Answer, now: datetime) -> None:
    """Who agreed to be listed, to one member, once an hour; her answer to it becomes her own line."""
    mailing_list, member, membership = _place(session, membership_id)
    listed = directory.listed_members(session, id_of(mailing_list))
    said = directory.listing_of(session, membership_id)
    is_listed = said is not None and said.is_listed
    local = ZoneInfo(member.timezone)
    yeses = [
        Yes(each.name, each.voucher, each.at.astimezone(local).date())
        for each in directory.vouchings_of(session, id_of(mailing_list))
    ]
    entries = [Entry(each.name or each.alias, _private_address(host, each.alias), each.line) for each in listed]
    values: dict[str, Value] = {
        "listed": is_listed,
        "others": members.count_members(session, id_of(mailing_list)) - len(listed) - (0 if is_listed else 1),
    }
    page = directory_page(entries, yeses, member.language)
    cause = f"who:{membership_id}:{now:%Y-%m-%dT%H}"
    _send_for_line(session, host, NoticeKind.DIRECTORY, membership, values, page, Answer(cause, answer.message_id), now)


def set_line(session: Session, host: Host, wish: SetLine, answer: Answer, now: datetime) -> None:
    """As she wrote it; she is shown what others read now."""
    _, member, membership = _place(session, wish.membership_id)
    directory.set_listing(session, membership_id=wish.membership_id, is_listed=wish.is_listed, line=wish.line, now=now)
    shown = filter(None, (member.name or member.alias, _private_address(host, member.alias), wish.line))
    page = "\n".join(shown) if wish.is_listed else ""
    values: dict[str, Value] = {"listed": wish.is_listed}
    _send_for_line(session, host, NoticeKind.LISTED, membership, values, page, answer, now)
    text = f"{member.name or member.alias} {'wrote' if wish.is_listed else 'took away'} a line for the list of members."
    record(session, "changed", text, now=now, list_id=membership.list_id, member_id=member.id)


def explain(session: Session, host: Host, wish: Explain, answer: Answer, now: datetime) -> None:
    """How the list works, or its rules: to a member once an hour, to a stranger once a day."""
    mailing_list = list_by_id(session, wish.list_id)
    member = members.member_by_id(session, wish.member_id) if wish.member_id else None
    membership = members.membership(session, wish.list_id, wish.member_id) if wish.member_id else None
    if mailing_list is None:
        return
    kind, page = NoticeKind.HELP, ""
    values: dict[str, Value] = {}
    if wish.rules:
        kind, page = NoticeKind.RULES, words_of_list(session, wish.list_id).rules
        values = {"own": bool(page), "open": mailing_list.joining is Joining.OPEN}
    elif member is None or membership is None:
        kind = NoticeKind.HELP_STRANGER
    else:
        values = {
            "posting": mailing_list.posting,
            "role": "member" if membership.role is Role.MEMBER else "owner",
            "lists": tuple(
                each.title for each, tie in members.memberships_of(session, id_of(member)) if tie.status in _HERE
            ),
        }
    address = members.primary_address(session, id_of(member)) if member else wish.address
    letter = Notice(
        kind,
        Mailbox(member.name if member else "", address),
        member.language if member else host.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{'help' if member else 'owner'}@{host.domain}",
        in_reply_to=answer.message_id,
        values=values,
        below=page,
    )
    pace = f"{now:%Y-%m-%dT%H}" if member else f"{now:%Y-%m-%d}"
    notices.send(
        session, host, letter, cause=f"{kind}:{wish.list_id}:{pace}", now=now, member=member, membership=membership
    )


def _send_for_line(
    session: Session,
    host: Host,
    kind: NoticeKind,
    membership: Membership,
    values: dict[str, Value],
    page: str,
    answer: Answer,
    now: datetime,
) -> None:
    """A letter whose answer is her line in the list of members."""
    mailing_list, member, _ = _place(session, id_of(membership))
    token = asking.new_question(session, QuestionKind.LINE, mailing_list, now, member_id=id_of(member))
    letter = Notice(
        kind,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{token}@{host.domain}",
        in_reply_to=answer.message_id,
        values=values,
        below=page,
    )
    if not notices.send(session, host, letter, cause=answer.cause, now=now, member=member, membership=membership):
        questions.drop_question(session, token)


def _private_address(host: Host, alias: str) -> str:
    """Where one mailbox is all there is, nobody has an address of her own."""
    return "" if host.mailbox else f"{alias}@{host.domain}"


def _place(session: Session, membership_id: int) -> tuple[MailingList, Member, Membership]:
    membership = members.membership_by_id(session, membership_id)
    mailing_list = list_by_id(session, membership.list_id) if membership else None
    member = members.member_by_id(session, membership.member_id) if membership else None
    if membership is None or mailing_list is None or member is None:
        raise LookupError(f"membership {membership_id} is not whole")
    return mailing_list, member, membership
