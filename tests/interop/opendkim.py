"""OpenDKIM, a verifier that is not ours: over files, and as a milter of Postfix."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.postfix import wait_for_port
from tests.ports import free_port

CURE = "these tests need OpenDKIM: apt-get install opendkim"


def program() -> str:
    found = shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if found is None:
        pytest.fail(CURE)
    return found


def settings_in(folder: Path, keys: Mapping[str, str], *more: str) -> Path:
    """Its settings; `keys`: what DNS would say, name to text."""
    published = folder / "published"
    published.write_text("".join(f"{name} {text}\n" for name, text in keys.items()))
    settings = folder / "opendkim.conf"
    lines = ("Mode v", f"TestPublicKeys {published}", "Syslog no", *more)
    settings.write_text("".join(f"{line}\n" for line in lines))
    return settings


def verdicts(folder: Path, keys: Mapping[str, str], letters: Sequence[bytes]) -> list[str]:
    """ "pass", "fail" or "none" for each letter, in their order."""
    files = []
    for number, letter in enumerate(letters):
        files.append(folder / f"{number}.eml")
        files[-1].write_bytes(letter)
    command = [program(), "-x", settings_in(folder, keys), "-v", "-v", "-t", ",".join(map(str, files))]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.findall(r"INSHEADER: .*?hname='Authentication-Results'[^#]*?dkim=(\w+)", said.stdout, re.DOTALL)
    assert len(found) == len(letters), said.stdout + said.stderr
    return found


@contextmanager
def milter(folder: Path, keys: Mapping[str, str], authserv_id: str) -> Iterator[str]:
    """Running beside an MTA: what smtpd_milters says. It writes Authentication-Results in the name of `authserv_id`."""
    port = free_port()
    more = (f"Socket inet:{port}@127.0.0.1", f"AuthservID {authserv_id}", "AlwaysAddARHeader yes")

    process = subprocess.Popen(
        [program(), "-f", "-x", settings_in(folder, keys, *more)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port("127.0.0.1", port, lambda: process.poll() is None, lambda: "opendkim")
        yield f"inet:127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
