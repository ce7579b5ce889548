"""What an MTA of ours in front has found is believed; what strangers wrote below it is not (RFC 8601 §7.1)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.message import MalformedMessage, Message, parse
from handlers.results import arrival_at_relays, is_within, provider_results, trusted_results
from handlers.verdict import Evidence

RELAYS = [ipaddress.ip_network(text) for text in ("127.0.0.0/8", "10.1.0.0/16", "fd00::/8")]
BY = " by mx.oak.example with ESMTPS; Mon, 23 Nov 2026 10:00:00 +0000"


def message(*fields: str) -> Message:
    return parse("".join(f"{field}\r\n" for field in fields).encode() + b"From: <anna@elm.example>\r\n\r\nHello\r\n")


@pytest.mark.parametrize(
    ("received", "client", "helo"),
    [
        ("from mail.elm.example (mail.elm.example [192.0.2.7])", "192.0.2.7", "mail.elm.example"),  # Postfix
        ("from mail.elm.example (unknown [192.0.2.7])", "192.0.2.7", "mail.elm.example"),
        ("from [203.0.113.9] (unknown [192.0.2.7])", "192.0.2.7", "[203.0.113.9]"),  # HELO is no evidence
        ("from mail.elm.example (mail.elm.example [IPv6:2001:db8::7])", "2001:db8::7", "mail.elm.example"),
        ("from mail.elm.example (mail.elm.example. [2001:db8::7])", "2001:db8::7", "mail.elm.example"),
        ("from mail.elm.example ([192.0.2.7] helo=203.0.113.9)", "192.0.2.7", "mail.elm.example"),  # Exim
        ("from [192.0.2.7] (helo=[203.0.113.9])", "192.0.2.7", "[192.0.2.7]"),
        (
            "from mail.elm.example (IDENT:root@mail.elm.example [192.0.2.7] (may be forged))",
            "192.0.2.7",
            "mail.elm.example",
        ),
        ("from mail.elm.example (192.0.2.7)", "192.0.2.7", "mail.elm.example"),
        ("FROM\r\n mail.elm.example\r\n\t(mail.elm.example\r\n [192.0.2.7])", "192.0.2.7", "mail.elm.example"),
        ("from mail.elm.example (no number here)", "", "mail.elm.example"),
        ("from mail.elm.example (mail.elm.example [192.0.2.777])", "", "mail.elm.example"),
        ("from mail.elm.example", "", "mail.elm.example"),
        ("by mx.oak.example (Postfix, from userid 0)", "", ""),
        ("", "", ""),
    ],
)
def test_who_handed_it_to_our_relay(received: str, client: str, helo: str) -> None:
    came = arrival_at_relays(message(f"Received: {received}{BY}"), RELAYS)
    assert (came.client, came.helo) == (client, helo)


def test_relays_behind_relays_are_followed_and_no_further() -> None:
    came = arrival_at_relays(
        message(
            f"Received: from inner (localhost [127.0.0.1]){BY}",
            f"Received: from outer (outer [10.1.2.3]){BY}",
            f"Received: from mail.elm.example (mail.elm.example [192.0.2.7]){BY}",
            "X-Spam: no",
            f"Received: from forged (forged [203.0.113.9]){BY}",
        ),
        RELAYS,
    )
    assert (came.client, came.helo) == ("192.0.2.7", "mail.elm.example")
    assert [field.name for field in came.ours] == ["received", "received", "received", "x-spam"]


def test_an_unknown_client_ends_the_chain() -> None:
    came = arrival_at_relays(message(f"Received: {BY}", f"Received: from a (a [192.0.2.7]){BY}"), RELAYS)
    assert came.client == ""
    assert len(came.ours) == 1


@pytest.mark.parametrize(
    ("address", "ours"),
    [("127.0.0.1", True), ("::ffff:10.1.9.9", True), ("fd00::1", True), ("10.2.0.1", False), ("", False), ("x", False)],
)
def test_networks(address: str, ours: bool) -> None:
    assert is_within(address, RELAYS) is ours


def results(*fields: str) -> tuple[Evidence, ...]:
    parsed = message(*fields)
    return trusted_results(parsed, parsed.fields, "MX.oak.example")


def said(text: str) -> tuple[Evidence, ...]:
    return results(f"Authentication-Results: {text}")


DKIM_PASS = Evidence("dkim", "elm.example", "pass")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mx.oak.example; none", ()),
        ("mx.oak.example; dkim=pass header.d=Elm.example", (DKIM_PASS,)),
        ("mx.oak.example; dkim=pass header.i=anna@elm.example", (DKIM_PASS,)),
        (
            "mx.oak.example 1; dkim=pass (2048-bit key) header.d=elm.example header.i=@elm.example header.b=abc",
            (DKIM_PASS,),
        ),
        (
            'mx.oak.example;\r\n\tdkim=fail reason="bad; dkim=pass" header.d=elm.example;\r\n'
            "\tspf=pass (oak: domain of anna@elm.example designates 192.0.2.7) smtp.mailfrom=anna@elm.example;\r\n"
            "\tdmarc=pass (p=reject dis=none) header.from=elm.example",
            (
                Evidence("dkim", "elm.example", "fail"),
                Evidence("spf", "elm.example", "pass"),
                Evidence("dmarc", "elm.example", "pass"),
            ),
        ),
        ("mx.oak.example; spf=softfail smtp.helo=mail.elm.example", (Evidence("spf", "mail.elm.example", "softfail"),)),
        ("mx.oak.example; dmarc=fail header.from=elm.example; iprev=pass policy.iprev=192.0.2.7", ()),
        ("mx.oak.example (dkim=pass header.d=elm.example); spf=none", (Evidence("spf", "", "none"),)),
        # another's, and what cannot be read
        ("mx.elm.example; dkim=pass header.d=elm.example", ()),
        ("mx.oak.example.evil.example; dkim=pass header.d=elm.example", ()),
        ("x; mx.oak.example; dkim=pass header.d=elm.example", ()),
        ("dkim=pass header.d=elm.example", ()),
        ("mx.oak.example 7; dkim=pass header.d=elm.example", ()),
        ("mx.oak.example; dkim", ()),
        ("", ()),
        ("(" * 8000, ()),
        ("mx.oak.example; " + "(" * 8000, ()),
        ("mx.oak.example; dkim=pass " + "header." * 1000, ()),
    ],
)
def test_reading_what_a_trusted_mta_says(text: str, found: tuple[Evidence, ...]) -> None:
    assert said(text) == found


def test_only_the_topmost_of_the_trusted_one_counts() -> None:
    assert results(
        "Authentication-Results: spam.oak.example; x-spam=no",
        "Authentication-Results: mx.oak.example; dkim=fail header.d=elm.example",
        "Authentication-Results: mx.oak.example; dkim=pass header.d=elm.example",
    ) == (Evidence("dkim", "elm.example", "fail"),)


def test_below_the_mark_of_a_stranger_nothing_counts() -> None:
    parsed = message(
        f"Received: from mail.elm.example (mail.elm.example [192.0.2.7]){BY}",
        f"Received: from inside (inside [127.0.0.1]){BY}",
        "Authentication-Results: mx.oak.example; dkim=pass header.d=elm.example",
    )
    assert trusted_results(parsed, arrival_at_relays(parsed, RELAYS).ours, "mx.oak.example") == ()


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_may_stand_there(trace: bytes, results_value: bytes) -> None:
    raw = b"Received: from %b\r\nAuthentication-Results: mx.oak.example; %b\r\n\r\n" % (trace, results_value)
    try:
        parsed = parse(raw)
    except MalformedMessage:
        return
    came = arrival_at_relays(parsed, RELAYS)
    trusted_results(parsed, came.ours, "mx.oak.example")


words = st.lists(
    st.sampled_from(
        [
            "mx.oak.example",
            ";",
            "dkim",
            "=",
            "pass",
            "header",
            ".",
            "d",
            '"',
            "(",
            ")",
            "\\",
            "@",
            "/",
            "1",
            "reason",
            " ",
            "elm.example",
            "none",
        ]
    ),
    max_size=60,
).map("".join)


@given(words)
def test_any_grammar_may_stand_there(text: str) -> None:
    for found in said("mx.oak.example;" + text):
        assert found.method in ("dkim", "spf", "dmarc")


# What the provider of a mailbox found

FOUND = "Authentication-Results: mx.elm.example; dkim=pass header.d=home.example; spf=pass smtp.mailfrom=a@home.example"
TAKEN = "Received: from mail.home.example (mail.home.example [192.0.2.7]) by {by} (Postfix) with ESMTPS id 1; now"
LMTP = "Received: from mx.elm.example by box.elm.example with LMTP id 1; now"


def provider(name: str) -> bool:
    return name == "mx.elm.example"


@pytest.mark.parametrize("by", ["mx.elm.example", "MX.ELM.example", "inner.elm.example"])
def test_what_the_provider_wrote_above_its_own_received_is_believed(by: str) -> None:
    found = provider_results(message(LMTP, FOUND, TAKEN.format(by=by)), provider)
    assert found == (Evidence("dkim", "home.example", "pass"), Evidence("spf", "home.example", "pass"))


def test_a_signer_that_is_named_by_his_identity_only() -> None:
    said = "Authentication-Results: mx.elm.example; dkim=pass header.i=@home.example"
    found = provider_results(message(said, TAKEN.format(by="mx.elm.example")), provider)
    assert found == (Evidence("dkim", "home.example", "pass"),)


@pytest.mark.parametrize(
    "fields",
    [
        (TAKEN.format(by="mx.elm.example"), FOUND),  # what the message brought along
        (TAKEN.format(by="mx.elm.example"), FOUND, TAKEN.format(by="mx.home.example")),
        (FOUND, TAKEN.format(by="mx.elsewhere.example")),
        (FOUND, TAKEN.format(by="elm.example.elsewhere.example")),
        (FOUND,),
        ("Authentication-Results: mx.other.example; dkim=none", FOUND, TAKEN.format(by="mx.elm.example")),
        (FOUND.replace("mx.elm", "mx2.elm"), TAKEN.format(by="mx.elm.example")),
        ("Authentication-Results: (", FOUND, TAKEN.format(by="mx.elm.example")),
        (FOUND, "Received: by"),
        (FOUND, "Received: from by (by [192.0.2.7])"),
        (TAKEN.format(by="mx.elm.example"),),
        (),
    ],
)
def test_nothing_else_is(fields: tuple[str, ...]) -> None:
    assert provider_results(message(*fields), provider) == ()
