"""SPF (RFC 7208): may this network address send mail for that domain?

pyspf evaluates; its questions to DNS go through a function of its module, which this module alone replaces, once,
when it is imported. Whose resolver that function asks is kept per thread.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from typing import Any

import spf
from dns import reversename
from dns.exception import DNSException
from dns.name import from_text

from handlers.address import address_key
from handlers.verdict import Evidence
from organic_mail.resolver import TOTAL_SECONDS, AliasLoop, Dns, DnsTrouble, NoSuchName

_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")

_asking = threading.local()


def check(client: str, helo: str, sender: str, dns: Dns) -> Evidence:
    """The MAIL FROM identity; for the null sender that of HELO (RFC 7208 §2.4). Never raises."""
    local, _, _ = sender.rpartition("@")
    domain = address_key(sender).rpartition("@")[2] if sender else helo.rstrip(".").lower()
    if not _is_network_address(client) or not _DOMAIN.fullmatch(domain) or len(domain) > 253:
        return Evidence("spf", "", "none")  # RFC 7208 §4.3
    _asking.dns = dns
    try:
        # pyspf takes the first @ for the one before the domain; a quoted local part may hold others.
        address = f"{local.replace('@', '_') or 'postmaster'}@{domain}"
        query = spf.query(i=client, s=address, h=helo, querytime=int(TOTAL_SECONDS))
        query.get_explanation = lambda _name: None  # nobody reads it, so nobody needs to ask for it
        result, _, note = query.check()
    except Exception as fault:  # whatever a stranger's record does to the library is the record's fault
        return Evidence("spf", domain, "permerror", type(fault).__name__)
    finally:
        del _asking.dns
    return Evidence("spf", domain, result, "" if result in ("pass", "none") else note)


def _is_network_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _lookup(name: str, kind: str, *_: object) -> list[tuple[tuple[str, str], Any]]:
    """What pyspf calls: records as ((name, type), data); no records and no such name look alike (RFC 7208 §4.6.4)."""
    try:
        return [((name, kind), data) for data in _records(_asking.dns, name, kind)]
    except (NoSuchName, AliasLoop):  # a name that is an alias of itself has no records either
        return []
    except DnsTrouble as trouble:
        raise spf.TempError(str(trouble)) from None


def _records(resolver: Dns, name: str, kind: str) -> tuple[Any, ...]:
    match kind:
        case "TXT":
            return tuple([text] for text in resolver.txt(name))
        case "MX":
            return resolver.mx(name)
        case "A":
            return resolver.a(name)
        case "AAAA":
            return resolver.aaaa(name)
        case "PTR":
            try:
                return resolver.ptr(reversename.to_address(from_text(name)))
            except DNSException:
                return ()
    return ()


spf.DNSLookup = _lookup
