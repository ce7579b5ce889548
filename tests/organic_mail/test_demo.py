"""`organic-mail demo` tells the truth: it succeeds on a good tree, and says what is wrong on a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from organic_mail import demo
from organic_mail.problem import Problem
from tests.wire.command_line import Operator
from tests.wire.daemons import PATIENCE


def test_the_demo_succeeds_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "START_SECONDS", PATIENCE)
    monkeypatch.setattr(demo, "DELIVER_SECONDS", PATIENCE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("ORGANIC_MAIL__SMTP__MAX_SIZE", "about another community")
    said = Operator(tmp_path / "home")("demo")
    assert said.code == 0, said.out + said.err
    assert "All 20 copies came once, every signature verifies, and nobody's real address is in them." in said.out
    for words in ("$ organic-mail thread show 1", "550 5.7.1", "answers Olu Okafor", "Så snällt av er!", "tårta.jpg"):
        assert words in said.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda raw: raw.replace(b"Subject: ", b"Subject: not "), "its signature does not verify"),
        (lambda raw: raw, ""),
    ],
)
def test_a_copy_is_examined_as_a_receiver_does(change: object, fault: str, tmp_path: Path) -> None:
    import base64
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from handlers.render import notice_copy
    from handlers.sign import Signer
    from organic_mail.dns_records import dkim_name, dkim_value

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    texts = {dkim_name("s", demo.DOMAIN): dkim_value(base64.b64encode(der).decode())}
    raw = (
        b"From: Family <family@oak.example>\r\nTo: anna@x.example\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n"
    )
    signed = notice_copy(raw, Signer(demo.DOMAIN, "s", pem), datetime.now(UTC))
    stored = b"Return-Path: <>\r\nDelivered-To: anna@x.example\r\n" + signed
    assert demo._examined(change(stored), texts).fault == fault  # type: ignore[operator]
    leaking = notice_copy(
        raw.replace(b"Hi", b"anna.lindqvist@example.org"), Signer(demo.DOMAIN, "s", pem), datetime.now(UTC)
    )
    found = demo._examined(b"Return-Path: <>\r\nDelivered-To: anna@x.example\r\n" + leaking, texts)
    assert found.fault == "somebody's real address is in it"


def test_a_server_that_does_not_start_is_named(tmp_path: Path) -> None:
    home = Operator(tmp_path / "home")
    assert home("init", demo.DOMAIN).code == 0
    (home.home / "organic-mail.toml").write_text(demo.SETTINGS.replace('"maildir"', '"pigeon"'), "utf-8")
    with (
        pytest.raises(Problem, match=r"does not serve: error: organic-mail.toml line 12: delivery.transport"),
        demo._served(home.home),
    ):
        pass
