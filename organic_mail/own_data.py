"""Everything that we keep about a member, for herself: in words, as JSON, and her emails as she wrote them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.notice import Enclosed, Notice, NoticeKind
from handlers.own_data_page import Known, Place, Said, own_data_page
from handlers.peer.roster import space_name
from organic_mail import notices
from organic_mail.known_spaces import known_roster
from storage import departures, directory, members, own_data
from storage.contents import read_content
from storage.database import Database
from storage.lists import list_by_id
from storage.models import Member, Status
from storage.models_people import DataWish

MOST_BY_MAIL = 12 * 1024 * 1024
"""Bytes of a file by mail; with base64 it stays below what providers take."""

_ANSWERS_SHOWN = 20
_HERE = (Status.ACTIVE, Status.PAUSED)


def wish(session: Session, *, member_id: int, list_id: int, in_reply_to: str, now: datetime) -> None:
    """It is answered within seconds, and once a day."""
    own_data.wish_for_data(session, member_id=member_id, list_id=list_id, in_reply_to=in_reply_to, now=now)


def send_wished_data(database: Database, host: Host, now: datetime) -> None:
    """Packed while others write: it may be large."""
    for open_wish in database.read(own_data.open_wishes):
        letter = database.read(partial(_letter, host=host, open_wish=open_wish))
        database.write(partial(_send, host=host, open_wish=open_wish, letter=letter, now=now))


def write_archive(session: Session, host: Host, member: Member, file: IO[bytes], *, most: int | None = None) -> int:
    """A zip of everything, mails newest first; most: bytes after which they end. Returns how many were left out."""
    left_out = 0
    document = {"about": _about(session, host, member), "kept": own_data.rows_of(session, id_of(member))}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("everything.json", json.dumps(document, ensure_ascii=False, indent=2))
        for name, content_id in own_data.mails_of(session, id_of(member)):
            content = read_content(session, content_id)
            if left_out or (most is not None and file.tell() + len(content) > most):
                left_out += 1
            else:
                archive.writestr(name, content)
    return left_out


def known_of(session: Session, host: Host, member: Member) -> Known:
    """What stands in the mail itself."""
    rows, local = own_data.rows_of(session, id_of(member)), ZoneInfo(member.timezone)
    private = rows.get("private_block", [])
    blocked = [members.member_by_id(session, each["blocked_id"]) for each in private if each["blocker_id"] == member.id]
    return Known(
        member.name or member.alias,
        "" if host.mailbox else f"{member.alias}@{host.domain}",
        tuple(each.address for each in members.addresses_of(session, id_of(member))),
        places=tuple(_places(session, member, local)),
        blocked=tuple(each.name or each.alias for each in blocked if each),
        said=tuple(_said(session, member, local)),
        posts=sum(not each["removed_at"] for each in rows.get("post", [])),
        reactions=len(rows.get("reaction", [])),
        questions=sum(
            not each["answered_at"] and each["kind"] not in ("line", "departure") for each in rows.get("question", [])
        ),
        held=sum(each["state"] == "waiting" for each in rows.get("held_post", [])),
        waiting=sum(not each["settled_at"] for each in rows.get("delivery", [])),
    )


def _said(session: Session, member: Member, local: ZoneInfo) -> Iterator[Said]:
    """Her newest answers; all of them are in the file."""
    for each in departures.consents_of(session, id_of(member), limit=_ANSWERS_SHOWN):
        roster = known_roster(session, each.space, each.serial)
        yield Said(
            roster.title if roster else space_name(each.space), each.said_at.astimezone(local).date(), each.answer
        )


def _places(session: Session, member: Member, local: ZoneInfo) -> list[Place]:
    found = []
    for mailing_list, membership in members.memberships_of(session, id_of(member)):
        if membership.status not in _HERE:
            continue
        said = directory.listing_of(session, id_of(membership))
        vouched = directory.vouched_by(session, id_of(membership))
        found.append(
            Place(
                mailing_list.title,
                (membership.joined_at or membership.created_at).astimezone(local).date(),
                voucher=vouched.voucher if vouched else "",
                line=(said.line or member.name) if said and said.is_listed else None,
            )
        )
    return found


def _about(session: Session, host: Host, member: Member) -> dict[str, Any]:
    known = known_of(session, host, member)
    return {
        "community": host.name,
        "domain": host.domain,
        "name": known.name,
        "alias": known.private_address,
        "addresses": known.addresses,
        "lists": [
            {"list": each.title, "since": each.since.isoformat(), "vouched_by": each.voucher, "line": each.line}
            for each in known.places
        ],
    }


def _letter(session: Session, *, host: Host, open_wish: DataWish) -> Notice:
    member = members.member_by_id(session, open_wish.member_id)
    mailing_list = list_by_id(session, open_wish.list_id)
    if member is None or mailing_list is None:
        raise LookupError(f"no member {open_wish.member_id}")
    file = io.BytesIO()
    left_out = write_archive(session, host, member, file, most=MOST_BY_MAIL)
    return Notice(
        NoticeKind.YOUR_DATA,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-owner@{host.domain}",
        in_reply_to=open_wish.in_reply_to,
        values={"left_out": left_out},
        below=own_data_page(known_of(session, host, member), member.language),
        enclosed=Enclosed("everything.zip", "application/zip", file.getvalue()),
    )


def _send(session: Session, *, host: Host, open_wish: DataWish, letter: Notice, now: datetime) -> None:
    """Not when another daemon was quicker."""
    member = members.member_by_id(session, open_wish.member_id)
    if member and own_data.close_wish(session, member_id=open_wish.member_id, day=open_wish.day, now=now):
        notices.send(
            session, host, letter, cause=f"your_data:{open_wish.member_id}:{open_wish.day}", now=now, member=member
        )
