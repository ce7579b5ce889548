"""The real SMTP server over real sockets: connections, TLS, LMTP, clients that leave, and a server that stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import smtplib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from handlers.outcome import ACCEPTED
from handlers.reply import Reply
from organic_mail import smtp_guard, smtp_session
from organic_mail.config import LimitsSection, Settings
from organic_mail.smtp_guard import Certificate, Guard, network_of
from tests.wire.certificates import self_made
from tests.wire.community import DOMAIN, community, mail, port_of, serving
from tests.wire.daemons import PATIENCE, until

HELLO = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<anna@home.example>\r\nRCPT TO:<family@oak.example>\r\nDATA\r\n"


class Intake:
    """Takes everything, or does what a test wants."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.work: Any = None
        self.replies: tuple[Reply, ...] = ()

    async def recipient(self, address: str) -> Reply:
        return Reply(250, "2.1.5", "OK")

    async def receive(self, envelope: Any, raw: bytes) -> Reply:
        if self.work:
            await self.work()
        self.taken.append(raw)
        return ACCEPTED

    async def receive_each(self, envelope: Any, raw: bytes) -> tuple[Reply, ...]:
        await self.receive(envelope, raw)
        return self.replies


@pytest.fixture
def intake() -> Intake:
    return Intake()


def settings(**sections: Any) -> Settings:
    smtp = {"listen": ("127.0.0.1:0",), "authentication": "off"} | sections.pop("smtp", {})
    return Settings(community={"domain": DOMAIN}, smtp=smtp, **sections)


@pytest.fixture
def port(intake: Intake) -> Iterator[int]:
    with serving(settings(), intake) as doors:
        yield port_of(doors)


