"""`organic-mail member`: persons, and how each of them gets mail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from organic_mail.cli import member_files, member_lists
from organic_mail.cli.member_settings import OF_A_MEMBERSHIP, OF_THE_LISTING, described, readers, set_listed
from organic_mail.cli.output import JsonFlag, YesFlag, confirm, fail, open_community, print_json, print_table, visible
from organic_mail.cli.words import (
    ListName,
    entered,
    settings_of,
    the_list,
    the_member,
    the_membership,
)

if TYPE_CHECKING:
    from sqlmodel import Session


app = typer.Typer(help="Persons: who is on a list, and how each of them gets mail.", no_args_is_help=True)
addresses = typer.Typer(help="Second addresses, from which a member may write as well.", no_args_is_help=True)
app.add_typer(addresses, name="address")
member_files.add_to(app)

MemberAddress = Annotated[str, typer.Argument(metavar="ADDRESS", help="One of the member's addresses, or the alias.")]
Delivery = Literal["each", "daily", "weekly", "none"]
Role = Literal["member", "moderator", "owner"]


@app.command(epilog='Example: organic-mail member add family "Anna Lindqvist <anna@example.org>"')
def add(
    context: typer.Context,
    name: ListName,
    mailbox: Annotated[str, typer.Argument(metavar='"NAME <ADDRESS>"', help="Who: the name, and the address in <>.")],
    confirmed: Annotated[
        bool,
        typer.Option("--confirmed", help="The person said yes on paper: add at once, and send the welcome."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Send nothing.")] = False,
    delivery: Annotated[
        Delivery | None, typer.Option(help="How mail comes: each post, one letter, or none. [default: the list's]")
    ] = None,
    role: Annotated[Role, typer.Option(help="Moderators decide about held mail; owners too.")] = "member",
    language: Annotated[str, typer.Option(metavar="xx", help="Of what we write. [default: the community's]")] = "",
    timezone: Annotated[str, typer.Option(metavar="Area/City", help="[default: the community's]")] = "",
) -> None:
    """Invite a person to a list. The invitation asks for a yes by reply; who does not answer gets no more mail.
    Somebody who is on another list already keeps name, alias and addresses. A list of this server may be a member
    too: then all who are on it read this one. It needs no yes and no options."""
    from organic_mail import config_values as values
    from organic_mail.cli.admitting import admit
    from organic_mail.joining import Newcomer
    from organic_mail.member_csv import name_of
    from storage import models

    wanted = settings_of(
        [*([f"language={language}"] if language else []), *([f"timezone={timezone}"] if timezone else [])],
        {"language": values.language, "timezone": values.timezone},
    )
    with open_community(context) as community:
        domain = community.settings.community.domain
        inner = community.database.read(lambda session: member_lists.list_typed(session, mailbox, domain))
        if inner is not None:
            community.database.write(lambda session: member_lists.add_list(session, name, inner))
            typer.echo(f"{inner.name}@{domain} is on {name}: who is on it reads {name} too.")
            return
        person = entered(mailbox, domain)
        try:
            person = replace(person, name=name_of(person.name, person.address))
        except ValueError as problem:
            fail(f"the name: {problem}")
        newcomer = Newcomer(
            person,
            models.DeliveryMode(delivery) if delivery else None,
            models.Role(role),
            **wanted,
        )
        written_to = community.database.write(
            lambda session: admit(
                session, community, the_list(session, name), newcomer, confirmed=confirmed, quiet=quiet
            )
        )
    who = f"{visible(newcomer.mailbox.name)} <{person.address}>"
    if confirmed:
        typer.echo(f"{who} is on {name}.")
    elif quiet:
        typer.echo(f"{who} is invited to {name}, but nothing was sent: say it again without --quiet, or --confirmed.")
    elif not written_to:
        typer.echo(f"{who} was invited to {name} less than a day ago and has not answered; nothing more was sent.")
    else:
        typer.echo(f"{who} is invited to {name}, and on it as soon as the answer is yes.")


@app.command(epilog="Example: organic-mail member ls family --json")
def ls(context: typer.Context, name: ListName, json: JsonFlag = False) -> None:
    """Print who is on a list, by address; lists that are members come first. Status: invited (no answer yet), active,
    or paused."""
    from handlers.facts import id_of
    from storage.directory import vouchings_of
    from storage.members import people_of

    def everybody(session: Session) -> list[dict[str, Any]]:
        mailing_list = the_list(session, name)
        vouchers = {each.membership_id: each for each in vouchings_of(session, id_of(mailing_list))}
        return member_lists.described_lists(session, mailing_list, domain) + [
            {
                "address": person.address,
                "name": person.member.name,
                "role": person.membership.role.value,
                "delivery": person.membership.delivery.value,
                "status": person.membership.status.value,
                "alias": f"{person.member.alias}@{domain}",
                "language": person.member.language,
                "timezone": person.member.timezone,
                "vouched_by": vouchers[id_of(person.membership)].voucher if person.membership.id in vouchers else "",
                "vouched_at": vouchers[id_of(person.membership)].at if person.membership.id in vouchers else None,
            }
            for person in people_of(session, id_of(mailing_list))
        ]

    with open_community(context) as community:
        domain = community.settings.community.domain
        found = community.database.read(everybody)
    if json:
        print_json(found)
    else:
        columns = ("address", "name", "role", "delivery", "status", "alias")
        print_table(
            columns,
            [[each[column] for column in columns] for each in found],
            empty=f'Nobody is on {name} yet; add somebody: organic-mail member add {name} "Name <address>"',
        )


@app.command(epilog="Example: organic-mail member show anna@example.org")
def show(context: typer.Context, address: MemberAddress, json: JsonFlag = False) -> None:
    """Print one person: name, alias, addresses, and how each list reaches her."""
    with open_community(context) as community:
        domain = community.settings.community.domain
        found = community.database.read(
            lambda session: described(session, the_member(session, address, domain), domain, community.secrets)
        )
    if json:
        print_json(found)
        return
    for key in ("name", "alias", "addresses", "language", "timezone", "hour", "address", "share", "home", "bounces"):
        value = found[key]
        typer.echo(f"{key + ':':<12}{visible(', '.join(value) if isinstance(value, list) else value)}")
    for each in found["lists"]:
        vouched = f"; {visible(each['vouched_by'])} said yes to her" if each["vouched_by"] else ""
        typer.echo(f"{'on:':<12}{each['list']}: {each['role']}, {each['delivery']}, {each['status']}{vouched}")
        for subject in each["muted"]:
            typer.echo(f'{"muted:":<12}{each["list"]}: "{visible(subject)}"')


@app.command("set", epilog="Example: organic-mail member set anna@example.org --list family delivery=daily")
def change(
    context: typer.Context,
    address: MemberAddress,
    settings: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…", help="One setting or several.")],
    list_name: Annotated[
        str,
        typer.Option("--list", metavar="LIST", help=f"The list that {', '.join(OF_A_MEMBERSHIP)} are of."),
    ] = "",
) -> None:
    """Change how a person gets mail. For one list, with --list: delivery=each, daily, weekly or none;
    role=member, moderator or owner; own_posts=yes or no: does she get her own posts back; second_copy=yes or no: also
    of posts that name her in To or Cc; listed=yes or no and line=TEXT: does she stand in the list of members that
    "who" brings, and how; weekday=sunday: the day of the weekly letter; status=active: she was paused, and said that
    she wants our emails again; moderated=yes or no: must her posts be read before they go out;
    trusted=yes or no: are they not, on a moderated list. For all her lists:
    name=TEXT; language=sv; timezone=Europe/Stockholm; hour=7: when her letter comes; address=hidden or shown to the
    others; share=never, ask or always: may her posts leave for a space; home=DOMAIN of the server that is her home
    for spaces."""
    from datetime import UTC, datetime

    from handlers.facts import id_of
    from organic_mail.pausing import resume_for
    from storage.letter_buttons import wish_for_the_last
    from storage.members import update_member, update_membership
    from storage.models import Status

    wanted = settings_of(settings, readers())
    of_membership = {key: wanted.pop(key) for key in OF_A_MEMBERSHIP if key in wanted}
    if "address" in wanted:
        wanted["address_shown"] = wanted.pop("address")
    if of_membership and not list_name:
        fail(f"{' and '.join(of_membership)} belongs to one list of hers; say which: --list LIST")
    resuming = of_membership.pop("status", None) is not None
    listing: dict[str, Any] = {key: of_membership.pop(key) for key in OF_THE_LISTING if key in of_membership}

    def write(session: Session) -> str:
        member = the_member(session, address, domain)
        if of_membership or resuming or listing:
            membership = the_membership(session, the_list(session, list_name), member, address)
            if resuming and membership.status is Status.INVITED:
                cure = f"who said yes on paper is added with: member add {list_name} {address} --confirmed"
                fail(f"{address} was invited, and has not answered; {cure}")
            if resuming:
                resume_for(session, community.secrets, membership, datetime.now(UTC))
            before = membership.delivery
            changed = update_membership(session, membership_id=id_of(membership), **of_membership)
            wish_for_the_last(session, changed, before, datetime.now(UTC))
            if listing:
                set_listed(session, id_of(membership), listing)
        if wanted:
            update_member(session, member_id=id_of(member), **wanted)
        return member.name

    with open_community(context) as community:
        domain = community.settings.community.domain
        name = community.database.write(write)
    typer.echo(f"{visible(name)}: {', '.join(map(visible, settings))}")


@app.command(epilog="Example: organic-mail member remove family anna@example.org")
def remove(context: typer.Context, name: ListName, address: MemberAddress, yes: YesFlag = False) -> None:
    """Take a person off a list, at once. What waits for her is dropped; her posts, her alias and her other lists stay.
    She is not written to."""
    from handlers.facts import id_of
    from storage.members import leave

    with open_community(context) as community:
        domain = community.settings.community.domain
        inner = community.database.read(lambda session: member_lists.list_typed(session, address, domain))
        if inner is not None:
            member_lists.remove_list(community, name, inner, yes=yes)
            typer.echo(f"{inner.name}@{domain} is off {name}.")
            return

        def found(session: Session) -> tuple[str, int]:
            member = the_member(session, address, domain)
            return member.name, id_of(the_membership(session, the_list(session, name), member, address))

        person, membership_id = community.database.read(found)
        confirm(f"Take {visible(person)} off {name}?", yes=yes)
        community.database.write(lambda session: leave(session, membership_id=membership_id))
    typer.echo(f"{visible(person)} is off {name}.")


@addresses.command("add", epilog="Example: organic-mail member address add anna@example.org anna@work.example")
def add_second(
    context: typer.Context,
    address: MemberAddress,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The address to add.")],
) -> None:
    """Let a member write from one more address. Her mail still goes to the first one."""
    from datetime import UTC, datetime

    from handlers.address import address_key
    from handlers.facts import id_of
    from storage.members import AddressTaken, add_address, member_of_address

    with open_community(context) as community:
        domain = community.settings.community.domain
        second = entered(other, domain).address

        def write(session: Session) -> str:
            member = the_member(session, address, domain)
            try:
                add_address(
                    session,
                    member_id=id_of(member),
                    address=second,
                    key=address_key(second),
                    now=datetime.now(UTC),
                )
            except AddressTaken:
                owner = member_of_address(session, address_key(second))
                fail(f"{second} is an address of {owner.name if owner else 'a member'} already; nothing to do")
            return member.name

        person = community.database.write(write)
    typer.echo(f"{visible(person)} may write from {second} too.")


@addresses.command("remove", epilog="Example: organic-mail member address remove anna@example.org anna@work.example")
def remove_second(
    context: typer.Context,
    address: MemberAddress,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The address to take away.")],
    yes: YesFlag = False,
) -> None:
    """Take one of a member's addresses away. If her mail went there, it goes to her oldest other one."""
    from handlers.address import address_key
    from handlers.facts import id_of
    from storage.members import LastAddress, addresses_of, remove_address

    def write(session: Session) -> str:
        member = the_member(session, address, domain)
        try:
            if not remove_address(session, member_id=id_of(member), key=address_key(other)):
                hers = ", ".join(each.address for each in addresses_of(session, id_of(member)))
                fail(f"{other} is not an address of {member.name}; hers: {hers}")
        except LastAddress:
            fail(f"{other} is the only address of {member.name}; add another first: organic-mail member address add")
        return member.name

    with open_community(context) as community:
        domain = community.settings.community.domain
        confirm(f"Take {visible(other)} away?", yes=yes)
        person = community.database.write(write)
    typer.echo(f"{visible(person)} has {visible(other)} no longer.")
