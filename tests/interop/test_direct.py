"""Straight to real mail servers: Postfix with STARTTLS, and its test sink with faults."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from organic_mail.tls_out import Safety
from tests.dns_server import DnsServer
from tests.interop.postfix import program, running_postfix, wait_for_port
from tests.ports import free_port
from tests.wire.certificates import self_made
from tests.wire.direct_delivery import Outside
from tests.wire.outbound import Community, new_community, verifies

DOMAINS = ("elm.example", "ash.example")


@pytest.fixture
def oak(tmp_path: Path) -> Iterator[Community]:
    with new_community(tmp_path / "home") as made:
        yield made


@pytest.fixture
def outside(dns_server: DnsServer, tmp_path: Path) -> Outside:
    return Outside(dns_server, tmp_path)


@pytest.fixture
def encryption(tmp_path: Path) -> dict[str, str]:
    """What Postfix needs for STARTTLS, with a certificate of its own making for mx0.elm.example."""
    self_made(tmp_path, "mx0.elm.example")
    return {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(tmp_path / "certificate.pem"),
        "smtpd_tls_key_file": str(tmp_path / "key.pem"),
    }


@contextmanager
def sink(*options: str, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Postfix's own test server."""
    port = port or free_port()
    process = subprocess.Popen(
        [program("smtp-sink"), *options, f"{address}:{port}", "100"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(address, port, lambda: process.poll() is None, lambda: "smtp-sink")
        yield port
    finally:
        process.kill()
        process.wait()


def deliver(oak: Community, outside: Outside) -> None:
    oak.deliver(None, sending=outside.sending())  # type: ignore[arg-type]


def original(letter: bytes) -> bytes:
    """The bytes that were sent: without what the last server put on top, and with the line ends of the wire."""
    _, _, rest = letter.partition(b"\nDKIM-Signature:")
    return b"DKIM-Signature:" + rest.replace(b"\n", b"\r\n")


def test_encrypted_copies_that_verify(oak: Community, outside: Outside, encryption: dict[str, str]) -> None:
    oak.join("anna@elm.example", "bo@elm.example")
    oak.post("Grüße, and\r\n.a line with a dot\r\n".encode())
    with running_postfix(domains=DOMAINS, options=encryption) as postfix:
        outside.port = postfix.port
        outside.domain("elm.example", "127.0.0.1")
        deliver(oak, outside)
        letters = postfix.letters(2)
        assert "TLS connection established from" in postfix.said()
    assert oak.states() == {"anna": "sent", "bo": "sent"}
    assert all(verifies(original(letter)) for letter in letters)
    assert outside.levels.recall("elm.example") is Safety.ENCRYPTED


def test_a_host_with_ipv6_only(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    with running_postfix(domains=DOMAINS, addresses=("::1",)) as postfix:
        outside.port = postfix.port
        outside.domain("elm.example", "::1")
        deliver(oak, outside)
        postfix.letters(1)
    assert outside.dialled == ["::1"]


def test_a_seven_bit_host_gets_seven_bits_that_verify(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post("Grüße\r\n".encode())
    options = {"smtpd_discard_ehlo_keywords": "8bitmime"}
    with running_postfix(domains=DOMAINS, options=options) as postfix:
        outside.port = postfix.port
        outside.domain("elm.example", "127.0.0.1")
        deliver(oak, outside)
        (letter,) = postfix.letters(1)
    assert letter.isascii()
    assert verifies(original(letter))


@pytest.mark.parametrize(("trusted", "state"), [(True, "sent"), (False, "deferred")])
def test_an_enforced_policy_needs_a_certificate_that_is_good(
    trusted: bool,
    state: str,
    oak: Community,
    outside: Outside,
    encryption: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    oak.join("anna@elm.example")
    oak.post()
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", encryption["smtpd_tls_cert_file"])
    with running_postfix(domains=DOMAINS, options=encryption) as postfix:
        outside.port = postfix.port
        outside.domain("elm.example", "127.0.0.1")
        outside.promise("elm.example", "mx0.elm.example")
        deliver(oak, outside)
    assert oak.states() == {"anna": state}
    assert outside.levels.recall("elm.example") is (Safety.VERIFIED if trusted else Safety.PLAIN)


def test_encryption_that_is_stripped_is_missed(oak: Community, outside: Outside, encryption: dict[str, str]) -> None:
    """Somebody in between lets STARTTLS vanish from the answer to EHLO."""
    oak.join("anna@elm.example")
    port = free_port()
    outside.port = port
    outside.domain("elm.example", "127.0.0.1")
    oak.post()
    with running_postfix(domains=DOMAINS, port=port, options=encryption) as postfix:
        deliver(oak, outside)
        postfix.letters(1)
    oak.post()
    stripped = encryption | {"smtpd_discard_ehlo_keywords": "starttls"}
    with running_postfix(domains=DOMAINS, port=port, options=stripped):
        deliver(oak, outside)
    assert Counter(row.state.value for row in oak.rows()) == {"sent": 1, "deferred": 1}
    assert any("remove HOME/tls/elm.example.json" in row.last_reply for row in oak.rows())


def test_the_second_server_takes_over_while_the_first_one_is_down(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    with running_postfix(domains=DOMAINS, addresses=("127.0.0.2",)) as postfix:
        outside.port = postfix.port
        outside.domain("elm.example", "127.0.0.1", "127.0.0.2")
        deliver(oak, outside)
        postfix.letters(1)
    assert outside.dialled == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("fault", ["-q", "-Q", "-r"])
def test_a_server_that_wants_less_gets_it_later(fault: str, oak: Community, outside: Outside) -> None:
    """`-q`: the end of the connection; `-Q`: after a 421; `-r`: 4xx for the recipient."""
    oak.join("anna@elm.example")
    oak.post()
    with sink("-u", "root", fault, "rcpt") as port:
        outside.port = port
        outside.domain("elm.example", "127.0.0.1")
        deliver(oak, outside)
    assert oak.states() == {"anna": "deferred"}
    oak.later(minutes=10)
    with running_postfix(domains=DOMAINS, port=port) as postfix:
        deliver(oak, outside)
        postfix.letters(1)
    assert oak.states() == {"anna": "sent"}


def test_a_hundred_people_at_three_domains_of_which_one_is_dead(oak: Community, outside: Outside) -> None:
    domains = [*DOMAINS, "dead.example"]
    oak.join(*(f"m{number}@{domains[number % 3]}" for number in range(100)))
    oak.post()
    with running_postfix(domains=DOMAINS, addresses=("127.0.0.1", "127.0.0.2")) as postfix:
        outside.port = postfix.port
        outside.domain("elm.example", "127.0.0.1")
        outside.domain("ash.example", "127.0.0.2")
        outside.domain("dead.example", "127.0.0.3")
        deliver(oak, outside)
        letters = postfix.letters(67)
    assert Counter(row.state.value for row in oak.rows()) == {"sent": 67, "deferred": 33}
    assert len(letters) == 67
    assert len({letter.partition(b"Delivered-To: ")[2].split()[0] for letter in letters}) == 67
