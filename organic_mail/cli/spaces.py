"""`organic-mail space`: lists of several servers that hear each other (spec/federation.md §2.2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.output import JsonFlag, YesFlag, confirm, fail, open_community, print_json, print_table, visible
from organic_mail.cli.peers import now, peer_host, read_name, wait_for
from organic_mail.cli.words import the_list

if TYPE_CHECKING:
    from sqlmodel import Session

    from handlers.peer.space import Invitation
    from storage.models_spaces import Space, SpaceInvitation

app = typer.Typer(help="Spaces: lists of several servers that hear each other.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The space: plum-street, or whole, as `space ls` shows it.")]
OurList = Annotated[str, typer.Option("--list", metavar="LIST", help="Your list that is in it.")]


@app.command(epilog='Example: organic-mail space create plum-street --list garden --title "Plum Street"')
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and dashes.")],
    list_name: OurList,
    title: Annotated[str, typer.Option(metavar="TEXT", help="What people call it. [default: its name]")] = "",
    notice: Annotated[
        int, typer.Option(min=0, max=9999, metavar="HOURS", help="Between the news that a list joins and its joining.")
    ] = 72,
) -> None:
    """Begin a space with one list of yours; your server is its steward, and says who is in. Its rules never change."""
    from handlers.route import reserved_name
    from organic_mail.config_values import one_line
    from organic_mail.spaces import create

    reason = reserved_name(name)
    if reason or "." in name or "_" in name or len(name) < 2:
        fail(f'"{visible(name)}" cannot be the name of a space: {reason or "use letters, digits and dashes"}')
    shown = one_line(title) if title else name
    with open_community(context) as community:
        host = peer_host(community)

        def make(session: Session) -> None:
            create(session, host, name, the_list(session, list_name), title=shown, notice=notice, now=now())

        community.database.write(make)
    typer.echo(f"{name} is there. Ask others in: organic-mail space invite {name} DOMAIN LIST")


@app.command(epilog="Example: organic-mail space invite plum-street pine.example choir")
def invite(
    context: typer.Context,
    name: Name,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The other server.")],
    list_name: Annotated[str, typer.Argument(metavar="LIST", help="The list there, as its members write to it.")],
) -> None:
    """Ask a list of another server in. Its owner says yes there, with `space accept`."""
    from organic_mail.spaces import invite

    domain = read_name(domain)
    asked = list_name.removesuffix(f"@{domain}").lower()
    with open_community(context) as community:
        host = peer_host(community)
        community.database.write(lambda session: invite(session, host, the_space(session, name), domain, asked, now()))
    typer.echo(f"{visible(asked)} of {domain} was asked into {name}.")


@app.command(epilog="Example: organic-mail space accept plum-street --list choir")
def accept(context: typer.Context, name: Name, list_name: OurList) -> None:
    """Say yes for a list of yours that was asked into a space, and to its rules. Members are told before it counts."""
    from organic_mail.spaces import accept, invitation_to

    with open_community(context) as community:
        host = peer_host(community)
        list_name = community.database.read(lambda session: the_list(session, list_name).name)

        def asked() -> tuple[SpaceInvitation, Invitation] | None:
            found = community.database.read(lambda session: invitation_to(session, host, name))
            fitting = [each for each in found if each[0].list_name == list_name]
            if len({read.space for _, read in fitting}) > 1:
                fail(f"there are several spaces {name}; write one of them whole, as `space ls` shows it")
            return fitting[0] if fitting else None

        answer = wait_for(asked)
        if answer is None:
            fail(f"nobody has asked {list_name} into {visible(name)} yet; its steward says: organic-mail space invite")
        kept, found = answer
        community.database.write(lambda session: accept(session, host, found, the_list(session, list_name), now()))
    if kept.via != found.steward:
        typer.echo(f"You have no link with {found.steward}; that it asks is what {kept.via} says.")
    typer.echo(
        f"{list_name} said yes to {visible(name)}. It joins after a notice of {found.roster.rules.notice} hours."
    )


@app.command(epilog="Example: organic-mail space ls --json")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print the spaces that your lists are in, and those that they were asked into."""
    from organic_mail.peer_view import space_rows

    with open_community(context) as community:
        domain = community.settings.community.domain
        found = community.database.read(lambda session: space_rows(session, domain, now()))
    if json:
        print_json(found)
    else:
        columns = ("name", "state", "lists", "servers", "steward", "space")
        rows = [
            [each[column] if column != "lists" else ", ".join(each[column]) for column in columns] for each in found
        ]
        print_table(
            columns, rows, empty="Your lists are in no space. Begin: organic-mail space create NAME --list LIST"
        )


@app.command(epilog="Example: organic-mail space show plum-street --graph plum-street.svg")
def show(
    context: typer.Context,
    name: Name,
    graph: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw its servers and your links into a file.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Tell in plain words who is in a space, who gets what, and by which rules."""
    from organic_mail.peer_view import space_view, told_of_space
    from organic_mail.space_graph import drawn, graph_of

    with open_community(context) as community:
        domain = community.settings.community.domain
        view, seen = community.database.read(
            lambda session: (
                space_view(session, the_space(session, name), now()),
                graph_of(session, the_space(session, name), domain, now()),
            )
        )
    if graph is not None:
        graph.write_text(drawn(seen), "utf-8")
    if json:
        print_json(view)
        return
    for line in told_of_space(view):
        typer.echo(visible(line))


@app.command(epilog="Example: organic-mail space remove plum-street pine.example")
def remove(
    context: typer.Context,
    name: Name,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The server that is to go, with all of its lists.")],
    yes: YesFlag = False,
) -> None:
    """Take a server out of a space whose steward you are. It gets nothing more, and nothing comes from it."""
    from organic_mail.spaces import remove

    domain = read_name(domain)
    with open_community(context) as community:
        host = peer_host(community)
        community.database.read(lambda session: the_space(session, name))
        confirm(f"Take {domain} out of {visible(name)}?", yes=yes)
        community.database.write(lambda session: remove(session, host, the_space(session, name), domain, now()))
    typer.echo(f"{domain} is in {visible(name)} no longer.")


@app.command(epilog="Example: organic-mail space leave plum-street")
def leave(
    context: typer.Context,
    name: Name,
    erase: Annotated[bool, typer.Option("--erase", help="The others erase the posts of your lists, too.")] = False,
    yes: YesFlag = False,
) -> None:
    """Leave a space with all of your lists, at once."""
    from organic_mail.spaces import leave

    with open_community(context) as community:
        host = peer_host(community)
        community.database.read(lambda session: the_space(session, name))
        confirm(f"Leave {visible(name)}?", yes=yes)
        community.database.write(lambda session: leave(session, host, the_space(session, name), erase=erase, now=now()))
    typer.echo(f"You have left {visible(name)}.")


def the_space(session: Session, name: str) -> Space:
    """By its short name or its whole one. Fails when there is none, or more than one."""
    from storage.spaces import all_spaces

    found = [space for space in all_spaces(session) if name in (space.name, space.id, space.id[1:-1])]
    here = [space for space in found if space.left_at is None] or found
    if not here:
        fail(f"there is no space {visible(name)} here; see: organic-mail space ls")
    if len(here) > 1:
        whole = ", ".join(space.id[1:-1] for space in here)
        fail(f"there are several spaces {visible(name)}; write one of them whole: {whole}")
    return here[0]
