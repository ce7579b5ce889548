"""Who sent this? Whole messages, judged with a real name server (spec/mail.md §2.4, §5.2 R5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.incoming import Authentication, Envelope, Verdict
from handlers.message import MalformedMessage, parse
from organic_mail.config import Settings
from organic_mail.resolver import Resolver
from organic_mail.sender_check import judged
from tests.dkim_signing import key_record, rsa_key, signed
from tests.dns_server import DnsServer

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ELMS_HOST = "192.0.2.7"
STRANGER = "203.0.113.66"
MAIL = (
    b"From: Anna Lindqvist <anna@elm.example>\r\n"
    b"To: family@oak.example\r\n"
    b"Subject: The garden\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"\r\n"
    b"Hello all\r\n"
)
ALIGNED, UNVERIFIED, REFUSED, UNCERTAIN = Verdict.ALIGNED, Verdict.UNVERIFIED, Verdict.REFUSED, Verdict.UNCERTAIN


def settings(**smtp: Any) -> Settings:
    return Settings(community={"domain": "oak.example"}, smtp=smtp)


def judge(
    server: DnsServer,
    raw: bytes,
    *,
    client: str = STRANGER,
    sender: str = "m@evil.example",
    helo: str = "mail.evil.example",
    **smtp: Any,
) -> Authentication:
    envelope = Envelope(sender, ("family@oak.example",), client, helo)
    return judged(envelope, parse(raw), settings(**smtp), server.resolver(), NOW)


@pytest.fixture
def elm(dns_server: DnsServer) -> DnsServer:
    """elm.example sends from one host and signs, with no policy yet; evil.example does all of it right, for itself."""
    dns_server.put("elm.example", TXT=[f"v=spf1 ip4:{ELMS_HOST} -all"])
    dns_server.put("s1._domainkey.elm.example", TXT=[key_record(rsa_key())])
    dns_server.put("evil.example", TXT=[f"v=spf1 ip4:{STRANGER} -all"])
    dns_server.put("s1._domainkey.evil.example", TXT=[key_record(rsa_key(1024))])
    return dns_server


POLICIES = ["", "v=DMARC1; p=none", "v=DMARC1; p=quarantine", "v=DMARC1; p=reject; adkim=s; aspf=s"]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_elm_signs_or_sends_is_hers(elm: DnsServer, policy: str) -> None:
    if policy:
        elm.put("_dmarc.elm.example", TXT=[policy])
    hers = {"client": ELMS_HOST, "sender": "anna@elm.example"}
    assert judge(elm, signed(MAIL, rsa_key(), "elm.example")).verdict is ALIGNED
    assert judge(elm, MAIL, **hers).verdict is ALIGNED
    assert judge(elm, signed(MAIL, rsa_key(), "elm.example").replace(b"Hello", b"Hallo"), **hers).verdict is ALIGNED
    assert judge(elm, MAIL, client=ELMS_HOST, sender="", helo="elm.example").verdict is ALIGNED


@pytest.mark.parametrize(
    ("policy", "verdict"), [*zip(POLICIES, [UNVERIFIED, UNVERIFIED, REFUSED, REFUSED], strict=True)]
)
def test_what_a_stranger_sends_is_not(elm: DnsServer, policy: str, verdict: Verdict) -> None:
    if policy:
        elm.put("_dmarc.elm.example", TXT=[policy])
    judged = judge(elm, signed(MAIL, rsa_key(1024), "evil.example"))
    assert judged.verdict is verdict
    assert "dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=evil.example" in judged.detail


def test_relaxed_and_strict_below_one_organization(elm: DnsServer) -> None:
    elm.put("s1._domainkey.mail.elm.example", TXT=[key_record(rsa_key())])
    elm.put("bounce.elm.example", TXT=[f"v=spf1 ip4:{STRANGER} -all"])
    by_signature = signed(MAIL, rsa_key(), "mail.elm.example")
    by_host = {"sender": "b-1@bounce.elm.example"}
    assert judge(elm, by_signature).verdict is ALIGNED, "no policy: the public suffix list"
    assert judge(elm, MAIL, **by_host).verdict is ALIGNED
    elm.put("_dmarc.elm.example", TXT=["v=DMARC1; p=reject"])
    assert judge(elm, by_signature).verdict is ALIGNED
    assert judge(elm, MAIL, **by_host).verdict is ALIGNED
    elm.remove("_dmarc.elm.example")
    elm.put("_dmarc.elm.example", TXT=["v=DMARC1; p=reject; adkim=s; aspf=s"])
    assert judge(elm, by_signature).verdict is REFUSED
    assert judge(elm, MAIL, **by_host).verdict is REFUSED


def test_policies_of_behaviours_97(elm: DnsServer) -> None:
    """Organizational domain, sp=, np=, wildcard, CNAME, several or malformed records."""
    from_sub = MAIL.replace(b"@elm.example", b"@sub.elm.example")
    elm.put("_dmarc.elm.example", TXT=["v=DMARC1; p=none; sp=reject"])
    assert judge(elm, from_sub).verdict is REFUSED
    assert judge(elm, MAIL).verdict is UNVERIFIED
    elm.remove("_dmarc.elm.example")
    elm.put("_dmarc.elm.example", TXT=["v=DMARC1; p=none; sp=none; np=reject"])
    assert judge(elm, from_sub).verdict is REFUSED
    elm.put("sub.elm.example", A=["192.0.2.1"])
    assert judge(elm, from_sub).verdict is UNVERIFIED
    elm.remove("_dmarc.elm.example")
    elm.put("_dmarc.elm.example", CNAME=["policy.example."])
    elm.put("policy.example", TXT=["unrelated", "v=DMARC1; p=reject"])
    assert judge(elm, MAIL).verdict is REFUSED
    elm.put("policy.example", TXT=["v=DMARC1; p=none"])
    assert judge(elm, MAIL).verdict is UNVERIFIED, "two records are none"
    elm.remove("policy.example")
    elm.put("policy.example", TXT=["v=DMARC1; p=forbid"])
    assert judge(elm, MAIL).verdict is UNVERIFIED
    elm.remove("_dmarc.elm.example")
    elm.put("*.elm.example", TXT=["v=spf1 -all", "v=DMARC1; p=quarantine"])
    assert judge(elm, MAIL).verdict is REFUSED


@pytest.mark.parametrize("how", ["servfail", "silence", "refused", "garbage"])
def test_trouble_with_dns_is_asked_again(elm: DnsServer, how: Any) -> None:
    hers = {"client": ELMS_HOST, "sender": "anna@elm.example"}
    mail = signed(MAIL, rsa_key(), "elm.example")
    elm.fail("s1._domainkey.elm.example", how=how)
    assert judge(elm, mail).verdict is UNCERTAIN
    assert judge(elm, mail, **hers).verdict is ALIGNED, "what passes does not wait for the rest"
    elm.fail("elm.example", "TXT", how=how)
    assert judge(elm, MAIL, **hers).verdict is UNCERTAIN
    elm.mend("elm.example", "TXT")
    elm.fail("_dmarc.elm.example", how=how)
    assert judge(elm, MAIL).verdict is UNCERTAIN
    elm.mend("s1._domainkey.elm.example")
    assert judge(elm, mail).verdict is ALIGNED
    elm.mend("_dmarc.elm.example")
    elm.fail("s1._domainkey.evil.example", how=how)
    assert judge(elm, signed(MAIL, rsa_key(1024), "evil.example")).verdict is UNVERIFIED, "of no weight for elm"


def test_aliases_in_a_circle_are_trouble_and_no_proof(elm: DnsServer) -> None:
    elm.put("_dmarc.elm.example", CNAME=["_dmarc.elm.example."])
    assert judge(elm, MAIL).verdict is UNCERTAIN


def test_an_answer_too_large_for_udp(elm: DnsServer) -> None:
    for i in range(40):
        elm.put("elm.example", TXT=[f"{i:03}" + "x" * 200])
    assert judge(elm, MAIL, client=ELMS_HOST, sender="anna@elm.example").verdict is ALIGNED


def test_the_whole_verdict_ends_in_time(elm: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five signatures, SPF with ten includes, and a policy: nobody answers anything."""
    monkeypatch.setattr("organic_mail.sender_check.TOTAL_SECONDS", 0.5)
    raw = MAIL
    for i in range(10):
        raw = signed(raw, rsa_key(), f"d{i}.elm.example")
        elm.fail(f"s1._domainkey.d{i}.elm.example", how="silence")
        elm.fail(f"i{i}.evil.example", how="silence")
    elm.fail("_dmarc.elm.example", how="silence")
    dns = Resolver([elm.nameserver], try_seconds=0.05, total_seconds=20)
    envelope = Envelope("m@evil.example", ("family@oak.example",), STRANGER, "x")
    assert judged(envelope, parse(raw), settings(), dns, NOW).verdict is UNCERTAIN
    assert len(elm.asked) <= 10, "of the half second each try takes 50 ms"