class Talk:
    """A client that says bytes and hears lines."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self) -> bytes:
        while True:
            line = self.file.readline()
            if line[3:4] != b"-":
                return line.rstrip(b"\r\n")

    def codes(self, count: int) -> list[bytes]:
        return [self.hear()[:3] for _ in range(count)]


# Clients that leave


def test_a_client_that_closes_its_side_gets_its_answers(port, intake):
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + mail() + b".\r\nQUIT\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.codes(7) == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]
        assert client.hear() == b""
    assert intake.taken == [mail()]


def test_half_a_mail_is_no_mail(port, intake):
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + mail() + b".")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.codes(5)[-1] == b"354"
        assert client.hear() == b""
    assert intake.taken == []


def test_a_decision_goes_on_when_its_client_leaves(port, intake):
    begun, go = Event(), Event()

    async def work():
        begun.set()
        await asyncio.to_thread(go.wait, PATIENCE)

    intake.work = work
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + mail() + b".\r\n")
        assert begun.wait(PATIENCE)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    go.set()
    until(lambda: intake.taken == [mail()])


def test_a_decision_that_takes_too_long_is_temporary(port, intake, monkeypatch):
    monkeypatch.setattr(smtp_session, "_DECIDE", 0.05)
    go = Event()
    intake.work = lambda: asyncio.to_thread(go.wait, PATIENCE)
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + mail() + b".\r\n")
        assert client.codes(6)[-1] == b"451"
        go.set()
        client.say(b"NOOP\r\n")
        assert client.hear().startswith(b"250")
    until(lambda: intake.taken == [mail()])


def test_a_failure_of_ours_is_temporary_and_tells_nothing(port, intake):
    async def work():
        raise RuntimeError("secret detail")

    intake.work = work
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + mail() + b".\r\nNOOP\r\n")
        client.codes(5)
        reply = client.hear()
        assert reply.startswith(b"451 4.3.0 ")
        assert b"secret" not in reply
        assert client.hear().startswith(b"250 2.0.0")


def test_a_client_that_says_nothing_is_sent_away(intake, monkeypatch):
    monkeypatch.setattr(smtp_session, "_IDLE", 0.1)
    with serving(settings(), intake) as doors, Talk(port_of(doors)) as client:
        assert client.codes(1) == [b"220"]
        assert client.hear().startswith(b"421 4.4.2 ")
        assert client.hear() == b""


def test_a_client_that_falls_silent_is_sent_away(intake, monkeypatch):
    """Patience ends only with its last word: until then a busy machine may be slow."""
    with serving(settings(), intake) as doors, Talk(port_of(doors)) as client:
        client.say(HELLO)
        assert client.codes(2) == [b"220", b"250"]
        (session,) = doors.guard._sessions
        monkeypatch.setattr(session, "_timeout_duration", 0.1)
        client.say(b"NOOP\r\n")
        assert client.hear().startswith(b"250 ")
        assert client.hear().startswith(b"421 4.4.2 ")
        assert client.hear() == b""


@pytest.mark.parametrize("begun", [b"", b"From: anna"])
def test_a_mail_that_stops_halfway_is_cut_off(intake, monkeypatch, begun):
    monkeypatch.setattr(smtp_session, "_DATA_IDLE", 0.1)
    with serving(settings(), intake) as doors, Talk(port_of(doors)) as client:
        client.say(HELLO + ENVELOPE + begun)
        assert client.codes(5)[-1] == b"354"
        assert client.hear().startswith(b"421 4.4.2 ")
        assert client.hear() == b""


def test_a_mail_that_drips_is_cut_off(intake, monkeypatch):
    monkeypatch.setattr(smtp_session, "_DATA_TOTAL", 0.1)
    monkeypatch.setattr(smtp_session, "_SLOWEST", 1_000_000)
    with serving(settings(), intake) as doors, Talk(port_of(doors)) as client:
        client.say(HELLO + ENVELOPE)
        client.codes(5)
        heard: list[bytes] = []
        listener = Thread(target=lambda: heard.append(client.hear()))
        listener.start()
        tick = Event()
        while listener.is_alive():
            try:
                client.say(b"x\r\n")
            except OSError:
                break
            tick.wait(0.01)
        listener.join(PATIENCE)
        assert heard[0].startswith(b"421 4.4.2 ")


# Limits


def test_too_many_connections_at_once(intake, monkeypatch):
    monkeypatch.setattr(smtp_guard, "_PATIENCE", PATIENCE)  # on a busy machine the first two would soon give way
    with serving(settings(limits={"connections": 2}), intake) as doors:
        port = port_of(doors)
        with Talk(port) as first, Talk(port) as second:
            assert first.codes(1) == second.codes(1) == [b"220"]
            with Talk(port) as third:
                assert third.hear().startswith(b"421 4.7.0 ")
                assert third.hear() == b""
            first.say(b"QUIT\r\n")
            assert first.codes(1) == [b"221"]
            assert first.hear() == b""

            def admitted() -> bool:
                with Talk(port) as fourth:
                    return fourth.hear().startswith(b"220")

            until(admitted)


class Anybody:
    """`heard`: the code with which it was sent away."""

    deciding = False
    heard = 0

    def hang_up(self, reply: Reply) -> None:
        self.heard = reply.code

    def finish(self) -> None: ...
    def abort(self) -> None: ...


def test_each_network_has_its_share():
    guard = Guard(LimitsSection(connections_per_network=2), lambda: 0.0)
    here = [Anybody() for _ in range(4)]
    assert guard.enter(here[0], "192.0.2.1") is None
    assert guard.enter(here[1], "192.0.2.200") is None
    refused = guard.enter(here[2], "192.0.2.3")
    assert refused is not None
    assert (refused.code, refused.enhanced) == (421, "4.7.0")
    assert guard.enter(here[3], "198.51.100.1") is None
    guard.leave(here[2], "192.0.2.3")
    guard.leave(here[2], "192.0.2.3")
    guard.leave(here[0], "192.0.2.1")
    assert guard.enter(here[0], "192.0.2.9") is None


def test_new_connections_are_counted_by_the_minute():
    clock = [0.0]
    guard = Guard(LimitsSection(connections_per_minute=2), lambda: clock[0])
    answers = []
    for _ in range(3):
        session = Anybody()
        answers.append(guard.enter(session, "192.0.2.1"))
        guard.leave(session, "192.0.2.1")
    assert [answer is None for answer in answers] == [True, True, False]
    clock[0] = 60.0
    assert guard.enter(Anybody(), "192.0.2.1") is None


class Crowd:
    """A guard that lets in three, a clock at 0, and three who came at 0 s."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.guard = Guard(LimitsSection(connections=3), lambda: self.clock)
        self.here = [Anybody() for _ in range(3)]
        assert [self.comes(session) for session in self.here] == [True] * 3

    def comes(self, session: Anybody) -> bool:
        """Is somebody new let in?"""
        assert self.guard.enter(session, "127.0.0.1") is None
        refused = asyncio.run(self.guard.place(session))
        assert refused is None or (refused.code, refused.enhanced) == (421, "4.7.0")
        return refused is None

    @property
    def heard(self) -> list[int]:
        return [session.heard for session in self.here]


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    monkeypatch.setattr(smtp_guard, "_WAIT", 0.001)
    return Crowd()


def test_the_slowest_gives_way_to_a_new_one(crowd):
    for second in range(1, 31):
        crowd.clock = float(second)
        for session, size in zip(crowd.here, (1, 2, 1), strict=True):
            crowd.guard.heard(session, size)
    assert crowd.comes(Anybody())
    assert crowd.heard == [421, 0, 0]  # of two that say as little, the older one
    assert crowd.guard.connections == 4  # until its connection is closed
    crowd.guard.leave(crowd.here[0], "127.0.0.1")
    assert crowd.comes(Anybody())
    assert crowd.heard == [421, 0, 421]  # not the one that came just now and is still silent


