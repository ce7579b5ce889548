"""Why nobody can listen at an address, or offer STARTTLS with a certificate: what is wrong, and the cure."""

from __future__ import annotations

import errno
import socket
import ssl
from pathlib import Path

from organic_mail.config import Settings


def listen_problem(listener: str, fault: OSError, setting: str = "smtp.listen") -> tuple[str, str]:
    """Why nobody can listen there, and the cure."""
    where = f"{setting}: {listener}"
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
        return f"{where} is no address of this machine", f"take it out of {setting}, or write 0.0.0.0"
    return f"{where} cannot be used ({fault.strerror or fault})", "choose another address"


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
