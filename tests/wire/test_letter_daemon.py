"""Letters and their answers over real SMTP: a daemon takes mail on a port, and what it sends lies in folders."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from handlers.letter_time import LAST_HOUR
from tests.pictures import phone_jpeg
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import PATIENCE, Daemon, daemon, until

__all__ = ["empty_home", "om"]

ANNA, ROSE = "anna@example.org", "rose@example.org"


@dataclass
class Street:
    """Anna gets each post, Rose reads letters."""

    om: Operator
    running: Daemon
    known: set[tuple[str, str]] = field(default_factory=set)  # recipient and Message-ID of what has been looked at
    sent: int = 0

    def says(self, author: str, text: str, subject: str, *, to: str = "family@oak.example", **more: Any) -> None:
        self.sent += 1
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = author, to, subject
        message["Message-ID"] = f"<{self.sent}@home.example>"
        photos = more.pop("photos", ())
        for name, value in more.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        for photo in photos:
            message.add_attachment(photo, maintype="image", subtype="jpeg", filename="photo.jpg")
        with smtplib.SMTP("127.0.0.1", self.running.port, timeout=PATIENCE) as client:
            client.send_message(message, author, [to])

    def new(self, person: str, wanted: Callable[[EmailMessage], bool] = lambda _: True) -> EmailMessage:
        """The mail that she gets next, of those that are wanted."""

        def look() -> EmailMessage | None:
            for to, raw in self.running.copies():
                mail: Any = message_from_bytes(raw, policy=policy.SMTP)
                if to == person and (to, mail["Message-ID"]) not in self.known and wanted(mail):
                    self.known.add((to, mail["Message-ID"]))
                    found: EmailMessage = mail
                    return found
            return None

        found: EmailMessage = until(look)
        return found

    def letter(self, *now: str) -> EmailMessage:
        assert self.om("digest", "send", "family", *now).code == 0
        return self.new(ROSE, lambda mail: mail["Auto-Submitted"] == "auto-generated")

    def answers(self, letter: EmailMessage, text: str, *, to: str = "family@oak.example") -> None:
        quoted = "".join(f"> {line}\n" for line in text_of(letter).splitlines())
        body = f"{text}\n\nOn Sun, 22 Nov 2026, The family wrote:\n{quoted}"
        more = {"In-Reply-To": letter["Message-ID"], "References": letter["Message-ID"]}
        self.says(ROSE, body, f"Re: {letter['Subject']}", to=to, **more)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.fixture
def street(om: Operator) -> Iterator[Street]:
    assert om("list", "create", "family").code == 0
    assert om("member", "add", "family", f"Anna Lindqvist <{ANNA}>", "--confirmed", "--quiet").code == 0
    daily = ("--confirmed", "--quiet", "--delivery", "daily", "--timezone", "UTC")
    assert om("member", "add", "family", f"Rose Okafor <{ROSE}>", *daily).code == 0
    hour = datetime.now(UTC).hour  # the daemon looks too, whether hers is due: not within the next hour
    assert om("member", "set", ROSE, f"hour={hour + 2 if hour < LAST_HOUR else 7}").code == 0
    with daemon(om.home) as running:
        yield Street(om, running)
        assert running.drained()


def test_a_letter_and_all_that_can_be_answered_to_it(street: Street) -> None:
    """One story, because each letter begins where the one before ended."""
    street.says(ANNA, "Look at the heron!", "Lake", photos=[phone_jpeg(), phone_jpeg(size=(310, 200))])
    for number in range(1, 18):
        street.says(ANNA, f"Text {number}.", f"Subject {number}")
    until(lambda: len([to for to, _ in street.running.copies() if to == ANNA]) == 18)
    street.known.update((to, message_from_bytes(raw)["Message-ID"]) for to, raw in street.running.copies())
    letter = street.letter("--now")
    assert "1. Lake." in text_of(letter)
    assert "Text 17." not in text_of(letter)

    street.answers(letter, "2 We will be four.")
    post = street.new(ANNA)
    assert (post["Subject"], text_of(post).splitlines()[0]) == ("Re: Subject 1", "We will be four.")

    street.answers(letter, "1 What a bird!", to=letter["Return-Path"].strip("<>"))  # as some programs do
    post = street.new(ANNA)
    assert (post["Subject"], text_of(post).splitlines()[0]) == ("Re: Lake", "What a bird!")

    street.answers(letter, "photos 1")
    photos = street.new(ROSE, lambda mail: mail["Subject"] == "Lake")
    assert len([part for part in photos.walk() if part.get_content_type() == "image/jpeg"]) == 2

    street.answers(letter, "more")
    rest = street.letter()
    assert "Text 17." in text_of(rest)

    street.answers(letter, "pause")
    street.new(ROSE, lambda mail: mail["Auto-Submitted"] == "auto-replied")
    street.says(ANNA, "You missed this.", "While she was away")
    street.new(ANNA, lambda mail: mail["Subject"] == "While she was away")
    street.answers(letter, "back")
    missed = street.letter()
    assert missed["Subject"].startswith("What you missed")
    assert "You missed this." in text_of(missed)

    number = next(line for line in text_of(missed).splitlines() if "While she was away" in line).partition(".")[0]
    street.answers(missed, f"mute {number}")
    until(lambda: '"While she was away"' in street.om("member", "show", ROSE).out)
    assert street.om("post", "show", "22").code != 0  # of all her answers, two became posts
