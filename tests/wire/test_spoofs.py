"""Hundreds of ways to look like Anna; none of them is her (spec/mail.md §5.2 R16).

Mallory owns evil.example with all that belongs to it: a host that SPF allows, a key, a policy. Everything that she
can write into From is combined with everything that she can do to be believed.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from handlers.address import NoSingleAuthor, address_key, author_of
from handlers.incoming import Envelope, Verdict
from handlers.message import MalformedMessage, parse
from organic_mail.config import Settings
from organic_mail.resolver import Resolver
from organic_mail.sender_check import judged
from tests.dkim_signing import ed25519_key, key_record, rsa_key, signed
from tests.dns_server import DnsServer

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ELMS_HOST = "192.0.2.7"
MALLORYS_HOST = "203.0.113.66"
ANNA = "anna@elm.example"
SETTINGS = Settings(
    community={"domain": "oak.example"},
    smtp={"trusted_relays": ["10.1.0.0/16"], "trusted_authserv_id": "mx.oak.example"},
)
REST = (
    b"To: family@oak.example\r\nSubject: Send money\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@evil.example>\r\n\r\nDear all, please send money.\r\n"
)

# What stands in From, and what is not From but looks like it.
AUTHORS: dict[str, bytes] = {
    "plain": b"From: Anna Lindqvist <anna@elm.example>\r\n",
    "bare": b"From: anna@elm.example\r\n",
    "capitals": b"FROM: ANNA@ELM.EXAMPLE\r\n",
    "folded": b"From:\r\n Anna\r\n\t<anna@elm.example>\r\n",
    "blank before the colon": b"From : anna@elm.example\r\n",
    "trailing dot": b"From: <anna@elm.example.>\r\n",
    "subdomain": b"From: <anna@mail.elm.example>\r\n",
    "display name is an address": b'From: "anna@elm.example" <m@evil.example>\r\n',
    "display name is an address in brackets": b'From: "Anna <anna@elm.example>" <m@evil.example>\r\n',
    "unquoted display name": b"From: anna@elm.example <m@evil.example>\r\n",
    "encoded display name": b"From: =?utf-8?q?anna=40elm=2Eexample?= <m@evil.example>\r\n",
    "encoded brackets": b"From: =?utf-8?b?" + base64.b64encode(b"Anna <anna@elm.example>") + b"?= <m@evil.example>\r\n",
    "encoded address": b"From: =?utf-8?q?anna=40elm.example?=\r\n",
    "encoded local part": b"From: <=?utf-8?q?anna?=@elm.example>\r\n",
    "two authors": b"From: <anna@elm.example>, <m@evil.example>\r\n",
    "two authors, hers last": b"From: <m@evil.example>, <anna@elm.example>\r\n",
    "two brackets": b"From: <m@evil.example> <anna@elm.example>\r\n",
    "brackets in brackets": b"From: <<m@evil.example>anna@elm.example>\r\n",
    "group": b"From: Family: anna@elm.example;\r\n",
    "two fields": b"From: <m@evil.example>\r\nFrom: <anna@elm.example>\r\n",
    "two fields, hers first": b"From: <anna@elm.example>\r\nFrom: <m@evil.example>\r\n",
    "two fields, one spelt apart": b"From: <m@evil.example>\r\nFrom : <anna@elm.example>\r\n",
    "comment behind": b"From: <anna@elm.example> (m@evil.example)\r\n",
    "comment inside": b"From: anna(<m@evil.example>)@elm.example\r\n",
    "comment as address": b"From: m@evil.example (anna@elm.example)\r\n",
    "quoted local part": b'From: <"anna@elm.example"@evil.example>\r\n',
    "quoted at": b'From: <"m@evil.example"@elm.example>\r\n',
    "two ats": b"From: <anna@elm.example@evil.example>\r\n",
    "two ats, hers last": b"From: <m@evil.example@elm.example>\r\n",
    "source route": b"From: <@evil.example:anna@elm.example>\r\n",
    "percent": b"From: <anna%elm.example@evil.example>\r\n",
    "Cyrillic": "From: <anna@еlm.example>\r\n".encode(),
    "Cyrillic, encoded": b"From: <anna@xn--lm-mlc.example>\r\n",
    "full width": "From: <anna@ｅlm.example>\r\n".encode(),
    "other dots": "From: <anna@elm。example>\r\n".encode(),
    "capital i for l": b"From: <anna@elm.exampIe>\r\n",
    "zero width": "From: <anna@elm\u200b.example>\r\n".encode(),
    "right to left": "From: \u202eelpmaxe.mle@anna\u202c <m@evil.example>\r\n".encode(),
    "lookalike": b"From: <anna@elrn.example>\r\n",
    "longer": b"From: <anna@elm.example.evil.example>\r\n",
    "prefixed": b"From: <anna@evil-elm.example>\r\n",
    "null": b"From: <>\r\n",
    "not From": b"Sender: <anna@elm.example>\r\nResent-From: <anna@elm.example>\r\nReply-To: <anna@elm.example>\r\n"
    b"From: <m@evil.example>\r\n",
    "none": b"Sender: <anna@elm.example>\r\nX-From: <anna@elm.example>\r\n",
}

Sent = tuple[Envelope, bytes]
HER_CLAIM = "dkim=pass header.d=elm.example; spf=pass smtp.mailfrom=elm.example; dmarc=pass header.from=elm.example"


def sent(
    raw: bytes, sender: str = "m@evil.example", *, client: str = MALLORYS_HOST, helo: str = "evil.example"
) -> Sent:
    return Envelope(sender, ("family@oak.example",), client, helo), raw


def by_mallory(raw: bytes, domain: str = "evil.example", **arguments: Any) -> Sent:
    return sent(signed(raw, rsa_key(1024), domain, **arguments))


def with_top(field: str, raw: bytes) -> Sent:
    return sent(f"{field}\r\n".encode() + raw)


# What Mallory does to be believed.
METHODS = {
    "nothing": lambda raw: sent(raw, "", helo="x"),
    "her own SPF": sent,
    "her own signature": by_mallory,
    "i= of Anna": partial(by_mallory, i=ANNA),
    "i= that ends like Anna's": partial(by_mallory, domain="evil-elm.example", i="a@evil-elm.example"),
    "d= of Anna": partial(by_mallory, domain="elm.example"),
    "d= of Anna in capitals": partial(by_mallory, domain="ELM.EXAMPLE"),
    "d= of Anna with a dot": partial(by_mallory, domain="elm.example."),
    "d= below Anna": partial(by_mallory, domain="evil.elm.example"),
    "d= above Anna": partial(by_mallory, domain="example"),
    "d= that begins like Anna's": partial(by_mallory, domain="elm.example.evil.example"),
    "d= with a blank": partial(by_mallory, domain="elm.example\tevil.example"),
    "two d=": partial(by_mallory, x="99999999999; d=elm.example"),
    "selector that leads away": partial(by_mallory, domain="elm.example", selector="s1._domainkey.evil.example.s1"),
    "selector with a dot": partial(by_mallory, domain="elm.example", selector="s1._domainkey.evil.example."),
    "SHA-1": lambda raw: sent(signed(raw, rsa_key(), "evil.example", algorithm="rsa-sha1")),
    "MAIL FROM of Anna": partial(sent, sender=ANNA),
    "HELO of Anna": partial(sent, sender="", helo="elm.example"),
    "quoted MAIL FROM": partial(sent, sender='"anna@elm.example"@evil.example'),
    "MAIL FROM with two ats": partial(sent, sender='"m@evil.example"@elm.example'),
    "MAIL FROM at a subdomain": partial(sent, sender="m@nothing.elm.example"),
    "forged results": partial(with_top, f"Authentication-Results: mx.oak.example; {HER_CLAIM}"),
    "forged results without a server": partial(with_top, f"Authentication-Results: {HER_CLAIM}"),
    "forged Received": partial(
        with_top,
        f"Received: from elm.example (elm.example [{ELMS_HOST}]) by mx.oak.example\r\n"
        f"Authentication-Results: mx.oak.example; {HER_CLAIM}",
    ),
    "forged SPF field": partial(with_top, f"Received-SPF: pass client-ip={ELMS_HOST}; envelope-from={ANNA}"),
    "forged ARC": partial(
        with_top,
        f"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=elm.example; s=s1; b=AA==\r\nARC-Authentication-Results: i=1; "
        f"mx.oak.example; {HER_CLAIM}",
    ),
    "through our relay": lambda raw: sent(
        f"Received: from elm.example (elm.example [{MALLORYS_HOST}]) by mx.oak.example\r\n"
        f"Received: from elm.example (elm.example [{ELMS_HOST}]) by mx.oak.example\r\n"
        f"Authentication-Results: mx.oak.example; {HER_CLAIM}\r\n".encode()
        + raw,
        ANNA,
        client="10.1.0.1",
    ),
}


def replays() -> Iterator[tuple[str, Sent]]:
    """Mallory has a mail that Anna really signed, in ways good and bad, and bends it."""
    fields, _, body = REST.replace(b"money", b"seeds").partition(b"\r\n\r\n")
    hers = AUTHORS["plain"] + fields + b"\r\n\r\n" + body
    good = signed(hers, rsa_key(), "elm.example")
    long_ago = int((NOW - timedelta(days=30)).timestamp())
    for name, author in AUTHORS.items():
        if name == "none":
            continue  # then nothing is added that Anna's signature is about
        yield f"From added on top: {name}", sent(author + good)
        yield f"From added below: {name}", sent(good.replace(b"\r\n\r\n", b"\r\n" + author + b"\r\n", 1))
    for name, bent in {
        "body": good.replace(b"seeds.", b"money."),
        "more body": good + b"PS: send money\r\n",
        "Subject": good.replace(b"Send seeds", b"Send money"),
        "Subject added": b"Subject: Send money\r\n" + good,
        "blank body": good.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
        "no b=": good.replace(b"; b=", b"; b=AAAA; x-b="),
        "From only in the signature": good.replace(AUTHORS["plain"], AUTHORS["bare"]),
        "body length": signed(hers, rsa_key(), "elm.example", body_length=10) + b"PS: send money\r\n",
        "body length 0": signed(hers, rsa_key(), "elm.example", body_length=0) + b"PS: send money\r\n",
        "From not covered": signed(hers, rsa_key(), "elm.example", names=("subject", "date")),
        "expired": signed(hers, rsa_key(), "elm.example", t=str(long_ago), x=str(long_ago + 86400)),
        "from the future": signed(hers, rsa_key(), "elm.example", t=str(long_ago + 10**8)),
        "weak hash": signed(hers, rsa_key(), "elm.example", algorithm="rsa-sha1"),
        "revoked key": signed(hers, rsa_key(), "elm.example", selector="revoked"),
        "short key": signed(hers, rsa_key(1024), "elm.example", selector="short"),
        "key of another use": signed(hers, rsa_key(), "elm.example", selector="tlsrpt"),
        "key of another kind": signed(hers, rsa_key(), "elm.example", selector="ed"),
        "no such key": signed(hers, rsa_key(), "elm.example", selector="nowhere"),
    }.items():
        yield f"replay: {name}", sent(bent)


def attacks() -> Iterator[tuple[str, Sent]]:
    for author, field in AUTHORS.items():
        for method, make in METHODS.items():
            yield f"{author} / {method}", make(field + REST)
    yield from replays()


@pytest.fixture
def world(dns_server: DnsServer) -> DnsServer:
    dns_server.put("elm.example", TXT=[f"v=spf1 ip4:{ELMS_HOST} -all"])
    key = key_record(rsa_key())
    dns_server.put("s1._domainkey.elm.example", TXT=[key])
    dns_server.put("revoked._domainkey.elm.example", TXT=["v=DKIM1; p="])
    dns_server.put("tlsrpt._domainkey.elm.example", TXT=[key.replace("; p", "; s=tlsrpt; p")])
    dns_server.put("ed._domainkey.elm.example", TXT=[key_record(ed25519_key())])
    for domain in ("evil.example", "evil-elm.example", "elm.example.evil.example"):
        dns_server.put(domain, TXT=[f"v=spf1 ip4:{MALLORYS_HOST} -all"])
        dns_server.put(f"s1._domainkey.{domain}", TXT=[key_record(rsa_key(1024))])
        dns_server.put(f"_dmarc.{domain}", TXT=["v=DMARC1; p=none"])
    dns_server.put("s1._domainkey.evil.example.s1._domainkey.elm.example", TXT=["v=DKIM1; p="])
    return dns_server


def accepted_as_anna(envelope: Envelope, raw: bytes, dns: Resolver) -> bool:
    try:
        message = parse(raw)
        author = address_key(author_of(message).address)
    except (MalformedMessage, NoSingleAuthor):
        return False
    hers = author.endswith(("@elm.example", ".elm.example"))
    return hers and judged(envelope, message, SETTINGS, dns, NOW).verdict is Verdict.ALIGNED


@pytest.mark.parametrize("policy", ["", "v=DMARC1; p=none", "v=DMARC1; p=reject"])
def test_nobody_passes_for_anna(world: DnsServer, policy: str) -> None:
    if policy:
        world.put("_dmarc.elm.example", TXT=[policy])
    dns = world.resolver()
    every = list(attacks())
    assert len(every) >= 200
    assert [name for name, (envelope, raw) in every if accepted_as_anna(envelope, raw, dns)] == []


def test_anna_passes_for_anna(world: DnsServer) -> None:
    """Otherwise the test above would prove nothing."""
    dns = world.resolver()
    for author in ("plain", "bare", "capitals", "folded", "comment behind"):
        raw = AUTHORS[author] + REST
        assert accepted_as_anna(*sent(signed(raw, rsa_key(), "elm.example")), dns), author
        assert accepted_as_anna(*sent(raw, ANNA, client=ELMS_HOST), dns), author
    assert not accepted_as_anna(*sent(AUTHORS["plain"] + REST, ANNA), dns)
