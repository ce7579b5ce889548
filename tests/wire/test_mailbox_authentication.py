"""Who sent what lies in the mailbox? There is no client to ask about: DKIM, and what the provider surely found."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.incoming import Authentication, Envelope, Verdict
from handlers.message import parse
from organic_mail.config import Settings
from organic_mail.sender_check import judged
from tests.dkim_signing import key_record, rsa_key, signed
from tests.dns_server import DnsServer
from tests.wire.test_authentication import ELMS_HOST, MAIL, NOW

RECEIVED = b"Received: from x (x [%s]) by mx.provider.example with ESMTPS; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
HERS = RECEIVED % ELMS_HOST.encode()
FOUND = b"Authentication-Results: mx.provider.example; spf=pass smtp.mailfrom=anna@elm.example\r\n"


@pytest.fixture
def elm(dns_server: DnsServer) -> DnsServer:
    dns_server.put("elm.example", TXT=[f"v=spf1 ip4:{ELMS_HOST} ip4:127.0.0.1 -all"])
    dns_server.put("s1._domainkey.elm.example", TXT=[key_record(rsa_key())])
    return dns_server


def judge(server: DnsServer, raw: bytes, *, client: str = "", **smtp: Any) -> Authentication:
    settings = Settings(
        community={"domain": "oak.invalid"},
        smtp=smtp,
        delivery={"transport": "mailbox"},
        mailbox={"imap": "imaps://box%40provider.example@imap.provider.example", "password_file": "secret"},
    )
    envelope = Envelope("anna@elm.example", ("family@oak.invalid",), client)
    return judged(envelope, parse(raw), settings, server.resolver(), NOW)


def test_a_signature_proves_it(elm: DnsServer) -> None:
    hers = signed(MAIL, rsa_key(), "elm.example")
    assert judge(elm, HERS + hers).verdict is Verdict.ALIGNED
    assert judge(elm, HERS + hers.replace(b"Hello", b"Hallo")).verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize("host", [ELMS_HOST, "127.0.0.1"])
def test_nobody_reads_the_client_out_of_received(elm: DnsServer, host: str) -> None:
    assert judge(elm, RECEIVED % host.encode() + MAIL).verdict is Verdict.UNVERIFIED


def test_what_the_provider_found_proves_it_when_the_operator_names_the_provider(elm: DnsServer) -> None:
    named = {"trusted_authserv_id": "mx.provider.example"}
    assert judge(elm, FOUND + HERS + MAIL, **named).verdict is Verdict.ALIGNED
    assert judge(elm, FOUND + HERS + MAIL).verdict is Verdict.UNVERIFIED


def test_what_stands_below_may_come_from_anybody(elm: DnsServer) -> None:
    elm.put("_dmarc.elm.example", TXT=["v=DMARC1; p=reject"])
    named = {"trusted_authserv_id": "mx.provider.example"}
    assert judge(elm, HERS + FOUND + MAIL, **named).verdict is Verdict.REFUSED
    assert judge(elm, FOUND + MAIL, **named).verdict is Verdict.REFUSED


def test_a_good_signature_counts_whatever_the_provider_says(elm: DnsServer) -> None:
    said = b"Authentication-Results: mx.provider.example; dkim=none; spf=none\r\n"
    hers = signed(MAIL, rsa_key(), "elm.example")
    assert judge(elm, said + HERS + hers, trusted_authserv_id="mx.provider.example").verdict is Verdict.ALIGNED


def test_by_smtp_the_client_counts_as_ever(elm: DnsServer) -> None:
    assert judge(elm, MAIL, client=ELMS_HOST, listen=["127.0.0.1:2525"]).verdict is Verdict.ALIGNED
    assert judge(elm, FOUND + HERS + MAIL, client="203.0.113.1").verdict is Verdict.UNVERIFIED
