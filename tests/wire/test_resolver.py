"""DNS as it is on bad days: an answer, no such name and trouble are never mixed up."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from organic_mail.resolver import LONGEST_MEMORY, AliasLoop, DnsTrouble, NoSuchName, Resolver
from tests.dns_server import SHORT, UNANSWERED, DnsServer
from tests.wire.daemons import PATIENCE


def test_the_five_kinds_of_lookup(dns_server: DnsServer) -> None:
    dns_server.put(
        "oak.example",
        TXT=["v=spf1 -all", [b"in ", b"two \xff"]],
        MX=["10 mx.oak.example.", "20 Backup.example."],
        A=["192.0.2.1", "192.0.2.2"],
        AAAA=["2001:db8::1"],
    )
    dns_server.put("1.2.0.192.in-addr.arpa", PTR=["Oak.example."])
    dns_server.put("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", PTR=["six.example."])
    dns = dns_server.resolver()
    assert sorted(dns.txt("oak.example")) == [b"in two \xff", b"v=spf1 -all"]
    assert sorted(dns.mx("oak.example.")) == [(10, "mx.oak.example"), (20, "backup.example")]
    assert sorted(dns.a("OAK.example")) == ["192.0.2.1", "192.0.2.2"]
    assert dns.aaaa("oak.example") == ("2001:db8::1",)
    assert dns.ptr("192.0.2.1") == ("oak.example",)
    assert dns.ptr("2001:db8::") == ("six.example",)


def test_a_name_without_such_records_is_no_missing_name(dns_server: DnsServer) -> None:
    dns_server.put("a.oak.example", A=["192.0.2.1"])
    dns = dns_server.resolver()
    assert dns.mx("a.oak.example") == ()
    assert dns.a("oak.example") == ()  # only names below it have records
    with pytest.raises(NoSuchName):
        dns.a("b.oak.example")


@pytest.mark.parametrize("how", ["servfail", "refused", "silence", "garbage"])
def test_trouble_is_neither(dns_server: DnsServer, how: Any) -> None:
    dns_server.put("oak.example", A=["192.0.2.1"])
    dns_server.fail("oak.example", how=how)
    dns = Resolver([dns_server.nameserver])
    with pytest.raises(DnsTrouble):
        dns.within(SHORT if how in UNANSWERED else PATIENCE).a("oak.example")
    dns_server.mend("oak.example")
    assert dns.a("oak.example") == ("192.0.2.1",), "trouble is not remembered"


def test_nobody_listens() -> None:
    with DnsServer() as server:
        place = server.nameserver
    with pytest.raises(DnsTrouble):
        Resolver([place], try_seconds=0.2, total_seconds=0.4).a("oak.example")


def test_a_second_server_answers_for_a_broken_first(dns_server: DnsServer) -> None:
    dns_server.put("oak.example", A=["192.0.2.1"])
    with DnsServer() as broken:
        broken.fail("oak.example", how="servfail")
        dns = Resolver([broken.nameserver, dns_server.nameserver])
        assert dns.a("oak.example") == ("192.0.2.1",)


def test_a_truncated_answer_is_fetched_over_tcp(dns_server: DnsServer) -> None:
    dns_server.put("oak.example", TXT=["x" * 3000])
    dns_server.fail("oak.example", how="truncate")
    dns_server.put("large.example", TXT=["y" * 3000])  # too large for UDP by itself
    dns = dns_server.resolver()
    assert dns.txt("oak.example") == (b"x" * 3000,)
    assert dns.txt("large.example") == (b"y" * 3000,)


def test_aliases(dns_server: DnsServer) -> None:
    dns_server.put("www.oak.example", CNAME=["oak.example."])
    dns_server.put("oak.example", A=["192.0.2.1"])
    dns_server.put("nowhere.example", CNAME=["gone.example."])
    dns_server.put("one.example", CNAME=["two.example."])
    dns_server.put("two.example", CNAME=["one.example."])
    dns = dns_server.resolver()
    assert dns.a("www.oak.example") == ("192.0.2.1",)
    with pytest.raises(NoSuchName):
        dns.a("nowhere.example")
    with pytest.raises(AliasLoop):
        dns.a("one.example")


@pytest.mark.parametrize(
    "name", ["", ".", "a..example", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "grün.example", "a\\.b", "\0"]
)
def test_what_cannot_be_a_name_does_not_exist(dns_server: DnsServer, name: str) -> None:
    with pytest.raises(NoSuchName):
        dns_server.resolver().txt(name)


def test_an_overlong_text_is_left_out(dns_server: DnsServer) -> None:
    dns_server.put("oak.example", TXT=["v=spf1 " + "a:x.example " * 1000, "short"])
    assert dns_server.resolver().txt("oak.example") == (b"short",)


def test_answers_are_remembered(dns_server: DnsServer) -> None:
    dns_server.put("oak.example", A=["192.0.2.1"])
    dns = dns_server.resolver()
    for _ in range(3):
        dns.a("oak.example")
        assert dns.mx("oak.example") == ()
        with pytest.raises(NoSuchName):
            dns.a("missing.example")
    assert len(dns_server.asked) == 3


def test_nothing_is_remembered_for_days(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    dns_server.ttl = 30 * 86400
    dns_server.put("oak.example", A=["192.0.2.1"])
    dns = dns_server.resolver()
    assert (dns.a("oak.example"), dns.mx("oak.example")) == (("192.0.2.1",), ())
    dns_server.remove("oak.example")
    later = time.time() + LONGEST_MEMORY + 1
    monkeypatch.setattr("dns.resolver.time.time", lambda: later)
    with pytest.raises(NoSuchName):
        dns.a("oak.example")


def test_everything_together_ends_in_time(dns_server: DnsServer) -> None:
    dns_server.fail("slow.example", how="silence")
    dns_server.put("oak.example", A=["192.0.2.1"])
    patience = Resolver([dns_server.nameserver], try_seconds=0.05, total_seconds=10).within(0.2)
    for _ in range(5):
        with pytest.raises(DnsTrouble):
            patience.a("slow.example")
    with pytest.raises(DnsTrouble):
        patience.within(60).a("oak.example")  # a view of a view has no more time than the first
    assert len(dns_server.asked) <= 4, "of the time of all together each try takes a quarter"


def test_many_threads_at_once(dns_server: DnsServer) -> None:
    names = [f"n{i}.example" for i in range(20)]
    for i, name in enumerate(names):
        dns_server.put(name, A=[f"192.0.2.{i}"])
    dns = dns_server.resolver()
    got: dict[str, tuple[str, ...]] = {}
    threads = [threading.Thread(target=lambda name=name: got.update({name: dns.a(name)})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {name: (f"192.0.2.{i}",) for i, name in enumerate(names)}
