"""A small authoritative name server on loopback, over UDP and TCP, whose zones and faults a test sets.

The fixture `dns_server` is an empty one: dns_server.put("oak.example", MX=["10 mx.oak.example."]), then
dns_server.fail("slow.example", how="silence"), and at last dns_server.resolver().
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdtypes.ANY.TXT import TXT

from organic_mail.resolver import Resolver

Fault = Literal["servfail", "refused", "silence", "truncate", "garbage"]
Text = str | bytes | list[str | bytes]  # a list gives the character-strings of one TXT record
LONGEST_CHAIN = 8
SHORT = 0.4  # seconds to wait for an answer that will not come
UNANSWERED = ("silence", "garbage")


class DnsServer:
    """Every name that was put, and every name above one, exists; `*.NAME` answers for what is missing below NAME."""

    def __init__(self, *, ttl: int = 300) -> None:
        self.ttl = ttl
        self.asked: list[tuple[str, str]] = []  # name and type, in order, with every repetition
        self._records: dict[str, dict[str, list[dns.rdata.Rdata]]] = {}
        self._faults: dict[tuple[str, str], Fault] = {}

    def put(self, name: str, **records: list[Text]) -> None:
        """Adds to *name*: put("a.example", A=["192.0.2.1"], TXT=[b"v=spf1 -all", ["in ", "two"]])."""
        kinds = self._records.setdefault(name.lower(), defaultdict(list))
        for kind, values in records.items():
            for value in values:
                kinds[kind].append(_txt(value) if kind == "TXT" else _rdata(kind, str(value)))

    def remove(self, name: str) -> None:
        self._records.pop(name.lower(), None)

    def fail(self, name: str, kind: str = "*", how: Fault = "servfail") -> None:
        """From now on questions for *name* (of that *kind*) get no good answer. "truncate": only over TCP."""
        self._faults[name.lower(), kind] = how

    def mend(self, name: str, kind: str = "*") -> None:
        self._faults.pop((name.lower(), kind), None)

    def __enter__(self) -> DnsServer:
        while True:
            self._tcp = _Tcp(("127.0.0.1", 0), _OverTcp)
            try:
                self._udp = _Udp(self._tcp.server_address, _OverUdp)  # the same port
                break
            except OSError:
                self._tcp.server_close()
        self._servers = (self._tcp, self._udp)
        for server in self._servers:
            server.answers = self
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in self._servers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    @property
    def port(self) -> int:
        return int(self._tcp.server_address[1])

    @property
    def nameserver(self) -> str:
        """As the setting dns.nameservers has it."""
        return f"127.0.0.1:{self.port}"

    def resolver(self) -> Resolver:
        """One that asks here. It does not wait long for an answer that will not come, and long for any other."""
        return _Knowing(self)

    def fault(self, name: str, kind: str) -> Fault | None:
        return self._faults.get((name, kind)) or self._faults.get((name, "*"))

    def answer(self, wire: bytes, *, over_tcp: bool) -> bytes | None:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        name, kind = query.question[0].name, query.question[0].rdtype
        text = name.to_text(omit_final_dot=True).lower()
        self.asked.append((text, dns.rdatatype.to_text(kind)))
        fault = self.fault(text, dns.rdatatype.to_text(kind))
        response = dns.message.make_response(query, recursion_available=True)
        if fault == "silence":
            return None
        if fault == "garbage":
            return wire[:2] + b"\xff" * 20
        if fault == "truncate" and not over_tcp:
            response.flags |= dns.flags.TC
        elif fault in ("servfail", "refused"):
            response.set_rcode(dns.rcode.from_text(fault))
        else:
            self._fill(response, name, kind)
        return response.to_wire(max_size=65535 if over_tcp else max(512, query.payload), prefer_truncation=True)

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        for _ in range(LONGEST_CHAIN):
            kinds = self._found(name.to_text(omit_final_dot=True).lower())
            if kinds is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                break
            wanted = dns.rdatatype.to_text(kind)
            aliases = kinds.get("CNAME", []) if wanted != "CNAME" else []
            records = aliases or kinds.get(wanted, [])
            if not records:
                break
            response.answer.append(dns.rrset.from_rdata_list(name, self.ttl, records))
            if not aliases:
                return
            name = aliases[0].target
        else:
            return
        soa = _rdata("SOA", f"ns.invalid. postmaster.invalid. 1 3600 600 86400 {self.ttl}")
        response.authority.append(dns.rrset.from_rdata_list(dns.name.root, self.ttl, [soa]))  # RFC 2308 §3

    def _found(self, name: str) -> dict[str, list[dns.rdata.Rdata]] | None:
        if name in self._records:
            return self._records[name]
        if any(other.endswith("." + name) for other in self._records):
            return {}
        labels = name.split(".")
        above = (".".join(["*", *labels[i:]]) for i in range(1, len(labels)))
        return next((self._records[star] for star in above if star in self._records), None)


def _rdata(kind: str, text: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text(dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False)


def _txt(value: Text) -> dns.rdata.Rdata:
    pieces = value if isinstance(value, list) else [value]
    whole = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]
    strings = [piece[i : i + 255] for piece in whole for i in range(0, max(1, len(piece)), 255)]
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


class _Knowing(Resolver):
    def __init__(self, server: DnsServer) -> None:
        super().__init__([server.nameserver], try_seconds=30, total_seconds=60)
        self._server = server

    def _ask(self, name: dns.name.Name, kind: str) -> Sequence[Any]:
        in_vain = self._server.fault(name.to_text(omit_final_dot=True).lower(), kind) in UNANSWERED
        return Resolver._ask(self.within(SHORT) if in_vain else self, name, kind)


class _Udp(socketserver.ThreadingUDPServer):
    answers: DnsServer
    allow_reuse_address = False


class _Tcp(socketserver.ThreadingTCPServer):
    answers: DnsServer
    request_queue_size = 50


class _OverUdp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, channel = self.request
        response = self.server.answers.answer(data, over_tcp=False)
        if response is not None:
            channel.sendto(response, self.client_address)


class _OverTcp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(60)
        while (size := _exactly(self.request, 2)) and (data := _exactly(self.request, int.from_bytes(size, "big"))):
            response = self.server.answers.answer(data, over_tcp=True)
            if response is None:
                return
            self.request.sendall(len(response).to_bytes(2, "big") + response)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            piece = connection.recv(size - len(data))
        except OSError:
            return b""
        if not piece:
            return b""
        data += piece
    return data


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server
