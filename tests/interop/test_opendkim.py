"""Every kind of copy, verified by a program that is not ours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import copying
from tests.golden.test_golden import FACTS, HERE, NAMES
from tests.interop.opendkim import verdicts

KEYS = {"s1._domainkey.oak.example": copying.published(b"s1._domainkey.oak.example.").decode()}


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """One of each golden mail: text, HTML, both, base64, 8 bits, signed, encrypted, calendars, forwarded mail …"""
    monkeypatch.setattr(copying, "AT", datetime.now(UTC))
    return [copying.copy_of((HERE / f"{name}.in.eml").read_bytes(), **FACTS.get(name, {})) for name in NAMES]


def test_every_kind_of_copy_verifies(copies: list[bytes], tmp_path: Path) -> None:
    assert dict(zip(NAMES, verdicts(tmp_path, KEYS, copies), strict=True)) == dict.fromkeys(NAMES, "pass")


@pytest.mark.parametrize(
    "field", ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Id", "List-Unsubscribe", "Content-Type"]
)
def test_a_changed_copy_does_not(field: str, copies: list[bytes], tmp_path: Path) -> None:
    """Neither one whose field was changed nor one that got a second field above it, as oversigning promises."""
    name = f"\r\n{field}: ".encode()
    signed = [copy for copy in copies if name in copy][:3]
    changed = [copy.replace(name, name + b"x", 1) for copy in signed]
    assert signed
    assert set(verdicts(tmp_path, KEYS, changed)) <= {"fail", "permerror"}
    if field != "List-Id":
        twice = [name[2:] + b"x\r\n" + copy for copy in signed]
        assert set(verdicts(tmp_path, KEYS, twice)) <= {"fail", "permerror"}


def test_a_changed_body_does_not(copies: list[bytes], tmp_path: Path) -> None:
    changed = [copy + b"Buy this.\r\n" for copy in copies]
    assert set(verdicts(tmp_path, KEYS, changed)) == {"fail"}
