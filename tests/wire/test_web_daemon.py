"""From a post by SMTP to a press in a mail program: the daemon with its web part, and a one-click address in copies."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator

import dkim
import pytest

from handlers.message import parse
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, SETTINGS, Daemon, daemon, until

__all__ = ["empty_home", "om"]

BASE = "https://lists.oak.example/mail"
WEB = f'{SETTINGS}\n[web]\nlisten = "127.0.0.1:0"\nbase_url = "{BASE}/"\n'


@pytest.fixture
def family(om: Operator) -> Operator:
    om("list", "create", "family")
    for member in ("Anna <anna@home.example>", "Olu <olu@home.example>"):
        assert om("member", "add", "family", member, "--confirmed", "--quiet").code == 0
    return om


@pytest.fixture
def running(family: Operator) -> Iterator[Daemon]:
    with daemon(family.home, settings=WEB) as started:
        yield started
        assert started.end() == 0


def web(running: Daemon) -> http.client.HTTPConnection:
    found = re.search(r"web=(127\.0\.0\.1:\d+)", running.ready)
    assert found, running.ready
    return http.client.HTTPConnection(found[1], timeout=PATIENCE)


def ask(running: Daemon, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    connection = web(running)
    try:
        connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def copies(running: Daemon, count: int) -> dict[str, bytes]:
    """Without the two lines that the Maildir puts in front."""
    found = until(lambda: found if len(found := running.copies()) >= count else None)
    return {recipient: stored.split(b"\r\n", 2)[2] for recipient, stored in found}


def status(om: Operator, address: str) -> str:
    for each in om("member", "ls", "family", "--json").json:
        if each["address"] == address:
            return str(each["status"])
    return "gone"


def test_one_click_from_a_copy_that_verifies(family: Operator, running: Daemon) -> None:
    assert running.send(mail()) == 250
    raw = copies(running, 2)["olu@home.example"]
    copy = parse(raw)
    address = re.fullmatch(
        rf"<({BASE}/u/\S+)>, ?<mailto:family-\w+@oak\.example>", copy.value("list-unsubscribe") or ""
    )
    assert address is not None, copy.value("list-unsubscribe")
    assert copy.value("list-unsubscribe-post") == "List-Unsubscribe=One-Click"
    signed = re.search(r"h=([^;]+);", copy.value("dkim-signature") or "")
    assert signed is not None
    names = [name.strip().lower() for name in signed[1].split(":")]
    assert names.count("list-unsubscribe") >= 2
    assert names.count("list-unsubscribe-post") >= 2  # oversigned: nobody can add a second one
    texts = {record["name"]: record["value"].encode() for record in family("dns", "show", "--json").json}
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: texts.get(name.decode().rstrip(".")))

    path = address[1].removeprefix(BASE)  # which the proxy in front takes away
    assert ask(running, "GET", path)[0] == 200
    assert status(family, "olu@home.example") == "active"
    assert ask(running, "POST", path, "List-Unsubscribe=One-Click")[0] == 200
    assert status(family, "olu@home.example") == "gone"
    letters = until(
        lambda: [raw for to, raw in running.copies() if to == "olu@home.example" and b"You have left" in raw]
    )
    assert len(letters) == 1
    assert ask(running, "POST", path, "List-Unsubscribe=One-Click")[0] == 200
    assert "Olu left family." in family("log").out


def test_everybody_has_an_address_of_her_own(running: Daemon) -> None:
    running.send(mail())
    found = {parse(raw).value("list-unsubscribe") for raw in copies(running, 2).values()}
    assert len(found) == 2


def test_without_a_web_part_nothing_is_promised(family: Operator) -> None:
    with daemon(family.home) as running:
        assert "web=" not in running.ready
        running.send(mail())
        copy = parse(copies(running, 2)["olu@home.example"])
    assert copy.value("list-unsubscribe-post") is None
    assert "https" not in (copy.value("list-unsubscribe") or "")


def test_health_and_figures(running: Daemon) -> None:
    assert ask(running, "GET", "/health") == (200, "ok\n")
    running.send(mail())
    copies(running, 2)
    until(lambda: 'organic_mail_queue{state="sent"} 2.0' in ask(running, "GET", "/metrics")[1])


def test_only_the_web_part(family: Operator) -> None:
    with daemon(family.home, "--only", "web", settings=WEB) as running:
        assert "smtp=" not in running.ready
        assert ask(running, "GET", "/health") == (200, "ok\n")
        assert running.end() == 0


def test_a_client_that_keeps_its_connection_does_not_hold_up_the_end(family: Operator) -> None:
    with daemon(family.home, settings=WEB) as running:
        connection = web(running)
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b"ok\n"
        connection.sock.sendall(b"POST /u/x HTTP/1.1\r\nHost: oak.example\r\nContent-Length: 9\r\n\r\nx")
        assert running.drained()
        connection.close()


def test_the_log_names_neither_page_nor_person(running: Daemon) -> None:
    ask(running, "GET", "/u/not-a-token-of-ours")
    assert "not-a-token" not in running.log
