"""`organic-mail list`: the lists, and how each of them works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from organic_mail.cli.list_words import OWN_WORDS, described_words, own_words, words_said
from organic_mail.cli.output import JsonFlag, YesFlag, confirm, fail, open_community, print_json, print_table, visible
from organic_mail.cli.words import days, one_of, settings_of, the_list, yes_or_no

if TYPE_CHECKING:
    from sqlmodel import Session

    from handlers.facts import Host
    from storage.models import MailingList

app = typer.Typer(help="The lists: make one, see one, change how it works.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The list: what stands before the @.")]
Posting = Literal["members", "moderated", "announce"]
Delivery = Literal["each", "daily", "weekly"]
Joining = Literal["vouched", "open", "closed"]


@app.command(epilog='Example: organic-mail list create family --title "The Lindqvist–Okafor family"')
def create(
    context: typer.Context,
    name: Name,
    title: Annotated[str, typer.Option(metavar="TEXT", help="What members call the list. [default: its name]")] = "",
    posting: Annotated[
        Posting,
        typer.Option(help="Who writes: all members; all, after a moderator's yes; or moderators and owners only."),
    ] = "members",
    delivery: Annotated[Delivery, typer.Option(help="What new members get: each post, or one letter.")] = "each",
    joining: Annotated[
        Joining,
        typer.Option(help="Who gets in: whom a member or owner says yes to; anybody; or whom you add, nobody else."),
    ] = "vouched",
) -> None:
    """Make a list. Members learn one address, NAME@ your domain: what is written to it goes to everyone on it.
    A name has lower-case letters, digits, dots and dashes, 40 at most."""
    from datetime import UTC, datetime

    from handlers.route import reserved_name
    from organic_mail.config_values import one_line
    from organic_mail.notices import host_of
    from storage import models
    from storage.lists import ListNameTaken, create_list
    from storage.members import alias_owner
    from storage.spaces import seat_at

    with open_community(context) as community:
        domain = community.settings.community.domain
        name = name.removesuffix(f"@{domain}")
        if reason := reserved_name(name):
            fail(f'"{visible(name)}" cannot be the name of a list: {reason}')
        wanted = settings_of([f"title={title or name.capitalize()}"], {"title": one_line})

        def make(session: Session) -> None:
            if owner := alias_owner(session, name):
                fail(f"{name}@{domain} is the address of {owner.name} for private mail; choose another name")
            if seat_at(session, name):
                fail(f"at {name}@{domain} a list writes to its space; choose another name")
            try:
                create_list(
                    session,
                    name=name,
                    title=wanted["title"],
                    posting=models.Posting(posting),
                    delivery=models.DeliveryMode(delivery),
                    joining=models.Joining(joining),
                    now=datetime.now(UTC),
                )
            except ListNameTaken:
                fail(f"there is a list {name} already; choose another name, or see it: organic-mail list show {name}")

        community.database.write(make)
        address = host_of(community.settings, community.secrets, community.database).written_to(name)
    typer.echo(f'{address} is ready. Next: organic-mail member add {name} "Name <address>" --role owner')


@app.command(epilog="Example: organic-mail list ls --json")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print all lists, by name."""
    from organic_mail.notices import host_of
    from storage.lists import all_lists

    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database)
        found = community.database.read(
            lambda session: [_described(session, each, host) for each in all_lists(session)]
        )
    if json:
        print_json(found)
    else:
        columns = ("address", "title", "posting", "joining", "members")
        print_table(
            columns,
            [[each[column] for column in columns] for each in found],
            empty="There is no list yet; make one: organic-mail list create NAME",
        )


@app.command(epilog="Example: organic-mail list show family")
def show(context: typer.Context, name: Name, json: JsonFlag = False) -> None:
    """Print one list: its address, how it works, how many are on it and who runs it."""
    from organic_mail.notices import host_of

    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database)
        found = community.database.read(lambda session: _described(session, the_list(session, name), host))
    if json:
        print_json(found)
        return
    for key, value in found.items():
        typer.echo(f"{key + ':':<13}{visible(', '.join(value) if isinstance(value, list) else value)}")


