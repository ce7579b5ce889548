"""`organic-mail demo`: the whole story on one machine: a community of five, real SMTP in, Maildirs out.

The server is a process of its own, the way it is always run, and the operator's steps are the commands that an operator
types. Exit 0 says: every copy came, once, with a signature that verifies, and with nobody's real address in it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import dkim
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handlers import mime
from handlers.address import entered_mailbox
from handlers.message import parse
from organic_mail.config import FILE_NAME
from organic_mail.config_faults import ENV_PREFIX
from organic_mail.demo_mails import MEMBERS, DemoMail, demo_mails
from organic_mail.home import init_home, open_home, records_to_publish
from organic_mail.maildir import folder_name
from organic_mail.problem import Problem
from storage.queue import queue_rows

DOMAIN = "oak.example"
LIST = f"family@{DOMAIN}"
START_SECONDS = 20.0
DELIVER_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.05

SETTINGS = f"""\
# A trial on this machine alone: every From is believed, and copies go into the folder mail.
[community]
domain = "{DOMAIN}"
name = "Oak Street"
operator = "olu.okafor@example.net"

[smtp]
listen = ["127.0.0.1:0"]
authentication = "off"

[delivery]
transport = "maildir"
maildir = "mail"
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """What stands in a member's Maildir, and what is wrong with it ("" when nothing is)."""

    author: str
    subject: str
    message_id: str
    answers: str  # the Message-ID of the post before, "" for the first one
    fault: str


def run_demo(*, keep: bool) -> int:
    """Plays the story and returns the exit code. Raises Problem."""
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        del os.environ[name]  # they are about another community
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    with tempfile.TemporaryDirectory(prefix="organic-mail-demo-") as folder:
        home = Path(folder) / "home"
        console.print("[bold]A community on this machine alone[/]")
        _make_community(home)
        with _served(home) as place:
            console.print("\n[bold]The family writes[/], by SMTP to " + place)
            mails = demo_mails(LIST, datetime.now(UTC))
            answers = [_send(place, mail) for mail in mails]
            console.print(_answers_table(mails, answers))
            posts = len({mail.raw for mail in mails if mail.code == 250})
            copies = _copies(home)
            console.print("[bold]What each of them got[/]")
            for member in MEMBERS:
                console.print(_member_table(member, copies[member]))
            console.print("[bold]What the operator sees[/]")
            _operator(home, "thread", "ls", "family")
            _operator(home, "thread", "show", "1")
            faults = _faults(mails, answers, copies, posts)
            for fault in faults:
                console.print(f"[red]{fault}[/]")
            if not faults:
                console.print(
                    f"[green]All {posts * len(MEMBERS)} copies came once, every signature verifies, "
                    "and nobody's real address is in them.[/]"
                )
            if keep:
                _keep_serving(home, place, console)
        return 1 if faults else 0


def _operator(home: Path, *arguments: str) -> None:
    """What an operator types, and what the command says."""
    from organic_mail.cli.main import app

    typed = " ".join(f"'{argument}'" if " " in argument else argument for argument in arguments)
    print(f"$ organic-mail {typed}")
    app(["--home", str(home), *arguments], prog_name="organic-mail", standalone_mode=False)


def _make_community(home: Path) -> None:
    init_home(home, domain=DOMAIN, name="Oak Street", operator="", now=datetime.now(UTC))
    (home / FILE_NAME).write_text(SETTINGS, "utf-8")
    _operator(home, "list", "create", "family", "--title", "The Lindqvist–Okafor family")
    for member in MEMBERS:
        _operator(home, "member", "add", "family", member, "--confirmed", "--quiet")


