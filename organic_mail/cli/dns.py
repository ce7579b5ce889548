"""`organic-mail dns`: the records to publish."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from organic_mail.cli.output import JsonFlag, open_community, print_json

if TYPE_CHECKING:
    from organic_mail.dns_records import DnsRecord

app = typer.Typer(help="The DNS records that make your mail believed.", no_args_is_help=True)


@app.callback()
def _dns() -> None:
    """Keeps `show` a command of its own."""


@app.command(epilog="Example: organic-mail dns show > records.zone")
def show(context: typer.Context, json: JsonFlag = False) -> None:
    """Print the records to publish where the DNS of your domain is kept; piped, as lines of a zone file."""
    from datetime import UTC, datetime

    from organic_mail.home import records_to_publish

    with open_community(context) as community:
        records = records_to_publish(community, datetime.now(UTC))
    if json:
        print_json([record.as_json() for record in records])
    else:
        print_records(records)


def print_records(records: Sequence[DnsRecord]) -> None:
    """Values stand in one piece on a terminal, so that they can be copied into a form; piped: a zone file."""
    if not sys.stdout.isatty():
        for record in records:
            typer.echo(record.as_zone_line())
        return
    for record in records:
        typer.echo(
            f"{typer.style(record.type.ljust(4), bold=True)} {typer.style(record.name, fg='cyan')}\n{record.value}\n"
        )
