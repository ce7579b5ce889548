"""What an operator sees of a refusal: `member show` and `log`, beside a daemon that delivers to a real next hop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import SETTINGS, daemon, until
from tests.wire.sink import Sink

__all__ = ["empty_home", "om"]

OLU = "olu@home.example"


@pytest.fixture
def sink() -> Iterator[Sink]:
    def answer(step: str, transaction: object) -> str | None:
        refused = step == "RCPT" and getattr(transaction, "recipient", "") == OLU
        return "550 5.1.1 nobody here has this name" if refused else None

    with Sink(answer).listening() as listening:
        yield listening


def test_a_refusal_is_scored_and_told(om: Operator, sink: Sink) -> None:
    om("list", "create", "family")
    for member in ("Anna <anna@home.example>", f"Olu <{OLU}>"):
        assert om("member", "add", "family", member, "--confirmed", "--quiet").code == 0
    maildir = 'transport = "maildir"\nmaildir = "mail"'
    settings = SETTINGS.replace(maildir, f'transport = "smarthost"\nsmarthost = "smtp://127.0.0.1:{sink.port}"')
    assert om("member", "show", OLU, "--json").json["bounces"] == 0.0
    with daemon(om.home, settings=settings) as running:
        assert running.send(mail()) == 250
        assert until(lambda: om("member", "show", OLU, "--json").json["bounces"]) == 1.0
        until(lambda: sink.taken)
        assert running.end() == 0
    assert [each.recipient for each in sink.taken] == ["anna@home.example"]
    assert om("member", "show", "anna@home.example", "--json").json["bounces"] == 0.0
    assert f"{OLU}: nobody has this address: 550 5.1.1 nobody here has this name" in om("log").out
    assert "bounces:    1.0" in om("member", "show", OLU).out
