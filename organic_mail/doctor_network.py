"""The checks of `doctor` on how mail comes and goes here: ports, certificate, next hop."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from organic_mail import config_values as values
from organic_mail.config import Settings
from organic_mail.finding import Finding, fatal, note, ok, warning
from organic_mail.home import Home
from organic_mail.listening import listen_problem, tls_problem
from organic_mail.lock import serving_process
from organic_mail.problem import Problem
from organic_mail.transport import check_next_hop

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


def next_hop(settings: Settings) -> Iterator[Finding]:
    """Can mail leave?"""
    try:
        check_next_hop(settings)
    except Problem as problem:
        finding, _, cure = str(problem).partition("; ")
        yield fatal("next hop", finding, cure)
        return
    if settings.delivery.transport != "smarthost":
        return
    hop = values.smarthost(settings.delivery.smarthost)
    try:
        with socket.create_connection((hop.host, hop.port), CONNECT_SECONDS):
            yield ok("next hop", f"{hop.host}:{hop.port} answers")
    except OSError as fault:
        yield warning(
            "next hop",
            f"delivery.smarthost: {hop.host}:{hop.port} does not answer ({fault.strerror or fault})",
            "start it, or correct delivery.smarthost; what is due waits meanwhile",
        )
