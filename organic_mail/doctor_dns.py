"""The checks of `doctor` that ask DNS: does the world see what `dns show` says?"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from datetime import datetime

from organic_mail import config_values as values
from organic_mail import keys
from organic_mail.config import Settings
from organic_mail.dns_records import DnsRecord
from organic_mail.finding import Finding, fatal, note, ok, warning
from organic_mail.home import Opened, records_to_publish
from organic_mail.resolver import Dns, DnsTrouble, NoSuchName, Resolver
from storage.keys import active_key

TRY_SECONDS = 2.0
TOTAL_SECONDS = 15.0  # for all questions together


def records(opened: Opened, dns: Dns | None, now: datetime) -> Iterator[Finding]:
    """dns: whom to ask, None: the name servers of the settings."""
    settings = opened.settings
    domain = settings.community.domain
    asked = dns or Resolver(settings.dns.nameservers, try_seconds=TRY_SECONDS).within(TOTAL_SECONDS)
    wanted = records_to_publish(opened, now)
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("mx", lambda: _mx(asked, domain, wanted)),
        ("spf", lambda: _one_text(asked, "spf", domain, "v=spf1", wanted)),
        ("dkim", lambda: _dkim(asked, opened)),
        ("dmarc", lambda: _one_text(asked, "dmarc", f"_dmarc.{domain}", "v=DMARC1", wanted)),
        ("ptr", lambda: _ptr(asked, settings)),
    )
    for check, findings in checks:
        try:
            yield from findings()
        except DnsTrouble as trouble:
            yield warning(
                check, f"DNS could not be asked: {trouble}", "look at the network, or name a server in dns.nameservers"
            )


def _publish(wanted: list[DnsRecord], name: str, start: str) -> str:
    record = next(record for record in wanted if record.name == name and record.value.startswith(start))
    return f"publish {record.name} {record.type} {record.value}"


def _mx(dns: Dns, domain: str, wanted: list[DnsRecord]) -> Iterator[Finding]:
    cure = _publish(wanted, domain, "10 ")
    try:
        hosts = [host for _, host in sorted(dns.mx(domain))]
    except NoSuchName:
        yield fatal("mx", f"{domain} is not known to DNS, so nobody can write to it", cure)
        return
    if hosts and "" in hosts:
        yield fatal("mx", f"{domain} says that it takes no mail at all (RFC 7505)", cure)
    elif hosts:
        yield ok("mx", f"mail to {domain} goes to {', '.join(hosts)}")
    elif dns.a(domain) or dns.aaaa(domain):  # RFC 5321 §5.1: the address record serves instead
        yield warning("mx", f"{domain} has an address, but no MX record", cure)
    else:
        yield fatal("mx", f"{domain} has neither MX nor address record, so nobody can write to it", cure)


def _texts(dns: Dns, name: str) -> list[str]:
    try:
        return [text.decode("utf-8", "replace") for text in dns.txt(name)]
    except NoSuchName:
        return []


def _one_text(dns: Dns, check: str, name: str, start: str, wanted: list[DnsRecord]) -> Iterator[Finding]:
    """One such record, not two: then none of them counts (RFC 7208 §4.5, RFC 9989 §4.10)."""
    found = [text for text in _texts(dns, name) if text.lower().startswith(start.lower())]
    if len(found) == 1:
        yield ok(check, f"{name} has {found[0]}")
    elif found:
        yield warning(check, f"{name} has {len(found)} records {start}, so none of them counts", "leave one of them")
    else:
        yield warning(check, f"{name} has no record {start}", _publish(wanted, name, start))


def _dkim(dns: Dns, opened: Opened) -> Iterator[Finding]:
    domain = opened.settings.community.domain
    key = opened.database.read(active_key)
    if key is None:
        return
    record = keys.record_of(key, domain)
    if keys.is_published(key, domain, dns):
        yield ok("dkim", f"{record.name} has our key")
    else:
        there = "another key" if _texts(dns, record.name) else "no key"
        yield fatal(
            "dkim",
            f"{record.name} has {there}, so what we sign is not believed",
            f"publish {record.name} {record.type} {record.value}",
        )


def _ptr(dns: Dns, settings: Settings) -> Iterator[Finding]:
    """Who sends by itself must have a name that leads both ways (spec/mail.md §1.1)."""
    delivery = settings.delivery
    smarthost = values.smarthost(delivery.smarthost)
    if delivery.transport not in {"direct", "smarthost"} or (
        delivery.transport == "smarthost" and not values.is_loopback(smarthost.host)
    ):
        return
    domain = settings.community.domain
    try:
        addresses = [*dns.a(domain), *dns.aaaa(domain)]
    except NoSuchName:
        addresses = []
    if not addresses:
        yield warning("ptr", f"{domain} has no address record", f"publish {domain} A with the address of this machine")
    for address in addresses:
        if ipaddress.ip_address(address).is_private:
            yield note("ptr", f"{domain} is at {address}, which the world cannot reach", "publish the public address")
            continue
        try:
            names = dns.ptr(address)
        except NoSuchName:
            names = ()
        if domain in names:
            yield ok("ptr", f"{address} and {domain} lead to each other")
        else:
            there = f"leads to {', '.join(names)}" if names else "leads nowhere"
            yield warning("ptr", f"{address} {there}, not to {domain}", f"ask your provider to name {address} {domain}")
