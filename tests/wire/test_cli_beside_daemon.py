"""The command line while the daemon serves: what is said there holds at once, and nothing has to be restarted."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Timer

import pytest

from tests.wire.command_line import Operator, empty_home, om
from tests.wire.sink import Sink, Transaction

__all__ = ["empty_home", "om"]

POST = (
    b"From: Anna Lindqvist <anna@example.org>\r\nTo: family@oak.example\r\nSubject: Lake\r\n"
    b"Message-ID: <lake@example.org>\r\nDate: Sun, 22 Nov 2026 08:14:00 +0000\r\n\r\nWe are back from the lake.\r\n"
)
COMMAND = [sys.executable, "-c", "from organic_mail.cli.main import run; run()"]
SOON = 120  # seconds; far more than it takes, also on a machine that has other things to do


@contextmanager
def serving(om: Operator, sink: Sink) -> Iterator[int]:
    """A daemon of its own process; gives its SMTP port."""
    settings = {
        "ORGANIC_MAIL__SMTP__LISTEN": "127.0.0.1:0",
        "ORGANIC_MAIL__SMTP__AUTHENTICATION": "off",
        "ORGANIC_MAIL__DELIVERY__SMARTHOST": f"smtp://127.0.0.1:{sink.port}",
    }
    daemon = subprocess.Popen(
        [*COMMAND, "--home", str(om.home), "serve"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert daemon.stdout is not None
        ready = daemon.stdout.readline()
        yield int(ready.rpartition(":")[2])
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(SOON) == 0
    finally:
        daemon.kill()
        daemon.communicate()


def wait_for(om: Operator, words: str) -> None:
    """Follow the log until it says so."""
    with subprocess.Popen(
        [*COMMAND, "--home", str(om.home), "log", "--follow"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        patience = Timer(SOON, following.kill)
        patience.start()
        assert any(words in line for line in following.stdout)
        patience.cancel()
        following.kill()


def test_an_operators_day(om: Operator) -> None:
    taken: Queue[str] = Queue()
    refusing = {"tom@example.org"}

    def answer(step: str, transaction: Transaction) -> str | None:
        if step == "RCPT" and transaction.recipient in refusing:
            taken.put(f"not {transaction.recipient}")
            return "450 4.2.1 not now"
        if step == "END":
            taken.put(transaction.recipient)
        return None

    with Sink(answer).listening() as sink, serving(om, sink) as port:
        assert om("list", "create", "family").code == 0
        for person in ("Anna Lindqvist <anna@example.org>", "Tom <tom@example.org>"):
            assert om("member", "add", "family", person, "--confirmed").code == 0
        assert {taken.get(timeout=SOON), taken.get(timeout=SOON)} == {"anna@example.org", "not tom@example.org"}

        wait_for(om, "tom@example.org: waits until")
        refusing.clear()
        assert om("queue", "retry", "--all").code == 0
        while (one := taken.get(timeout=SOON)) == "not tom@example.org":
            pass  # on a busy machine its next turn may have come before
        assert one == "tom@example.org"

        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("anna@example.org", ["family@oak.example"], POST)
        assert {taken.get(timeout=SOON), taken.get(timeout=SOON)} == {"anna@example.org", "tom@example.org"}
        (thread,) = om("thread", "ls", "family", "--json").json
        (post,) = om("thread", "show", str(thread["id"]), "--json").json["posts"]
        assert post["text"] == "We are back from the lake."
        assert om("post", "show", str(post["id"]), "--raw").raw.endswith(POST)

        assert om("member", "set", "tom@example.org", "--list", "family", "delivery=none").code == 0
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("anna@example.org", ["family@oak.example"], POST.replace(b"<lake@", b"<heron@"))
        assert taken.get(timeout=SOON) == "anna@example.org"
        assert taken.empty()

        assert om("list", "remove", "family", "--yes").code == 0
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.ehlo()
            client.mail("anna@example.org")
            code, reply = client.rcpt("family@oak.example")
        assert (code, reply[:5]) == (550, b"5.1.1")


def test_nothing_is_lost_when_both_write(om: Operator) -> None:
    """Members are added while posts come in: every one of both is there at the end."""
    om("list", "create", "family")
    om("member", "add", "family", "Anna Lindqvist <anna@example.org>", "--confirmed", "--quiet")
    with Sink().listening() as sink, serving(om, sink) as port, smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(20):
            client.sendmail("anna@example.org", ["family@oak.example"], POST.replace(b"<lake@", b"<lake%d@" % number))
            assert om("member", "add", "family", f"g{number}@example.org", "--confirmed", "--quiet").code == 0
    assert len(om("member", "ls", "family", "--json").json) == 21
    assert sum(thread["posts"] for thread in om("thread", "ls", "family", "--json").json) == 20


@pytest.mark.parametrize(
    "words", [("list", "ls"), ("member", "ls", "family"), ("queue", "ls"), ("thread", "ls", "family")]
)
def test_whoever_reads_may_stop_reading(om: Operator, words: tuple[str, ...]) -> None:
    om("list", "create", "family", "--title", "x" * 100)
    reader = subprocess.Popen(
        [*COMMAND, "--home", str(om.home), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert reader.stdout is not None
    reader.stdout.close()
    _, err = reader.communicate(timeout=SOON)
    assert b"Traceback" not in err
