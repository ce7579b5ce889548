"""Programs that send mail, one after the other in one conversation: mutt, Python and swaks."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pytest

from tests.interop.family import ANNA, ROSE, TOM, berg_family, copies_to, read, signatures, text_of
from tests.interop.mutt import Mutt
from tests.interop.test_swaks import swaks
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import PATIENCE, Daemon, until

__all__ = ["empty_home", "om"]

QUESTION = "Dear all,\n\nshall we meet at the lake on Sunday?\n\nLove, Anna\n"
ANSWER = "\nYes, at noon.\n\nI bring the apple cake, für alle.\n"
RECIPE = b"%PDF-1.4 apple cake \x00\xff\n" * 200


@pytest.fixture
def serving(om: Operator) -> Iterator[Daemon]:
    with berg_family(om) as running:
        yield running


def file_of(copy: bytes) -> tuple[str | None, bytes]:
    (part,) = read(copy).iter_attachments()
    return part.get_filename(), part.get_payload(decode=True)  # type: ignore[return-value]


def python_answers(serving: Daemon, asked: bytes) -> None:
    """As a script does it: Python's email and smtplib, a page beside the text, one long line, 8 bits."""
    letter = EmailMessage()
    letter["From"], letter["To"] = f"Tom Okafor <{TOM}>", read(asked)["Reply-To"]
    letter["Subject"] = f"Re: {read(asked)['Subject']}"
    letter["Message-ID"] = make_msgid(domain="home.example")
    letter["In-Reply-To"] = read(asked)["Message-ID"]
    letter["References"] = f"{read(asked)['References']} {read(asked)['Message-ID']}"
    letter.set_content("Ich auch – mit Käse.", cte="8bit")
    letter.add_alternative("<p>Ich auch – mit <b>Käse</b>.</p>", subtype="html", cte="quoted-printable")
    letter.add_attachment(RECIPE, maintype="application", subtype="pdf", filename="Käsekuchen für alle.pdf")
    with smtplib.SMTP("127.0.0.1", serving.port, timeout=PATIENCE) as client:
        assert client.send_message(letter) == {}


def test_one_conversation(serving: Daemon, om: Operator, tmp_path: Path) -> None:
    anna = Mutt("Anna Berg", ANNA, serving, tmp_path / "anna")
    rose = Mutt("Rose Okafor", ROSE, serving, tmp_path / "rose")
    recipe = tmp_path / "cake.pdf"
    recipe.write_bytes(RECIPE)
    anna.writes("Lake", QUESTION, "-a", recipe)
    (asked,) = until(lambda: copies_to(serving, ROSE))
    until(lambda: copies_to(serving, TOM))
    rose.answers(ANSWER, f"<attach-file>{recipe}<enter>")
    until(lambda: copies_to(serving, TOM)[1:])
    python_answers(serving, copies_to(serving, TOM)[0])
    until(lambda: copies_to(serving, ROSE)[2:])
    last = read(copies_to(serving, ROSE)[2])
    words = ("--h-Subject", "Re: Lake", "--header", f"In-Reply-To: {last['Message-ID']}", "--attach-type", "text/plain")
    assert swaks(serving, *words, "--attach", "@" + str(recipe), body="Wonderful.")[0] == 0
    copies = until(lambda: len(serving.copies()) == 12 and [copies_to(serving, each) for each in (ANNA, ROSE, TOM)])

    (thread,) = om("thread", "ls", "family", "--json").json
    posts = om("thread", "show", str(thread["id"]), "--json").json["posts"]
    assert [(post["author"], post["text"], post["hidden"]) for post in posts] == [
        ("Anna Berg", QUESTION.strip(), False),
        ("Rose Okafor", ANSWER.strip(), True),
        ("Tom Okafor", "Ich auch – mit Käse.", False),
        ("Anna Berg", "Wonderful.", False),
    ]
    assert text_of(asked).startswith(QUESTION)
    for theirs in copies:
        assert file_of(theirs[0]) == file_of(theirs[1]) == ("cake.pdf", RECIPE)
        assert file_of(theirs[2]) == ("Käsekuchen für alle.pdf", RECIPE)
        assert "\n> Dear all,\n" in text_of(theirs[1])
        assert not [each for each in (ANNA, ROSE, TOM) for copy in theirs if each.encode() in copy]
    everything = [copy for theirs in copies for copy in theirs]
    assert signatures(om, everything, tmp_path) == {"pass"}
