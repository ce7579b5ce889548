"""`doctor`: every finding, made by putting something wrong and nothing else."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from sqlmodel import Session

import storage
from organic_mail import doctor, doctor_dns, doctor_network, listening
from organic_mail.finding import Finding, Level
from organic_mail.home import Home
from organic_mail.resolver import Resolver
from organic_mail.smarthost import NextHop
from organic_mail.smtp_wire import ConnectionLost
from storage.contents import store_content
from storage.events import record
from storage.review import hold_unfinished
from storage.shunts import set_aside
from tests.dns_server import DnsServer
from tests.wire.certificates import self_made
from tests.wire.command_line import DOMAIN, Operator, empty_home, om
from tests.wire.daemons import PATIENCE
from tests.wire.sink import SILENCE, Sink

__all__ = ["empty_home", "om"]


greeted = doctor_network._greeted


async def answering(hop: NextHop, helo: str) -> bool:
    """Everybody on the Internet is there; on this machine only who really is."""
    return True if hop.address else await greeted(hop, helo)


async def silent(hop: NextHop, helo: str) -> bool:
    raise ConnectionLost("nobody is there")


@pytest.fixture
def world(om: Operator, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """Everything is as it should be: published, reachable, encrypted."""
    for shown in om("dns", "show", "--json").json:
        value = shown["value"]
        dns_server.put(
            shown["name"], **{shown["type"]: [value if shown["type"] == "MX" else [value[:200], value[200:]]]}
        )
    dns_server.put(DOMAIN, A=["93.184.216.34"])
    dns_server.put("34.216.184.93.in-addr.arpa", PTR=[f"{DOMAIN}."])
    self_made(om.home)
    for name in ("certificate.pem", "key.pem"):
        (om.home / name).chmod(0o600)
    monkeypatch.setattr(doctor_dns, "machine_addresses", list)
    monkeypatch.setattr(doctor_network, "_greeted", answering)
    monkeypatch.setattr(doctor_network, "SMTP_SECONDS", PATIENCE)
    with Sink().listening() as smarthost:
        change(
            om,
            ('listen = ["0.0.0.0:25", "[::]:25"]', 'listen = ["127.0.0.1:0"]'),
            ('tls_certificate = ""', 'tls_certificate = "certificate.pem"'),
            ('tls_key = ""', 'tls_key = "key.pem"'),
            ("smtp://127.0.0.1:25", f"smtp://127.0.0.1:{smarthost.port}"),
        )
        yield dns_server


def change(om: Operator, *changes: tuple[str, str]) -> None:
    file = om.home / "organic-mail.toml"
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")


def look(om: Operator, world: DnsServer, *, days: int = 0) -> dict[str, Finding]:
    """What is not well, by its check; the certificate of these tests is good for a day."""
    dns = world.resolver()
    found = list(doctor.examine(om.home, dns, datetime.now(UTC) + timedelta(days=days), seconds=PATIENCE))
    assert all(bool(finding.cure) == (finding.level is not Level.OK) for finding in found)
    return {finding.check: finding for finding in found if finding.level is not Level.OK}


def only(found: dict[str, Finding], check: str, level: Level, *with_it: str) -> Finding:
    others = set(found) - {
        check,
        "tls",
        "sqlite",
        *with_it,
    }  # the test's certificate ends soon; the machine's SQLite may be old
    assert not others
    assert found[check].level is level
    return found[check]


def test_all_is_well(om: Operator, world: DnsServer) -> None:
    assert set(look(om, world)) <= {"tls", "sqlite"}


class TestHome:
    def test_another_package_of_that_name(
        self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(storage, "__file__", str(tmp_path / "storage" / "__init__.py"))
        assert "environment of its own" in only(look(om, world), "packages", Level.FATAL).cure

    def test_wrong_settings(self, om: Operator, world: DnsServer) -> None:
        change(om, ("max_size", "maxsize"))
        finding = look(om, world)["settings"]
        assert finding.level is Level.FATAL
        assert "smtp.maxsize is not a setting" in finding.finding
        assert finding.cure == "did you mean smtp.max_size?"

    def test_no_operator(self, om: Operator, world: DnsServer) -> None:
        change(om, ('"olu@example.org"', '""'))
        only(look(om, world), "operator", Level.WARNING)

    @pytest.mark.parametrize("name", ["organic-mail.toml", "community.db", "keys", "keys/hmac-1.key", "."])
    def test_a_file_that_others_can_read(self, om: Operator, world: DnsServer, name: str) -> None:
        (om.home / name).chmod(0o750)
        assert only(look(om, world), "file modes", Level.WARNING).cure == f"chmod go= {om.home / name}"

    @pytest.mark.parametrize(
        ("total", "free", "level"),
        [
            (10**6, 900, Level.WARNING),
            (10**6, 400, Level.FATAL),
            (12_000, 550, Level.WARNING),
            (2_000, 90, Level.FATAL),
        ],
    )
    def test_a_disk_that_is_full(
        self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch, total: int, free: int, level: Level
    ) -> None:
        from collections import namedtuple

        usage = namedtuple("usage", "total free")(total * 10**6, free * 10**6)
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
        assert "make room" in only(look(om, world), "disk", level).cure

    def test_an_old_sqlite(self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor.sqlite3, "sqlite_version_info", (3, 51, 2))
        only(look(om, world), "sqlite", Level.WARNING)
        monkeypatch.setattr(doctor.sqlite3, "sqlite_version_info", (3, 51, 3))
        assert "sqlite" not in look(om, world)

    def test_a_key_that_is_gone(self, om: Operator, world: DnsServer) -> None:
        for file in om.home.glob("keys/om*.pem"):
            file.unlink()
        assert "keys rotate --now" in only(look(om, world), "signing key", Level.FATAL).cure

    def test_a_database_that_is_gone(self, om: Operator, world: DnsServer) -> None:
        (om.home / "community.db").unlink()
        assert "there is no database" in only(look(om, world), "home", Level.FATAL).finding

    def test_a_damaged_database(self, om: Operator, world: DnsServer) -> None:
        om("list", "create", "family")
        with (om.home / "community.db").open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(size // 2 // 4096 * 4096)
            file.write(b"\xff" * 4096 * 8)
        found = look(om, world)
        assert {finding.level for finding in found.values() if finding.check in {"database", "home"}} == {Level.FATAL}

    def test_a_clock_that_went_back(self, om: Operator, world: DnsServer) -> None:
        with om.opened() as opened:
            at = datetime.now(UTC) + timedelta(days=1)
            opened.database.write(lambda session: record(session, "posted", "Anna wrote", now=at))
        assert "timedatectl" in only(look(om, world), "clock", Level.FATAL).cure


class TestNetwork:
    def test_a_port_in_use(self, om: Operator, world: DnsServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            change(om, ('"127.0.0.1:0"', f'"127.0.0.1:{other.getsockname()[1]}"'))
            assert "ss -ltnp" in only(look(om, world), "ports", Level.FATAL).cure

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (PermissionError(errno.EACCES, "Permission denied"), "needs a right that this account does not have"),
            (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "is no address"),
            (OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"), "no address of this machine"),
            (OSError(errno.EIO, "Input/output error"), "cannot be used (Input/output error)"),
        ],
    )
    def test_why_a_port_cannot_be_had(self, fault: OSError, said: str) -> None:
        finding, cure = listening.listen_problem("[::]:25", fault)
        assert finding.startswith("smtp.listen: [::]:25 ")
        assert said in finding
        assert cure

    @pytest.mark.parametrize(("days", "level"), [(0, Level.WARNING), (2, Level.FATAL)])
    def test_a_certificate_near_its_end(self, om: Operator, world: DnsServer, days: int, level: Level) -> None:
        assert "renew it" in only(look(om, world, days=days), "tls", level).cure

    def test_a_certificate_that_is_gone(self, om: Operator, world: DnsServer) -> None:
        (om.home / "certificate.pem").unlink()
        assert "certificate.pem cannot be read" in only(look(om, world), "tls", Level.FATAL).finding

    def test_no_certificate(self, om: Operator, world: DnsServer) -> None:
        change(om, ('"certificate.pem"', '""'), ('"key.pem"', '""'), ("127.0.0.1:0", "0.0.0.0:0"))
        only(look(om, world), "tls", Level.NOTE)

    def test_a_smarthost_that_does_not_answer(self, om: Operator, world: DnsServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        change(om, ("smtp://127.0.0.1:", f'smtp://127.0.0.1:{port}" #'))
        only(look(om, world), "next hop", Level.WARNING)

    def test_a_mailbox_that_nobody_named(self, om: Operator, world: DnsServer) -> None:
        change(om, ('transport = "smarthost"', 'transport = "mailbox"'))
        assert "mailbox.imap" in only(look(om, world), "settings", Level.FATAL).finding


class TestDns:
    @pytest.mark.parametrize(
        ("name", "check", "level"),
        [(f"_dmarc.{DOMAIN}", "dmarc", Level.WARNING), ("34.216.184.93.in-addr.arpa", "ptr", Level.WARNING)],
    )
    def test_a_record_that_is_missing(
        self, om: Operator, world: DnsServer, name: str, check: str, level: Level
    ) -> None:
        world.remove(name)
        only(look(om, world), check, level)

    def test_no_key_and_another_key(self, om: Operator, world: DnsServer) -> None:
        (key,) = om("keys", "ls", "--json").json
        name = f"{key['selector']}._domainkey.{DOMAIN}"
        world.remove(name)
        finding = only(look(om, world), "dkim", Level.FATAL)
        assert "has no key" in finding.finding
        assert finding.cure.startswith(f"publish {name} TXT v=DKIM1; k=rsa; p=MII")
        world.put(name, TXT=["v=DKIM1; k=rsa; p="])
        assert "has another key" in only(look(om, world), "dkim", Level.FATAL).finding

    def test_a_domain_that_nobody_knows(self, om: Operator, world: DnsServer) -> None:
        world.remove(DOMAIN)
        world.remove(f"_dmarc.{DOMAIN}")
        (key,) = om("keys", "ls", "--json").json
        world.remove(f"{key['selector']}._domainkey.{DOMAIN}")
        found = look(om, world)
        assert "port 25" not in found
        assert {name: found[name].level for name in ("mx", "spf", "dkim", "dmarc", "ptr")} == {
            "mx": Level.FATAL,
            "spf": Level.WARNING,
            "dkim": Level.FATAL,
            "dmarc": Level.WARNING,
            "ptr": Level.WARNING,
        }

    @pytest.mark.parametrize(
        ("records", "check", "level"),
        [
            ({"A": ["93.184.216.34"], "TXT": ["v=spf1 a ~all"]}, "mx", Level.WARNING),
            ({"A": ["93.184.216.34"], "TXT": ["v=spf1 a ~all"], "MX": ["0 ."]}, "mx", Level.FATAL),
            ({"A": ["93.184.216.34"], "TXT": ["v=spf1 a ~all"], "MX": ["10 mx.none.example."]}, "mx", Level.FATAL),
            ({"A": ["93.184.216.34"], "MX": ["10 oak.example."], "TXT": ["v=spf1 -all"]}, "spf", Level.WARNING),
            ({"A": ["93.184.216.34"], "MX": ["10 oak.example."], "TXT": ["v=spf1 exists:"]}, "spf", Level.WARNING),
            ({"A": ["93.184.216.34"], "MX": ["10 oak.example."], "TXT": ["hello"]}, "spf", Level.WARNING),
            (
                {"A": ["93.184.216.34"], "MX": ["10 oak.example."], "TXT": ["v=spf1 mx ~all", "v=spf1 -all"]},
                "spf",
                Level.WARNING,
            ),
            ({"A": ["10.0.0.1"], "MX": ["10 oak.example."], "TXT": ["v=spf1 mx ~all"]}, "ptr", Level.NOTE),
        ],
    )
    def test_what_stands_at_the_domain(
        self, om: Operator, world: DnsServer, records: dict[str, list[str]], check: str, level: Level
    ) -> None:
        world.remove(DOMAIN)
        world.put(DOMAIN, **records)
        only(look(om, world), check, level)

    def test_a_ptr_is_not_asked_for_when_another_machine_sends(self, om: Operator, world: DnsServer) -> None:
        world.remove("34.216.184.93.in-addr.arpa")
        change(om, ('transport = "smarthost"', 'transport = "maildir"'), ('maildir = ""', 'maildir = "mail"'))
        assert set(look(om, world)) <= {"tls", "sqlite"}

    def test_a_network_that_is_down(self, om: Operator, world: DnsServer) -> None:
        (key,) = om("keys", "ls", "--json").json
        for name in (DOMAIN, f"_dmarc.{DOMAIN}", f"{key['selector']}._domainkey.{DOMAIN}"):
            world.fail(name, how="refused")
        found = look(om, world)
        for check in ("mx", "spf", "dkim", "dmarc", "ptr", "port 25"):
            assert (found[check].level, found[check].finding[:24]) == (Level.WARNING, "DNS could not be asked: ")


def test_what_a_check_logs_stands_not_among_the_findings(
    om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk(home: Home, wanted: int) -> Iterator[Finding]:
        structlog.get_logger().warning("the disk is slow", home=str(home.path), wanted=wanted)
        yield from ()

    monkeypatch.setattr(doctor, "disk", disk)
    change(om, ("nameservers = []", f'nameservers = ["{world.nameserver}"]'))
    assert om("doctor", "--json").json


def test_the_command_prints_and_exits(om: Operator, world: DnsServer) -> None:
    change(om, ("nameservers = []", f'nameservers = ["{world.nameserver}"]'))
    said = om("doctor", "--json").json
    assert {frozenset(finding) for finding in said} == {frozenset({"check", "level", "finding", "cure"})}
    (om.home / "certificate.pem").unlink()
    wrong = om("doctor")
    assert wrong.code == 1
    assert "fatal   tls: smtp.tls_certificate: " in wrong.out
    assert "        -> correct the path, or its mode" in wrong.out


class TestFromOutside:
    def test_mail_that_goes_to_another_machine(
        self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor_dns, "machine_addresses", lambda: ["93.184.216.35"])
        found = look(om, world)
        assert "goes to 93.184.216.34, and this machine is 93.184.216.35" in found["mx"].finding
        assert "mail leaves from 93.184.216.35, and SPF answers softfail" in found["spf"].finding
        assert "93.184.216.35 leads nowhere" in found["ptr"].finding
        assert {found[check].level for check in ("mx", "spf", "ptr")} == {Level.WARNING}

    def test_a_smarthost_that_spf_does_not_know(self, om: Operator, world: DnsServer) -> None:
        world.put("relay.example", A=["93.184.216.40"])
        world.put("40.216.184.93.in-addr.arpa", PTR=["relay.example."])
        change(om, ("smtp://127.0.0.1:", 'submission://relay.example:587" #'))
        finding = only(look(om, world), "spf", Level.WARNING, "next hop")
        assert "relay.example (93.184.216.40) sends for us, and SPF answers softfail" in finding.finding
        assert "include:" in finding.cure

    def test_a_dmarc_record_that_nobody_can_read(self, om: Operator, world: DnsServer) -> None:
        for text, level in (("v=DMARC1; p=strict", Level.WARNING), ("v=DMARC1; p=reject; t=y", Level.NOTE)):
            world.remove(f"_dmarc.{DOMAIN}")
            world.put(f"_dmarc.{DOMAIN}", TXT=[text])
            only(look(om, world), "dmarc", level)

    def test_each_key_is_looked_at(self, om: Operator, world: DnsServer) -> None:
        om("keys", "rotate")
        old, new = om("keys", "ls", "--json").json
        assert "the next key waits for it" in only(look(om, world), "dkim", Level.NOTE).finding
        om("keys", "rotate", "--now")
        assert only(look(om, world), "dkim", Level.FATAL).finding.startswith(new["selector"])
        published = {record["name"]: record["value"] for record in om("dns", "show", "--json").json}
        name = f"{new['selector']}._domainkey.{DOMAIN}"
        world.put(name, TXT=[published[name]])
        assert "dkim" not in look(om, world)
        still = only(look(om, world, days=31), "dkim", Level.NOTE)
        assert (still.finding.split("._")[0], still.cure[-2:]) == (old["selector"], "p=")
        world.remove(f"{old['selector']}._domainkey.{DOMAIN}")
        assert "for 30 days" in only(look(om, world), "dkim", Level.WARNING).finding

    def test_no_reports_about_encryption(self, om: Operator, world: DnsServer) -> None:
        world.remove(f"_smtp._tls.{DOMAIN}")
        assert "v=TLSRPTv1" in only(look(om, world), "tls reports", Level.NOTE).cure

    def test_a_promise_of_encryption_that_nobody_keeps(self, om: Operator, world: DnsServer) -> None:
        world.put(f"_mta-sts.{DOMAIN}", TXT=["v=STSv1; id=1"])
        assert "take it away, or set web.listen" in only(look(om, world), "mta-sts", Level.NOTE).cure

    def test_a_certificate_for_another_name(self, om: Operator, world: DnsServer) -> None:
        findings = doctor.examine(om.home, Resolver([world.nameserver]), datetime.now(UTC), seconds=PATIENCE)
        assert f"the certificate is for localhost, not for {DOMAIN}" in [finding.finding for finding in findings]

    def test_a_mail_server_that_nobody_reaches(
        self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor_network, "_greeted", silent)
        finding = only(look(om, world), "port 25", Level.WARNING, "next hop")
        assert f"{DOMAIN} (93.184.216.34) does not answer at port 25" in finding.finding

    def test_a_provider_that_closes_port_25(
        self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.put("example.org", MX=["10 mx.example.org."])
        world.put("mx.example.org", A=["93.184.216.50"])
        change(om, ('transport = "smarthost"', 'transport = "direct"'))
        assert "port 25 out" not in look(om, world)
        monkeypatch.setattr(doctor_network, "_greeted", silent)
        finding = only(look(om, world), "port 25 out", Level.FATAL, "port 25")
        assert finding.finding == "mx.example.org:25 does not answer, so mail cannot leave"
        world.remove("example.org")
        world.put("example.org", MX=["0 ."])
        assert "takes no mail" in only(look(om, world), "port 25 out", Level.WARNING, "port 25").finding


class TestSmarthost:
    """A real next hop, greeted and never given any mail."""

    def found(self, om: Operator, world: DnsServer, scheme: str, **more: Any) -> tuple[Finding, Sink]:
        (om.home / "password").write_text("secret\n")
        (om.home / "password").chmod(0o600)
        with Sink(**more).listening() as sink:
            change(
                om,
                ("smtp://127.0.0.1:", f'{scheme}127.0.0.1:{sink.port}" #'),
                ('password_file = ""', 'password_file = "password"'),
            )
            dns = Resolver([world.nameserver])
            findings = list(doctor.examine(om.home, dns, datetime.now(UTC), seconds=PATIENCE))
        assert sink.taken == []
        (finding,) = (finding for finding in findings if finding.check == "next hop")
        return finding, sink

    def test_the_right_password(self, om: Operator, world: DnsServer) -> None:
        finding, sink = self.found(
            om, world, "submission://anna@", tls=self_made(om.home), login=("anna", "secret"),
            extensions=("AUTH PLAIN LOGIN",),
        )  # fmt: skip
        assert finding.level is Level.OK
        assert finding.finding.endswith("answers, and lets anna in")
        assert [command.split()[0] for command in sink.commands] == ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]

    def test_a_wrong_password(self, om: Operator, world: DnsServer) -> None:
        finding, _ = self.found(
            om, world, "submission://anna@", tls=self_made(om.home), login=("anna", "other"),
            extensions=("AUTH PLAIN LOGIN",),
        )  # fmt: skip
        assert finding.level is Level.FATAL
        assert "535 Credentials are not good" in finding.finding
        assert "delivery.password_file" in finding.cure

    def test_no_encryption(self, om: Operator, world: DnsServer) -> None:
        finding, _ = self.found(om, world, "submission://anna@", extensions=("AUTH PLAIN",))
        assert finding.level is Level.FATAL

    def test_one_that_says_nothing(self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor_network, "SMTP_SECONDS", 0.2)
        finding, _ = self.found(om, world, "smtp://", answer=lambda step, transaction: SILENCE)
        assert (finding.level, "does not answer (it says nothing)" in finding.finding) == (Level.WARNING, True)


class TestWaiting:
    def test_mail_that_nobody_sends(self, om: Operator, world: DnsServer) -> None:
        om("list", "create", "family")
        om("member", "add", "family", "Anna <anna@home.example>")
        assert "queue" not in look(om, world)
        assert "see that `serve` runs" in only(look(om, world, days=1), "queue", Level.WARNING).cure
        with om.opened() as opened:
            opened.database.write(hold_unfinished)
        assert only(look(om, world), "queue", Level.NOTE).finding == "deliveries held until you have looked: 1"

    def test_what_was_set_aside(self, om: Operator, world: DnsServer) -> None:
        def put(session: Session) -> None:
            now = datetime.now(UTC)
            set_aside(session, content_id=store_content(session, b"\r\n", now), reason="A fault.", now=now)

        with om.opened() as opened:
            opened.database.write(put)
        assert "organic-mail shunt retry" in only(look(om, world), "shunt", Level.WARNING).cure


class TestItself:
    def test_a_check_that_hangs(self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its time is over as soon as the check hangs; what came before had all the time that it took."""
        hangs, going_on = Event(), Event()

        def hang(*_: object) -> Iterator[Finding]:
            hangs.set()
            going_on.wait(PATIENCE)
            return iter(())

        monkeypatch.setattr(doctor, "clock", hang)
        monkeypatch.setattr(doctor, "time", SimpleNamespace(monotonic=lambda: 1e6 if hangs.is_set() else 0.0))
        found = []
        for finding in doctor.examine(om.home, Resolver([world.nameserver]), datetime.now(UTC), seconds=PATIENCE):
            found.append(finding)
            if finding.check == "database":
                assert hangs.wait(PATIENCE)
        going_on.set()
        assert (found[-1].check, found[-1].level) == ("doctor", Level.FATAL)
        assert "what comes after database was not looked at" in found[-1].finding

    def test_a_check_that_fails(self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> Iterator[Finding]:
            raise RuntimeError("oops")
            yield

        monkeypatch.setattr(doctor, "clock", fail)
        finding = only(look(om, world), "clock", Level.FATAL)
        assert finding.finding == "it could not be looked at: RuntimeError: oops"
