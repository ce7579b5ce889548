"""The checks of `doctor` on how mail comes and goes here: ports, certificate, next hop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import SystemRandom

from cryptography import x509

from organic_mail import config_values as values
from organic_mail.config import Settings
from organic_mail.doctor_dns import addresses_of, is_public
from organic_mail.finding import Finding, fatal, note, ok, warning
from organic_mail.home import Home
from organic_mail.listening import listen_problem, tls_problem
from organic_mail.lock import serving_process
from organic_mail.mx import NoSuchDomain, NullMx, next_hops
from organic_mail.resolver import Dns, NoSuchName
from organic_mail.smarthost import NextHop, Tls
from organic_mail.smtp_client import EncryptionFailed, NextHopRefused, Timeouts, connect
from organic_mail.smtp_wire import ConnectionLost
from organic_mail.transport import check_next_hop, fixed_hop

EXPIRES_SOON = timedelta(days=14)
SMTP_PORT = 25
SMTP_SECONDS = 3.0
MOST_HOSTS = 2


def listeners(home: Home, settings: Settings) -> Iterator[Finding]:
    """Is `serve` running, or could it?"""
    if pid := serving_process(home.lock_file):
        yield ok("ports", f"`serve` is running as process {pid}")
        return
    for listener in settings.listeners:
        if listener.path:
            continue
        try:
            for family, kind, _, _, place in socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM):
                with socket.socket(family, kind) as door:
                    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    door.bind(place)
        except OSError as fault:
            yield fatal("ports", *listen_problem(str(listener), fault))
        else:
            yield ok("ports", f"{listener} is free; `serve` is not running")


def certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """STARTTLS, where it is set up (RFC 3207)."""
    file = settings.smtp.tls_certificate
    if not file:
        if not all(listener.loopback for listener in settings.listeners):
            yield note("tls", "mail comes in without encryption", "name a certificate in smtp.tls_certificate")
        return
    if problem := tls_problem(settings):
        yield fatal("tls", *problem)
        return
    loaded = x509.load_pem_x509_certificate(Path(file).read_bytes())
    domain = settings.community.domain
    if not {domain, f"*.{domain.partition('.')[2]}"} & names_of(loaded):
        names = ", ".join(sorted(names_of(loaded))) or "nobody"
        yield warning("tls", f"the certificate is for {names}, not for {domain}", f"get one for {domain}")
    expires = loaded.not_valid_after_utc
    finding = f"the certificate is good until {expires:%Y-%m-%d}"
    cure = "renew it; it is read again without a restart"
    if expires <= now:
        yield fatal("tls", f"the certificate ended on {expires:%Y-%m-%d}", cure)
    elif expires - now < EXPIRES_SOON:
        yield warning("tls", finding, cure)
    else:
        yield ok("tls", finding)


def names_of(certificate: x509.Certificate) -> set[str]:
    """The hosts that it is for (RFC 9525 §6.3)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {name.lower() for name in names.get_values_for_type(x509.DNSName)}


def next_hop(settings: Settings) -> Iterator[Finding]:
    """Would the smarthost take our mail? Greeted, encrypted and logged in to, and nothing sent."""
    check_next_hop(settings)
    if settings.delivery.transport not in {"smarthost", "mailbox"}:
        return
    hop = fixed_hop(settings)
    try:
        encrypted = asyncio.run(_greeted(hop, settings.community.domain))
    except NextHopRefused as refused:
        yield fatal(
            "next hop",
            f"delivery.smarthost: {hop}: {refused}",
            "correct delivery.smarthost and delivery.password_file, or ask the provider to let you in",
        )
    except EncryptionFailed as fault:
        cure = "name the host as its certificate does in delivery.smarthost"
        yield fatal("next hop", f"delivery.smarthost: {hop}: {fault}", cure)
    except (ConnectionLost, TimeoutError) as fault:
        yield warning(
            "next hop",
            f"delivery.smarthost: {hop} does not answer ({str(fault) or 'it says nothing'})",
            "start it, or correct delivery.smarthost; what is due waits meanwhile",
        )
    else:
        who = f", and lets {hop.login.name} in" if hop.login else ""
        if encrypted or values.is_loopback(hop.host):
            yield ok("next hop", f"{hop} answers{who}")
        else:
            cure = "write submission://… or smtps://… into delivery.smarthost"
            yield warning("next hop", f"{hop} answers{who}, but mail to it is not encrypted", cure)


def port_in(settings: Settings, dns: Dns) -> Iterator[Finding]:
    """Does a mail server answer where our MX record leads? It must be asked from here, so a no is no proof."""
    domain = settings.community.domain
    if settings.delivery.transport == "mailbox":
        return
    try:
        hosts = dns.mx(domain) or ((0, domain),)
    except NoSuchName:  # which is a finding of its own
        return
    for _, host in sorted(hosts)[:MOST_HOSTS]:
        for address in filter(is_public, addresses_of(dns, host)):
            try:
                asyncio.run(_greeted(_there(host, address, SMTP_PORT), domain))
            except NextHopRefused as refused:
                yield warning("port 25", f"{host} ({address}) refuses mail: {refused}", "see what runs there")
            except (ConnectionLost, TimeoutError):
                yield warning(
                    "port 25",
                    f"{host} ({address}) does not answer at port {SMTP_PORT} when asked from here",
                    f"start `serve`, and open TCP port {SMTP_PORT} in firewall and router; "
                    "when mail comes in all the same, this network just cannot reach itself",
                )
            else:
                yield ok("port 25", f"{host} ({address}) takes mail")


def port_out(settings: Settings, dns: Dns) -> Iterator[Finding]:
    """Can "direct" reach other mail servers? Tried with the one that the operator's own mail goes to."""
    delivery, domain = settings.delivery, settings.community.domain
    theirs = settings.community.operator.rpartition("@")[2].lower()
    if delivery.transport != "direct" or not theirs or theirs == domain:
        return
    allow_private = delivery.allow_private_addresses
    hosts = next_hops(theirs, dns, SystemRandom(), allow_private=allow_private, own_names={domain})
    if isinstance(hosts, NullMx | NoSuchDomain):
        yield warning(
            "port 25 out", f"{theirs} takes no mail", "write an address that you read into community.operator"
        )
        return
    host = hosts[0]
    hop = _there(host.name, host.addresses[0], delivery.port)
    try:
        encrypted = asyncio.run(_greeted(hop, domain))
    except NextHopRefused as refused:
        cure = "see what its answer says: mostly the address of this machine has a bad name, or none"
        yield warning("port 25 out", f"{hop} does not want our mail: {refused}", cure)
    except (ConnectionLost, TimeoutError):
        yield fatal(
            "port 25 out",
            f"{hop} does not answer, so mail cannot leave",
            f"ask your provider to open port {delivery.port} outwards, or use a smarthost",
        )
    else:
        yield ok("port 25 out", f"{hop} would take mail from us{', encrypted' if encrypted else ''}")


def _there(host: str, address: str, port: int) -> NextHop:
    return NextHop(host, port, Tls.WHERE_OFFERED, verified=False, address=address)


async def _greeted(hop: NextHop, helo: str) -> bool:
    """Says hello and goodbye. Was it encrypted? Raises ConnectionLost, NextHopRefused and TimeoutError."""
    async with asyncio.timeout(SMTP_SECONDS):
        connection = await connect(hop, helo=helo, timeouts=Timeouts(farewell=0.5))
    await connection.quit()
    return connection.encrypted
