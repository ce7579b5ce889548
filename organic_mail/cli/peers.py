"""`organic-mail peer`: other servers that we exchange mail with (spec/federation.md §2.2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from organic_mail.cli.output import (
    JsonFlag,
    YesFlag,
    confirm,
    fail,
    open_community,
    print_json,
    print_table,
    visible,
)

if TYPE_CHECKING:
    from handlers.facts import Host
    from handlers.peer.handshake import Link
    from organic_mail.home import Opened
    from storage.models_peers import Peer

app = typer.Typer(help="Other servers that yours exchanges the mail of lists with.", no_args_is_help=True)

Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="The other server's mail domain.")]

WAITING_SECONDS = 20.0
"""For a mail that is just on its way from the other server."""

T = TypeVar("T")


@app.command(epilog="Example: organic-mail peer invite")
def invite(context: typer.Context) -> None:
    """Print a code for the operator of another server. Hand it over outside of email: on paper, by a messenger, or
    by phone. It is good for one server, for 14 days."""
    from organic_mail.peering import make_invite

    with open_community(context) as community:
        host = peer_host(community)
        code = community.database.write(lambda session: make_invite(session, host, now()))
    typer.echo(code)
    typer.echo(
        f"Its operator says: organic-mail peer accept {code}\nThen both of you say: organic-mail peer approve DOMAIN",
        err=True,
    )


@app.command(epilog="Example: organic-mail peer accept om1:oak.example:kzdvvj2umnduyauf:q7m2k5x3d4t6w7z2b4n6p5r2ca")
def accept(
    context: typer.Context,
    code: Annotated[
        list[str],
        typer.Argument(metavar="CODE", help="What `peer invite` printed there; or a domain, to compare words later."),
    ],
) -> None:
    """Ask another server to exchange mail, with the code that its operator gave you. Nothing is exchanged before both
    operators have said `peer approve`."""
    from handlers.peer.code import read_code
    from handlers.peer.control import Unreadable
    from handlers.peer.value import read_domain
    from organic_mail.peering import begin

    text = "".join(code)
    try:
        given = read_code(text) if ":" in text else None
        domain = given.domain if given else read_domain(text)
        if "." not in domain:
            fail(f"{domain} is neither a code nor a mail domain; ask the other operator for: organic-mail peer invite")
    except Unreadable as problem:
        fail(f"{problem}; ask the other operator for: organic-mail peer invite")
    with open_community(context) as community:
        host = peer_host(community)
        community.database.write(lambda session: begin(session, host, domain, given, now()))
    typer.echo(f"{domain} was asked. Once you want to say yes: organic-mail peer approve {domain}")


@app.command(epilog="Example: organic-mail peer approve oak.example")
def approve(
    context: typer.Context,
    domain: Domain,
    words: Annotated[
        str, typer.Option(metavar="WORDS", help="The words that the other operator read to you, without a code.")
    ] = "",
    yes: YesFlag = False,
) -> None:
    """Say yes to exchanging mail with a server; its operator does the same there. Also ends a suspension."""
    from handlers.peer.handshake import State
    from organic_mail.peering import approve, link_at, words_of

    domain = read_name(domain)
    with open_community(context) as community:
        host = peer_host(community)

        def linked() -> Link | None:
            link = community.database.read(lambda session: link_at(session, domain))
            return link if link and link.state not in {State.NONE, State.SEVERED} else None

        link = wait_for(linked)
        if link is None:
            fail(f"{domain} has not asked yet; see who has: organic-mail peer ls")
        if link.state is State.ACTIVE:
            typer.echo(f"{domain} is active, as before.")
            return
        if link.their_card:
            _show_card(link)
        compared = words_of(link, host.domain)
        if compared and not words:
            words = _ask_for_words(*compared, domain)
        if not compared:
            confirm(f"Exchange mail with {domain}?", yes=yes)
        after = community.database.write(lambda session: approve(session, host, domain, now(), words=words))
    if after.state is State.NONE:
        fail(f"the words were wrong three times, so nothing was agreed; begin anew: organic-mail peer accept {domain}")
    if compared and not after.said_yes:
        fail("these are not the words of the other operator; compare them once more")
    typer.echo(_SAID.get(after.state, "You said yes; it counts once {domain} has answered.").format(domain=domain))


_SAID = {
    "active": "You exchange mail with {domain} now.",
    "approved-us": "You said yes. Now {domain} has to.",
    "offered": "{domain} was answered. Compare the words with its operator, then: organic-mail peer approve {domain}",
}


@app.command(epilog="Example: organic-mail peer ls --json")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print the other servers, and where things stand with each."""
    from storage.peers import all_peers

    with open_community(context) as community:
        found = [_described(peer) for peer in community.database.read(all_peers)]
    if json:
        print_json(found)
    else:
        columns = ("domain", "state", "since", "heard_at")
        rows = [[each[column] for column in columns] for each in found]
        print_table(columns, rows, empty="You exchange mail with no other server. Begin: organic-mail peer invite")


