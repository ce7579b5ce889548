"""DNS for everybody in this program: five kinds of lookup behind one small interface.

Three outcomes are told apart, because mail is lost where they are mixed up: an answer (which is empty when the name
exists without such records), `NoSuchName`, and `DnsTrouble`, after which it is worth asking again later.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any, Protocol, Self

import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

from organic_mail.config_values import nameserver

TRY_SECONDS = 5.0
TOTAL_SECONDS = 20.0
LONGEST_TEXT = 4096  # bytes of one TXT record; the keys and policies of mail stay far below
LONGEST_MEMORY = 3600.0  # seconds that an answer is kept, whatever its TTL says
CACHED_ANSWERS = 10_000
UDP_PAYLOAD = 1232  # bytes that reach everybody unfragmented


class NoSuchName(Exception):
    """NXDOMAIN: the name and everything below it does not exist (RFC 8020 §2)."""


class DnsTrouble(Exception):
    """No answer this time: a time-out, SERVFAIL, a broken answer."""


class AliasLoop(DnsTrouble):
    """The name's CNAME records lead in a circle or too far."""


class Dns(Protocol):
    """What this program asks DNS. Names are ASCII, without a final dot. All raise `NoSuchName` and `DnsTrouble`."""

    def txt(self, name: str) -> tuple[bytes, ...]:
        """One entry for each TXT record, its strings joined; records over 4,096 bytes are left out."""
        ...

    def mx(self, name: str) -> tuple[tuple[int, str], ...]:
        """Preference and host; the host of a null MX is "" (RFC 7505 §3)."""
        ...

    def a(self, name: str) -> tuple[str, ...]: ...

    def aaaa(self, name: str) -> tuple[str, ...]: ...

    def ptr(self, address: str) -> tuple[str, ...]:
        """The names of an IPv4 or IPv6 address."""
        ...

    def within(self, seconds: float) -> Dns:
        """The same, but everything asked of the result together takes at most *seconds*; then `DnsTrouble`."""
        ...


class Resolver:
    """`Dns` over UDP and TCP, with a cache; may be used from many threads at once.

    *nameservers* are "HOST:PORT"; without any, the system's are asked.
    """

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        *,
        try_seconds: float = TRY_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=not nameservers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.resolver.Resolver(configure=False)  # every lookup is then a DnsTrouble
        if nameservers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*nameserver(text)) for text in nameservers]
        self._resolver.timeout = try_seconds
        self._resolver.cache = _Cache(CACHED_ANSWERS)
        self._resolver.use_edns(0, 0, UDP_PAYLOAD)
        self._total_seconds = total_seconds
        self._until: float | None = None

    def within(self, seconds: float) -> Self:
        view = copy.copy(self)
        until = time.monotonic() + seconds
        view._until = until if self._until is None else min(until, self._until)
        return view

    def txt(self, name: str) -> tuple[bytes, ...]:
        texts = (b"".join(record.strings) for record in self._ask(_absolute(name), "TXT"))  # RFC 7208 §3.3
        return tuple(text for text in texts if len(text) <= LONGEST_TEXT)

    def mx(self, name: str) -> tuple[tuple[int, str], ...]:
        return tuple((record.preference, _text(record.exchange)) for record in self._ask(_absolute(name), "MX"))

    def a(self, name: str) -> tuple[str, ...]:
        return tuple(record.address for record in self._ask(_absolute(name), "A"))

    def aaaa(self, name: str) -> tuple[str, ...]:
        return tuple(record.address for record in self._ask(_absolute(name), "AAAA"))

    def ptr(self, address: str) -> tuple[str, ...]:
        return tuple(_text(record.target) for record in self._ask(dns.reversename.from_address(address), "PTR"))

    def _ask(self, name: dns.name.Name, kind: str) -> Sequence[Any]:
        seconds = self._total_seconds
        if self._until is not None:
            seconds = min(seconds, self._until - time.monotonic())
        if seconds <= 0:
            raise DnsTrouble(f"no time is left to ask for the {kind} records of {_text(name)}")
        try:
            answer = self._resolver.resolve(name, kind, lifetime=seconds, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise NoSuchName(_text(name)) from None
        except dns.resolver.NoNameservers as trouble:
            errors = [error[3] for error in trouble.kwargs.get("errors", ())]
            if any(isinstance(error, dns.message.ChainTooLong) for error in errors):
                raise AliasLoop(f"the aliases of {_text(name)} lead nowhere") from None
            raise DnsTrouble(f"no name server answers for the {kind} records of {_text(name)}") from None
        except (dns.exception.DNSException, OSError):
            raise DnsTrouble(f"no answer for the {kind} records of {_text(name)}") from None
        return list(answer.rrset or ())


class _Cache(dns.resolver.LRUCache):
    """Who mends a record with a TTL of weeks is heard within the hour all the same."""

    def put(self, key: dns.resolver.CacheKey, value: dns.resolver.Answer) -> None:
        value.expiration = min(value.expiration, time.time() + LONGEST_MEMORY)
        super().put(key, value)


def _absolute(name: str) -> dns.name.Name:
    """Labels are taken as they stand: no escapes, no search list. A name that cannot be is one that does not exist."""
    try:
        return dns.name.Name([*(label.encode("ascii") for label in name.rstrip(".").split(".")), b""])
    except (UnicodeEncodeError, dns.exception.DNSException):
        raise NoSuchName(name) from None


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
