"""`organic-mail digest`: the letter of a list, seen before it goes out, and sent when it should not wait."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from organic_mail.cli.output import JsonFlag, fail, open_community, print_json, visible, visible_lines
from organic_mail.cli.words import ListName

if TYPE_CHECKING:
    from organic_mail.letter_preview import Preview

app = typer.Typer(help="The letter: what a list has for those who get one a day or a week.", no_args_is_help=True)


@app.command(epilog="Example: organic-mail digest preview family rose@example.org --html letter.html")
def preview(
    context: typer.Context,
    name: ListName,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A member of the list.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what she would see to this file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Print the letter that a member would get now. Nothing is sent."""
    from datetime import UTC, datetime

    from organic_mail.letter_preview import previewed
    from organic_mail.logs import without_log
    from organic_mail.notices import host_of

    with open_community(context) as community, without_log():
        host = host_of(community.settings, community.secrets, community.database)
        reader, mailing_list = _reader(community, name, address)
        found = previewed(community.database, host, mailing_list, reader, datetime.now(UTC))
    if html is not None:
        if not found.html:
            fail(f"there is nothing new for {address}, so there is no letter to write to {html}")
        html.write_text(found.html, encoding="utf-8")
    if json:
        print_json(_described(found))
    elif html is not None:
        typer.echo(f"{html} has the letter. Open it in a browser.")
    elif found.text:
        typer.secho(visible(found.subject), bold=True)
        typer.echo(visible_lines(found.text))
    else:
        typer.echo(f"There is nothing new for {visible(address)}, so no letter will be sent.")


@app.command(epilog="Example: organic-mail digest send family --now")
def send(
    context: typer.Context,
    name: ListName,
    now: Annotated[
        bool, typer.Option("--now", help="To everybody with news, whatever the hour. It does not count as the day's.")
    ] = False,
) -> None:
    """Send the letters of a list that are due or were asked for; with --now all for which there is news."""
    from datetime import UTC, datetime

    from organic_mail.cli.words import the_list
    from organic_mail.letters_due import write_due_letters, write_letters_now, write_wished_letters
    from organic_mail.logs import without_log
    from organic_mail.notices import host_of
    from organic_mail.repeats import write_repeats

    with open_community(context) as community, without_log():
        host = host_of(community.settings, community.secrets, community.database)
        mailing_list = community.database.read(lambda session: the_list(session, name))
        moment = datetime.now(UTC)
        if now:
            count = write_letters_now(community.database, host, mailing_list, moment)
        else:
            count = write_due_letters(community.database, host, moment, only=mailing_list.name)
            count += write_wished_letters(community.database, host, moment, only=mailing_list.name)
        count += write_repeats(community.database, host, moment, only=mailing_list.name, at_once=now)
    if count:
        typer.echo("1 letter is on its way." if count == 1 else f"{count} letters are on their way.")
    else:
        typer.echo("Nobody has a letter to get now.")


def _reader(community: Any, name: str, address: str) -> Any:
    from handlers.facts import id_of
    from organic_mail.cli.words import the_list, the_member, the_membership
    from storage.letters import reader_of

    def found(session: Any) -> Any:
        mailing_list = the_list(session, name)
        member = the_member(session, address, community.settings.community.domain)
        membership = the_membership(session, mailing_list, member, address)
        reader = reader_of(session, id_of(membership))
        if reader is None:
            fail(f"{address} gets no mail of {mailing_list.name} now; see why: organic-mail member show {address}")
        return reader, mailing_list

    return community.database.read(found)


def _described(found: Preview) -> dict[str, Any]:
    return {
        "subject": found.subject,
        "due_at": found.due_at,
        "items": [
            {
                "number": number,
                "subject": each.title,
                "authors": list(each.people),
                "posts": len(each.voices),
                "photos": each.photos,
                "shown": number <= len(found.contents.shown),
            }
            for number, each in enumerate((*found.contents.shown, *found.contents.rest), 1)
        ],
    }
