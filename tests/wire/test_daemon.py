"""`organic-mail serve`: a real process, real SMTP in, Maildirs out; how it starts and how it ends."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim
import pytest

from organic_mail import daemon as daemons
from organic_mail.claimant import is_alive, this_daemon, this_host
from organic_mail.part import Part
from storage.models import DeliveryState
from storage.queue import claim, queue_rows, state_counts
from tests.wire.certificates import self_made
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, SETTINGS, daemon, until

__all__ = ["empty_home", "om"]

DEAD = f"{this_host()}:{2**22 + 1}:1"  # a process number beyond the largest (proc(5), pid_max)


@pytest.fixture
def family(om: Operator) -> Operator:
    """Anna and Olu are on family."""
    om("list", "create", "family")
    for member in ("Anna Lindqvist <anna@home.example>", "Olu Okafor <olu@home.example>"):
        assert om("member", "add", "family", member, "--confirmed", "--quiet").code == 0
    return om


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE)
        yield listening


def told(systemd: socket.socket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.getsockname()}


def in_the_middle(port: int) -> smtplib.SMTP:
    """A client whose mail is under way."""
    client = smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE)
    client.ehlo()
    client.mail("anna@home.example")
    client.rcpt("family@oak.example")
    assert client.docmd("DATA")[0] == 354
    return client


def due(om: Operator) -> int:
    with om.opened() as opened:
        return opened.database.read(state_counts)[DeliveryState.DUE]


class TestWork:
    def test_a_post_goes_round(self, family: Operator) -> None:
        with daemon(family.home) as running:
            assert running.send(mail()) == 250
            copies = until(lambda: found if len(found := running.copies()) == 2 else None)
            assert running.end() == 0
        assert [recipient for recipient, _ in copies] == ["anna@home.example", "olu@home.example"]
        texts = {record["name"]: record["value"].encode() for record in family("dns", "show", "--json").json}
        for _, stored in copies:
            raw = stored.split(b"\r\n", 2)[2]
            assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: texts.get(name.decode().rstrip(".")))
        assert family("queue", "ls", "--json").json == []
        (thread,) = family("thread", "ls", "family", "--json").json
        assert (thread["subject"], thread["posts"]) == ("Lunch on Sunday", 1)

    def test_nothing_that_it_makes_is_for_others(self, family: Operator) -> None:
        before = os.umask(0)
        try:
            with daemon(family.home) as running:
                running.send(mail())
                until(lambda: len(running.copies()) == 2)
                found = [path for path in family.home.rglob("*") if path.name != "serve.log"]
                modes = {path.name: path.stat().st_mode & 0o077 for path in found}
        finally:
            os.umask(before)
        assert {name for name, mode in modes.items() if mode} <= {"organic-mail.toml"}  # which the test wrote
        assert {"serve.lock", "community.db-wal", "mail"} <= set(modes)

    def test_the_command_line_works_beside_it(self, om: Operator) -> None:
        with daemon(om.home) as running:
            with smtplib.SMTP("127.0.0.1", running.port) as client:
                client.ehlo()
                client.mail("anna@home.example")
                assert client.rcpt("family@oak.example")[0] == 550
            om("list", "create", "family")
            om("member", "add", "family", "Anna <anna@home.example>", "--confirmed", "--quiet")
            assert running.send(mail()) == 250
            until(running.copies)
            om("list", "remove", "family", "--yes")
            with smtplib.SMTP("127.0.0.1", running.port) as client:
                client.ehlo()
                client.mail("anna@home.example")
                assert client.rcpt("family@oak.example")[0] == 550

    def test_parts_run_alone(self, family: Operator) -> None:
        with daemon(family.home, "--only", "receive") as running:
            assert running.send(mail()) == 250
            assert running.end() == 0
        assert (due(family), running.copies()) == (2, [])
        with daemon(family.home, "--only", "deliver", "--only", "timers") as running:
            assert running.ready == "ready\n"
            until(lambda: len(running.copies()) == 2)

    def test_what_a_dead_daemon_had_claimed_goes_out_at_once(self, family: Operator) -> None:
        with daemon(family.home, "--only", "receive") as running:
            running.send(mail())
        with family.opened() as opened:
            lease = timedelta(days=1)
            now = datetime.now(UTC)
            assert len(opened.database.write(lambda session: claim(session, who=DEAD, now=now, lease=lease))) == 2
        with daemon(family.home) as running:
            until(lambda: len(running.copies()) == 2)

    def test_a_claim_of_a_living_daemon_is_left_alone(self, family: Operator) -> None:
        with daemon(family.home, "--only", "receive") as running:
            running.send(mail())
        with family.opened() as opened:
            lease = timedelta(days=1)
            now = datetime.now(UTC)
            opened.database.write(lambda session: claim(session, who=this_daemon(), now=now, limit=1, lease=lease))
        with daemon(family.home) as running:
            until(running.copies)
            assert running.end() == 0
        with family.opened() as opened:
            assert [row.state for row in opened.database.read(queue_rows)] == [DeliveryState.SENDING]


class TestStart:
    def refused(self, om: Operator, *words: str, settings: str = SETTINGS) -> str:
        """The one line that `serve` says instead of getting ready."""
        with daemon(om.home, *words, settings=settings, ready=False) as running:
            out, _ = running.process.communicate(timeout=PATIENCE)
        assert (out, running.process.returncode) == (b"", 1)
        (line,) = running.log.splitlines()
        return line

    def test_a_second_one_says_who_has_the_home(self, om: Operator) -> None:
        with daemon(om.home) as running:
            (om.home / "serve.log").write_text("")
            (om.home / "serve.log").unlink()
            said = om("serve").error
            assert said == f"process {running.process.pid} serves {om.home} already; stop that one first"
            assert f"process {running.process.pid} serves" in om("upgrade").error
            assert running.end() == 0
        with daemon(om.home) as running:
            assert running.end(signal.SIGINT) == 0

    def test_a_port_in_use(self, om: Operator) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            said = self.refused(om, settings=SETTINGS.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        assert said == (
            f"error: smtp.listen: 127.0.0.1:{port} is used by another program; "
            "stop that one (ss -ltnp shows it), or choose another port"
        )

    def test_an_address_of_another_machine(self, om: Operator) -> None:
        settings = SETTINGS.replace("127.0.0.1:0", "192.0.2.1:2525").replace('"off"', '"enforce"')
        said = self.refused(om, settings=settings)
        assert said.startswith("error: smtp.listen: 192.0.2.1:2525 is no address of this machine; take it out")

    def test_a_signing_key_that_is_gone(self, om: Operator) -> None:
        for file in om.home.glob("keys/*.pem"):
            file.unlink()
        assert self.refused(om).endswith(
            ".pem is missing; put it back from the backup, or sign with a new key: organic-mail keys rotate --now"
        )

    def test_a_signing_key_that_is_another(self, om: Operator, tmp_path: Path) -> None:
        other = Operator(tmp_path / "other")
        other("init", "elm.example")
        (file,) = other.home.glob("keys/*.pem")
        (om.home / "keys" / file.name).write_bytes(file.read_bytes())
        assert "is not the key whose record is published" in self.refused(om)

    def test_a_certificate_and_a_key_that_do_not_fit(self, om: Operator, tmp_path: Path) -> None:
        self_made(om.home)
        (tmp_path / "other").mkdir()
        self_made(tmp_path / "other")
        (om.home / "key.pem").write_bytes((tmp_path / "other" / "key.pem").read_bytes())
        tls = '[smtp]\ntls_certificate = "certificate.pem"\ntls_key = "key.pem"'
        said = self.refused(om, settings=SETTINGS.replace("[smtp]", tls))
        assert "are not a certificate and its key; give the PEM files that belong together" in said

    def test_no_place_for_the_web_part(self, om: Operator) -> None:
        assert "web.listen is empty; write for example" in self.refused(om, "--only", "web")

    def test_the_place_of_the_web_part_is_taken(self, om: Operator) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            place = f"127.0.0.1:{other.getsockname()[1]}"
            said = self.refused(om, settings=f'{SETTINGS}\n[web]\nlisten = "{place}"\n')
        assert said.startswith(f"error: web.listen: {place} is used by another program; stop that one")

    def test_starttls_with_a_good_certificate(self, om: Operator) -> None:
        self_made(om.home)
        tls = '[smtp]\ntls_certificate = "certificate.pem"\ntls_key = "key.pem"'
        with (
            daemon(om.home, settings=SETTINGS.replace("[smtp]", tls)) as running,
            smtplib.SMTP("127.0.0.1", running.port) as client,
        ):
            context = ssl.create_default_context(cafile=om.home / "certificate.pem")
            context.check_hostname = False
            assert client.starttls(context=context)[0] == 220

    def test_lmtp_on_a_path(self, om: Operator) -> None:
        place = om.home / "lmtp"
        with daemon(om.home, settings=SETTINGS.replace("127.0.0.1:0", f"lmtp:{place}")) as running:
            assert running.ready == f"ready lmtp={place}\n"
            with smtplib.LMTP(str(place)) as client:
                assert client.noop()[0] == 250

    def test_sockets_from_systemd(self, om: Operator) -> None:
        with socket.create_server(("127.0.0.1", 0)) as opened:
            given = os.dup2(opened.fileno(), 200)
            starter = ["bash", "-c", 'exec 3<&200 200<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "bash"]
            settings = SETTINGS.replace("127.0.0.1:0", "127.0.0.1:1")
            try:
                with daemon(om.home, starter=starter, settings=settings, pass_fds=[given]) as running:
                    assert running.port == opened.getsockname()[1]
                    with smtplib.SMTP("127.0.0.1", running.port) as client:
                        assert client.noop()[0] == 250
            finally:
                os.close(given)

    def test_systemd_is_told(self, om: Operator, systemd: socket.socket) -> None:
        with daemon(om.home, environment=told(systemd)) as running:
            assert systemd.recv(100) == b"READY=1"
            assert running.end() == 0
            assert systemd.recv(100) == b"STOPPING=1"


class TestEnd:
    def test_an_idle_client_does_not_hold_it_up(self, om: Operator) -> None:
        with daemon(om.home) as running, socket.create_connection(("127.0.0.1", running.port)) as client:
            assert client.recv(100).startswith(b"220 ")
            assert running.drained()

    def test_a_mail_under_way_is_taken(self, family: Operator, systemd: socket.socket) -> None:
        with daemon(family.home, environment=told(systemd)) as running:
            client = in_the_middle(running.port)
            running.process.send_signal(signal.SIGTERM)
            assert [systemd.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]
            client.send(mail() + b".\r\n")
            assert client.getreply()[0] == 250
            client.close()
            assert running.process.wait(PATIENCE) == 0
        with family.opened() as opened:
            counts = opened.database.read(state_counts)
        assert counts[DeliveryState.DUE] + counts[DeliveryState.SENT] == 2

    def test_a_client_that_never_ends_is_cut_off(self, family: Operator) -> None:
        with daemon(family.home) as running:
            client = in_the_middle(running.port)
            assert running.drained()
            client.close()
        assert due(family) == 0

    def test_a_second_signal_ends_it_at_once(self, family: Operator, systemd: socket.socket) -> None:
        with daemon(family.home, environment=told(systemd)) as running:
            client = in_the_middle(running.port)
            running.process.send_signal(signal.SIGTERM)
            assert [systemd.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]
            assert running.end() == 1  # a part that is cut off after its time ends with 0
            client.close()

    def test_the_death_of_a_part_is_the_death_of_all(
        self, om: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (om.home / "organic-mail.toml").write_text(SETTINGS, "utf-8")

        def die(*_: object) -> None:
            raise MemoryError("too much")

        monkeypatch.setattr(daemons, "run_timers", die)
        monkeypatch.setattr(daemons, "start_log", lambda *_, **__: None)
        before = os.umask(0o022)
        try:
            assert daemons.serve(om.home, parts=frozenset({Part.RECEIVE, Part.TIMERS})) == 1
        finally:
            assert os.umask(before) == 0o022
        said = capsys.readouterr().out
        assert said.startswith("ready smtp=127.0.0.1:")
        assert not [
            thread
            for thread in threading.enumerate()
            if isinstance(thread, threading.Timer) and not thread.finished.is_set()
        ], "what limits the end would end this very process"


def test_a_daemon_is_told_from_one_that_had_its_number_before() -> None:
    host, pid, start = this_daemon().rsplit(":", 2)
    assert (host, int(pid)) == (this_host(), os.getpid())
    assert is_alive(this_daemon())
    assert not is_alive(f"{host}:{pid}:{int(start) - 1}")
    assert not is_alive(DEAD)