def test_five_signatures_are_examined_and_hers_is_among_them(elm: DnsServer) -> None:
    raw = signed(MAIL, rsa_key(), "elm.example")
    for i in range(9):
        raw = signed(raw, rsa_key(1024), f"bulk{i}.example")
    judged = judge(elm, raw)
    assert judged.verdict is ALIGNED
    assert judged.detail.count("not examined") == 5
    assert sum("_domainkey" in name for name, _ in elm.asked) == 5


def test_our_own_signature(elm: DnsServer) -> None:
    ours = MAIL.replace(b"anna@elm.example", b"anna.lindqvist@oak.example")
    elm.put("s1._domainkey.oak.example", TXT=[key_record(rsa_key())])
    assert judge(elm, signed(ours, rsa_key(), "oak.example")).signed_by_us
    assert judge(elm, signed(MAIL, rsa_key(), "oak.example")).signed_by_us
    assert not judge(elm, signed(ours, rsa_key(1024), "evil.example")).signed_by_us
    elm.put("oak.example", TXT=[f"v=spf1 ip4:{STRANGER} -all"])
    by_spf = judge(elm, ours, sender="anna.lindqvist@oak.example")
    assert (by_spf.verdict, by_spf.signed_by_us) == (ALIGNED, False)


RELAY = {"trusted_relays": ["127.0.0.0/8", "10.1.0.0/16"], "trusted_authserv_id": "mx.oak.example"}
FROM_ELM = b"Received: from mail.elm.example (mail.elm.example [192.0.2.7]) by mx.oak.example; Mon, 23 Nov 2026\r\n"
FROM_STRANGER = b"Received: from elm.example (unknown [203.0.113.66]) by mx.oak.example; Mon, 23 Nov 2026\r\n"


