"""The checks of `doctor` on how mail comes and goes here: ports, certificate, next hop."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from organic_mail import config_values as values
from organic_mail.config import Settings
from organic_mail.finding import Finding, fatal, note, ok, warning
from organic_mail.home import Home
from organic_mail.lock import serving_process

EXPIRES_SOON = timedelta(days=14)
CONNECT_SECONDS = 5.0


def listeners(home: Home, settings: Settings) -> Iterator[Finding]:
    """Is `serve` running, or could it?"""
    if pid := serving_process(home.lock_file):
        yield ok("ports", f"`serve` is running as process {pid}")
        return
    for listener in settings.smtp.listeners:
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


def listen_problem(listener: str, fault: OSError) -> tuple[str, str]:
    """Why nobody can listen there, and the cure."""
    where = f"smtp.listen: {listener}"
    match fault:
        case PermissionError():
            return (
                f"{where} needs a right that this account does not have",
                "start it by systemd with deploy/organic-mail.socket, or choose a port above 1023",
            )
        case socket.gaierror():
            return f"{where} is no address", "write the number of an address of this machine, or 0.0.0.0"
    if fault.errno == errno.EADDRINUSE:
        return f"{where} is used by another program", "stop that one (ss -ltnp shows it), or choose another port"
    if fault.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return f"{where} is no address of this machine", "take it out of smtp.listen, or write 0.0.0.0"
    return f"{where} cannot be used ({fault.strerror or fault})", "choose another address"


def certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """STARTTLS, where it is set up (RFC 3207)."""
    file = settings.smtp.tls_certificate
    if not file:
        if not all(listener.loopback for listener in settings.smtp.listeners):
            yield note("tls", "mail comes in without encryption", "name a certificate in smtp.tls_certificate")
        return
    if problem := tls_problem(settings):
        yield fatal("tls", *problem)
        return
    expires = x509.load_pem_x509_certificate(Path(file).read_bytes()).not_valid_after_utc
    finding = f"the certificate is good until {expires:%Y-%m-%d}"
    cure = "renew it; it is read again without a restart"
    if expires <= now:
        yield fatal("tls", f"the certificate ended on {expires:%Y-%m-%d}", cure)
    elif expires - now < EXPIRES_SOON:
        yield warning("tls", finding, cure)
    else:
        yield ok("tls", finding)


def tls_problem(settings: Settings) -> tuple[str, str] | None:
    """Why STARTTLS cannot be offered with these files, and the cure."""
    smtp = settings.smtp
    for setting, file in (("smtp.tls_certificate", smtp.tls_certificate), ("smtp.tls_key", smtp.tls_key)):
        try:
            Path(file).read_bytes()
        except OSError as fault:
            return (
                f"{setting}: {file} cannot be read ({fault.strerror})",
                "correct the path, or its mode",
            )
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(smtp.tls_certificate, smtp.tls_key)
    except ssl.SSLError:
        return (
            f"smtp.tls_certificate: {smtp.tls_certificate} and {smtp.tls_key} are not a certificate and its key",
            "give the PEM files that belong together",
        )
    return None


def next_hop(settings: Settings) -> Iterator[Finding]:
    if settings.delivery.transport != "smarthost":
        return
    hop = values.smarthost(settings.delivery.smarthost)
    try:
        with socket.create_connection((hop.host, hop.port), CONNECT_SECONDS):
            yield ok("smarthost", f"{hop.host}:{hop.port} answers")
    except OSError as fault:
        yield warning(
            "smarthost",
            f"delivery.smarthost: {hop.host}:{hop.port} does not answer ({fault.strerror or fault})",
            "start it, or correct delivery.smarthost; what is due waits meanwhile",
        )
