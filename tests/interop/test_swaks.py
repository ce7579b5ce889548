"""swaks, a client that is not ours, says every line of the dialog."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.certificates import self_made
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import SETTINGS, Daemon, daemon, until

__all__ = ["empty_home", "om"]

CURE = "these tests need swaks: apt-get install swaks"
RECIPIENT_REFUSED, MESSAGE_REFUSED = 24, 26  # its exit codes


@pytest.fixture
def serving(om: Operator) -> Iterator[Daemon]:
    om("list", "create", "family")
    om("member", "add", "family", "Anna Lindqvist <anna@home.example>", "--confirmed", "--quiet")
    self_made(om.home)
    settings = SETTINGS.replace(
        "[smtp]", '[smtp]\nmax_size = "100 KB"\ntls_certificate = "certificate.pem"\ntls_key = "key.pem"'
    )
    with daemon(om.home, settings=settings) as running:
        yield running


def swaks(serving: Daemon, *words: str, to: str = "family@oak.example", body: str = "Hello.") -> tuple[int, str]:
    """Its exit code, and the dialog as it saw it."""
    program = shutil.which("swaks")
    if program is None:
        pytest.fail(CURE)
    command = [
        program, "--server", "127.0.0.1", "--port", str(serving.port), "--helo", "mail.home.example",
        "--from", "anna@home.example", "--to", to, "--h-From", "Anna <anna@home.example>", "--body", body, *words,
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return said.returncode, said.stdout + said.stderr


@pytest.mark.parametrize("words", [(), ("--pipeline",), ("--tls",), ("--tls", "--pipeline")], ids=" ".join)
def test_a_post_goes_round(serving: Daemon, words: tuple[str, ...]) -> None:
    code, dialog = swaks(serving, *words)
    assert code == 0, dialog
    for keyword in ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 100000"):
        assert keyword in dialog
    assert ("TLS started with cipher TLSv1.3" in dialog) == ("--tls" in words)
    assert "250 2.0.0" in dialog
    until(serving.copies)


def test_starttls_is_no_longer_offered_inside(serving: Daemon) -> None:
    _, dialog = swaks(serving, "--tls")
    before, _, inside = dialog.partition("TLS started")
    assert "STARTTLS" in before
    assert "STARTTLS" not in inside


def test_an_old_tls_is_refused(serving: Daemon) -> None:
    code, dialog = swaks(serving, "--tls", "--tls-protocol", "tlsv1_1")
    assert (code, "TLS startup failed" in dialog) == (29, True)
    assert ssl.HAS_TLSv1_3


@pytest.mark.parametrize("words", [(), ("--pipeline",)], ids=" ".join)
def test_an_unknown_address(serving: Daemon, words: tuple[str, ...]) -> None:
    code, dialog = swaks(serving, *words, to="nobody@oak.example")
    assert (code, "550 5.1.1" in dialog) == (RECIPIENT_REFUSED, True)


def test_a_message_that_is_too_large(serving: Daemon, tmp_path: Path) -> None:
    line = "0123456789" * 7 + "\n"
    large = tmp_path / "large"
    large.write_text(line * 2000)
    code, dialog = swaks(serving, body=f"@{large}")
    assert (code, "552 5.3.4" in dialog) == (MESSAGE_REFUSED, True)
    assert serving.copies() == []


def test_a_stranger(serving: Daemon) -> None:
    code, dialog = swaks(serving, "--h-From", "Eve <eve@elsewhere.example>")
    assert (code, "550 5.7.1" in dialog) == (MESSAGE_REFUSED, True)


def test_private_mail_in_its_words(serving: Daemon, om: Operator) -> None:
    om("member", "add", "family", "Rose Okafor <rose@home.example>", "--confirmed", "--quiet")
    code, dialog = swaks(serving, to="rose.okafor@oak.example", body="Only for you")
    assert code == 0
    (recipient, copy), *others = until(serving.copies)
    assert (recipient, others) == ("rose@home.example", [])
    assert b'From: "Anna Lindqvist (Family)" <anna.lindqvist@oak.example>\r\n' in copy
    assert b"anna@home.example" not in copy
    code, dialog = swaks(
        serving, "--from", "sven@elm.example", "--h-From", "sven@elm.example", to="rose.okafor@oak.example"
    )
    assert code == MESSAGE_REFUSED
    assert "550 5.7.1 We do not know this email address" in dialog


def test_a_heart_from_the_command_line(serving: Daemon, om: Operator) -> None:
    assert swaks(serving, "--h-Message-Id", "<1@home.example>")[0] == 0
    until(serving.copies)
    words = ("--header", "In-Reply-To: <1@home.example>", "--header", "Content-Type: text/plain; charset=utf-8")
    assert swaks(serving, *words, body="\u2764\ufe0f")[0] == 0
    (post,) = om("thread", "show", "1", "--json").json["posts"]
    assert post["reactions"] == [{"emoji": "\u2764\ufe0f", "count": 1}]
