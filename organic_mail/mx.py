"""Which hosts take mail for a domain, in the order in which they are to be tried (RFC 5321 §5.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from organic_mail.resolver import TOTAL_SECONDS, Dns, DnsTrouble, NoSuchName

MOST_HOSTS = 5  # that are tried for one message
MOST_LOOKED_AT = 15  # a domain may name hundreds


@dataclass(frozen=True, slots=True)
class Host:
    """A mail server. `addresses` are tried in order: IPv4 first, since a sender's IPv6 more often lacks the name that
    large receivers ask for (spec/mail.md §1.2)."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain says that it takes no mail, now or later (RFC 7505 §3)."""

    domain: str


@dataclass(frozen=True, slots=True)
class NoSuchDomain:
    """The domain does not exist."""

    domain: str


class NoUsableHost(DnsTrouble):
    """The domain exists, but names nobody whom mail could be given to. Worth another try: people mend such things."""


class ComesBack(NoUsableHost):
    """We are its best mail server ourselves, or so it says."""


def next_hops(
    domain: str, dns: Dns, chance: Random, *, allow_private: bool = False, own_names: Collection[str] = ()
) -> tuple[Host, ...] | NullMx | NoSuchDomain:
    """The hosts for *domain* (A-labels), best first, hosts of one preference in random order.

    Without *allow_private*, addresses that are not on the public Internet are left out: a stranger's DNS must not
    lead us into our own network. Hosts from the one in *own_names* downwards are left out too, so that mail does not
    go in a circle. Raises `DnsTrouble`, also when nobody usable is left.
    """
    dns = dns.within(TOTAL_SECONDS)
    try:
        records = dns.mx(domain)
    except NoSuchName:
        return NoSuchDomain(domain)
    if records and all(host == "" for _, host in records):
        return NullMx(domain)
    names = _in_order(records, chance, own_names) if records else [domain]  # RFC 5321 §5.1: the implicit MX
    if not names:
        raise ComesBack(f"mail for {domain} would come back to ourselves")
    found = _Search(dns, allow_private)
    hosts = tuple(islice(found.hosts(names), MOST_HOSTS))
    if not hosts:
        raise found.why_not(domain)
    return hosts


def _in_order(records: Iterable[tuple[int, str]], chance: Random, own_names: Collection[str]) -> list[str]:
    named = [(preference, host) for preference, host in records if host]
    limit = min((preference for preference, host in named if host in own_names), default=1 << 16)
    candidates = [(preference, host) for preference, host in named if preference < limit]
    chance.shuffle(candidates)
    return [host for _, host in sorted(candidates, key=lambda record: record[0])]


class _Search:
    """Looks up addresses, and remembers what stood in the way."""

    def __init__(self, dns: Dns, allow_private: bool) -> None:
        self._dns = dns
        self._allow_private = allow_private
        self._trouble: DnsTrouble | None = None
        self._refused = 0

    def hosts(self, names: Iterable[str]) -> Iterator[Host]:
        for name in islice(names, MOST_LOOKED_AT):
            if _is_address(name):
                continue  # RFC 5321 §5.1: the data of an MX record is a domain name
            addresses = tuple(self._addresses(name))
            if addresses:
                yield Host(name, addresses)

    def why_not(self, domain: str) -> DnsTrouble:
        if self._trouble:
            return self._trouble
        if self._refused:
            return NoUsableHost(
                f"the mail servers of {domain} have private addresses only, and delivery.allow_private_addresses is off"
            )
        return NoUsableHost(f"no mail server of {domain} has an address")

    def _addresses(self, name: str) -> Iterator[str]:
        for lookup in (self._dns.a, self._dns.aaaa):
            try:
                addresses = lookup(name)
            except NoSuchName:
                return
            except DnsTrouble as trouble:
                self._trouble = trouble
                continue
            for address in addresses:
                if self._allow_private or is_public(address):
                    yield address
                else:
                    self._refused += 1


def is_public(address: str) -> bool:
    """Can *address* belong to somebody else's host on the Internet? IPv4 inside IPv6 is judged as IPv4."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _behind_nat64(ip)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _behind_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """RFC 6052 §2.1"""
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
