"""Lists as members of other lists, as the operator adds, sees and removes them (storage.umbrella)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from organic_mail.cli.output import confirm, fail, visible
from organic_mail.cli.words import the_list

if TYPE_CHECKING:
    from sqlmodel import Session

    from organic_mail.home import Opened
    from storage.models import MailingList


def list_typed(session: Session, text: str, domain: str) -> MailingList | None:
    """The list of this community that was written as a member, "family@oak.example" or with a name before it."""
    from handlers.address import AddressProblem, entered_mailbox
    from handlers.route import in_domain
    from storage.lists import list_named

    try:
        address = entered_mailbox(text).address
    except AddressProblem:
        return None
    return list_named(session, address.rpartition("@")[0]) if in_domain(address, domain) else None


def add_list(session: Session, outer_name: str, inner: MailingList) -> None:
    """Nobody is asked: the operator runs both."""
    from datetime import UTC, datetime

    from handlers.facts import id_of
    from storage.events import record
    from storage.umbrella import add_member_list

    outer, now = the_list(session, outer_name), datetime.now(UTC)
    if outer.id == inner.id:
        fail(f"{inner.name} cannot be a member of itself; give another list")
    if not add_member_list(session, outer_id=id_of(outer), inner_id=id_of(inner), now=now):
        fail(f"{inner.name} is on {outer.name} already; see who is: organic-mail member ls {outer.name}")
    text = f"Who is on {inner.name} reads {outer.name} too."
    record(session, "joined", text, now=now, list_id=outer.id)


def remove_list(community: Opened, outer_name: str, inner: MailingList, *, yes: bool) -> None:
    """After a question. Raises nothing: what is not there fails with a cure."""
    from datetime import UTC, datetime

    from handlers.facts import id_of
    from storage.events import record
    from storage.umbrella import remove_member_list

    confirm(f"Take the list {visible(inner.name)} off {outer_name}?", yes=yes)

    def write(session: Session) -> None:
        outer = the_list(session, outer_name)
        if not remove_member_list(session, outer_id=id_of(outer), inner_id=id_of(inner)):
            fail(f"{inner.name} is not on {outer.name}; see who is: organic-mail member ls {outer.name}")
        text = f"Who is on {inner.name} does not read {outer.name} by that any more."
        record(session, "left", text, now=datetime.now(UTC), list_id=outer.id)

    community.database.write(write)


def described_lists(session: Session, outer: MailingList, domain: str) -> list[dict[str, Any]]:
    """Member lists as rows of `member ls`; what only a person has is empty."""
    from handlers.facts import id_of
    from storage.umbrella import member_lists

    return [
        {
            "address": f"{inner.name}@{domain}",
            "name": inner.title,
            "role": "list",
            "delivery": "each",
            "status": "active",
            "alias": "",
            "language": "",
            "timezone": "",
        }
        for inner in member_lists(session, id_of(outer))
    ]
