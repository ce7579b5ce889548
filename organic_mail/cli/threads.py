"""`organic-mail thread` and `organic-mail post`: what was written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from organic_mail.cli.reading import as_read, local_time, print_as_read
from organic_mail.cli.words import LARGEST_ID, ListName, the_list

if TYPE_CHECKING:
    from sqlmodel import Session

    from handlers.facts import Host
    from storage.models import Post

app = typer.Typer(help="The conversations of a list.", no_args_is_help=True)
posts = typer.Typer(help="One post: read it, change it, or take it back.", no_args_is_help=True)

ThreadId = Annotated[int, typer.Argument(max=LARGEST_ID, metavar="ID", help="The number that `thread ls` shows.")]
PostId = Annotated[int, typer.Argument(max=LARGEST_ID, metavar="ID", help="The number that `thread show` shows.")]


@app.command(epilog="Example: organic-mail thread ls family")
def ls(
    context: typer.Context,
    name: ListName,
    limit: Annotated[int, typer.Option(min=1, help="How many, the ones written to last.")] = 1000,
    json: JsonFlag = False,
) -> None:
    """Print the threads of a list, the one written to last first."""
    from handlers.facts import id_of
    from storage.threads import threads_of

    with open_community(context) as community:
        found = community.database.read(
            lambda session: threads_of(session, id_of(the_list(session, name)), limit=limit)
        )
    if json:
        print_json([each.model_dump(include={"id", "subject", "posts", "last_post_at"}) for each in found])
    else:
        print_table(
            ("id", "subject", "posts", "last post"),
            [(each.id, each.subject, each.posts, each.last_post_at) for each in found],
            empty=f"Nobody has written to {name} yet.",
        )


@app.command("show", epilog="Example: organic-mail thread show 12")
def show_thread(context: typer.Context, thread_id: ThreadId, json: JsonFlag = False) -> None:
    """Print a thread as a person reads it: the posts in the order they came, each with what its author wrote;
    quotes and signatures are cut, attachments are named."""
    from organic_mail.notices import host_of
    from storage.posts import thread_posts
    from storage.threads import thread_by_id

    def described(session: Session, host: Host) -> dict[str, Any]:
        thread = thread_by_id(session, thread_id)
        if thread is None or not thread.posts:
            fail(f"there is no thread {thread_id}; see which there are: organic-mail thread ls LIST")
        in_order = thread_posts(session, thread_id)
        return {
            "id": thread_id,
            "subject": thread.subject,
            "posts": [_described(session, host, post) for post in in_order],
        }

    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database)
        found = community.database.read(lambda session: described(session, host))
    if json:
        print_json(found)
        return
    typer.secho(visible(found["subject"]), bold=True)
    for post in found["posts"]:
        typer.echo()
        _print_post(post)


@posts.command("show", epilog="Example: organic-mail post show 40 --raw > 40.eml")
def show_post(
    context: typer.Context,
    post_id: PostId,
    raw: Annotated[bool, typer.Option("--raw", help="Print the original, byte for byte as it was received.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Show quotes and signatures, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Print what the author of a post wrote; or, with --raw, the whole mail as it came in."""
    from organic_mail.notices import host_of
    from storage.contents import read_content
    from storage.forms import first_content
    from storage.letter_buttons import answer_content

    def received(session: Session) -> bytes:
        post = the_post(session, post_id)
        return read_content(
            session, answer_content(session, post_id) or first_content(session, post_id) or post.content_id
        )

    if raw and json:
        raise typer.BadParameter("--raw prints bytes and --json a document; give one of them")

    def described(session: Session, host: Host) -> dict[str, Any]:
        post = the_post(session, post_id)
        return {**_described(session, host, post, whole=whole), "thread": post.thread_id}

    with open_community(context) as community:
        if raw:
            content = community.database.read(received)
            sys.stdout.buffer.write(content)
            return
        host = host_of(community.settings, community.secrets, community.database)
        found = community.database.read(lambda session: described(session, host))
    if json:
        print_json(found)
    else:
        typer.secho(visible(found["subject"]), bold=True)
        _print_post(found)


