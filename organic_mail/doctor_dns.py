"""The checks of `doctor` that ask DNS: does the world see what `dns show` says, and does that fit this machine?"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from datetime import datetime

from handlers.dmarc import read_record
from organic_mail import config_values as values
from organic_mail import keys, spf_check
from organic_mail.config import Settings
from organic_mail.dns_records import DnsRecord, dkim_name, dkim_value
from organic_mail.finding import Finding, fatal, note, ok, warning
from organic_mail.home import Opened, records_to_publish
from organic_mail.resolver import Dns, DnsTrouble, NoSuchName, Resolver
from storage.keys import signing_keys
from storage.models import KeyState

TRY_SECONDS = 2.0
TOTAL_SECONDS = 8.0  # for all questions together
_ELSEWHERE = ("192.0.2.1", "2001:db8::1")  # nobody is there, and nobody is asked: only the way there is looked up


def patient(dns: Dns | None, settings: Settings) -> Dns:
    """Whom to ask, and not for long. dns None: the name servers of the settings."""
    return dns or Resolver(settings.dns.nameservers, try_seconds=TRY_SECONDS).within(TOTAL_SECONDS)


def checks(opened: Opened, dns: Dns, now: datetime) -> Iterator[tuple[str, Iterator[Finding]]]:
    """Each check with its name. All of them raise DnsTrouble."""
    settings = opened.settings
    domain = settings.community.domain
    wanted = records_to_publish(opened, now)
    yield "mx", _mx(dns, domain, wanted)
    yield "spf", _spf(dns, settings, wanted)
    yield "dkim", _dkim(dns, opened, now)
    yield "dmarc", _dmarc(dns, domain, wanted)
    yield "ptr", _ptr(dns, settings)
    yield "tls reports", _others(dns, domain, wanted)


def machine_addresses() -> list[str]:
    """The public addresses from which this machine speaks; none behind a router that hides it."""
    found = []
    for family, there in zip((socket.AF_INET, socket.AF_INET6), _ELSEWHERE, strict=True):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as line:
                line.connect((there, 9))
                found.append(str(line.getsockname()[0]))
        except OSError:  # no way there
            continue
    return [address for address in found if is_public(address)]


def is_public(address: str) -> bool:
    return ipaddress.ip_address(address).is_global


def addresses_of(dns: Dns, name: str) -> list[str]:
    """None, too, where there is no such name. Raises DnsTrouble."""
    try:
        return [*dns.a(name), *dns.aaaa(name)]
    except NoSuchName:
        return []


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
        yield from _where_mail_goes(dns, domain, hosts, cure)
    elif addresses_of(dns, domain):  # RFC 5321 §5.1: the address record serves instead
        yield warning("mx", f"{domain} has an address, but no MX record", cure)
    else:
        yield fatal("mx", f"{domain} has neither MX nor address record, so nobody can write to it", cure)


def _where_mail_goes(dns: Dns, domain: str, hosts: list[str], cure: str) -> Iterator[Finding]:
    addresses = {address for host in hosts for address in addresses_of(dns, host)}
    here = machine_addresses()
    if not addresses:
        names = ", ".join(hosts)
        yield fatal("mx", f"mail to {domain} goes to {names}, which has no address", f"publish its A record, or {cure}")
    elif here and not addresses & set(here):
        yield warning(
            "mx",
            f"mail to {domain} goes to {', '.join(sorted(addresses))}, and this machine is {', '.join(here)}",
            f"{cure}, with the address of this machine; leave it where another machine passes mail on to this one",
        )
    else:
        yield ok("mx", f"mail to {domain} goes to {', '.join(hosts)}")


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


def _spf(dns: Dns, settings: Settings, wanted: list[DnsRecord]) -> Iterator[Finding]:
    """The record, and what it says of the addresses that mail leaves from (RFC 7208 §2.6)."""
    domain = settings.community.domain
    (record,) = _one_text(dns, "spf", domain, "v=spf1", wanted)
    yield record
    if record.cure:
        return
    host = "" if sends_itself(settings) else _smarthost_elsewhere(settings)
    here = machine_addresses() if sends_itself(settings) else []
    for address in filter(is_public, here or addresses_of(dns, host or domain)):
        result = spf_check.check(address, domain, f"postmaster@{domain}", dns).result
        if result == "temperror":
            raise DnsTrouble(f"the SPF record of {domain} cannot be followed")
        if result == "pass":
            yield ok("spf", f"{address} may send for {domain}")
        elif host:
            cure = f"add what the provider of {host} says to it, mostly include:…"
            yield warning("spf", f"{host} ({address}) sends for us, and SPF answers {result}", cure)
        else:
            yield warning(
                "spf", f"mail leaves from {address}, and SPF answers {result}", _publish(wanted, domain, "v=spf1")
            )


def sends_itself(settings: Settings) -> bool:
    """Does mail leave from this machine, by our hand or an MTA's beside us?"""
    delivery = settings.delivery
    return delivery.transport == "direct" or (
        delivery.transport == "smarthost" and values.is_loopback(values.smarthost(delivery.smarthost).host)
    )


