"""Lists that are members of each other, people whose mail program answers by itself, and forwarders.

Each post goes out once at most, and it becomes quiet by itself (spec/mail.md §5.2 R15).
"""

from __future__ import annotations

import re
import shutil
import smtplib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.wire import checker
from tests.wire.command_line import Operator, empty_home
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, Daemon, daemon, until
from tests.wire.lives import CONCURRENCY
from tests.wire.lives import SETTINGS as LIVES_SETTINGS
from tests.wire.sink import Sink, Transaction

__all__ = ["empty_home"]

MOST = 60  # mails after which it goes round
ANNA, TOM, ROSE = "anna@home.example", "tom@home.example", "rose@home.example"

Mail = tuple[str, str, bytes]  # envelope sender, recipient, message
Habit = Callable[[str, Transaction], Mail | None]
"""What somebody's mail program does with a mail that comes: given the person's address."""


def answered(address: str, taken: Transaction, text: str, sender: str | None = None, **fields: str) -> Mail:
    """An answer as a person's mail program forms it: to Reply-To; `sender`: of the envelope."""
    read: EmailMessage = message_from_bytes(taken.content, policy=policy.default)  # type: ignore[assignment]
    to = str(read["Reply-To"] or read["From"])
    bare = to.rpartition("<")[2].rstrip(">")
    subject = fields.pop("subject", "Re: " + str(read["Subject"]))
    number = re.sub(r"\W", "", str(read["Message-ID"]))
    header = {"message_id": f"<re.{number}@{address}>", "In_Reply_To": str(read["Message-ID"])}
    header["References"] = f"{read['References'] or ''} {read['Message-ID']}".strip()
    raw = mail(f"{text}\r\n", author=address, to=to, subject=subject, **header, **fields)
    return address if sender is None else sender, bare, raw


def is_away(address: str, taken: Transaction) -> Mail:
    """As RFC 3834 wants it, but that it goes to Reply-To."""
    return answered(address, taken, "I am away until Monday.", "", Auto_Submitted="auto-replied (vacation)")


def is_away_by_subject(address: str, taken: Transaction) -> Mail:
    """Nothing but the subject says that no person wrote it."""
    return answered(address, taken, "I am away until Monday.", subject="Automatic reply: Lunch on Sunday")


def is_away_to_the_sender(address: str, taken: Transaction) -> Mail:
    """To the envelope's sender, as RFC 3834 §4 wants it, but without a mark."""
    _, _, raw = answered(address, taken, "I am away until Monday.", subject="Out of office: Lunch on Sunday")
    return address, taken.sender, raw


def forwards(address: str, taken: Transaction) -> Mail:
    """All that comes goes to the list, as a mail server forwards it."""
    return taken.sender, "family@oak.example", b"Delivered-To: " + address.encode() + b"\r\n" + taken.content


@dataclass
class World:
    """Communities by domain, and who else gets mail: `habits` by address."""

    sink: Sink
    daemons: dict[str, Daemon] = field(default_factory=dict)
    habits: dict[str, Habit] = field(default_factory=dict)
    arrived: Counter[str] = field(default_factory=Counter)  # copies by recipient
    carried: int = 0
    refused: list[int] = field(default_factory=list)

    def send(self, sender: str, recipient: str, raw: bytes) -> None:
        domain = recipient.rpartition("@")[2]
        with smtplib.SMTP("127.0.0.1", self.daemons[domain].port, timeout=PATIENCE) as client:
            try:
                client.sendmail(sender, [recipient], raw)
            except smtplib.SMTPResponseException as refusal:
                self.refused.append(refusal.smtp_code)
            except smtplib.SMTPRecipientsRefused as refusal:
                self.refused += [code for code, _ in refusal.recipients.values()]

    def live(self) -> None:
        """Carry mail until nobody has any more to say."""
        while until(self._next_or_quiet) == "next":
            taken = self.sink.taken[self.carried]
            self.carried += 1
            assert self.carried < MOST, "it goes round"
            self.arrived[taken.recipient] += 1
            if taken.recipient.rpartition("@")[2] in self.daemons:
                self.send(taken.sender, taken.recipient, taken.content)
            elif habit := self.habits.get(taken.recipient):
                answer = habit(taken.recipient, taken)
                if answer is not None and answer[1].rpartition("@")[2] in self.daemons:
                    self.send(*answer)

    def _next_or_quiet(self) -> str:
        if len(self.sink.taken) > self.carried:
            return "next"
        busy = any(checker.waiting(running.home / "community.db") for running in self.daemons.values())
        return "" if busy or len(self.sink.taken) > self.carried else "quiet"


@contextmanager
def world(template: Path, folder: Path, **lists: list[str]) -> Iterator[World]:
    """For each LIST_DOMAIN (as oak_family) a community with that list, and its members."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink().listening())
        made = World(sink)
        settings = LIVES_SETTINGS.format(port=sink.port, concurrency=CONCURRENCY)
        for name, people in lists.items():
            community, _, list_name = name.partition("_")
            domain = f"{community}.example"
            home = folder / community
            om = Operator(home)
            if community == "oak":
                shutil.copytree(template, home)
            else:
                assert om("init", domain, "--operator", "olu@example.org").code == 0
            om("list", "create", list_name)
            for address in people:
                assert om("member", "add", list_name, address, "--confirmed", "--quiet").code == 0
            made.daemons[domain] = stack.enter_context(daemon(home, settings=settings.replace("oak.example", domain)))
        yield made


def test_two_lists_that_are_members_of_each_other(empty_home: Path, tmp_path: Path) -> None:
    oak, elm = [ANNA, "choir@elm.example"], [TOM, "family@oak.example"]
    with world(empty_home, tmp_path, oak_family=oak, elm_choir=elm) as both:
        both.send(ANNA, "family@oak.example", mail())
        both.send(TOM, "choir@elm.example", mail(author=TOM, to="choir@elm.example", message_id="<2@home.example>"))
        both.live()
    assert both.arrived == {ANNA: 1, TOM: 1, "choir@elm.example": 1, "family@oak.example": 1}


def test_three_lists_in_a_circle(empty_home: Path, tmp_path: Path) -> None:
    circle = {
        "oak_family": [ANNA, "choir@elm.example"],
        "elm_choir": [TOM, "street@ash.example"],
        "ash_street": [ROSE, "family@oak.example"],
    }
    with world(empty_home, tmp_path, **circle) as three:
        three.send(ANNA, "family@oak.example", mail(to="family@oak.example, choir@elm.example, street@ash.example"))
        three.live()
    assert max(three.arrived.values()) == 1, three.arrived


@pytest.mark.parametrize("habit", [is_away, is_away_by_subject, is_away_to_the_sender])
def test_two_members_who_are_away(habit: Habit, empty_home: Path, tmp_path: Path) -> None:
    with world(empty_home, tmp_path, oak_family=[ANNA, TOM, ROSE]) as oak:
        oak.habits = {TOM: habit, ROSE: habit}
        oak.send(ANNA, "family@oak.example", mail())
        oak.live()
    assert oak.arrived == {ANNA: 1, TOM: 1, ROSE: 1}
    assert not oak.refused


def test_a_member_who_forwards_to_the_list(empty_home: Path, tmp_path: Path) -> None:
    with world(empty_home, tmp_path, oak_family=[ANNA, TOM, ROSE]) as oak:
        oak.habits = {TOM: forwards}
        oak.send(ANNA, "family@oak.example", mail())
        oak.live()
    assert oak.arrived == {ANNA: 1, TOM: 1, ROSE: 1}
    assert not oak.refused
