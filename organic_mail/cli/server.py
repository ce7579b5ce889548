"""Commands about the server as a whole: init, serve, demo, doctor, upgrade, log."""

from __future__ import annotations

from typing import Annotated

import typer

from organic_mail.cli.dns import print_records
from organic_mail.cli.output import home_path, open_community


def add_to(app: typer.Typer) -> None:
    """These commands stand at the top, without a noun."""
    app.command(epilog='Example: organic-mail init oak.example --name "Oak Street" --operator olu@example.org')(init)


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
    """Make a community: settings, database and keys in HOME; then print the DNS records to publish."""
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