def _smarthost_elsewhere(settings: Settings) -> str:
    return values.smarthost(settings.delivery.smarthost).host if settings.delivery.transport == "smarthost" else ""


def _dkim(dns: Dns, opened: Opened, now: datetime) -> Iterator[Finding]:
    """Each key that signs, will sign, or has signed what is still on its way (RFC 6376 §3.6.1)."""
    domain = opened.settings.community.domain
    for key in opened.database.read(signing_keys):
        name = dkim_name(key.selector, domain)
        published = keys.is_published(key, domain, dns)
        cure = f"publish {name} TXT {dkim_value(key.public_key)}"
        there = "another key" if any("p=" in text for text in _texts(dns, name)) else "no key"
        if keys.is_revoked(key, now):
            if published:
                yield note("dkim", f"{name} still has a key that is out of use", f"publish {name} TXT {dkim_value('')}")
        elif published:
            yield ok("dkim", f"{name} has our key")
        elif key.state is KeyState.ACTIVE:
            yield fatal("dkim", f"{name} has {there}, so what we sign is not believed", cure)
        elif key.state is KeyState.NEXT:
            yield note("dkim", f"{name} has {there}; the next key waits for it", cure)
        else:
            yield warning("dkim", f"{name} has {there}; mail on its way may still need it for 30 days", cure)


def _dmarc(dns: Dns, domain: str, wanted: list[DnsRecord]) -> Iterator[Finding]:
    """From, envelope and signature are all of our domain, so that they align, strict or relaxed (RFC 9989 §4.4)."""
    name = f"_dmarc.{domain}"
    (found,) = _one_text(dns, "dmarc", name, "v=DMARC1", wanted)
    if not found.cure:
        record = read_record(next(text for text in dns.txt(name) if text.lower().startswith(b"v=dmarc1")))
        if record is None or not record.usable:
            found = warning("dmarc", f"{found.finding}, which nobody can read", _publish(wanted, name, "v=DMARC1"))
        elif record.testing:
            found = note("dmarc", f"{found.finding}, which is marked as a test", "take t=y out when all is well")
    yield found


def _ptr(dns: Dns, settings: Settings) -> Iterator[Finding]:
    """Who sends by itself must have a name that leads both ways, and greet with it (spec/mail.md §1.1, M2)."""
    if not sends_itself(settings):
        return
    domain = settings.community.domain  # what we say at EHLO
    addresses = addresses_of(dns, domain)
    for address in machine_addresses():
        if address not in addresses:
            addresses.append(address)
            cure = f"publish {domain} {'AAAA' if ':' in address else 'A'} {address}"
            yield warning("ptr", f"mail leaves from {address}, which is no address of {domain}", cure)
    if not addresses:
        yield warning("ptr", f"{domain} has no address record", f"publish {domain} A with the address of this machine")
    for address in addresses:
        if not is_public(address):
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


def _others(dns: Dns, domain: str, wanted: list[DnsRecord]) -> Iterator[Finding]:
    """What is good to have: reports about encryption, and MTA-STS where we serve its policy."""
    for check, name in (("tls reports", f"_smtp._tls.{domain}"), ("mta-sts", f"_mta-sts.{domain}")):
        record = next((record for record in wanted if record.name == name), None)
        there = {re.sub(r"\s", "", text) for text in _texts(dns, name)}
        if record is None:
            if there:
                cure = "take it away, or set web.listen, web.base_url and smtp.tls_certificate, so that we serve it"
                yield note(check, f"{name} is published, and this program serves no policy", cure)
        elif any(text.startswith(record.value.partition(";")[0]) for text in there):
            yield ok(check, f"{name} is published")
        else:
            yield note(check, f"{name} is not published", _publish(wanted, name, "v="))