def stamped(text: str) -> bytes:
    return f"Authentication-Results: mx.oak.example; {text}\r\n".encode()


def test_what_our_mta_in_front_has_found_is_believed(elm: DnsServer) -> None:
    elm.put("_dmarc.elm.example", TXT=["v=DMARC1; p=reject"])
    behind: dict[str, Any] = {"client": "127.0.0.1", "sender": "anna@elm.example", **RELAY}
    for text in (
        "dkim=pass header.d=elm.example",
        "spf=pass smtp.mailfrom=elm.example",
        "dmarc=pass header.from=elm.example",
    ):
        assert judge(elm, stamped(text) + FROM_STRANGER + MAIL, **behind).verdict is ALIGNED
        assert judge(elm, FROM_STRANGER + stamped(text) + MAIL, **behind).verdict is ALIGNED
        assert judge(elm, stamped(text) + MAIL, **behind).verdict is ALIGNED
    hers = signed(MAIL, rsa_key(), "elm.example")
    assert judge(elm, stamped("dkim=fail header.d=elm.example") + FROM_STRANGER + hers, **behind).verdict is REFUSED
    assert judge(elm, stamped("spf=fail smtp.mailfrom=elm.example") + FROM_ELM + MAIL, **behind).verdict is REFUSED
    assert judge(elm, stamped("spf=fail smtp.mailfrom=elm.example") + FROM_STRANGER + hers, **behind).verdict is ALIGNED


def test_a_dmarc_pass_of_our_mta_is_no_signature_of_ours(elm: DnsServer) -> None:
    ours = MAIL.replace(b"anna@elm.example", b"anna.lindqvist@oak.example")
    behind: dict[str, Any] = {"client": "127.0.0.1", **RELAY}
    assert not judge(elm, stamped("dmarc=pass header.from=oak.example") + ours, **behind).signed_by_us
    assert judge(elm, stamped("dkim=pass header.d=oak.example") + ours, **behind).signed_by_us


