"""HOME on PostgreSQL, as deploy/compose.yaml sets it up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from organic_mail.config import load
from tests.wire.command_line import DOMAIN, Operator
from tests.wire.community import mail
from tests.wire.daemons import SETTINGS, daemon, until


def test_a_community_in_postgresql(postgres_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres_server.new_database(template="template1")
    om, other = Operator(tmp_path / "home"), Operator(tmp_path / "other")
    monkeypatch.setenv("ORGANIC_MAIL__DATABASE__URL", url)
    assert om("init", DOMAIN).code == 0
    assert "holds a community already" in other("init", "elm.example").error
    assert not other.home.exists()
    monkeypatch.delenv("ORGANIC_MAIL__DATABASE__URL")
    assert load(om.home).database.url == url  # it is remembered
    om("list", "create", "family")
    om("member", "add", "family", "Anna <anna@home.example>", "--confirmed", "--quiet")
    settings = f'{SETTINGS}\n[database]\nurl = "{url}"\n'
    with (
        daemon(om.home, "--only", "receive", settings=settings) as receiver,
        daemon(om.home, "--only", "deliver", settings=settings) as deliverer,
    ):
        assert receiver.send(mail()) == 250
        until(deliverer.copies)
        assert (receiver.end(), deliverer.end()) == (0, 0)
    assert om("upgrade").code == 0
