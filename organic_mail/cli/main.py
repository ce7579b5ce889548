"""`organic-mail`: the commands put together, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from organic_mail.cli import (
    backups,
    bans,
    digests,
    dns,
    held,
    keys,
    lists,
    members,
    notices,
    peers,
    people,
    queue,
    server,
    shunts,
    spaces,
    threads,
)
from organic_mail.problem import Problem
from organic_mail.version import version

app = typer.Typer(
    name="organic-mail",
    add_completion=False,
    rich_markup_mode=None,  # plain help is there in a tenth of a second
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `organic-mail demo`, or with `organic-mail init DOMAIN`. "
    "Every command explains itself: `organic-mail list create --help`.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"organic-mail {version()}")
        raise typer.Exit


@app.callback()
def _options(
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="ORGANIC_MAIL_HOME",
            metavar="DIR",
            help="The folder of the community. Default: /var/lib/organic-mail for root, else "
            "~/.local/share/organic-mail.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Run mailing lists for people who know each other, by ordinary email."""


server.add_to(app)
backups.add_to(app)
people.add_to(app)
app.add_typer(lists.app, name="list")
app.add_typer(members.app, name="member")
app.add_typer(threads.app, name="thread")
app.add_typer(threads.posts, name="post")
app.add_typer(digests.app, name="digest")
app.add_typer(bans.app, name="ban")
app.add_typer(held.app, name="held")
app.add_typer(queue.app, name="queue")
app.add_typer(shunts.app, name="shunt")
app.add_typer(peers.app, name="peer")
app.add_typer(spaces.app, name="space")
app.add_typer(notices.app, name="notice")
app.add_typer(dns.app, name="dns")
app.add_typer(keys.app, name="keys")


def run() -> None:
    """The entry of the command line. Exit 0: done; 1: an error, one line on stderr; 2: wrong usage."""
    sys.exit(_outcome())


def _outcome() -> int:
    try:
        code = app(prog_name="organic-mail", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has enough (`| head`); Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except typer.TyperException as fault:
        return _wrong_usage(fault)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as fault:
        return _error(fault)
    return code if isinstance(code, int) else 0


def _wrong_usage(fault: typer.TyperException) -> int:
    text = fault.format_message().replace("Value error, ", "")
    if text.startswith("Usage:"):  # no command at all: the help
        typer.echo(text, err=True)
    else:
        context = getattr(fault, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        typer.echo(f"error: {text[:1].lower()}{text[1:].rstrip('.')}{hint}", err=True)
    return fault.exit_code


def _error(fault: Exception) -> int:
    from storage.trouble import DatabaseProblem, StorageTrouble

    if os.environ.get("ORGANIC_MAIL_DEBUG") == "1":
        import traceback

        traceback.print_exception(fault)
    if isinstance(fault, Problem | DatabaseProblem):
        lines = str(fault)
    elif isinstance(fault, StorageTrouble):
        lines = f"the database cannot be used just now ({fault}); nothing changed, try again"
    elif isinstance(fault, OSError) and fault.strerror:
        no_such_place = isinstance(fault, FileNotFoundError | NotADirectoryError | IsADirectoryError)
        cure = "name another place" if no_such_place else "make room or correct its mode"
        lines = f"{fault.filename or 'this machine'}: {fault.strerror}; {cure}, then try again"
    else:
        lines = (
            f"something that we did not think of: {type(fault).__name__}: {' '.join(str(fault).split())}; "
            "see it whole with ORGANIC_MAIL_DEBUG=1, and please report it"
        )
    for line in lines.splitlines():
        typer.echo(f"error: {line}", err=True)
    return 1


if __name__ == "__main__":
    run()
