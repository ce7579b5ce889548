"""Whom a failure report is about (RFC 3464 first, then the prose that older servers write).

A report says which address failed and whether the server has given up on it. What that means for the member is
decided elsewhere (spec/mail.md §3.5): only what the signed return path names is ever counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from handlers import mime, report_prose
from handlers.address import address_key
from handlers.field_value import field_text
from handlers.message import MalformedMessage, Message, field_body, read_fields
from handlers.mime import Part


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient that a report names."""

    address: str  # as the report spells it; "" where its fields have no whole address
    permanent: bool  # False: only late so far, or given up because nobody answered at the other end
    status: str = ""  # RFC 3463 §2, "5.1.1"; "" when the report has none
    diagnostic: str = ""  # what the other server said, in one line
    given_up: bool = field(default=True, compare=False)  # False: it is only late so far
    prose: bool = field(default=False, compare=False)  # told in words, which anything may look like


_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_SMTP_REFUSAL = re.compile(r"(?<![\d.:])[45]\d\d(?![\d.])")
_NO_SUCH_DOMAIN = re.compile(
    r"NXDOMAIN|NOERROR|host (?:or domain name )?not found|name or service not known|unknown host", re.I
)
_NOBODY_ANSWERED = re.compile(r"4\.4\.\d+")  # RFC 3463 §3.5: trouble of the network on the way
_BLANK_LINES = re.compile(rb"(?:\r?\n[ \t]*){2,}")
_ADDRESS = re.compile(r"[^\s<>;,()\"']+@[^\s<>;,()\"']+")
_REPORT_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})  # RFC 3464 §2, RFC 6533 §3


def failures(message: Message) -> tuple[Failure, ...]:
    """The recipients that `message` reports as failed or late; empty when it is no failure report.

    Never raises: a report that cannot be read names nobody.
    """
    return tuple(failure for failure in reported(message) if failure.address)


def reported(message: Message) -> tuple[Failure, ...]:
    """The same with those whose address the report leaves out or spells in a way of its own."""
    try:
        all_parts = mime.parts(message)
    except MalformedMessage:
        return ()
    statuses = [part for part in all_parts if part.content_type in _REPORT_TYPES]
    found = [failure for part in statuses for failure in _of_delivery_status(mime.decoded(message, part))]
    if not any(failure.address for failure in found) and (statuses or report_prose.looks_like_report(message)):
        said = report_prose.said_by_server(message, all_parts)
        whole = said + "\n\n" + message.body[: report_prose.MOST_TEXT].decode("latin-1")
        # a report whose MIME is broken still has its fields
        in_words = [replace(each, prose=True) for each in _of_delivery_status(whole.encode()) if each.address]
        found += in_words or [_of_prose(*hit) for hit in report_prose.failures(message, said)]
    return _once_each(found)


def is_report(message: Message, all_parts: tuple[Part, ...]) -> bool:
    """Was it written by a mail server about mail that could not be delivered?"""
    return any(part.content_type in _REPORT_TYPES for part in all_parts) or report_prose.looks_like_report(message)


def status_groups(data: bytes) -> Iterator[dict[str, str]]:
    """The groups of fields of a message/delivery-status body (RFC 3464 §2.1), names in lower case."""
    for block in _BLANK_LINES.split(data.strip()):
        fields, _ = read_fields(block + b"\r\n", 0, len(block) + 2)
        group: dict[str, str] = {}
        for each in fields:
            if each.name in group and each.name in ("original-recipient", "final-recipient"):
                yield group  # some servers forget the blank line between two recipients
                group = {}
            group.setdefault(each.name, field_text(field_body(block, each)))
        if group:
            yield group


def _of_delivery_status(data: bytes) -> Iterator[Failure]:
    for group in status_groups(data):
        action = group.get("action", "").strip().lower()
        if not action and not group.keys() & {"original-recipient", "final-recipient"}:
            continue  # about the message, not about a recipient
        if action.startswith(("delivered", "relayed", "expanded")):  # RFC 3464 §2.3.3
            continue
        diagnostic = " ".join(group.get("diagnostic-code", "").partition(";")[2].split())
        status = _STATUS.search(group.get("status", ""))
        code = status[0] if status else ""
        delayed = action.startswith("delayed")
        late = delayed or action.startswith("expired") or _never_reached(code, diagnostic)
        yield Failure(
            _recipient(group), permanent=not late, status=code, diagnostic=diagnostic[:200], given_up=not delayed
        )


def _recipient(group: dict[str, str]) -> str:
    """The address that was written to: the original one when the report has both (RFC 3464 §2.3.1).

    A final recipient behind an alias of another domain would be somebody whom we do not know.
    """
    for name in ("original-recipient", "final-recipient"):
        match = _ADDRESS.search(group.get(name, "").rpartition(";")[2])
        if match:
            return match[0].rstrip(".")
    return ""


def _never_reached(code: str, diagnostic: str) -> bool:
    """A server gave up because nobody answered at the other end, who so refused nothing."""
    if not _NOBODY_ANSWERED.fullmatch(code):
        return False
    return not (_SMTP_REFUSAL.search(diagnostic) or _NO_SUCH_DOMAIN.search(diagnostic))


def _of_prose(address: str, said: str) -> Failure:
    code = _STATUS.search(said)
    late = report_prose.says_late(said)
    return Failure(
        address,
        permanent=not late,
        status=code[0] if code else "",
        diagnostic=" ".join(said.split())[:200],
        given_up=not late,
        prose=True,
    )


def _once_each(found: list[Failure]) -> tuple[Failure, ...]:
    """One answer per address; a refusal outweighs a delay in the same report."""
    kept: dict[str, Failure] = {}
    for failure in found:
        key = address_key(failure.address)
        if key not in kept or (failure.permanent and not kept[key].permanent):
            kept[key] = failure
    return tuple(kept.values())
