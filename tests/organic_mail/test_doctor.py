"""`doctor`: every finding, made by putting something wrong and nothing else."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import storage
from organic_mail import doctor, doctor_dns, doctor_network, listening
from organic_mail.finding import Finding, Level
from organic_mail.resolver import Resolver
from organic_mail.smarthost import NextHop
from organic_mail.smtp_wire import ConnectionLost
from storage.events import record
from tests.dns_server import DnsServer
from tests.wire.certificates import self_made
from tests.wire.command_line import DOMAIN, Operator, empty_home, om
from tests.wire.sink import Sink

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
    dns = Resolver([world.nameserver], try_seconds=0.3, total_seconds=0.6)
    found = list(doctor.examine(om.home, dns, datetime.now(UTC) + timedelta(days=days)))
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

    @pytest.mark.parametrize(("megabytes", "level"), [(400, Level.WARNING), (40, Level.FATAL)])
    def test_a_disk_that_is_full(
        self, om: Operator, world: DnsServer, monkeypatch: pytest.MonkeyPatch, megabytes: int, level: Level
    ) -> None:
        from collections import namedtuple

        usage = namedtuple("usage", "free")(megabytes * 10**6)
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

    def test_a_way_out_that_is_not_built(self, om: Operator, world: DnsServer) -> None:
        change(om, ('transport = "smarthost"', 'transport = "mailbox"'))
        only(look(om, world), "next hop", Level.FATAL)


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
        for check in ("mx", "spf", "dkim", "dmarc", "ptr"):
            assert (found[check].level, found[check].finding[:24]) == (Level.WARNING, "DNS could not be asked: ")


def test_the_command_prints_and_exits(om: Operator, world: DnsServer) -> None:
    change(om, ("nameservers = []", f'nameservers = ["{world.nameserver}"]'))
    said = om("doctor", "--json").json
    assert {frozenset(finding) for finding in said} == {frozenset({"check", "level", "finding", "cure"})}
    (om.home / "certificate.pem").unlink()
    wrong = om("doctor")
    assert wrong.code == 1
    assert "fatal   tls: smtp.tls_certificate: " in wrong.out
    assert "        -> correct the path, or its mode" in wrong.out
