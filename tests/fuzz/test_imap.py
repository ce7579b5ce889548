"""An IMAP server that answers anything at all makes only the two kinds of trouble that we know."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from threading import Event, Thread

from hypothesis import given, settings
from hypothesis import strategies as st

from organic_mail.imap_profile import ImapPlace
from organic_mail.imap_session import Declined, ImapSession, ImapTrouble
from tests.wire.daemons import PATIENCE

GREETING = b"* OK [CAPABILITY IMAP4rev1 IDLE MOVE NAMESPACE UIDPLUS LITERAL+] ready\r\n"
LINES = st.one_of(
    st.binary(max_size=60).map(lambda line: b"* " + line.replace(b"\n", b"") + b"\r\n"),
    st.sampled_from(
        [
            b"* 1 EXISTS\r\n",
            b"* OK [UIDVALIDITY 7] x\r\n",
            b"* OK [UIDVALIDITY x] x\r\n",
            b"* OK [UIDNEXT 99999999999999999999] x\r\n",
            b"* SEARCH 1 2 3\r\n",
            b"* SEARCH 1 x\r\n",
            b'* LIST (\\Junk) "/" Spam\r\n',
            b'* LIST ( "/" {5}\r\nSp&am\r\n',
            b'* NAMESPACE (("" "/")) NIL NIL\r\n',
            b"* NAMESPACE NIL NIL NIL\r\n",
            b'* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE "23-Nov-2026 10:00:00 +0000" BODY[HEADER]<0> {3}\r\nA:b)\r\n',
            b'* 1 FETCH (UID 1 RFC822.SIZE x INTERNALDATE "now" BODY[HEADER]<0> NIL)\r\n',
            b"* 1 FETCH (UID 1 BODY[]<0> {999999}\r\n",
            b"* 1 FETCH (((((\r\n",
            b"+ go ahead\r\n",
            b"* BYE\r\n",
            b"\r\n",
        ]
    ),
)


RIGHT = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE MOVE NAMESPACE UIDPLUS LITERAL+\r\n",
    b"LIST": b'* LIST (\\Junk) "/" Spam\r\n* LIST () "/" "Organic Mail"\r\n',
    b"NAMESPACE": b'* NAMESPACE (("" "/")) NIL NIL\r\n',
    b"SELECT": b"* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n",
    b"UID SEARCH": b"* SEARCH 1 2\r\n",
    b"UID FETCH": b'* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE "23-Nov-2026 10:00:00 +0000" BODY[HEADER]<0> {5}\r\n'
    b"A: b\n BODY[]<0> {5}\r\nA: b\n)\r\n",
    b"IDLE": b"+ idling\r\n* 3 EXISTS\r\n",
}


@dataclass(frozen=True)
class Answer:
    """What is said beside, or instead of, the right answer to one command."""

    noise: bytes = b""
    right: bool = True
    result: bytes = b"OK"


@contextmanager
def answering(answers: Mapping[int, Answer]) -> Iterator[int]:
    """`answers` by the number of the command; every other one gets the right answer."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with contextlib.suppress(OSError):
                client, _ = door.accept()
                with client, client.makefile("rb") as commands:
                    client.sendall(GREETING)
                    idle = b""
                    for number, command in enumerate(commands):
                        tag, _, words = command.strip().partition(b" ")
                        answer = answers.get(number, Answer())
                        right = next((said for verb, said in RIGHT.items() if words.startswith(verb)), b"")
                        idle, tag = (tag, b"") if words.startswith(b"IDLE") else (idle, idle if not words else tag)
                        end = tag + b" " + answer.result + b" done\r\n" if tag else b""
                        client.sendall(answer.noise + (right if answer.right else b"") + end)

        serving = Thread(target=serve)
        serving.start()
        yield door.getsockname()[1]
        serving.join(PATIENCE)
        assert not serving.is_alive()


NOISE = st.lists(LINES, max_size=3).map(b"".join)
RESULTS = st.sampled_from([b"OK", b"OK", b"NO", b"BAD", b"HUH"])
ANSWERS = st.dictionaries(st.integers(0, 12), st.builds(Answer, NOISE, st.booleans(), RESULTS), max_size=2)


def use(port: int) -> None:
    session = ImapSession.open(ImapPlace("127.0.0.1", port, tls=False, name="a"), "x", answer=0.1)
    try:
        session.junk_folder()
        session.has_folder("Organic Mail")
        session.select("INBOX")
        session.uids(1, date(2026, 11, 23))
        session.waiting([1, 2])
        session.content(1, 1000)
        session.move([1], "Organic Mail")
        session.wait(0.01, Event())
    finally:
        session.abort()


def test_the_right_answers_are_understood() -> None:
    with answering({}) as port:
        session = ImapSession.open(ImapPlace("127.0.0.1", port, tls=False, name="a"), "x", answer=PATIENCE)
        assert session.junk_folder() == "Spam"
        assert (session.select("INBOX").uid_validity, session.uids(1, date(2026, 11, 23))) == (7, [1, 2])
        assert [(mail.uid, mail.size, mail.header) for mail in session.waiting([1, 2])] == [(1, 5, b"A: b\n")]
        assert session.content(1, 1000) == b"A: b\n"
        session.move([1], "Organic Mail")
        session.abort()


@settings(max_examples=150)
@given(ANSWERS)
def test_no_other_trouble_comes_out(answers: Mapping[int, Answer]) -> None:
    with answering(answers) as port, contextlib.suppress(ImapTrouble, Declined):
        use(port)
