"""DMARC (RFC 9989): which policy a domain publishes, and whether another domain speaks for it.

Pure: the questions to DNS go through `Names`, which the caller brings. The Public Suffix List only sets an outer bound:
two names that nobody could have registered as one never align, whatever stands in DNS between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal, Protocol

from publicsuffixlist import PublicSuffixList

MOST_LABELS = 8  # of one tree walk, so that it asks at most eight times (RFC 9989 §4.10)

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")  # case-sensitive (RFC 9989 §4.7)
_REPORT_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s,]+", re.IGNORECASE)


class Unanswered(Exception):
    """DNS gave no answer now, neither yes nor no."""


class Names(Protocol):
    """What DMARC asks DNS. Both raise `Unanswered`."""

    def texts(self, name: str) -> Sequence[bytes]:
        """The TXT records at a name, each in one piece; none when there are none, or no such name."""
        ...

    def exists(self, name: str) -> bool:
        """False only for NXDOMAIN (RFC 9989 §3.2.13)."""
        ...


class Wish(StrEnum):
    """What a domain asks of receivers when mail in its name fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


_ONE_LEVEL_BELOW = {Wish.REJECT: Wish.QUARANTINE, Wish.QUARANTINE: Wish.NONE, Wish.NONE: Wish.NONE}


@dataclass(frozen=True, slots=True)
class Record:
    """A policy record (RFC 9989 §4.7), its defaults filled in. `usable` False: there is nothing in it to apply."""

    domain: Wish = Wish.NONE
    subdomains: Wish = Wish.NONE
    missing_subdomains: Wish = Wish.NONE
    psd: Literal["y", "n", "u"] = "u"
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    usable: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """The record that applies to one author's domain, and what it asks for her mail."""

    found_at: str
    wish: Wish
    strict_dkim: bool
    strict_spf: bool


def read_record(text: bytes) -> Record | None:
    """None for a text that is no DMARC record. Unknown tags and broken optional ones are passed over."""
    words = text.decode("ascii", "replace")
    if not _VERSION.match(words):
        return None
    tags: dict[str, str] = {}
    for piece in words.split(";")[1:]:
        name, equals, value = piece.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    wishes = {name: tags[name].lower() for name in ("p", "sp", "np") if name in tags}
    if not set(wishes.values()) <= set(Wish):  # RFC 9989 §4.10.1
        wishes = {}
        usable = any(_REPORT_URI.fullmatch(uri.strip()) for uri in tags.get("rua", "").split(","))
    else:
        usable = True
    domain = Wish(wishes.get("p", Wish.NONE))
    subdomains = Wish(wishes.get("sp", domain))
    psd = tags.get("psd", "").lower()
    return Record(
        domain=domain,
        subdomains=subdomains,
        missing_subdomains=Wish(wishes.get("np", subdomains)),
        psd="y" if psd == "y" else "n" if psd == "n" else "u",
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        testing=tags.get("t", "").lower() == "y",
        usable=usable,
    )


def targets(domain: str) -> tuple[str, ...]:
    """The domains that a tree walk asks at, longest first: at most eight."""
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < MOST_LABELS else labels[1 - MOST_LABELS :]
    return (domain, *(".".join(rest[i:]) for i in range(len(rest))))


def tree_walk(domain: str, names: Names) -> tuple[tuple[str, Record], ...]:
    """The records at and above *domain*, longest name first (RFC 9989 §4.10). Raises `Unanswered`."""
    found: list[tuple[str, Record]] = []
    for target in targets(domain):
        records = [record for text in names.texts(f"_dmarc.{target}") if (record := read_record(text))]
        if len(records) == 1:
            found.append((target, records[0]))
            if records[0].psd != "u":
                break
    return tuple(found)


def organizational_domain(domain: str, found: Sequence[tuple[str, Record]]) -> str:
    """Whose name *domain* is, by the records that its tree walk found (RFC 9989 §4.10.2)."""
    for name, record in found:
        if record.psd == "n":
            return name
        if record.psd == "y" and name != domain:
            return ".".join(domain.split(".")[-(name.count(".") + 2) :])
    return found[-1][0] if found else domain


def policy_of(author: str, names: Names) -> Policy | None:
    """What *author* (a domain in A-labels, lower case) publishes; None where DMARC does not apply.

    RFC 9989 §4.10.1. Raises `Unanswered`.
    """
    found = tree_walk(author, names)
    if not found:
        return None
    records = dict(found)
    at = next((name for name in (author, organizational_domain(author, found)) if name in records), found[-1][0])
    record = records[at]
    if not record.usable:
        return None
    wish = record.domain
    if at != author:
        wish = record.subdomains
        if record.missing_subdomains != wish and not names.exists(author):
            wish = record.missing_subdomains
    if record.testing:  # t=y: one level less (RFC 9989 §4.7)
        wish = _ONE_LEVEL_BELOW[wish]
    return Policy(at, wish, record.strict_dkim, record.strict_spf)


def related(author: str, other: str) -> bool:
    """Could one owner have registered both? If not, they cannot align, and nothing needs to be asked."""
    return author == other or (registered(author) is not None and registered(author) == registered(other))


def aligned(author: str, other: str, names: Names, *, strict: bool, published: bool) -> bool:
    """Does *other*, which has been authenticated, speak for *author*? (RFC 9989 §4.10.2)

    Where no policy is *published*, RFC 9989 says nothing, and the Public Suffix List decides alone.
    Raises `Unanswered`.
    """
    if author == other or strict or not related(author, other):
        return author == other
    if not published:
        return True
    return organizational_domain(author, tree_walk(author, names)) == organizational_domain(
        other, tree_walk(other, names)
    )


def registered(domain: str) -> str | None:
    """The name right below the public suffix; None when *domain* is a public suffix itself or no domain name."""
    return _public_suffixes().privatesuffix(domain)


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()