@posts.command(epilog="Example: organic-mail post remove 40")
def remove(context: typer.Context, post_id: PostId, yes: YesFlag = False) -> None:
    """Take a post back: it leaves its thread, and whoever has not got it yet never will. Other servers of a space must
    remove it, too. Copies that were delivered cannot be called back."""
    from datetime import UTC, datetime

    from organic_mail.notices import host_of
    from organic_mail.peer_keys import OwnKeys
    from organic_mail.travelling import remove_everywhere

    with open_community(context) as community:
        post = community.database.read(lambda session: the_post(session, post_id))
        confirm(f'Remove "{visible(post.subject)}" by {visible(post.author_name)}?', yes=yes)
        host = host_of(community.settings, community.secrets, community.database, OwnKeys(community.home.keys))
        community.database.write(lambda session: remove_everywhere(session, host, post_id, datetime.now(UTC)))
    typer.echo(f"Post {post_id} is removed.")


@posts.command(epilog="Example: organic-mail post edit 40 new-words.txt")
def edit(
    context: typer.Context,
    post_id: PostId,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The new text, in UTF-8; - reads what you type.")],
) -> None:
    """Put other words into a post, for its author. Threads, and letters and copies not yet sent, have the new ones;
    other servers of a space get them, too. Who has the mail already gets nothing new. Pictures and files stay, and
    `post show --raw` still prints the mail as it came."""
    from datetime import UTC, datetime

    from organic_mail.changing import change_for_author

    words = _words_in(file)
    with open_community(context) as community:
        goes = community.database.write(lambda session: change_for_author(session, post_id, words, datetime.now(UTC)))
    typer.echo(f"Post {post_id} has new words." + (" Other servers get them, too." if goes else ""))


@posts.command(epilog='Example: organic-mail post report 40 --reason "It sells something every day."')
def report(
    context: typer.Context,
    post_id: PostId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="One sentence that the other operator reads.")],
) -> None:
    """Ask the operator of another server to look at a post that came from there. Who has complained is not said.
    The post stays where it is: `post remove` takes it out of this list, `ban add` refuses its author."""
    from datetime import UTC, datetime

    from organic_mail.config_values import one_line
    from organic_mail.notices import host_of
    from organic_mail.peer_keys import OwnKeys
    from organic_mail.relaying import own_server
    from organic_mail.reporting import report

    try:
        told = one_line(reason)
    except ValueError as problem:
        fail(f"--reason: {problem}")
    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database, OwnKeys(community.home.keys))

        def write(session: Session) -> str:
            post = the_post(session, post_id)
            return report(session, host, own_server(session, host), post, told, datetime.now(UTC))

        server = community.database.write(write)
    typer.echo(f"The operator of {server} is asked to look at post {post_id}.")


def _words_in(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_bytes().decode("utf-8-sig")
    except OSError as trouble:
        fail(f"{file} cannot be read ({trouble.strerror}); give the path of a text file")
    except UnicodeDecodeError:
        fail(f"{file} is not a text in UTF-8; save it as one with your editor")
    return "\n".join(line.rstrip() for line in text.splitlines())


def the_post(session: Session, post_id: int) -> Post:
    from storage.posts import post_by_id

    post = post_by_id(session, post_id)
    if post is None or post.removed_at is not None:
        fail(f"there is no post {post_id}; see which there are: organic-mail thread show ID")
    return post


def _described(session: Session, host: Host, post: Post, *, whole: bool = False) -> dict[str, Any]:
    from handlers.written import whole_text_of
    from organic_mail.answered_text import answered_text
    from storage.contents import read_content
    from storage.reactions import reactions_to

    given = reactions_to(session, [post.id or 0]).get(post.id or 0, [])
    content = read_content(session, post.content_id)
    read = as_read(content, original=answered_text(session, host, post))
    if whole:
        read |= {"text": whole_text_of(content), "hidden": False}
    return {
        "id": post.id,
        "message_id": post.message_id,
        "author": post.author_name,
        "subject": post.subject,
        "date": post.written_at,
        "in_reply_to": post.in_reply_to,
        "reactions": [{"emoji": emoji, "count": count} for emoji, count in given],
        **read,
    }


def _print_post(post: dict[str, Any]) -> None:
    typer.secho(f"{post['id']}  {visible(post['author'])}, {local_time(post['date'])}", fg="cyan")
    print_as_read(post, whole=f"organic-mail post show {post['id']} --whole")
    if post["reactions"]:
        typer.echo("  ".join(f"{each['emoji']} {each['count']}" for each in post["reactions"]))