def test_who_said_much_long_ago_counts_as_silent(crowd):
    crowd.guard.heard(crowd.here[0], 100_000)
    crowd.clock = 120.0
    crowd.guard.heard(crowd.here[1], 1)
    crowd.guard.heard(crowd.here[2], 1)
    assert crowd.comes(Anybody())
    assert crowd.heard == [421, 0, 0]


def test_nobody_gives_way_whose_mail_is_complete_or_who_has_just_come(crowd):
    crowd.clock = 0.9
    assert not crowd.comes(Anybody())
    crowd.clock = 60.0
    for session in crowd.here:
        session.deciding = True
    assert not crowd.comes(Anybody())
    crowd.here[1].deciding = False
    assert crowd.comes(Anybody())
    assert crowd.heard == [0, 421, 0]


def test_in_a_crowd_people_have_to_be_quick(crowd):
    assert not any(crowd.comes(Anybody()) for _ in range(11))
    crowd.clock = 0.25
    assert crowd.comes(Anybody())
    assert crowd.heard == [421, 0, 0]


def test_who_waits_gets_the_first_place(monkeypatch):
    monkeypatch.setattr(smtp_guard, "_WAIT", 30.0)
    crowd = Crowd()

    async def one_leaves() -> list[Reply | None]:
        new = [asyncio.create_task(crowd.guard.place(Anybody())) for _ in range(13)]
        refused = await new[12]  # four times as many as have a place may wait
        crowd.guard.leave(crowd.here[1], "127.0.0.1")
        first = await new[0]
        for waiting in new[1:12]:
            waiting.cancel()
        return [first, refused]

    first, refused = asyncio.run(one_leaves())
    assert first is None
    assert refused is not None
    assert refused.code == 421


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:0:12ff::1", "2001:db8:0:1200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("127.0.0.5", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("", ""),
    ],
)
def test_networks(host, network):
    assert network_of(host) == network


# TLS


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    self_made(tmp_path)
    return {"tls_certificate": str(tmp_path / "certificate.pem"), "tls_key": str(tmp_path / "key.pem")}


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_mail_over_tls(intake, tls):
    with serving(settings(smtp=tls), intake) as doors, smtplib.SMTP("127.0.0.1", port_of(doors)) as client:
        client.ehlo("client.example")
        assert client.has_extn("starttls")
        assert client.starttls(context=trusting())[0] == 220
        client.ehlo("client.example")
        assert not client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert client.docmd("STARTTLS")[0] == 502
        client.sendmail("anna@home.example", ["family@oak.example"], mail())
    assert intake.taken == [mail()]


def test_nothing_said_before_tls_counts_after_it(intake, tls):
    with serving(settings(smtp=tls), intake) as doors, Talk(port_of(doors)) as client:
        client.say(HELLO + b"MAIL FROM:<anna@home.example>\r\n")
        client.codes(3)
        client.say(b"STARTTLS\r\nRCPT TO:<injected@oak.example>\r\n")
        assert client.hear().startswith(b"220 2.0.0 ")
        with trusting().wrap_socket(client.socket, suppress_ragged_eofs=True) as secure:
            secure.sendall(b"RCPT TO:<family@oak.example>\r\nMAIL FROM:<a@b.example>\r\n")
            heard = b""
            while heard.count(b"\r\n") < 2:
                heard += secure.recv(4096)
            first, second = heard.split(b"\r\n")[:2]
            assert first.startswith(b"503 5.5.1 Please say MAIL")
            assert second.startswith(b"503 5.5.1 Please say EHLO")


def test_a_handshake_that_does_not_end_gives_way(intake, tls, monkeypatch):
    monkeypatch.setattr(smtp_guard, "_PATIENCE", 0.0)
    with serving(settings(smtp=tls, limits={"connections": 1}), intake) as doors, Talk(port_of(doors)) as silent:
        silent.say(HELLO + b"STARTTLS\r\n")
        assert silent.codes(3) == [b"220", b"250", b"220"]
        with Talk(port_of(doors)) as client:
            assert client.codes(1) == [b"220"]
            with contextlib.suppress(ConnectionError):
                silent.socket.settimeout(PATIENCE)
                while silent.socket.recv(4096):
                    pass
            until(lambda: doors.guard.connections == 1)


