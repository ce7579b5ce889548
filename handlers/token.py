"""Addresses and Message-IDs that carry meaning: signed ones that need no table, and short ones that stand for a row.

Every signed text names its key (`kid`) and has a purpose label under its MAC, so that a text made for one purpose is
never taken for another (spec/mail.md §1.7). All of them are read without regard to case.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

DAYS_VALID = 21
_ID_BITS = 40
_DAY_BITS = 20
_MAC_BYTES = 10
_WEB_MAC_BYTES = 20  # a web address may be long, and has no day on which it ends
_AS_DIGITS = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")
_KID = "[a-z0-9]{1,8}"
_BASE32 = "[a-z2-7]"
_VERP = re.compile(rf"b-({_KID})({_BASE32}{{20}})-({_BASE32}{{16}})")
_UNSUBSCRIBE = re.compile(rf"({_KID})-({_BASE32}{{8}})-({_BASE32}{{32}})")
_PRIVATE = re.compile(rf"<m\.({_KID})-({_BASE32}{{16}})-({_BASE32}{{16}})@[^<>@\s]+>")
_LETTER = re.compile(rf"<n\.({_BASE32}{{40}})[.@]")
_LETTER_MAC_BYTES = 12

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_SURE_DIGITS = "23456789"  # nobody writes these as a letter; 0 and 1 are also read from o, i and l
_SHORT_TOKEN = re.compile(f"[{_CROCKFORD}]{{8,10}}")
_TYPED_ALIKE = str.maketrans("oil", "011")


@dataclass(frozen=True, slots=True)
class Secret:
    """One HMAC key and the name (`kid`, 1-8 of a-z0-9) by which a text says that it was made with it."""

    kid: str
    key: bytes


Secrets = tuple[Secret, ...]
"""The first one signs; all of them are believed, so that a key can be replaced without losing what is on its way."""


@dataclass(frozen=True, slots=True)
class VerpAddress:
    """Whom (0: no member) and what a bounce is about, and the day on which we wrote."""

    member_id: int
    content_id: int
    day: date


@dataclass(frozen=True, slots=True)
class PrivateReference:
    """Whose copy was answered, in which thread."""

    member_id: int
    thread_id: int


def verp_address(secrets: Secrets, *, member_id: int, content_id: int, day: date, domain: str) -> str:
    """The envelope sender of one copy: `b-<kid><member40><content40><day20>-<mac80>@domain`.

    The local part has 40 to 47 octets, of at most 64 (RFC 5321 §4.5.3.1.1).
    Raises ValueError when a number does not fit its place.
    """
    secret = secrets[0]
    facts = _number(member_id, _ID_BITS) << _ID_BITS | _number(content_id, _ID_BITS)
    signed = secret.kid + _base32_of(facts << _DAY_BITS | _number(day.toordinal(), _DAY_BITS), 20)
    return f"b-{signed}-{_mac(secret, b'verp1', signed)}@{domain}"


def read_verp(secrets: Secrets, local: str, today: date) -> VerpAddress | None:
    """What a local part says that `verp_address` made, or None: forged, garbage, or older than 21 days.

    A day in the future is borne: the clock may have been set back since.
    """
    found = _VERP.fullmatch(local.lower())
    if found is None:
        return None
    kid, facts, mac = found.groups()
    if not _is_genuine(secrets, kid, b"verp1", kid + facts, mac):
        return None
    number = _number_of(facts)
    ordinal = number & (1 << _DAY_BITS) - 1
    age = today.toordinal() - ordinal
    if not -1 <= age <= DAYS_VALID:
        return None
    member_id = number >> _DAY_BITS + _ID_BITS
    content_id = number >> _DAY_BITS & (1 << _ID_BITS) - 1
    return VerpAddress(member_id, content_id, date.fromordinal(ordinal))


def private_reference(secrets: Secrets, *, member_id: int, thread_id: int, domain: str) -> str:
    """The first entry of References in one member's copies of one thread: `<m.TOKEN@domain>`, always the same.

    Raises ValueError when a number does not fit its place.
    """
    secret = secrets[0]
    facts = _base32_of(_number(member_id, _ID_BITS) << _ID_BITS | _number(thread_id, _ID_BITS), 16)
    return f"<m.{secret.kid}-{facts}-{_mac(secret, b'reference1', secret.kid + facts)}@{domain}>"


def read_private_reference(secrets: Secrets, message_id: str) -> PrivateReference | None:
    """What a Message-ID says that `private_reference` made, or None."""
    found = _PRIVATE.fullmatch(message_id.lower())
    if found is None:
        return None
    kid, facts, mac = found.groups()
    if not _is_genuine(secrets, kid, b"reference1", kid + facts, mac):
        return None
    number = _number_of(facts)
    return PrivateReference(number >> _ID_BITS, number & (1 << _ID_BITS) - 1)


def unsubscribe_token(secrets: Secrets, *, membership_id: int) -> str:
    """What stands behind /u/ in the web address that ends one membership; it never expires (RFC 8058 §3.1).

    Raises ValueError when the number does not fit its place.
    """
    secret = secrets[0]
    facts = _base32_of(_number(membership_id, _ID_BITS), 8)
    return f"{secret.kid}-{facts}-{_mac(secret, b'unsubscribe1', secret.kid + facts, _WEB_MAC_BYTES)}"


def read_unsubscribe_token(secrets: Secrets, text: str) -> int | None:
    """The membership that `unsubscribe_token` made it for, or None: forged or garbage."""
    found = _UNSUBSCRIBE.fullmatch(text.lower())
    if found is None:
        return None
    kid, facts, mac = found.groups()
    if not _is_genuine(secrets, kid, b"unsubscribe1", kid + facts, mac, _WEB_MAC_BYTES):
        return None
    return _number_of(facts)


@lru_cache(maxsize=256)  # asked for every mail of a member
def address_marks(secrets: Secrets, key: str) -> tuple[str, ...]:
    """What stands for an address (by its key) where it shall not be read: one for each secret, the first to be written.

    The same address always has the same marks, so it is known again after everything else about it was erased.
    """
    purposed = b"address1" + key.encode("utf-8", "surrogateescape")
    return tuple(_base32(hmac.digest(secret.key, purposed, hashlib.sha256)[:20]) for secret in secrets)


def minted_message_id(secrets: Secrets, original: str, domain: str) -> str:
    """The Message-ID that stands for `original` in copies: `<p.…@domain>`, always the same for the same original.

    `original` is a Message-ID that tells too much, or for a message without one whatever tells it from all others
    (the SHA-256 of its bytes). Raises ValueError when it is empty: all such messages would become one.
    """
    if not original:
        raise ValueError("a minted Message-ID stands for something")
    digest = hmac.digest(secrets[0].key, b"minted1" + original.encode("utf-8", "surrogateescape"), hashlib.sha256)
    return f"<p.{_base32(digest[:20])}@{domain}>"


def new_message_id(random: bytes, domain: str) -> str:
    """A Message-ID for a message of ours, from at least 16 random bytes (RFC 5322 §3.6.4)."""
    return f"<n.{_base32(random)}@{domain}>"


def letter_mark(secrets: Secrets, *, member_id: int, random: bytes) -> bytes:
    """25 bytes for `new_message_id` by which an answer tells which member (0: none) got the letter, from 8 random ones.

    Raises ValueError when a number does not fit its place.
    """
    facts = _number(member_id, _ID_BITS).to_bytes(5, "big") + random[:8]
    return facts + _letter_mac(secrets[0], facts)


def read_letter_mark(secrets: Secrets, message_id: str) -> int | None:
    """The member to whom we sent the letter with this Message-ID; None when it is none of ours, or went to nobody."""
    found = _LETTER.match(message_id.lower())
    if found is None:
        return None
    data = base64.b32decode(found[1].upper())
    facts, mac = data[:-_LETTER_MAC_BYTES], data[-_LETTER_MAC_BYTES:]
    if not any(hmac.compare_digest(_letter_mac(secret, facts), mac) for secret in secrets):
        return None
    return int.from_bytes(facts[:5], "big") or None


def short_token(random: bytes) -> str:
    """10 characters of Crockford's base32, lower case, from at least 9 random bytes; one is always a digit of 2-9.

    The digit tells a token from a word: see `normal_token`.
    """
    number = int.from_bytes(random[:7], "big")
    token = "".join(_CROCKFORD[number >> 5 * place & 31] for place in range(10))
    if any(character in _SURE_DIGITS for character in token):
        return token
    place = random[7] % 10
    return token[:place] + _SURE_DIGITS[random[8] % len(_SURE_DIGITS)] + token[place + 1 :]


def normal_token(text: str) -> str | None:
    """The stored form of a token as a person or program wrote it: any case, o for 0, i and l for 1.

    None when it cannot be one. Words ("families") have no digit from 2 to 9, so they never can.
    """
    normal = text.lower().translate(_TYPED_ALIKE)
    if _SHORT_TOKEN.fullmatch(normal) is None or not any(character in _SURE_DIGITS for character in normal):
        return None
    return normal


def _mac(secret: Secret, purpose: bytes, text: str, size: int = _MAC_BYTES) -> str:
    return _base32(hmac.digest(secret.key, purpose + text.encode("ascii"), hashlib.sha256)[:size])


def _letter_mac(secret: Secret, facts: bytes) -> bytes:
    return hmac.digest(secret.key, b"letter1" + facts, hashlib.sha256)[:_LETTER_MAC_BYTES]


def _is_genuine(secrets: Secrets, kid: str, purpose: bytes, text: str, mac: str, size: int = _MAC_BYTES) -> bool:
    return any(secret.kid == kid and hmac.compare_digest(_mac(secret, purpose, text, size), mac) for secret in secrets)


def _number(value: int, bits: int) -> int:
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{value} does not fit {bits} bits")
    return value


def _base32(data: bytes) -> str:
    """RFC 4648 §6, lower case, without padding."""
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _base32_of(number: int, characters: int) -> str:
    """`number` in so many characters: each carries 5 of its bits, so no two spellings are the same number."""
    spare = -5 * characters % 8
    return _base32((number << spare).to_bytes((5 * characters + spare) // 8, "big"))[:characters]


def _number_of(text: str) -> int:
    return int(text.translate(_AS_DIGITS), 32)