@contextlib.contextmanager
def _served(home: Path) -> Iterator[str]:
    """The real daemon, for the length of the `with`; gives HOST:PORT."""
    log = home / "serve.log"
    command = [sys.executable, "-m", "organic_mail.cli.main", "--home", str(home), "serve"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as server,  # noqa: S603  our own program
    ):
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` is reached
        try:
            yield _ready_place(server)
        except (OSError, EOFError, smtplib.SMTPException) as fault:
            said = log.read_text("utf-8").strip().splitlines()
            raise Problem(f"the server of the demo does not serve: {said[-1] if said else fault}") from None
        finally:
            server.terminate()
            server.wait()
            signal.signal(signal.SIGTERM, before)


def _ready_place(server: subprocess.Popen[bytes]) -> str:
    """Waits for the line `ready smtp=HOST:PORT`. Raises EOFError when it does not come."""
    output = cast("IO[bytes]", server.stdout)
    said, _, _ = select.select([output], [], [], START_SECONDS)
    line = output.readline().decode("ascii") if said else ""
    if "smtp=" not in line:
        raise EOFError("it does not get ready")
    return line.split("smtp=")[1].split()[0]


def _send(place: str, mail: DemoMail) -> tuple[int, str]:
    """The server's answer to one mail."""
    host, _, port = place.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=DELIVER_SECONDS) as client:
        author = entered_mailbox(mail.author).address
        client.ehlo()
        client.mail(author, ["BODY=8BITMIME"])
        client.rcpt(LIST)
        code, words = client.data(mail.raw)
    return code, words.decode("utf-8", "replace")


def _answers_table(mails: Sequence[DemoMail], answers: Sequence[tuple[int, str]]) -> Table:
    table = Table("From", "Subject", "What it is", "Answer", box=SIMPLE_HEAD, pad_edge=False)
    for mail, (code, text) in zip(mails, answers, strict=True):
        answer = Text(f"{code} {text.partition('. ')[0]}", "green" if code == mail.code else "red")
        table.add_row(Text(entered_mailbox(mail.author).name), Text(mail.subject), Text(mail.note), answer)
    return table


def _copies(home: Path) -> dict[str, list[Copy]]:
    """Everybody's Maildir, when nothing waits any more to be delivered, or after DELIVER_SECONDS."""
    end = time.monotonic() + DELIVER_SECONDS
    with open_home(home) as community:
        while community.database.read(queue_rows) and time.monotonic() < end:
            time.sleep(LOOK_AGAIN_SECONDS)  # a Maildir tells nobody that something came
        published = records_to_publish(community, datetime.now(UTC))
    texts = {record.name: record.value for record in published if record.type == "TXT"}
    folders = {member: home / "mail" / folder_name(entered_mailbox(member).address) / "new" for member in MEMBERS}
    return {
        member: [_examined(file.read_bytes(), texts) for file in sorted(folder.glob("*"))]
        for member, folder in folders.items()
    }


def _examined(stored: bytes, texts: dict[str, str]) -> Copy:
    """Looks at one copy as a receiver does: against the published key and nothing else."""
    _, _, raw = stored.partition(b"\r\nDelivered-To: ")
    raw = raw.partition(b"\r\n")[2]
    message = parse(raw)
    addresses = [entered_mailbox(member).address for member in MEMBERS]
    texts_in_it = [mime.text(message, part) for part in mime.parts(message) if part.content_type.startswith("text/")]

    def ask(name: bytes, timeout: float = 5) -> bytes | None:  # noqa: ARG001  dkimpy gives it by name
        return texts.get(name.decode("ascii").rstrip("."), "").encode("ascii") or None

    if not dkim.verify(raw, dnsfunc=ask):
        fault = "its signature does not verify"
    elif any(address in shown for address in addresses for shown in (raw.decode("utf-8", "replace"), *texts_in_it)):
        fault = "somebody's real address is in it"
    else:
        fault = ""
    answers = message.in_reply_to[0] if message.in_reply_to else ""
    return Copy(message.value("from") or "", message.subject, message.message_id, answers, fault)


def _member_table(member: str, copies: Sequence[Copy]) -> Table:
    title = Text(member, "cyan")
    table = Table(
        "From",
        "Subject",
        "In the thread",
        "Signature",
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    authors = {copy.message_id: copy.author.partition("(")[0].strip(' "') for copy in copies}
    for copy in copies:
        place = f"answers {authors.get(copy.answers, 'a post that did not come')}" if copy.answers else "begins it"
        signature = Text(copy.fault or "verifies", "red" if copy.fault else "green")
        table.add_row(Text(copy.author), Text(copy.subject), Text(place), signature)
    return table


def _faults(
    mails: Sequence[DemoMail], answers: Sequence[tuple[int, str]], copies: dict[str, list[Copy]], posts: int
) -> list[str]:
    """What did not go as told; empty when all is well."""
    wrong_answers = [
        f"{mail.subject} ({mail.note}) was answered {code}, not {mail.code}: {text}"
        for mail, (code, text) in zip(mails, answers, strict=True)
        if code != mail.code
    ]
    wrong_numbers = [
        f"{member} got {len(got)} copies, not {posts}" for member, got in copies.items() if len(got) != posts
    ]
    wrong_copies = [
        f"{member}: {copy.subject}: {copy.fault}" for member, got in copies.items() for copy in got if copy.fault
    ]
    return wrong_answers + wrong_numbers + wrong_copies


def _keep_serving(home: Path, place: str, console: Console) -> None:
    host, _, port = place.rpartition(":")
    console.print(
        f"\n[bold]It goes on until Ctrl-C.[/] HOME is {home}; whoever is in the list may write:\n"
        f"  printf 'From: {MEMBERS[0]}\\nTo: {LIST}\\nSubject: Hello\\n\\nIs it on?\\n' > hello.eml\n"
        f"  curl --url smtp://{host}:{port} --mail-from anna.lindqvist@example.org --mail-rcpt {LIST} "
        "--crlf --upload-file hello.eml\n"
        f"  organic-mail --home {home} thread ls family\n"
        f"Copies are in {home}/mail.",
        soft_wrap=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
