"""Where mail for a domain goes: with a real name server, on good days and bad (RFC 5321 §5.1, spec/mail.md §3.3)."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from organic_mail.mx import MOST_HOSTS, Host, NoSuchDomain, NoUsableHost, NullMx, is_public, next_hops
from organic_mail.resolver import DnsTrouble
from tests.dns_server import DnsServer


def hops(server: DnsServer, domain: str = "elm.example", seed: int = 0, **arguments: Any) -> Any:
    return next_hops(domain, server.resolver(), Random(seed), **arguments)


def names(server: DnsServer, **arguments: Any) -> list[str]:
    return [host.name for host in hops(server, **arguments)]


def test_hosts_come_by_preference(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", MX=["30 c.example.", "5 a.example.", "10 b.example."])
    dns_server.put("a.example", A=["9.9.9.1", "9.9.9.2"], AAAA=["2620:fe::1"])
    dns_server.put("b.example", AAAA=["2620:fe::2"])
    dns_server.put("c.example", A=["9.9.9.3"])
    first, second, third = hops(dns_server)
    assert (first.name, sorted(first.addresses[:2]), first.addresses[2]) == (
        "a.example",
        ["9.9.9.1", "9.9.9.2"],
        "2620:fe::1",
    )
    assert (second, third) == (Host("b.example", ("2620:fe::2",)), Host("c.example", ("9.9.9.3",)))


def test_hosts_of_one_preference_come_in_random_order(dns_server: DnsServer) -> None:
    for name in "abc":
        dns_server.put("elm.example", MX=[f"10 {name}.example."])
        dns_server.put(f"{name}.example", A=["9.9.9.1"])
    dns_server.put("elm.example", MX=["5 best.example."])
    dns_server.put("best.example", A=["9.9.9.1"])
    orders = {tuple(names(dns_server, seed=seed)) for seed in range(60)}
    assert len(orders) == 6
    assert all(order[0] == "best.example" for order in orders)


def test_without_mx_the_domain_itself_is_the_host(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", A=["9.9.9.1"], AAAA=["2620:fe::1"])
    assert hops(dns_server) == (Host("elm.example", ("9.9.9.1", "2620:fe::1")),)


def test_with_mx_the_domain_itself_is_no_host(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", A=["9.9.9.1"], MX=["10 gone.example."])
    with pytest.raises(NoUsableHost, match=r"no mail server of elm\.example has an address"):
        hops(dns_server)


def test_null_mx(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", A=["9.9.9.1"], MX=["0 ."])
    assert hops(dns_server) == NullMx("elm.example")
    dns_server.put("elm.example", MX=["10 a.example."])
    dns_server.put("a.example", A=["9.9.9.1"])
    assert names(dns_server) == ["a.example"], "beside a real host it says nothing (RFC 7505 §3)"


def test_only_a_missing_domain_and_null_mx_are_for_ever(dns_server: DnsServer) -> None:
    assert hops(dns_server) == NoSuchDomain("elm.example")
    dns_server.put("elm.example", TXT=["we have a web page only"])
    with pytest.raises(NoUsableHost):
        hops(dns_server)


@pytest.mark.parametrize("how", ["servfail", "silence", "refused", "garbage"])
def test_trouble_is_no_answer(dns_server: DnsServer, how: Any) -> None:
    dns_server.put("elm.example", MX=["10 a.example.", "20 b.example."])
    dns_server.put("a.example", A=["9.9.9.1"])
    dns_server.put("b.example", A=["9.9.9.2"])
    dns_server.fail("elm.example", how=how)
    with pytest.raises(DnsTrouble):
        hops(dns_server)
    dns_server.mend("elm.example")
    dns_server.fail("a.example", "A", how=how)
    assert names(dns_server) == ["b.example"], "one host that cannot be found does not stop the others"
    dns_server.fail("b.example", how=how)
    with pytest.raises(DnsTrouble) as raised:
        hops(dns_server)
    assert not isinstance(raised.value, NoUsableHost)


def test_aliases(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", CNAME=["real.example."])
    dns_server.put("real.example", MX=["10 alias.example."])
    dns_server.put("alias.example", CNAME=["mail.example."])
    dns_server.put("mail.example", A=["9.9.9.1"])
    assert hops(dns_server) == (Host("alias.example", ("9.9.9.1",)),)
    dns_server.put("round.example", CNAME=["round.example."])
    with pytest.raises(DnsTrouble):
        hops(dns_server, "round.example")


def test_an_address_is_no_name(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", MX=["5 9.9.9.1.", "10 a.example."])
    dns_server.put("9.9.9.1", A=["9.9.9.1"])
    dns_server.put("a.example", A=["9.9.9.2"])
    assert names(dns_server) == ["a.example"]


def test_private_addresses_only_where_they_are_allowed(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", MX=["10 inside.example.", "20 mixed.example."])
    dns_server.put("inside.example", A=["127.0.0.1", "10.0.0.1"], AAAA=["::1"])
    dns_server.put("mixed.example", A=["192.168.1.1", "9.9.9.1"], AAAA=["fd00::1"])
    assert hops(dns_server) == (Host("mixed.example", ("9.9.9.1",)),)
    assert names(dns_server, allow_private=True) == ["inside.example", "mixed.example"]
    dns_server.put("own.example", A=["127.0.0.1"])
    with pytest.raises(NoUsableHost, match=r"delivery\.allow_private_addresses"):
        hops(dns_server, "own.example")


def test_mail_does_not_go_in_a_circle(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", MX=["10 a.example.", "20 mail.oak.example.", "20 b.example.", "30 c.example."])
    for name in ("a.example", "mail.oak.example", "b.example", "c.example"):
        dns_server.put(name, A=["9.9.9.1"])
    assert names(dns_server, own_names={"mail.oak.example"}) == ["a.example"]
    with pytest.raises(NoUsableHost, match="back to ourselves"):
        names(dns_server, own_names={"mail.oak.example", "a.example"})


def test_a_hundred_hosts(dns_server: DnsServer) -> None:
    dns_server.put("elm.example", MX=[f"{i} h{i}.example." for i in range(100)])
    for i in range(90):
        dns_server.put(f"h{i}.example", A=["9.9.9.1"])
    assert names(dns_server) == [f"h{i}.example" for i in range(MOST_HOSTS)]
    for i in range(90):
        dns_server.remove(f"h{i}.example")
    dns_server.asked.clear()
    with pytest.raises(NoUsableHost):
        hops(dns_server)
    assert len(dns_server.asked) < 20


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("9.9.9.9", True),
        ("2620:fe::fe", True),
        ("::ffff:9.9.9.9", True),
        ("64:ff9b::909:909", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public
