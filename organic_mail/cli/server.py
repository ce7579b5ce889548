"""Commands about the server as a whole: init, serve, demo, doctor, upgrade, log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.dns import print_records
from organic_mail.cli.output import JsonFlag, home_path, open_community, print_json, visible
from organic_mail.part import Part

if TYPE_CHECKING:
    from organic_mail.finding import Finding
    from storage.models import Event


def add_to(app: typer.Typer) -> None:
    """These commands stand at the top, without a noun."""
    app.command(epilog='Example: organic-mail init oak.example --name "Oak Street" --operator olu@example.org')(init)
    app.command(epilog="Example: organic-mail --home /var/lib/organic-mail serve")(serve)
    app.command(epilog="Example: organic-mail demo --keep")(demo)
    app.command(epilog="Example: organic-mail doctor --json")(doctor)
    app.command(epilog="Example: organic-mail upgrade")(upgrade)
    app.command("log", epilog="Example: organic-mail log --list family --follow")(show_log)


def init(
    context: typer.Context,
    domain: Annotated[
        str, typer.Argument(metavar="DOMAIN", help="The mail domain of the community, for example oak.example.")
    ],
    name: Annotated[str, typer.Option(metavar="TEXT", help="What people call the community.")] = "",
    operator: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Your own address, elsewhere: for postmaster@ and trouble.")
    ] = "",
) -> None:
    """Make a community: HOME with settings, database and keys. Prints the DNS records to publish."""
    from datetime import UTC, datetime

    from organic_mail.home import init_home, records_to_publish

    now = datetime.now(UTC)
    home = home_path(context)
    init_home(home, domain=domain, name=name, operator=operator, now=now)
    with open_community(context) as community:
        records = records_to_publish(community, now)
    typer.echo(
        f"Made {home}. Look at {home}/organic-mail.toml, publish these records, then: organic-mail serve\n", err=True
    )
    print_records(records)


def serve(
    context: typer.Context,
    only: Annotated[
        list[Part] | None, typer.Option("--only", help="Run this part and no other; may be given several times.")
    ] = None,
) -> None:
    """Take mail in and send it out, in the foreground. Prints `ready smtp=HOST:PORT` once mail is taken.

    SIGTERM (or Ctrl-C) lets what is under way finish, for 10 seconds at most; a second one ends it at once.
    """
    from organic_mail.first_readers import first_readers

    parts = frozenset(only or Part)
    with first_readers(wanted=Part.RECEIVE in parts) as read_first:
        with _without_rich():
            from organic_mail.daemon import serve as serve_home  # much larger: the readers are forked without it

        raise typer.Exit(serve_home(home_path(context), parts=parts, read_first=read_first))


@contextmanager
def _without_rich() -> Iterator[None]:
    """structlog loads it where it finds it, for a console that a daemon does not have: 5 MB."""
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # what makes an import fail
    try:
        yield
    finally:
        del sys.modules["rich"]


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Go on serving, so that you can write to it.")] = False,
) -> None:
    """See it work: a community of five on this machine alone, real mail in and out, every copy verified.

    Nothing is sent anywhere else, and nothing stays behind.
    """
    from organic_mail.demo import run_demo

    raise typer.Exit(run_demo(keep=keep))


def doctor(context: typer.Context, json: JsonFlag = False) -> None:
    """Look at everything that mail needs. Each finding has a cure; exit 1 when mail cannot work.

    DNS, certificate, ports, next hop, keys, files, disk and clock are looked at, and nothing is changed."""
    from datetime import UTC, datetime

    from organic_mail.doctor import examine
    from organic_mail.finding import Level
    from organic_mail.logs import without_log

    findings = []
    with without_log():
        for finding in examine(home_path(context), None, datetime.now(UTC)):
            findings.append(finding)
            if not json:
                _print_finding(finding)
    if json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.level is Level.FATAL for finding in findings):
        raise typer.Exit(1)


def _print_finding(finding: Finding) -> None:
    colour = {"ok": "green", "note": "blue", "warning": "yellow", "fatal": "red"}[finding.level]
    typer.echo(f"{typer.style(finding.level.ljust(7), fg=colour)} {finding.check}: {visible(finding.finding)}")
    if finding.cure:
        typer.echo(f"        -> {visible(finding.cure)}")


def upgrade(context: typer.Context) -> None:
    """Bring the database to the schema of this program. A backup is made before; run it as often as you like."""
    from datetime import UTC, datetime

    from organic_mail.upgrade import upgrade_home

    backup = upgrade_home(home_path(context), datetime.now(UTC))
    if backup:
        typer.echo(f"Upgraded. What was before is in {backup}; delete it when all is well.")
    else:
        typer.echo("The database is ready for this program.")


def show_log(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what happens, until Ctrl-C.")] = False,
    list_name: Annotated[str, typer.Option("--list", metavar="LIST", help="What belongs to this list only.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the latest.")] = 100,
    json: JsonFlag = False,
) -> None:
    """Print what happened, in plain words: who wrote, what was held or refused, what arrived."""
    from time import sleep

    from handlers.facts import id_of
    from organic_mail.cli.words import the_list
    from storage.events import events_after, latest_events

    if follow and json:
        raise typer.BadParameter("--follow never ends, and --json prints one document; give one of them")
    with open_community(context) as community:
        read = community.database.read
        list_id = read(lambda session: id_of(the_list(session, list_name))) if list_name else None
        events = read(lambda session: latest_events(session, list_id=list_id, limit=lines))
        if json:
            print_json([event.model_dump(exclude={"content_id"}) for event in events])
            return
        _print_events(events)
        last = max((event.id or 0 for event in events), default=0)
        while follow:
            sleep(1)
            events = read(lambda session: events_after(session, last, list_id=list_id))  # noqa: B023
            _print_events(events)
            last = max((event.id or 0 for event in events), default=last)


def _print_events(events: list[Event]) -> None:
    for event in events:
        typer.echo(f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}  {event.kind:<9} {visible(event.text)}")
