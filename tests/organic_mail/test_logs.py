"""The daemon's log keeps people out."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from organic_mail.logs import Redaction, start_log


@pytest.fixture
def quiet() -> Iterator[None]:
    """Puts logging back as it was."""
    root, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = root
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_a_line_holds_neither_posts_nor_addresses(quiet: None, capsys: pytest.CaptureFixture[str]) -> None:
    start_log(b"key")
    structlog.get_logger().info("delivered", to="Grandma <grandma@gmail.com>", subject="Secret", body="s", copies=3)
    logging.getLogger("library").warning("no answer from %s", "anna.lindqvist@example.org")
    logging.getLogger("mail.log").info("RCPT TO:<grandma@gmail.com>")
    structlog.get_logger().debug("detail")
    first, second = capsys.readouterr().err.splitlines()
    assert 'level=info event=delivered to="Grandma <g***@gmail.com#' in first
    assert first.endswith(" copies=3")
    assert "Secret" not in first
    assert 'level=warning event="no answer from a***@example.org#' in second


def test_a_fault_is_one_line_whose_end_is_there(quiet: None, capsys: pytest.CaptureFixture[str]) -> None:
    start_log(b"key")

    def deep(number: int) -> None:
        if number == 0:
            raise KeyError("anna@example.org")
        deep(number - 1)

    try:
        deep(200)
    except KeyError:
        structlog.get_logger().exception("broken")
    (line,) = capsys.readouterr().err.splitlines()
    assert "KeyError: 'a***@example.org#" in line
    assert len(line) < 3000


def test_debug_hides_nothing(quiet: None, capsys: pytest.CaptureFixture[str]) -> None:
    start_log(b"key", debug=True)
    structlog.get_logger().debug("detail", to="anna@example.org")
    assert "to=anna@example.org" in capsys.readouterr().err


def test_one_person_has_one_number_and_nobody_can_work_it_out() -> None:
    redaction, other = Redaction(b"one"), Redaction(b"two")
    numbers = [
        redacted(None, "info", {"to": address})["to"]
        for redacted, address in [
            (redaction, "Anna@Example.org"),
            (redaction, "anna@example.org"),
            (redaction, "alma@example.org"),
            (other, "anna@example.org"),
        ]
    ]
    assert numbers[0].rpartition("#")[2] == numbers[1].rpartition("#")[2]
    assert len({number.rpartition("#")[2] for number in numbers}) == 3
