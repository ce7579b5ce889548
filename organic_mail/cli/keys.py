"""`organic-mail keys`: the DKIM keys that sign what goes out."""

from __future__ import annotations

from typing import Annotated

import typer

from organic_mail.cli.dns import print_records
from organic_mail.cli.output import JsonFlag, fail, open_community, print_json, print_table

app = typer.Typer(help="The keys that sign what goes out (DKIM).", no_args_is_help=True)


@app.command("ls", epilog="Example: organic-mail keys ls")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print the selectors, oldest first: next (published, not signing yet), active, retired."""
    from storage.keys import signing_keys

    with open_community(context) as community:
        keys = community.database.read(signing_keys)
    if json:
        print_json([key.model_dump(include={"selector", "state", "created_at", "retired_at"}) for key in keys])
    else:
        rows = [(key.selector, key.state.value, key.created_at, key.retired_at) for key in keys]
        print_table(
            ("selector", "state", "made", "retired"),
            rows,
            empty="There is no key; make one with: organic-mail keys rotate --now",
        )


@app.command(
    epilog="Example: organic-mail keys rotate, and publish what it prints. "
    "Later, when DNS has it: organic-mail keys rotate (or wait: `serve` looks every hour)."
)
def rotate(
    context: typer.Context,
    now: Annotated[bool, typer.Option("--now", help="Sign with it at once, without looking into DNS.")] = False,
) -> None:
    """Make the next key, or sign with it once DNS has its record. The old one stays published for 30 days;
    then `dns show` prints its record empty, which revokes it, and `serve` removes its file."""
    from datetime import UTC, datetime

    from organic_mail import keys
    from organic_mail.resolver import DnsTrouble, Resolver

    with open_community(context) as community:
        domain, moment = community.settings.community.domain, datetime.now(UTC)
        waiting = keys.next_key(community.database)
        made = waiting is None
        key = waiting or keys.make_next_key(community.database, community.home.keys, now=moment)
        record = keys.record_of(key, domain)
        try:
            ready = now or (not made and keys.is_published(key, domain, Resolver(community.settings.dns.nameservers)))
        except DnsTrouble as trouble:
            fail(f"DNS does not answer ({trouble}); the old key goes on signing, try again later or say --now")
        if ready:
            keys.private_key(community.home.keys, key)
            keys.switch_key(community.database, key.selector, moment)
    if ready:
        typer.echo(f"{key.selector} signs from now on; leave the old record in DNS for 30 days", err=True)
    elif made:
        typer.echo("The next key is made. Publish this record; `serve` signs with it once DNS has it\n", err=True)
    else:
        typer.echo("DNS does not have this record yet; the old key goes on signing\n", err=True)
    if made or not ready:
        print_records([record])
