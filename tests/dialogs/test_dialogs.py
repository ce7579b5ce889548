"""Plays every *.dialog of this folder to the real server over a real socket.

`C: ` sends a line with CRLF, `C- ` without; both know \\r \\n \\0 \\xHH and `{N*x}` for N times x. Lines of the client
that follow each other go out together. `S: ` is the beginning of the reply's last line, `S| ` stands in one of its
lines, and `S: closed` wants the connection to end. `settings ` is JSON for the settings.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from pathlib import Path

import pytest

from tests.wire.community import community, port_of, serving
from tests.wire.daemons import PATIENCE

DIALOGS = sorted(Path(__file__).parent.glob("*.dialog"))
_REPEATED = re.compile(r"\{(\d+)\*(.+?)\}")


class Client:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.replies = self.socket.makefile("rb")
        self.waiting = b""

    def say(self, text: str, *, line_end: bytes) -> None:
        repeated = _REPEATED.sub(lambda found: int(found[1]) * found[2], text)
        self.waiting += repeated.encode("utf-8").decode("unicode_escape").encode("latin-1") + line_end

    def hear(self) -> list[str]:
        """The lines of the next reply; none when the connection is closed."""
        if self.waiting:
            self.socket.sendall(self.waiting)
            self.waiting = b""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line = self.replies.readline()
            if not line:
                return lines
            assert line.endswith(b"\r\n"), line
            lines.append(line.decode().rstrip("\r\n"))
        return lines


def play(script: str, port: int) -> None:
    client = Client(port)
    reply: list[str] = []
    for number, line in enumerate(script.splitlines(), start=1):
        mark, text = line[:2], line[3:]
        where = f"line {number}: {line}"
        match mark:
            case "C:":
                client.say(text, line_end=b"\r\n")
            case "C-":
                client.say(text, line_end=b"")
            case "S:" if text == "closed":
                with contextlib.suppress(ConnectionResetError):
                    assert client.hear() == [], where
            case "S:":
                reply = client.hear()
                assert reply, f"{where}: the connection was closed"
                assert reply[-1].startswith(text), f"{where}: got {reply}"
            case "S|":
                assert any(text in said for said in reply), f"{where}: got {reply}"
            case _:
                assert not line or line.startswith(("#", "settings ")), where
    client.replies.close()
    client.socket.close()


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda dialog: dialog.stem)
def test_dialog(dialog, sqlite_template, tmp_path):
    script = dialog.read_text(encoding="utf-8")
    changes = [
        json.loads(line.removeprefix("settings ")) for line in script.splitlines() if line.startswith("settings ")
    ]
    with (
        community(sqlite_template, tmp_path, changes[0] if changes else None) as people,
        serving(people.settings, people.receiver) as doors,
    ):
        play(script, port_of(doors))


def test_there_are_dialogs():
    assert len(DIALOGS) >= 20