@app.command("set", epilog='Example: organic-mail list set family title="The family" replies=author')
def change(
    context: typer.Context,
    name: Name,
    settings: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…", help="One setting or several.")],
) -> None:
    """Change how a list works, from the next post on. title=TEXT; posting=members, moderated or announce;
    delivery=each, daily or weekly, for members who come later; joining=vouched, open or closed;
    replies=list or author: whom an answer reaches; strangers=refused, held or discarded: mail of who is no member;
    first_posts=held or free: must a new member's first post be read; emergency=yes or no: must every post be read;
    remote=accept, held or first-post-held: posts of a space that come from other servers;
    held_days=NUMBER: for how long held mail waits, 0 for ever; bounces=log or owners: who hears of what came back and
    cannot be read; tell_owners=yes or no: are they told who joins and leaves. welcome=TEXT and goodbye=TEXT: words of
    yours below ours, =off: that letter is not sent, =on: ours alone again. rules=TEXT: what "rules" is answered with,
    rules= with nothing behind it for those of every community. header_rules=TEXT: lines like "hold X-Spam-Flag: YES",
    with refuse or discard for hold and * for anything; the first that fits decides. Of these four, @FILE is what
    stands in a file."""
    from handlers.facts import id_of
    from handlers.header_rules import checked_rules
    from organic_mail.config_values import one_line
    from storage import models
    from storage.list_words import set_words
    from storage.lists import update_list
    from storage.models_remote import RemotePosts
    from storage.remote_held import set_rule

    readers = {
        "title": one_line,
        "posting": lambda text: models.Posting(one_of("members", "moderated", "announce")(text)),
        "delivery": lambda text: models.DeliveryMode(one_of("each", "daily", "weekly")(text)),
        "joining": lambda text: models.Joining(one_of("vouched", "open", "closed")(text)),
        "replies": lambda text: models.Replies(one_of("list", "author")(text)),
        "strangers": lambda text: models.Strangers(one_of("refused", "held", "discarded")(text)),
        "first_posts": one_of("held", "free"),
        "emergency": one_of("yes", "no"),
        "bounces": one_of("log", "owners"),
        "held_days": days,
        "remote": lambda text: RemotePosts(one_of("accept", "held", "first-post-held")(text)),
        "header_rules": lambda text: checked_rules(own_words(text)),
        "tell_owners": yes_or_no,
        "welcome": own_words,
        "goodbye": own_words,
        "rules": own_words,
    }
    said = settings_of(settings, readers)
    apart = ("first_posts", "emergency", "bounces", "remote", *OWN_WORDS)
    wanted = {key: value for key, value in said.items() if key not in apart}
    if "first_posts" in said:
        wanted["first_posts_held"] = said["first_posts"] == "held"
    if "emergency" in said:
        wanted["emergency"] = said["emergency"] == "yes"
    if "bounces" in said:
        wanted["bounces_to_owners"] = said["bounces"] == "owners"

    def write(session: Session) -> str:
        mailing_list = the_list(session, name)
        if words := words_said(said):
            set_words(session, list_id=id_of(mailing_list), **words)
        if "remote" in said:
            set_rule(session, list_id=id_of(mailing_list), posts=said["remote"])
        return update_list(session, list_id=id_of(mailing_list), **wanted).name

    with open_community(context) as community:
        changed = community.database.write(write)
    typer.echo(f"{changed}: {', '.join(visible(pair) for pair in settings)}")


@app.command(epilog="Example: organic-mail list remove family")
def remove(context: typer.Context, name: Name, yes: YesFlag = False) -> None:
    """Take a list out of use. Its addresses answer that they do not exist, and what still waits to go out is dropped.
    Its posts stay; its members stay members of their other lists."""
    from datetime import UTC, datetime

    from handlers.facts import id_of
    from storage.lists import remove_list
    from storage.members import count_members
    from storage.spaces import spaces_of_one_list

    with open_community(context) as community:
        found, members, spaces = community.database.read(
            lambda session: (
                (found := the_list(session, name)),
                count_members(session, id_of(found)),
                spaces_of_one_list(session, id_of(found)),
            )
        )
        if spaces:
            fail(f"{found.name} writes to the space {spaces[0]}; first: organic-mail space leave {spaces[0]}")
        confirm(f"Remove {found.name} with its {members} members? Its addresses stop at once.", yes=yes)
        dropped = community.database.write(
            lambda session: remove_list(session, list_id=id_of(the_list(session, name)), now=datetime.now(UTC))
        )
    typer.echo(f"{found.name} is removed; {dropped} deliveries that waited were dropped.")


def _described(session: Session, mailing_list: MailingList, host: Host) -> dict[str, Any]:
    from handlers.facts import id_of
    from storage.members import count_members, people_of
    from storage.models import Role
    from storage.remote_held import rule_of
    from storage.umbrella import member_lists

    list_id = id_of(mailing_list)
    return {
        "name": mailing_list.name,
        "title": mailing_list.title,
        "address": host.written_to(mailing_list.name),
        "posting": mailing_list.posting.value,
        "delivery": mailing_list.delivery.value,
        "joining": mailing_list.joining.value,
        "replies": mailing_list.replies.value,
        "strangers": mailing_list.strangers.value,
        "first_posts": "held" if mailing_list.first_posts_held else "free",
        "emergency": "yes" if mailing_list.emergency else "no",
        "bounces": "owners" if mailing_list.bounces_to_owners else "log",
        "held_days": mailing_list.held_days,
        "remote": rule_of(session, list_id).value,
        "header_rules": mailing_list.header_rules,
        **described_words(session, list_id),
        "members": count_members(session, list_id),
        "lists": [each.name for each in member_lists(session, list_id)],
        "owners": [person.address for person in people_of(session, list_id, roles=(Role.OWNER,))],
    }
