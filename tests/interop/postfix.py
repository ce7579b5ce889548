"""A real Postfix with a configuration and a queue of its own, on loopback, that ends with the test."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

CURE = "these tests need Postfix, and the right to start it: apt-get install postfix, and run them as root"
START_SECONDS = 120.0
_OWN = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
_SERVICES = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Takes mail for `domains` at `addresses` on `port`, into one Maildir. `options` go into main.cf as they are."""

    def __init__(
        self,
        *,
        domains: Sequence[str],
        port: int = 0,
        addresses: Sequence[str] = ("127.0.0.1",),
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._account = _account()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()
        self.addresses = addresses
        self.folder = Path(tempfile.mkdtemp(prefix="om-postfix-"))
        self.folder.chmod(0o755)
        self._settings = {
            "compatibility_level": "3.6",
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.folder / "log" / "mail.log"),
            "maillog_file_prefixes": str(self.folder),
            "inet_protocols": "all",
            "myhostname": "postfix.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "virtual_mailbox_domains": " ".join(domains),
            "virtual_mailbox_base": str(self.folder / "mail"),
            "virtual_mailbox_maps": "static:all/",
            "virtual_uid_maps": f"static:{self._account.pw_uid}",
            "virtual_gid_maps": f"static:{self._account.pw_gid}",
            "virtual_minimum_uid": "1",
            "notify_classes": "",
            "smtpd_tls_loglevel": "1",
        } | dict(options or {})

    def start(self) -> None:
        self._make_folders()
        config = self.folder / "config"
        config.mkdir()
        (config / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in self._settings.items()))
        doors = "".join(f"{_place(address)}:{self.port} inet n - n - - smtpd\n" for address in self.addresses)
        (config / "master.cf").write_text(doors + _SERVICES)
        with (self.folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                [_daemons() / "master", "-c", config, "-d"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self._process = process
        wait_for_port(self.addresses[0], self.port, lambda: process.poll() is None, self.said)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self.folder)

    def said(self) -> str:
        files = (self.folder / "stderr", self.folder / "log" / "mail.log")
        return "\n".join(file.read_text("utf-8", "replace") for file in files if file.exists())

    def letters(self, count: int) -> list[bytes]:
        """What lies in the Maildir, once there are so many."""
        new = self.folder / "mail" / "all" / "new"
        until = time.monotonic() + START_SECONDS
        while len(found := list(new.glob("*")) if new.is_dir() else []) < count:
            if time.monotonic() > until:
                pytest.fail(f"{len(found)} of {count} letters came: {self.said()}")
            time.sleep(0.02)  # a Maildir tells nobody that something came
        return [letter.read_bytes() for letter in found]

    def _make_folders(self) -> None:
        owner, group = self._account.pw_uid, grp.getgrnam("postdrop").gr_gid
        queue = self.folder / "queue"
        queue.mkdir()
        (queue / "pid").mkdir()
        for name in _OWN:
            (queue / name).mkdir(mode=0o700)
            os.chown(queue / name, owner, -1)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (queue / name).mkdir()
            (queue / name).chmod(mode)
            os.chown(queue / name, owner, group)
        for name in ("data", "mail", "log"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, owner, self._account.pw_gid)
        os.chown(self.folder / "log", 0, 0)


@contextmanager
def running_postfix(**settings: object) -> Iterator[Postfix]:
    """See `Postfix`."""
    postfix = Postfix(**settings)  # type: ignore[arg-type]
    try:
        postfix.start()
        yield postfix
    finally:
        postfix.stop()


def wait_for_port(address: str, port: int, alive: Callable[[], bool], said: Callable[[], str]) -> None:
    """Until somebody listens there; fails with what the program said when it died or took too long."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((address, port), START_SECONDS).close()
            return
        except OSError:
            if not alive() or time.monotonic() > until:
                pytest.fail(f"it does not listen: {said()}")
            time.sleep(0.02)  # a program that is not ours does not say when it listens


def program(name: str) -> Path:
    """One of the programs that come with Postfix."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(CURE)
    return Path(found)


def _daemons() -> Path:
    said = subprocess.run([program("postconf"), "-h", "daemon_directory"], capture_output=True, text=True, check=True)
    return Path(said.stdout.strip())


def _account() -> pwd.struct_passwd:
    program("postfix")
    if os.geteuid():
        pytest.fail(CURE)
    return pwd.getpwnam("postfix")


def _place(address: str) -> str:
    return f"[{address}]" if ":" in address else address
