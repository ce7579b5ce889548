"""mutt, a mail program that is not ours: with words alone, and on a screen, told by keys what to do."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.wire.daemons import PATIENCE, Daemon

CURE = "these tests need mutt: apt-get install mutt"
EDITOR = """\
import pathlib, sys
letter, answer = (pathlib.Path(name) for name in (sys.argv[2], sys.argv[1]))
letter.write_text(letter.read_text("utf-8") + answer.read_text("utf-8"), "utf-8")
"""
SETTINGS = """\
set from = "{address}"
set realname = "{name}"
set use_from = yes
set hostname = "home.example"
set smtp_url = "smtp://127.0.0.1:{port}/"
set ssl_starttls = no
set ssl_force_tls = no
set charset = "utf-8"
set copy = no
set move = no
set quit = yes
set reply_to = yes
set fast_reply = yes
set include = yes
set abort_unmodified = no
set editor = "{python} {folder}/editor.py {folder}/answer %s"
"""


@dataclass(frozen=True, slots=True)
class Mutt:
    """Somebody's own."""

    name: str
    address: str
    serving: Daemon
    folder: Path

    def writes(self, subject: str, text: str, *words: str | Path, to: str = "family@oak.example") -> None:
        said = subprocess.run(
            self._command("-s", subject, *words, "--", to),
            input=text.encode(),
            env=self._environment(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert said.returncode == 0, said.stdout + said.stderr

    def answers(self, text: str, *keys: str) -> None:
        """Opens her newest copy, presses Reply and writes below the quote; `keys`: pressed before it is sent.

        The copy stays unread, and so where it is. mutt tells a changed letter by whole seconds, so it is not asked to.
        """
        pressed = "".join(("<last-entry><reply>", *keys, "<send-message><quit>"))
        mailbox = self.serving.home / "mail" / self.address
        command = self._command("-R", "-f", mailbox, "-e", f'push "{pressed}"')
        (self.folder / "answer").write_text(text, "utf-8")
        ours, its = pty.openpty()
        try:
            running = subprocess.Popen(command, env=self._environment(), stdin=its, stdout=its, stderr=its)
            os.close(its)
            with running:
                try:
                    _read_to_its_end(ours)
                except BaseException:
                    running.kill()
                    raise
        finally:
            os.close(ours)
        assert running.returncode == 0

    def _command(self, *words: str | Path) -> list[str | Path]:
        program = shutil.which("mutt")
        if program is None:
            pytest.fail(CURE)
        (self.folder / "Mail").mkdir(parents=True, exist_ok=True)
        (self.folder / "editor.py").write_text(EDITOR)
        settings = self.folder / "muttrc"
        port, python, folder = self.serving.port, sys.executable, self.folder
        settings.write_text(
            SETTINGS.format(address=self.address, name=self.name, port=port, python=python, folder=folder)
        )
        return [program, "-n", "-F", settings, *words]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def _read_to_its_end(screen: int) -> None:
    """A program on a screen that nobody reads stops."""
    seen = b""
    while True:
        ready, _, _ = select.select([screen], [], [], PATIENCE)
        assert ready, f"mutt waits: {seen[-500:].decode(errors='replace')}"
        try:
            piece = os.read(screen, 4096)
        except OSError:  # what Linux says where the other end has gone
            return
        if not piece:
            return
        seen += piece
