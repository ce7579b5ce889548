"""Commands about the server as a whole: init, serve, demo, doctor, upgrade, log."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.dns import print_records
from organic_mail.cli.output import JsonFlag, home_path, open_community, print_json, visible

if TYPE_CHECKING:
    from organic_mail.finding import Finding


def add_to(app: typer.Typer) -> None:
    """These commands stand at the top, without a noun."""
    app.command(epilog='Example: organic-mail init oak.example --name "Oak Street" --operator olu@example.org')(init)
    app.command()(doctor)


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


def doctor(context: typer.Context, json: JsonFlag = False) -> None:
    """Look at everything that mail needs. Each finding has a cure; exit 1 when mail cannot work.

    DNS, certificate, ports, next hop, keys, files, disk and clock are looked at, and nothing is changed."""
    from datetime import UTC, datetime

    from organic_mail.doctor import examine
    from organic_mail.finding import Level

    findings = []
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
