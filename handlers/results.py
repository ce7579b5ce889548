"""What an MTA of our own in front says about a message: its Authentication-Results (RFC 8601) and its Received.

Our relays write at the top. What stands below the next Received field after theirs came from outside, and anybody can
write anything there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import authres

from handlers.dmarc import registered
from handlers.field_value import field_text, without_comments
from handlers.message import Field, Message
from handlers.verdict import Evidence

LONGEST_FIELD = 8 * 1024

_RECEIVED_FROM = re.compile(  # RFC 5321 §4.4, as Postfix, Exim, Sendmail, OpenSMTPD and others fill it in
    r"from\s+([^\s()]{1,255})(?:\s*\(\s*(?:[^\s()\[\]=]{1,255}\s+)?\[?(?:IPv6:)?([0-9A-Fa-f:.]{2,45})\b)?",
    re.IGNORECASE,
)
_BY = re.compile(r"\sby\s+([^\s;]{1,255})", re.IGNORECASE)
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{2,45})\]", re.IGNORECASE)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a message reached us, or the outermost of our relays, and the fields that our relays may have written."""

    client: str  # network address, "" when nothing trustworthy names it
    helo: str
    ours: tuple[Field, ...] = ()


def arrival_at_relays(message: Message, relays: Sequence[Network]) -> Arrival:
    """For a message that one of our relays handed to us: follows the Received fields down to the first client that is
    none of *relays* (RFC 5321 §4.4)."""
    client = helo = ""
    followed = False
    for place, field in enumerate(message.fields):
        if field.name == "received":
            if followed and not is_within(client, relays):
                return Arrival(client, helo, message.fields[:place])
            client, helo = _handed_on_by(_text(message, field))
            followed = True
    return Arrival(client, helo, message.fields)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return any((mapped or ip) in network for network in networks)


def trusted_results(message: Message, fields: Sequence[Field], authserv_id: str) -> tuple[Evidence, ...]:
    """What the topmost Authentication-Results of *authserv_id* among *fields* says (RFC 8601 §7.1)."""
    for field in fields:
        if field.name == "authentication-results":
            said = _parsed(_text(message, field))
            if said is not None and said.authserv_id == authserv_id.lower():
                return tuple(found for result in said.results if (found := _evidence(result)))
    return ()


def provider_results(message: Message, is_provider: Callable[[str], bool]) -> tuple[Evidence, ...]:
    """What the provider of a mailbox found, for a message that was read there (RFC 8601 §7.1; spec/mail.md §2.4).

    Only the topmost Authentication-Results counts, only with the provider's authserv-id, and only when the next
    Received below it is the provider's own: so nothing that the message brought along is taken for it.
    """
    for place, field in enumerate(message.fields):
        if field.name == "authentication-results":
            said = _parsed(_text(message, field))
            name = (said.authserv_id or "") if said else ""
            next_received = next((below for below in message.fields[place:] if below.name == "received"), None)
            if said is None or not is_provider(name) or next_received is None:
                return ()
            taken_by = _BY.search(without_comments(_text(message, next_received)))
            if taken_by is None or not _same_house(taken_by[1].lower(), name):
                return ()
            return tuple(found for result in said.results if (found := _evidence(result)))
    return ()


def _same_house(host: str, other: str) -> bool:
    return host == other or (bool(registered(host)) and registered(host) == registered(other))


def _parsed(value: str) -> authres.AuthenticationResultsHeader | None:
    """Comments are cut before, because the library reads nested ones by recursion."""
    try:
        return authres.AuthenticationResultsHeader.parse_value(without_comments(value))
    except authres.AuthResError:
        return None


def _evidence(result: authres.AuthenticationResult) -> Evidence | None:
    said = {f"{given.type}.{given.name}".lower(): given.value.lower() for given in result.properties}
    word = result.result.lower()
    match result.method.lower():
        case "dkim":
            # Some give only the identity, which lies in the signer's domain (RFC 6376 §3.5, i=).
            return Evidence("dkim", said.get("header.d") or _domain(said.get("header.i", "")), word)
        case "spf":
            return Evidence("spf", _domain(said.get("smtp.mailfrom") or said.get("smtp.helo", "")), word)
        case "dmarc" if word == "pass":  # anything less, we look into ourselves
            return Evidence("dmarc", _domain(said.get("header.from", "")), word)
    return None


def _domain(text: str) -> str:
    return text.rpartition("@")[2].strip("<>.")


def _handed_on_by(received: str) -> tuple[str, str]:
    """The network address and the HELO name of the client in one Received field; "" for what it does not say."""
    matched = _RECEIVED_FROM.match(received)
    if not matched:
        return "", ""
    helo, address = matched.groups()
    literal = _LITERAL.fullmatch(helo)
    try:
        return str(ipaddress.ip_address(address or (literal[1] if literal else ""))), helo
    except ValueError:
        return "", helo


def _text(message: Message, field: Field) -> str:
    return " ".join(field_text(message.raw[field.colon + 1 : field.end][:LONGEST_FIELD]).split())
