"""A family whose members write with programs that are not ours, and what OpenDKIM says of the copies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.interop.opendkim import verdicts
from tests.wire.command_line import Operator
from tests.wire.daemons import Daemon, daemon

ANNA, ROSE, TOM = (f"{name}@home.example" for name in ("anna", "rose", "tom"))


@contextmanager
def berg_family(om: Operator) -> Iterator[Daemon]:
    om("list", "create", "family", "--title", "The Berg family")
    for person in (f"Anna Berg <{ANNA}>", f"Rose Okafor <{ROSE}>", f"Tom Okafor <{TOM}>"):
        om("member", "add", "family", person, "--confirmed", "--quiet")
    with daemon(om.home) as running:
        yield running


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.SMTP)  # type: ignore[return-value, arg-type]


def without_envelope(delivered: bytes) -> bytes:
    """What was sent: a Maildir puts Return-Path and Delivered-To above it."""
    return delivered.split(b"\r\n", 2)[2]


def copies_to(serving: Daemon, address: str) -> list[bytes]:
    """In the order in which they came."""
    files = serving.home.glob(f"mail/{address}/new/*")
    return [without_envelope(file.read_bytes()) for file in sorted(files, key=lambda file: file.stat().st_mtime_ns)]


def text_of(copy: bytes) -> str:
    body = read(copy).get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def signatures(om: Operator, copies: list[bytes], folder: Path) -> set[str]:
    """ "pass" alone, where each copy has a signature that its own published key fits."""
    (key,) = [record for record in om("dns", "show", "--json").json if "._domainkey." in record["name"]]
    return set(verdicts(folder, {key["name"]: key["value"]}, copies))
