"""What an address at our domain means (contract §3): role, list, alias, space or token, in that order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from handlers.address import address_key
from handlers.token import VerpAddress, normal_token


class Kind(StrEnum):
    LIST = "list"  # to everyone
    JOIN = "join"
    LEAVE = "leave"
    HELP = "help"
    OWNER = "owner"  # the people who run the list
    OPERATOR = "operator"  # postmaster, abuse
    ALIAS = "alias"  # private mail to one member
    REMOTE = "remote"  # private mail to somebody of another server
    SPACE = "space"  # to everyone on a list and in a space that it is in
    TOKEN = "token"  # noqa: S105 - one stored action
    PEER = "peer"  # another server
    BOUNCE = "bounce"  # what comes back to the envelope sender of a copy
    NOBODY = "nobody"  # nothing is at this address (any more)


_SUFFIXES = {  # RFC 2142 §6 has -request, and the customs of other list servers the rest
    "join": Kind.JOIN,
    "subscribe": Kind.JOIN,
    "leave": Kind.LEAVE,
    "unsubscribe": Kind.LEAVE,
    "help": Kind.HELP,
    "request": Kind.HELP,
    "owner": Kind.OWNER,
}
_OPERATOR_NAMES = frozenset(  # RFC 5321 §4.5.1, RFC 2142 §2
    {"postmaster", "abuse", "organic", "organic-relay", "mailer-daemon"}
)
_RESERVED_BEGINNINGS = ("organic-", "r-", "b-")
_BOUNCE_BEGINNING, _REMOTE_BEGINNING = "b-", "r-"
_PEER = "organic-peer"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_LONGEST_NAME = 40  # with the longest suffix it stays below 64 octets (RFC 5321 §4.5.3.1.1)


@dataclass(frozen=True, slots=True)
class Route:
    kind: Kind
    address: str  # comparable: lower case, our domain as A-label
    list_name: str = ""  # of LIST JOIN LEAVE HELP OWNER TOKEN, of SPACE once it was found
    token: str = ""  # in its stored form
    alias: str = ""
    space: str = ""  # of SPACE once it was found: its id
    bounce: VerpAddress | None = None  # once its signature has been checked


@lru_cache(maxsize=1024)  # each address is asked for twice at least, at RCPT and after DATA
def candidates(address: str, domain: str) -> tuple[Route, ...]:
    """What `address` can mean, most binding meaning first; the first that exists in storage is its route.

    Empty when the address is not at our `domain` (an A-label in lower case). The bare `postmaster` is ours
    everywhere (RFC 5321 §4.5.1).
    """
    key = address_key(address)
    local, at, host = key.rpartition("@")
    if not at:
        return (Route(Kind.OPERATOR, f"postmaster@{domain}"),) if host == "postmaster" else ()
    if host != domain:
        return ()
    if local in _OPERATOR_NAMES:
        return (Route(Kind.OPERATOR, key),)
    if local == _PEER:
        return (Route(Kind.PEER, key),)
    if local.startswith(_PEER) and local[len(_PEER)] in "-+":
        return (Route(Kind.PEER, key, token=local[len(_PEER) + 1 :]),)
    if local.startswith(_BOUNCE_BEGINNING):
        return (Route(Kind.BOUNCE, key),)
    if local.startswith(_REMOTE_BEGINNING):
        return (Route(Kind.REMOTE, key, alias=local),)
    stem, suffix = _stem_and_suffix(local)
    if stem and suffix in _SUFFIXES:
        return (Route(_SUFFIXES[suffix], key, list_name=stem),)
    named = (Route(Kind.LIST, key, list_name=local), Route(Kind.ALIAS, key, alias=local))
    if not stem:
        return named
    space, token = Route(Kind.SPACE, key), normal_token(suffix)
    last = () if token is None else (Route(Kind.TOKEN, key, list_name=stem, token=token),)
    return (*named, space, *last)


def in_domain(address: str, domain: str) -> bool:
    """Is it an address at our domain (an A-label in lower case)?"""
    return address_key(address).rpartition("@")[2] == domain


def reserved_name(name: str) -> str | None:
    """Why no list and no alias can have this name; None when one can."""
    if _NAME.fullmatch(name) is None or ".." in name:
        return "a name has lower-case letters, digits, dots and dashes, and begins and ends with a letter or digit"
    if len(name) > _LONGEST_NAME:
        return f"a name has at most {_LONGEST_NAME} characters"
    if name in _OPERATOR_NAMES:
        return f"{name}@ always reaches the operator"
    if name.startswith(_RESERVED_BEGINNINGS):
        return "names that begin with organic-, r- or b- are kept for the server itself"
    last = name.rpartition("-")[2]
    if last in _SUFFIXES:
        return f"a name that ends in -{last} would be taken for the address of another list"
    if normal_token(last) == last:
        return f"{last} looks like one of our tokens; add a letter such as i, l, o or u, or take another name"
    return None


def _stem_and_suffix(local: str) -> tuple[str, str]:
    """Cut at the last `-` or `+`: we write `-`, and understand both."""
    cut = max(local.rfind("-"), local.rfind("+"))
    return (local[:cut], local[cut + 1 :]) if cut > 0 else ("", local)
