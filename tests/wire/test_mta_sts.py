"""MTA-STS end to end: a real name server, a real HTTPS server, and what is remembered between runs (RFC 8461)."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from handlers.sts_policy import BrokenPolicy, Mode
from organic_mail.mta_sts import AFTER_FAILURE, LARGEST_POLICY, HttpsFetch, Kept, MtaSts, PolicyFolder
from tests.dkim_signing import rsa_key
from tests.dns_server import SHORT, DnsServer

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
POLICY = b"version: STSv1\nmode: enforce\nmx: mail.elm.example\nmax_age: 864000\n"
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


class WebServer:
    """Answers with what a test sets; its certificate is for mta-sts.elm.example."""

    def __init__(self, folder: Path) -> None:
        self.status, self.headers, self.body = 200, PLAIN, POLICY
        self.raw = b""  # sent instead, when set
        self.silent = threading.Event()
        self.silent.set()
        self.asked: list[tuple[str, str]] = []  # Host and path
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.asked.append((self.headers["Host"], self.path))
                web.silent.wait()
                if web.raw:
                    self.wfile.write(web.raw)
                    self.close_connection = True
                    return
                self.send_response(web.status)
                for name, value in web.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(web.body)))
                self.end_headers()
                self.wfile.write(web.body)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None: ...  # a client that hangs up is what some tests are about

        certificate = folder / "certificate.pem"
        certificate.write_bytes(_certificate("mta-sts.elm.example"))
        self.trust = ssl.create_default_context(cafile=str(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.silent.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _certificate(name: str) -> bytes:
    """Key and self-signed certificate."""
    key = rsa_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def elm(dns_server: DnsServer) -> DnsServer:
    dns_server.put("_mta-sts.elm.example", TXT=["v=STSv1; id=1"])
    dns_server.put("mta-sts.elm.example", A=["127.0.0.1"])
    return dns_server


def fetch(web: WebServer, elm: DnsServer, **arguments: Any) -> HttpsFetch:
    return HttpsFetch(elm.resolver(), **{"allow_private": True, "port": web.port, "trust": web.trust, **arguments})


def test_a_policy_is_fetched(web: WebServer, elm: DnsServer) -> None:
    assert fetch(web, elm)("elm.example") == POLICY
    assert web.asked == [("mta-sts.elm.example", "/.well-known/mta-sts.txt")]
    web.raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nvers\r\n0\r\n\r\n"
    assert fetch(web, elm)("elm.example") == b"vers"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"status": 404}, "the answer is 404"),
        ({"status": 301, "headers": {**PLAIN, "Location": "https://mta-sts.elm.example/other"}}, "the answer is 301"),
        ({"status": 204, "body": b""}, "the answer is 204"),
        ({"headers": {"Content-Type": "text/html"}}, "not text/plain"),
        ({"headers": {"Content-Type": "text/plainer"}}, "not text/plain"),
        ({"body": b"x" * (LARGEST_POLICY + 1)}, "too long"),
        ({"body": b"x" * 2_000_000}, "too long"),
        ({"raw": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"}, "header"),
        ({"raw": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 90_000 + b"\r\n"}, "header line"),
        ({"raw": b"nonsense\r\n\r\n"}, "nonsense"),
        ({"raw": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nshort"}, "cut short"),
        (
            {"raw": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nvers"},
            "IncompleteRead",
        ),
    ],
)
def test_what_is_not_taken(web: WebServer, elm: DnsServer, reply: dict[str, Any], reason: str) -> None:
    for name, value in reply.items():
        setattr(web, name, value)
    with pytest.raises(BrokenPolicy, match=reason):
        fetch(web, elm)("elm.example")
    assert len(web.asked) == 1, "no redirect is followed"


def test_only_a_good_certificate_counts(web: WebServer, elm: DnsServer) -> None:
    with pytest.raises(BrokenPolicy, match="certificate verify failed"):
        fetch(web, elm, trust=ssl.create_default_context())("elm.example")
    elm.put("mta-sts.oak.example", A=["127.0.0.1"])
    with pytest.raises(BrokenPolicy, match="certificate verify failed"):
        fetch(web, elm)("oak.example")
    assert web.asked == []


def test_our_own_network_is_not_looked_into(web: WebServer, elm: DnsServer) -> None:
    with pytest.raises(BrokenPolicy, match="no public address"):
        fetch(web, elm, allow_private=False)("elm.example")
    assert web.asked == []


def test_a_server_that_says_nothing(web: WebServer, elm: DnsServer) -> None:
    web.silent.clear()
    with pytest.raises(BrokenPolicy):
        fetch(web, elm, seconds=SHORT)("elm.example")


def test_a_host_that_cannot_be_found(web: WebServer, elm: DnsServer) -> None:
    elm.fail("mta-sts.elm.example")
    for domain in ("elm.example", "missing.example"):
        with pytest.raises(BrokenPolicy):
            fetch(web, elm)(domain)
    web.close()
    elm.mend("mta-sts.elm.example")
    with pytest.raises(BrokenPolicy):
        fetch(web, elm)("elm.example")


class World:
    """MTA-STS with a name server, and a policy server that counts."""

    def __init__(self, elm: DnsServer, folder: Path) -> None:
        self.elm = elm
        self.folder = folder
        self.text: bytes | None = POLICY
        self.fetched = 0

    def fetch(self, domain: str) -> bytes:
        self.fetched += 1
        if self.text is None:
            raise BrokenPolicy("gone")
        return self.text

    def sts(self) -> MtaSts:
        return MtaSts(self.elm.resolver(), self.fetch, PolicyFolder(self.folder), Random(1))

    def announce(self, record: str) -> None:
        self.elm.remove("_mta-sts.elm.example")
        self.elm.put("_mta-sts.elm.example", TXT=[record])


@pytest.fixture
def world(elm: DnsServer, tmp_path: Path) -> World:
    return World(elm, tmp_path / "mta-sts")


def mode(world: World, after: timedelta = timedelta()) -> Mode | None:
    """As a process sees it that has just begun."""
    policy = world.sts().policy_for("elm.example", NOW + after)
    return policy and policy.mode


def test_a_policy_is_fetched_once_and_outlives_the_process(world: World) -> None:
    assert [mode(world), mode(world), mode(world, timedelta(hours=5))] == [Mode.ENFORCE] * 3
    assert world.fetched == 1


def test_nothing_announced_nothing_fetched(world: World) -> None:
    assert world.sts().policy_for("oak.example", NOW) is None
    world.announce("v=STSv1")
    assert mode(world) is None
    assert world.fetched == 0


def test_a_new_id_fetches_the_new_policy(world: World) -> None:
    mode(world)
    world.text = POLICY.replace(b"enforce", b"testing")
    assert mode(world) is Mode.ENFORCE
    world.announce("v=STSv1; id=2")
    assert mode(world) is Mode.TESTING


def test_it_is_looked_at_again_before_it_expires(world: World) -> None:
    mode(world)
    assert mode(world, timedelta(hours=23)) is Mode.ENFORCE
    assert world.fetched == 2
    assert mode(world, timedelta(hours=23 + 240 - 1)) is Mode.ENFORCE, "and then lives from there on"


@pytest.mark.parametrize("hidden", ["servfail", "silence", "record", "server", "rubbish"])
def test_who_hides_a_policy_does_not_take_it_back(world: World, hidden: str) -> None:
    mode(world)
    if hidden == "record":
        world.elm.remove("_mta-sts.elm.example")
    elif hidden == "server":
        world.text = None
    elif hidden == "rubbish":
        world.text = b"<html>"
    else:
        world.elm.fail("_mta-sts.elm.example", how=hidden)  # type: ignore[arg-type]
    assert mode(world, timedelta(days=9)) is Mode.ENFORCE
    assert mode(world, timedelta(days=11)) is None, "until it expires"


def test_a_failure_is_not_repeated_at_once(world: World) -> None:
    world.text = None
    sts = world.sts()
    for _ in range(3):
        assert sts.policy_for("elm.example", NOW) is None
    assert world.fetched == 1
    world.text = POLICY
    assert sts.policy_for("elm.example", NOW + AFTER_FAILURE) is not None


def test_a_policy_of_none_is_kept_too(world: World) -> None:
    world.text = b"version: STSv1\nmode: none\nmax_age: 86400\n"
    assert [mode(world), mode(world)] == [Mode.NONE] * 2
    assert world.fetched == 1


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b'{"mode": 1}', b"\xff", b'{"mode": "enforce", "mx": 1}'])
def test_a_broken_file_is_as_good_as_none(world: World, rubbish: bytes) -> None:
    mode(world)
    (world.folder / "elm.example.json").write_bytes(rubbish)
    assert mode(world) is Mode.ENFORCE
    assert world.fetched == 2


def test_no_domain_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = PolicyFolder(tmp_path / "inner")
    world_policy = Kept(None, "1", NOW, NOW)  # type: ignore[arg-type]
    for domain in ("../elm", "/etc/x", "a/b.example", "", "..", "elm"):
        folder.keep(domain, world_policy)
        assert folder.recall(domain) is None
    assert list(tmp_path.iterdir()) == []