@app.command(epilog="Example: organic-mail peer show oak.example")
def show(context: typer.Context, domain: Domain, json: JsonFlag = False) -> None:
    """Tell in plain words how things stand with a server: who runs it, what you share with it, what waits."""
    from organic_mail.peer_view import peer_view, told

    domain = read_name(domain)
    with open_community(context) as community:
        view = community.database.read(lambda session: peer_view(session, domain, now()))
    if view is None:
        fail(f"there is nothing with {domain}; see: organic-mail peer ls")
    if json:
        print_json(view)
        return
    for line in told(view):
        typer.echo(visible(line))


@app.command(epilog="Example: organic-mail peer suspend oak.example")
def suspend(context: typer.Context, domain: Domain) -> None:
    """Let nothing in or out for now; what waits is kept. `peer approve` goes on."""
    from organic_mail.peering import suspend

    domain = read_name(domain)
    with open_community(context) as community:
        community.database.write(lambda session: suspend(session, domain, now()))
    typer.echo(f"Mail with {domain} is suspended. To go on: organic-mail peer approve {domain}")


@app.command(epilog='Example: organic-mail peer sever oak.example --reason "The choir has moved"')
def sever(
    context: typer.Context,
    domain: Domain,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="One sentence that its operator reads.")] = "",
    yes: YesFlag = False,
) -> None:
    """End the link with a server for good. Posts of a space may still come by way of others: see `space leave`."""
    from organic_mail.config_values import one_line
    from organic_mail.peering import sever

    domain = read_name(domain)
    told = one_line(reason) if reason else ""
    with open_community(context) as community:
        host = peer_host(community)
        confirm(f"End the link with {domain}?", yes=yes)
        community.database.write(lambda session: sever(session, host, domain, told, now()))
    typer.echo(f"The link with {domain} has ended.")


@app.command(epilog="Example: organic-mail peer rotate --next /media/safe/peer-next.key")
def rotate(
    context: typer.Context,
    following: Annotated[
        Path | None, typer.Option("--next", metavar="FILE", help="The next key. [default: HOME/keys/peer-next.key]")
    ] = None,
    compromised_since: Annotated[
        str, typer.Option(metavar="MOMENT", help="When the key was stolen, as in 2026-11-22T10:00:00Z.")
    ] = "",
    yes: YesFlag = False,
) -> None:
    """Go on with the next key, and tell the other servers. A new next key is made: move its file elsewhere."""
    from handlers.peer.control import Unreadable
    from handlers.peer.value import read_moment
    from organic_mail.peer_keys import NEXT
    from organic_mail.rotating import rotate

    try:
        since = read_moment(compromised_since) if compromised_since else None
    except Unreadable as problem:
        fail(f"{problem}; write it as in 2026-11-22T10:00:00Z")
    with open_community(context) as community:
        host, keys = peer_host(community), community.home.keys
        confirm("Change the key by which other servers know you?", yes=yes)
        file = following.absolute() if following else keys / NEXT
        key_id = rotate(community.database, host, keys, following=file, compromised_since=since, now=now())
    typer.echo(f"The new key is {key_id}. Now move {keys / NEXT} to a safe place, not on this machine.")


def peer_host(community: Opened) -> Host:
    """Who we are to other servers; the key for that is made where there is none. Fails behind one mailbox."""
    from organic_mail.notices import host_of
    from organic_mail.peer_keys import OwnKeys, have_own_key

    if community.settings.delivery.transport == "mailbox":
        fail("servers exchange mail only with a domain of their own; delivery.transport is mailbox here")
    have_own_key(community.database, community.home.keys, now())
    return host_of(community.settings, community.secrets, community.database, OwnKeys(community.home.keys))


def read_name(domain: str) -> str:
    """As it is compared. Fails for what is none."""
    from handlers.peer.control import Unreadable
    from handlers.peer.value import read_domain

    try:
        return read_domain(domain)
    except Unreadable as problem:
        fail(f"{problem}; write it as in oak.example")


def wait_for(look: Callable[[], T | None]) -> T | None:
    """What comes within a while, because the daemons are just writing to each other."""
    end = time.monotonic() + WAITING_SECONDS
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(0.2)  # a daemon writes it down beside us, and a database tells nobody
    return found


def now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _show_card(link: Link) -> None:
    card = link.card
    typer.echo(
        f"{card.domain}: {visible(card.operator)}, run by {visible(card.contact) or 'somebody unnamed'}", err=True
    )
    typer.echo(f"Its key is {card.key_id}.", err=True)


def _ask_for_words(shown: tuple[str, ...], asked: int, domain: str) -> str:
    import sys

    typer.echo(
        f"Read these words to the operator of {domain}, by phone or face to face:\n  {' '.join(shown)}", err=True
    )
    typer.echo(f"Now type the {asked} words that you hear: ", nl=False, err=True)
    typed = sys.stdin.readline()
    if not typed.strip():
        fail("nothing changed; the words of the other operator are needed: --words")
    return typed


def _described(peer: Peer) -> dict[str, Any]:
    return {
        "domain": peer.domain,
        "state": peer.state,
        "since": peer.changed_at,
        "heard_at": peer.heard_at,
        "you_approved": peer.said_yes,
        "they_approved": peer.they_said_yes,
    }
