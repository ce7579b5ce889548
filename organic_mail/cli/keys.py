"""`organic-mail keys`: the DKIM keys that sign what goes out."""

from __future__ import annotations

import typer

from organic_mail.cli.output import JsonFlag, open_community, print_json, print_table

app = typer.Typer(help="The keys that sign what goes out (DKIM).", no_args_is_help=True)


@app.command("ls")
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