def test_spf_is_asked_for_the_client_of_our_relay(elm: DnsServer) -> None:
    behind: dict[str, Any] = {"client": "127.0.0.1", "sender": "anna@elm.example", **RELAY}
    assert judge(elm, FROM_ELM + MAIL, **behind).verdict is ALIGNED
    assert judge(elm, FROM_STRANGER + FROM_ELM + MAIL, **behind).verdict is UNVERIFIED
    inner = b"Received: from outer (outer [10.1.2.3]) by mx.oak.example; Mon, 23 Nov 2026\r\n"
    assert judge(elm, inner + FROM_ELM + MAIL, **behind).verdict is ALIGNED
    assert judge(elm, MAIL, **behind).verdict is UNVERIFIED
    null_sender = {**behind, "sender": ""}
    helo = b"Received: from elm.example (elm.example [192.0.2.7]) by mx.oak.example; Mon, 23 Nov 2026\r\n"
    assert judge(elm, helo + MAIL, **null_sender).verdict is ALIGNED


def test_nobody_else_is_believed(elm: DnsServer) -> None:
    forged = stamped(
        "dkim=pass header.d=elm.example; spf=pass smtp.mailfrom=elm.example; dmarc=pass header.from=elm.example"
    )
    assert judge(elm, forged + FROM_ELM + MAIL, sender="anna@elm.example", **RELAY).verdict is UNVERIFIED
    assert judge(elm, forged + FROM_ELM + MAIL, sender="anna@elm.example").verdict is UNVERIFIED
    assert judge(elm, FROM_STRANGER + FROM_ELM + forged + MAIL, client="127.0.0.1", **RELAY).verdict is UNVERIFIED
    assert judge(elm, forged + MAIL, client="", **RELAY).verdict is UNVERIFIED, "no address is no relay"
    without_id = {**RELAY, "trusted_authserv_id": ""}
    assert judge(elm, forged + FROM_STRANGER + MAIL, client="127.0.0.1", **without_id).verdict is UNVERIFIED


def test_who_writes_to_our_own_socket_is_our_mta(elm: DnsServer) -> None:
    socket = {"listen": ["lmtp:/run/organic-mail.sock"], "trusted_authserv_id": "mx.oak.example"}
    assert judge(elm, FROM_ELM + MAIL, client="", sender="anna@elm.example", **socket).verdict is ALIGNED
    assert judge(elm, stamped("dkim=pass header.d=elm.example") + MAIL, client="", **socket).verdict is ALIGNED
    assert judge(elm, FROM_STRANGER + MAIL, client="", sender="anna@elm.example", **socket).verdict is UNVERIFIED


def test_without_one_author_nobody_is_believed(elm: DnsServer) -> None:
    for value in (b"", b"Anna", b"a@elm.example, b@elm.example", b"Group: a@elm.example;"):
        raw = MAIL.replace(b"Anna Lindqvist <anna@elm.example>", value)
        judged = judge(elm, raw, client=ELMS_HOST, sender="anna@elm.example")
        assert judged.verdict is UNVERIFIED
        assert judged.detail.startswith("dmarc=permerror")


with DnsServer() as _closed:
    NOBODY = Resolver([_closed.nameserver], try_seconds=0.01, total_seconds=0.02)

lines = st.lists(
    st.binary(max_size=60)
    | st.sampled_from(
        [
            b"From: a@elm.example",
            b"Received: from a (b [192.0.2.7])",
            b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; h=from; bh=AA==; b=AA==",
            b"",
            b" fold",
            b"Authentication-Results: mx.oak.example; dkim=pass",
        ]
    ),
    max_size=12,
)


@given(
    lines, st.text(max_size=40), st.text(max_size=40), st.text(max_size=40) | st.sampled_from(["127.0.0.1", ELMS_HOST])
)
def test_any_bytes_may_come(header: list[bytes], sender: str, helo: str, client: str) -> None:
    try:
        message = parse(b"\r\n".join(header))
    except MalformedMessage:
        return
    envelope = Envelope(sender, ("family@oak.example",), client, helo)
    assert judged(envelope, message, settings(**RELAY), NOBODY, NOW).verdict in Verdict
