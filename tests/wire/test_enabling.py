"""A machine that sends by itself does not before the world can see who it is (spec/mail.md §1.2 M2)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from organic_mail.deliver import CLAIM
from organic_mail.enabling import Enabling, is_needed
from organic_mail.home import Opened, open_home
from storage.events import latest_events
from tests.dns_server import DnsServer
from tests.organic_mail.test_doctor import change, world
from tests.wire.command_line import DOMAIN, Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import daemon, until
from tests.wire.sink import Sink
from tests.wire.test_disk import family

__all__ = ["empty_home", "family", "om", "world"]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = """\
[community]
domain = "oak.example"

[smtp]
listen = ["127.0.0.1:0"]
authentication = "off"

[delivery]
transport = "direct"
port = {port}
allow_private_addresses = {private}

[dns]
nameservers = ["{nameserver}"]
"""


def new_gate(opened: Opened, dns: DnsServer) -> Enabling:
    return Enabling(opened, dns.resolver())


def lets_out(opened: Opened, gate: Enabling) -> int:
    return opened.database.read(lambda session: gate.allowance(session, NOW))


def said(opened: Opened) -> list[str]:
    return [event.text for event in opened.database.read(latest_events) if event.kind == "waiting"]


def test_mail_waits_until_all_is_published(om: Operator, world: DnsServer) -> None:
    change(om, ('transport = "smarthost"', 'transport = "direct"'))
    (spf,) = [each for each in om("dns", "show", "--json").json if each["value"].startswith("v=spf1")]
    records = world._records[DOMAIN].pop("TXT")
    with open_home(om.home) as opened:
        gate = new_gate(opened, world)
        assert is_needed(opened)
        for _ in range(2):
            gate.look(NOW)
            assert lets_out(opened, gate) == 0
        assert said(opened) == [
            f"Outgoing mail waits. spf: {DOMAIN} has no record v=spf1. Cure: publish {DOMAIN} TXT {spf['value']}"
        ]
        world._records[DOMAIN]["TXT"] = records
        gate = new_gate(opened, world)
        gate.look(NOW)
        assert lets_out(opened, gate) == CLAIM
        assert said(opened)[-1] == "Mail may leave: the world can see who we are."
        world.remove(DOMAIN)  # what breaks later stops no mail, also after a new start
        assert lets_out(opened, new_gate(opened, world)) == CLAIM


@pytest.mark.parametrize("name", [f"_dmarc.{DOMAIN}", "34.216.184.93.in-addr.arpa"])
def test_each_of_them_counts(name: str, om: Operator, world: DnsServer) -> None:
    change(om, ('transport = "smarthost"', 'transport = "direct"'))
    world.remove(name)
    with open_home(om.home) as opened:
        gate = new_gate(opened, world)
        gate.look(NOW)
        assert lets_out(opened, gate) == 0


def test_a_name_server_that_does_not_answer_is_no_yes(om: Operator, world: DnsServer) -> None:
    change(om, ('transport = "smarthost"', 'transport = "direct"'))
    world.fail(f"_dmarc.{DOMAIN}", how="servfail")
    with open_home(om.home) as opened:
        gate = new_gate(opened, world)
        gate.look(NOW)
        assert lets_out(opened, gate) == 0
        assert "DNS could not be asked" in said(opened)[0]


def test_another_domain_has_to_show_itself_too(om: Operator, world: DnsServer) -> None:
    with open_home(om.home) as opened:
        assert not is_needed(opened)  # a smarthost
        opened.home.sending_file.write_text("elm.example\n")
        assert lets_out(opened, new_gate(opened, world)) == 0


@pytest.mark.parametrize("private", [False, True], ids=["the world", "a trial"])
def test_the_daemon(private: bool, family: Operator, dns_server: DnsServer, tmp_path: Path) -> None:
    """Nothing is published: mail to the world waits and says why; a trial among private addresses goes on."""
    dns_server.put("home.example", MX=["10 mx.home.example."])
    dns_server.put("mx.home.example", A=["127.0.0.1"])
    with Sink().listening() as sink:
        settings = SETTINGS.format(port=sink.port, private=str(private).lower(), nameserver=dns_server.nameserver)
        with daemon(family.home, settings=settings) as running:
            assert running.send(mail()) == 250
            if private:
                until(lambda: sink.taken)
            else:
                until(lambda: "Outgoing mail waits. dkim" in running.log)
                assert [row["state"] for row in family("queue", "ls", "--json").json] == ["due"]
                assert "Outgoing mail waits. spf" in family("log").out
            assert running.end() == 0
    assert bool(sink.taken) is private
