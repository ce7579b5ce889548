"""A real Dovecot with one mailbox, on loopback, in a folder of its own; it ends with the test."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.ports import free_port
from tests.wire.certificates import self_made

PROGRAM = Path("/usr/sbin/dovecot")
CURE = "the tests of mailbox mode need Dovecot: apt-get install dovecot-imapd"
NAME, SECRET = "box", "s3cret word"
PATIENCE = 120.0  # seconds: far more than it takes, on the busiest machine

SETTINGS = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_location = maildir:{folder}/mail/%n
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
mail_max_userip_connections = 100
mail_save_crlf = yes
first_valid_uid = 1
auth_failure_delay = 0
auth_mechanisms = plain login
auth_username_format = %n
{more}
namespace inbox {{
  inbox = yes
  separator = /
  prefix = {prefix}
{junk}
}}
passdb {{
  driver = passwd-file
  args = username_format=%n {folder}/accounts
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={folder}/mail/%n
}}
service imap-login {{
  {unprivileged}
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service auth {{
  inet_listener {{
    port = {auth_port}
  }}
}}
service anvil {{
  {unprivileged}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {unprivileged}
}}
"""
JUNK = "  mailbox Junk {\n    special_use = \\Junk\n    auto = create\n  }"


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            time.sleep(0.02)  # a program that is not ours does not say when it listens
        else:
            return
    pytest.fail(f"{server.args!r} does not listen: {log.read_text() if log.exists() else 'no log'}")


def unprivileged_account() -> pwd.struct_passwd:
    """Who owns the mails: never root."""
    return pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam("nobody")


@dataclass
class Dovecot:
    """`more`: lines of settings; `junk`: those of the folder of that kind, "" for none; `prefix`: of all folders."""

    folder: Path
    more: str = ""
    junk: str = JUNK
    prefix: str = ""
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    auth_port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        root = os.geteuid() == 0
        here = pwd.getpwuid(os.geteuid())
        owner = unprivileged_account()
        mail = self.folder / "mail"
        mail.mkdir(exist_ok=True)
        if root:
            os.chown(mail, owner.pw_uid, owner.pw_gid)
        self_made(self.folder)
        (self.folder / "accounts").write_text(f"{NAME}:{{PLAIN}}{SECRET}\n")
        settings = self.folder / "dovecot.conf"
        settings.write_text(
            SETTINGS.format(
                folder=self.folder,
                internal="dovecot" if root else here.pw_name,
                internal_group="dovecot" if root else here.pw_gid,
                login="dovenull" if root else here.pw_name,
                unprivileged="" if root else "chroot =",
                owner=owner,
                port=self.port,
                tls_port=self.tls_port,
                auth_port=self.auth_port,
                more=self.more,
                junk=self.junk,
                prefix=self.prefix,
            )
        )
        self.server = subprocess.Popen(
            [PROGRAM, "-F", "-c", settings], stdin=subprocess.DEVNULL, start_new_session=True
        )
        wait_for(self.port, self.server, self.folder / "log")

    def stop(self) -> None:
        """At once: asked politely, it takes a second to think about it."""
        if self.server is not None:
            with contextlib.suppress(ProcessLookupError):  # it is gone already
                os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait(PATIENCE)
            self.server = None

    @property
    def url(self) -> str:
        return f"imap://{NAME}%40provider.example@127.0.0.1:{self.port}"

    @property
    def inbox(self) -> Path:
        return self.folder / "mail" / NAME

    @contextmanager
    def client(self) -> Iterator[IMAPClient]:
        with closing(_Leaving(IMAPClient("127.0.0.1", self.port, ssl=False, timeout=PATIENCE))) as leaving:
            leaving.client.login(NAME, SECRET)
            yield leaving.client

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        """New mail, as another program of the same person would store it."""
        with self.client() as client:
            for raw in mails:
                client.append(folder, raw)

    def deliver(self, raw: bytes) -> None:
        """New mail, as a mail server stores it: byte for byte."""
        owner = unprivileged_account()
        seconds, rest = divmod(time.time_ns() // 1000, 10**6)
        file = self.inbox / "tmp" / f"{seconds}.M{rest}P0.test"
        file.write_bytes(raw)
        if os.geteuid() == 0:
            os.chown(file, owner.pw_uid, owner.pw_gid)
        file.rename(self.inbox / "new" / file.name)

    def mails(self, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder, in the order in which it came there; [] when there is no such folder."""
        found = []
        for file in self._files(folder):
            with contextlib.suppress(FileNotFoundError):  # it is being moved
                found.append(file.read_bytes())
        return found

    def _files(self, folder: str) -> list[Path]:
        place = self.inbox if folder == "INBOX" else self.inbox / f".{folder}"
        return sorted([*place.glob("new/*"), *place.glob("cur/*")], key=_when)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def flags(self, folder: str = "INBOX") -> str:
        """The letters of all flags of all mails (of Maildir: S for read, F for flagged, T for deleted …)."""
        return "".join(file.name.partition(":2,")[2] for file in self._files(folder))

    def number_anew(self) -> None:
        """As after a restored backup: another UIDVALIDITY, other UIDs, the same mails."""
        self.stop()
        for file in (self.inbox / "dovecot-uidlist", *self.inbox.glob("dovecot.index*")):
            file.unlink(missing_ok=True)
        self.start()


def _when(file: Path) -> list[int]:
    """The moment in the name of a file of a Maildir: seconds, then microseconds behind an M."""
    return [int(number) for number in re.findall(r"\d+", file.name)[:2]]


@dataclass
class _Leaving:
    client: IMAPClient

    def close(self) -> None:
        self.client.shutdown()


@contextmanager
def dovecot(**settings: str | int) -> Iterator[Dovecot]:
    if not PROGRAM.exists():
        pytest.fail(CURE)
    folder = Path(tempfile.mkdtemp(prefix="om-dovecot-"))
    folder.chmod(0o755)
    running = Dovecot(folder, **settings)  # type: ignore[arg-type]
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)