def test_a_handshake_that_fails_ends_the_session(intake, tls):
    with serving(settings(smtp=tls, limits={"connections": 1}), intake) as doors:
        port = port_of(doors)
        with Talk(port) as client:
            client.say(HELLO + b"STARTTLS\r\n")
            assert client.codes(3) == [b"220", b"250", b"220"]
            client.say(b"this is no TLS at all\r\n" * 20)
            client.socket.settimeout(PATIENCE)
            while client.socket.recv(4096):
                pass

        def admitted() -> bool:
            with Talk(port) as other:
                return other.hear().startswith(b"220")

        until(admitted)


def test_a_certificate_is_read_again_when_it_changes(tmp_path, tls):
    certificate = Certificate(tls["tls_certificate"], tls["tls_key"])
    first = certificate.context()
    assert certificate.context() is first
    Path(tls["tls_key"]).write_text("half written")
    assert certificate.context() is first
    self_made(tmp_path)
    os.utime(tls["tls_key"], ns=(1, 1))
    assert certificate.context() is not first


# LMTP and UNIX sockets


def test_lmtp_answers_once_for_each_recipient(intake, tmp_path):
    intake.replies = (ACCEPTED, Reply(550, "5.7.1", "No"))
    place = tmp_path / "lmtp"
    with serving(settings(smtp={"listen": (f"lmtp:{place}",)}), intake) as doors:
        assert doors.addresses == (str(place),)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(place))
            with client.makefile("rwb", buffering=0) as file:
                file.write(b"EHLO client.example\r\nLHLO client.example\r\nMAIL FROM:<anna@home.example>\r\n")
                file.write(b"RCPT TO:<family@oak.example>\r\nRCPT TO:<news@oak.example>\r\nDATA\r\n")
                file.write(mail() + b".\r\nQUIT\r\n")
                heard = file.readlines()
    last = [line[:3] for line in heard if line[3:4] == b" "]
    assert last == [b"220", b"500", b"250", b"250", b"250", b"250", b"354", b"250", b"550", b"221"]
    assert intake.taken == [mail()]


def test_lmtp_over_tcp_refuses_for_each_recipient(intake):
    lmtp = settings(smtp={"listen": ("lmtp:127.0.0.1:0",), "max_size": 100})
    with serving(lmtp, intake) as doors, Talk(port_of(doors)) as client:
        client.say(b"LHLO client.example\r\n" + ENVELOPE.replace(b"DATA", b"RCPT TO:<news@oak.example>\r\nDATA"))
        client.codes(6)
        client.say(mail("x" * 100 + "\r\n") + b".\r\nNOOP\r\n")
        assert client.codes(3) == [b"552", b"552", b"250"]


def test_every_listener_is_opened(intake):
    with serving(settings(smtp={"listen": ("127.0.0.1:0", "[::1]:0")}), intake) as doors:
        assert [address.rpartition(":")[0] for address in doors.addresses] == ["127.0.0.1", "[::1]"]


# A server that stops


def test_who_is_in_the_middle_of_a_mail_may_finish_it(intake):
    with serving(settings(), intake) as doors, Talk(port := port_of(doors)) as idle, Talk(port) as busy:
        assert idle.codes(1) == [b"220"]
        busy.say(HELLO + ENVELOPE)
        busy.codes(5)
        loop = doors.servers[0].get_loop()
        closing = asyncio.run_coroutine_threadsafe(doors.close(PATIENCE), loop)
        assert idle.hear().startswith(b"421 4.3.2 ")
        busy.say(mail() + b".\r\n")
        assert busy.hear().startswith(b"250 ")
        assert busy.hear().startswith(b"421 4.3.2 ")
        closing.result(PATIENCE)
        assert intake.taken == [mail()]
        with pytest.raises(ConnectionRefusedError):
            Talk(port)


def test_who_does_not_finish_is_cut_off(intake):
    with serving(settings(), intake) as doors, Talk(port_of(doors)) as busy:
        busy.say(HELLO + ENVELOPE)
        busy.codes(5)
        asyncio.run_coroutine_threadsafe(doors.close(0.05), doors.servers[0].get_loop()).result(PATIENCE)
        busy.socket.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            while busy.socket.recv(100):
                pass


# All of it together


def test_a_letter_by_an_ordinary_client(sqlite_template, tmp_path):
    with (
        community(sqlite_template, tmp_path) as people,
        serving(people.settings, people.receiver) as doors,
        smtplib.SMTP("127.0.0.1", port_of(doors)) as client,
    ):
        client.sendmail("anna@home.example", ["family@oak.example"], mail())
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("sven@elm.example", ["family@oak.example"], mail(author="sven@elm.example"))
        assert refused.value.smtp_code == 550
        assert [post.subject for post in people.posts()] == ["Lunch on Sunday"]
