"""What the words of a command stand for: a list, a member, a setting. What is not there fails with a cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from organic_mail.cli.output import fail

if TYPE_CHECKING:
    from sqlmodel import Session

    from handlers.address import Mailbox
    from storage.models import MailingList, Member, Membership

LARGEST_ID = 2**63 - 1
"""No database counts further."""

ListName = Annotated[str, typer.Argument(metavar="LIST", help="The list: what stands before the @.")]


def the_list(session: Session, name: str) -> MailingList:
    """The list of this name; its whole address is understood too."""
    from storage.lists import all_lists, list_named

    found = list_named(session, name.partition("@")[0])
    if found is None:
        names = [each.name for each in all_lists(session)]
        known = f"there are: {', '.join(names[:20])}" if names else "make it: organic-mail list create NAME"
        fail(f'there is no list "{name}"; {_near(name, names) or known}')
    return found


def the_member(session: Session, address: str, domain: str) -> Member:
    """The member with this address, primary or second, or with this alias at our domain."""
    from handlers.address import address_key
    from storage.members import addresses_like, alias_owner, member_of_address

    key = address_key(address)
    local, _, host = key.rpartition("@")
    member = alias_owner(session, local) if host == domain else member_of_address(session, key)
    if member is None:
        near = _near(key, addresses_like(session, key))
        fail(f'there is no member "{address}"; {near or "see who there is: organic-mail member ls LIST"}')
    return member


def the_membership(session: Session, mailing_list: MailingList, member: Member, address: str) -> Membership:
    from handlers.facts import id_of
    from storage.members import membership
    from storage.models import Status

    found = membership(session, id_of(mailing_list), id_of(member))
    if found is None or found.status == Status.LEFT:
        fail(f"{address} is not on {mailing_list.name}; add her: organic-mail member add {mailing_list.name} {address}")
    return found


def entered(text: str, domain: str) -> Mailbox:
    """A person's mailbox as the operator typed it; an address at our own domain is nobody's."""
    from handlers.address import AddressProblem, entered_mailbox
    from handlers.route import in_domain

    try:
        mailbox = entered_mailbox(text)
    except AddressProblem as problem:
        fail(str(problem))
    if in_domain(mailbox.address, domain):
        fail(f"{mailbox.address} is an address of this server; give the one where she reads her mail")
    return mailbox


def settings_of(pairs: Sequence[str], readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """KEY=VALUE words, each value read by the reader of its key, which raises ValueError with the cure."""
    found = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f'"{pair}" has no "="; write KEY=VALUE')
        if key not in readers:
            fail(f'there is no setting "{key}"; there are: {", ".join(readers)}')
        try:
            found[key] = readers[key](text)
        except ValueError as problem:
            fail(f"{key}: {problem}")
    return found


def one_of(*words: str) -> Callable[[str], str]:
    """The reader of a setting that has one of a few values."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f'"{text}" is not one of {", ".join(words)}')
        return text

    return read


def yes_or_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError(f'"{text}" is not yes or no')
    return text == "yes"


def days(text: str) -> int:
    """A number of days that a person means, 0 for no end."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError(f'"{text}" is not a number of days from 0 to 9999')
    return int(text)


def _near(word: str, words: Iterable[str]) -> str:
    from organic_mail.config_values import nearest

    close = nearest(word, words)
    return f"did you mean {close}?" if close else ""
