"""`organic-mail backup` and `organic-mail restore`: the whole community in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from organic_mail.cli.output import YesFlag, confirm, home_path, open_community, progress


def add_to(app: typer.Typer) -> None:
    """These commands stand at the top, without a noun."""
    app.command(epilog="Example: organic-mail backup /var/backups/oak.tar.zst --yes")(backup)
    app.command(epilog="Example: organic-mail --home /srv/oak restore /var/backups/oak.tar.zst")(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, for example oak.tar.zst.")],
    yes: YesFlag = False,
) -> None:
    """Write the whole community into one file: settings, keys and database, as they are at this moment.
    `serve` goes on working meanwhile."""
    from datetime import UTC, datetime

    from organic_mail.backup import make_backup
    from organic_mail.problem import Problem

    if file.is_dir():
        raise Problem(f"{file} is a folder; name a file in it")
    if file.exists():
        confirm(f"{file} is there already; write over it?", yes=yes)
    with open_community(context) as community:
        manifest = make_backup(community, file, now=datetime.now(UTC), bar=progress)
    counts = manifest.counts
    typer.echo(
        f"{file} holds {manifest.domain} (lists: {counts['mailing_list']}, members: {counts['member']}, "
        f"posts: {counts['post']}). Keys and letters are in it: keep it where only you can read it."
    )


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
) -> None:
    """Make a community out of a backup, in an empty HOME. What was on its way at the time of the backup is held
    and not sent again before you say so."""
    from datetime import UTC, datetime

    from organic_mail.restore import restore_home

    home = home_path(context)
    restored = restore_home(home, file, now=datetime.now(UTC), bar=progress)
    manifest, counts = restored.manifest, restored.manifest.counts
    typer.echo(
        f"Restored into {home}: {manifest.domain} as of {manifest.made_at[:16].replace('T', ' ')} UTC "
        f"(lists: {counts['mailing_list']}, members: {counts['member']}, posts: {counts['post']})."
    )
    if restored.held:
        typer.echo(
            f"What was on its way is held, so that nothing is sent twice (deliveries: {restored.held}). See them: "
            "organic-mail queue ls --state held. Then send them: organic-mail queue retry ID… or --all, "
            "or give them up: organic-mail queue drop ID…"
        )
    typer.echo("Before you start `serve`: look at organic-mail doctor, and see that no other machine serves it still.")
