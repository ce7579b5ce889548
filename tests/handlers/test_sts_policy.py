"""MTA-STS policies and the record that announces them (RFC 8461 §3, §4.1)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.sts_policy import LONGEST_AGE, BrokenPolicy, Mode, Policy, read_policy, record_id

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.elm.example\r\nmx: *.elm.net\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1; other=x; id=1; more=y"], "1"),
        ([b"v=spf1 -all", b"v=STSv1; id=1"], "1"),
        ([b"v=STSv1; id=1", b"v=STSv1; id=1"], None),
        ([b"v=STSv1"], None),
        ([b"v=STSv1; id="], None),
        ([b"v=STSv1; id=a b"], None),
        ([b"v=STSv1; id=" + b"1" * 33], None),
        ([b"v=STSv2; id=1"], None),
        ([b"id=1; v=STSv1"], None),
        ([], None),
    ],
)
def test_the_record(texts: list[bytes], found: str | None) -> None:
    assert record_id(texts) == found


def test_a_policy() -> None:
    policy = Policy(Mode.ENFORCE, ("mail.elm.example", "*.elm.net"), 604800)
    assert read_policy(GOOD) == policy
    assert read_policy(GOOD.replace(b"\r\n", b"\n") + b"later: thing\nmode: none\n\n") == policy
    assert read_policy(b"version:STSv1\nmode:none\nmax_age:99999999999"[:-1]) == Policy(Mode.NONE, (), LONGEST_AGE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        GOOD.replace(b"STSv1", b"STSv2"),
        GOOD.replace(b"version: STSv1", b""),
        GOOD.replace(b"enforce", b"force"),
        GOOD.replace(b"mode: enforce", b""),
        GOOD.replace(b"604800", b"-1"),
        GOOD.replace(b"604800", b"9" * 5000),
        GOOD.replace(b"max_age: 604800", b""),
        GOOD.replace(b"mx: mail.elm.example\r\nmx: *.elm.net", b""),
        GOOD.replace(b"*.elm.net", b"mail.*.net"),
        GOOD.replace(b"*.elm.net", b"*"),
        GOOD.replace(b"*.elm.net", b""),
        b"<html>Not found</html>",
    ],
)
def test_what_is_no_policy(text: bytes) -> None:
    with pytest.raises(BrokenPolicy):
        read_policy(text)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mail.elm.example", True),
        ("MAIL.elm.example.", True),
        ("a.elm.net", True),
        ("a.b.elm.net", False),
        ("elm.net", False),
        ("elm.example", False),
        ("mail.elm.example.evil.example", False),
        ("xmail.elm.example", False),
        ("", False),
    ],
)
def test_which_hosts_a_policy_allows(host: str, allowed: bool) -> None:
    assert read_policy(GOOD).allows(host) is allowed


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda text: GOOD + text))
def test_any_bytes_may_be_a_policy(text: bytes) -> None:
    with suppress(BrokenPolicy):
        read_policy(text)
    record_id([text, b"v=STSv1;" + text])
