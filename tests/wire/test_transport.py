"""The way out as the settings name it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from organic_mail import config
from organic_mail.smtp_client import NextHopRefused
from organic_mail.smtp_wire import ConnectionLost
from organic_mail.transport import dial_of
from tests.wire.sink import Sink

SETTINGS = """
[community]
domain = "oak.example"
[delivery]
smarthost = "smtp://anna;AUTH=XOAUTH2@127.0.0.1:{port}"
password_file = "token"
"""


def test_an_access_token_may_change_while_we_run(tmp_path: Path) -> None:
    async def say_hello() -> None:
        line = await dial()
        await line.quit()

    with Sink(login=("anna", "second"), extensions=("AUTH XOAUTH2",)).listening() as sink:
        (tmp_path / config.FILE_NAME).write_text(SETTINGS.format(port=sink.port))
        token = tmp_path / "token"
        token.touch(0o600)
        token.write_text("first\n")
        dial = dial_of(config.load(tmp_path))
        with pytest.raises(NextHopRefused, match="does not accept our name and password"):
            asyncio.run(say_hello())
        token.write_text("second\n")
        asyncio.run(say_hello())
        token.unlink()
        with pytest.raises(ConnectionLost, match=r"delivery\.password_file"):
            asyncio.run(say_hello())
