"""What ten mail programs answer reaches everyone as it was written, and is read as what Rose wrote."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.bench.written_parts import FOOTER, languages
from tests.interop.family import ANNA, ROSE, TOM, berg_family, copies_to, read, signatures, text_of
from tests.interop.ten_programs import PROGRAMS
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import Daemon, until

__all__ = ["empty_home", "om"]

WORDINGS = {wording.name: wording for wording in languages()}


@pytest.fixture
def serving(om: Operator) -> Iterator[Daemon]:
    with berg_family(om) as running:
        yield running


def by_subject(serving: Daemon, address: str) -> dict[str, bytes]:
    return {str(read(copy)["Subject"]): copy for copy in copies_to(serving, address)}


def texts(letter: EmailMessage) -> list[bytes]:
    """Every text and page in it, out of its encoding."""
    return [part.get_payload(decode=True) for part in letter.walk() if not part.is_multipart()]  # type: ignore[misc]


def is_sent_with_one_line_more(sent: bytes, copied: bytes) -> bool:
    """Every byte of hers in its order, and the line that says who reads an answer in one place."""
    before = next((at for at, (one, other) in enumerate(zip(sent, copied, strict=False)) if one != other), len(sent))
    after = len(sent) - before
    new = copied[before : len(copied) - after]
    return copied[:before] + copied[len(copied) - after :] == sent and FOOTER.encode() in new and len(new) < 400


def test_answers_of_ten_programs(serving: Daemon, om: Operator, tmp_path: Path) -> None:
    subjects = {name: f"Lake {number}" for number, name in enumerate(PROGRAMS)}
    for number, (name, program) in enumerate(PROGRAMS.items()):
        lines = WORDINGS[program.language].letter[:-2]
        question = mail(
            "\r\n".join([*lines, ""]),
            author=f"Anna Berg <{ANNA}>",
            subject=subjects[name],
            message_id=f"<question-{number}@mail.example>",
            MIME_Version="1.0",
            Content_Type="text/plain; charset=utf-8",
            Content_Transfer_Encoding="8bit",
        )
        assert serving.send(question) == 250
    asked = until(lambda: len(found := by_subject(serving, ROSE)) == len(PROGRAMS) and found)
    answers = {}
    for number, (name, program) in enumerate(PROGRAMS.items()):
        wording, copy = WORDINGS[program.language], asked[subjects[name]]
        assert text_of(copy).splitlines() == wording.letter  # so what is quoted is what she got
        answers[name] = program.answer(wording, read(copy), f"Re: {subjects[name]}", number)
        assert serving.send(answers[name], author=ROSE) == 250
    copies = {
        address: until(
            lambda address=address: len(found := by_subject(serving, address)) == 2 * len(PROGRAMS) and found
        )
        for address in (ANNA, ROSE, TOM)
    }

    threads = {thread["subject"]: thread["id"] for thread in om("thread", "ls", "family", "--json").json}
    assert sorted(threads) == sorted(subjects.values())
    shown = {
        name: [
            (post["author"], post["text"])
            for post in om("thread", "show", str(threads[subjects[name]]), "--json").json["posts"]
        ]
        for name in PROGRAMS
    }
    assert shown == {
        name: [
            ("Anna Berg", "\n".join(WORDINGS[program.language].letter[:-2])),
            ("Rose Okafor", "\n\n".join(WORDINGS[program.language].answer)),
        ]
        for name, program in PROGRAMS.items()
    }
    for name, sent in answers.items():
        for address in copies:
            copy = copies[address][f"Re: {subjects[name]}"]
            pairs = list(zip(texts(read(sent)), texts(read(copy)), strict=True))
            assert [pair for pair in pairs if not is_sent_with_one_line_more(*pair)] == [], name
    everything = [copy for theirs in copies.values() for copy in theirs.values()]
    for copy in everything:
        for told in (copy, *texts(read(copy))):
            assert b"home.example" not in told.lower()
            assert b"203.0.113.9" not in told
    assert signatures(om, everything, tmp_path) == {"pass"}
