"""Addresses: whom a field names, who wrote a message, and whether two addresses are one.

`parse_mailboxes` reads what it can; `author_of` is strict, because who the author is decides what is allowed.
Both are one pass over the text without recursion.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from email.utils import parseaddr
from functools import lru_cache

from handlers.address_text import DEEPEST_COMMENT, Token, tokens
from handlers.encoded_word import decode_words
from handlers.field_value import field_text
from handlers.message import Message

LONGEST_LOCAL = 64  # RFC 5321 §4.5.3.1.1
LONGEST_DOMAIN = 255  # RFC 5321 §4.5.3.1.2
AT_SIGN = re.compile(r"@|%40|&(?:#0*64|#[xX]0*40|commat);")  # as texts, addresses of links and pages write it

_SHORT = 500
"""Characters of a field that is worth remembering."""

_ATOM = r"[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")  # RFC 5321 §4.1.2
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_LABEL = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name (may be "") and an address as its owner writes it."""

    name: str
    address: str


class NoSingleAuthor(ValueError):
    """From does not name exactly one person; `reason` says what is wrong, in words for the author."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AddressProblem(ValueError):
    """What was typed is no address; the text names the cure."""


@lru_cache(maxsize=256)  # the few addresses of one mail are compared time and again
def address_key(address: str) -> str:
    """The form under which an address is compared: case folded, the domain in A-labels (RFC 5890 §2.3.2.1)."""
    local, at, domain = unicodedata.normalize("NFC", address.strip()).casefold().rpartition("@")
    return f"{local}{at}{_a_labels(domain)}"


def parse_mailboxes(value: str) -> list[Mailbox]:
    """Every mailbox of an address-list field, members of groups included; what holds no address is left out.

    *value* is the unfolded field as it stands (encoded words still encoded, so that a comma inside one is no comma).
    """
    return list(_short_list(value) if len(value) <= _SHORT else _mailboxes(value))


@lru_cache(maxsize=256)  # whoever writes to a list writes the same To again and again
def _short_list(value: str) -> tuple[Mailbox, ...]:
    return tuple(_mailboxes(value))


def _mailboxes(value: str) -> list[Mailbox]:
    found: list[Mailbox] = []
    piece: list[Token] = []
    angle = route = False  # a "<" is open; a source route began in it
    for token in tokens(value):
        special = token.text if token.kind == "special" else ""
        if special == "<":
            angle, route = True, False
        elif special == "@" and angle and piece[-1].text == "<":
            route = True
        elif special == ">":
            angle = route = False
        if special and special in ",;" and not route:
            _read_into(found, piece)
            piece = []
            angle = False
        elif special == ":" and not angle:
            piece = []  # what stood before was the name of a group (RFC 5322 §3.4)
        else:
            piece.append(token)
    _read_into(found, piece)
    return found


def author_of(message: Message) -> Mailbox:
    """The one author of a message (RFC 5322 §3.6.2). Raises `NoSingleAuthor` for anything else than one mailbox.

    The grammar is our own; the standard library must read the same address, or nobody is believed: spoofers live
    from mail that two readers understand in two ways.
    """
    fields = message.all("from")
    if not fields:
        raise NoSingleAuthor("The message does not say who wrote it: it has no From line.")
    if len(fields) > 1:
        raise NoSingleAuthor("The message has more than one From line.")
    value = field_text(message.raw_value("from") or b"")
    return _known_author(value) if len(value) <= _SHORT else _author(value)


def _author(value: str) -> Mailbox:
    mailbox = _single_mailbox(value)
    _, second_reading = parseaddr(value)
    if address_key(second_reading).replace('"', "") != address_key(mailbox.address).replace('"', ""):
        raise NoSingleAuthor("The From line can be read in two ways.")
    return mailbox


_known_author = lru_cache(maxsize=256)(_author)  # whoever writes, writes again


def entered_mailbox(text: str) -> Mailbox:
    """What an operator typed, `Name <a@b>` or `a@b`. Raises `AddressProblem`."""
    from email_validator import EmailNotValidError, validate_email  # slow to import, and rarely needed

    try:
        mailbox = _single_mailbox(text.strip())
    except NoSingleAuthor:
        raise AddressProblem(
            f'"{text}" is not one address; write it as anna@example.org or "Anna <anna@example.org>"'
        ) from None
    local, _, domain = mailbox.address.rpartition("@")
    # Names for tests and home networks (RFC 6761 §6) are fine on a loopback trial; the validator refuses them.
    is_reserved = domain.lower().rpartition(".")[2] in ("test", "invalid", "localhost", "local", "example")
    try:
        checked = validate_email(
            f"{local}@example.org" if is_reserved else mailbox.address,
            check_deliverability=False,
            globally_deliverable=False,
        )
    except EmailNotValidError as problem:
        raise AddressProblem(f'"{mailbox.address}" cannot be an address: {problem}') from None
    return Mailbox(mailbox.name, f"{checked.local_part}@{domain.lower()}" if is_reserved else checked.normalized)


def valid_mailbox(address: str, *, smtputf8: bool) -> bool:
    """May *address* stand in MAIL FROM or RCPT TO? (RFC 5321 §4.1.2; beyond ASCII only with RFC 6531 §3.3)"""
    local, at, domain = address.rpartition("@")
    if not at or not address.isprintable() or (not smtputf8 and not address.isascii()):
        return False
    if len(local.encode()) > LONGEST_LOCAL or len(domain.encode()) > LONGEST_DOMAIN:
        return False
    plain = _BEYOND_ASCII.sub("x", local)
    if not (_DOT_STRING.fullmatch(plain) or _QUOTED.fullmatch(plain)):
        return False
    return _valid_literal(domain) if domain.startswith("[") else _valid_domain(domain)


def _valid_domain(domain: str) -> bool:
    ascii_domain = domain if domain.isascii() else _a_labels(domain)
    labels = ascii_domain.split(".")
    return ascii_domain.isascii() and len(ascii_domain) <= LONGEST_DOMAIN and all(map(_LABEL.fullmatch, labels))


def _valid_literal(literal: str) -> bool:
    """RFC 5321 §4.1.3, without its general form."""
    if not literal.endswith("]"):
        return False
    inside = literal[1:-1]
    try:
        ipaddress.IPv6Address(inside[5:]) if inside[:5].lower() == "ipv6:" else ipaddress.IPv4Address(inside)
    except ValueError:
        return False
    return True


def _a_labels(domain: str) -> str:
    if domain.isascii() or len(domain) > LONGEST_DOMAIN:
        return domain
    import idna  # large tables, and rarely needed

    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return domain


def _read_into(found: list[Mailbox], piece: list[Token]) -> None:
    mailbox = _tolerant_mailbox(piece)
    if mailbox is not None:
        found.append(mailbox)


def _tolerant_mailbox(piece: list[Token]) -> Mailbox | None:
    """The mailbox in the tokens between two commas, None when no address is in it."""
    angles = [place for place, token in enumerate(piece) if token.kind == "special" and token.text == "<"]
    if angles:
        opening = angles[-1]  # Outlook and others write "Anna <anna@a.example> <anna@a.example>"
        inside = [token for token in piece[opening + 1 :] if token.kind != "comment"]
        closing = next((at for at, token in enumerate(inside) if token.text == ">" and token.kind == "special"), None)
        address = _spoken([token for token in inside[:closing] if token.kind != "blank"])
        if address.startswith("@") and ":" in address:
            address = address.rpartition(":")[2]  # a source route counts for nothing (RFC 5322 §4.4)
        name = _phrase(piece[:opening])
    else:
        words = [token for token in piece if token.kind != "comment"]
        at = next((place for place, token in enumerate(words) if token.kind == "special" and token.text == "@"), None)
        if at is None:
            return None
        address = _spoken(_around(words, at))
        name = ""
    if not name:
        name = " ".join(token.text for token in piece if token.kind == "comment")
    address = address.strip()
    return Mailbox(_shown_name(name), address) if "@" in address[1:-1] else None


def _around(words: list[Token], at: int) -> list[Token]:
    """The tokens of a bare address: what touches its @, blanks around dots and @ forgiven."""
    start, end = at, at + 1
    while start > 0 and (words[start - 1].kind != "blank" or _sticks(words, start - 1)):
        start -= 1
    while end < len(words) and (words[end].kind != "blank" or _sticks(words, end)):
        end += 1
    return [token for token in words[start:end] if token.kind != "blank"]


def _sticks(words: list[Token], blank: int) -> bool:
    beside = words[max(blank - 1, 0) : blank] + words[blank + 1 : blank + 2]
    return any(token.kind == "special" and token.text in "@." for token in beside)


def _spoken(address: list[Token]) -> str:
    """An address from its tokens: quotes stay only where they are needed."""
    return "".join(_local_quoted(token.text) if token.kind == "quoted" else token.text for token in address)


def _local_quoted(text: str) -> str:
    if _DOT_STRING.fullmatch(_BEYOND_ASCII.sub("x", text)):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _phrase(piece: list[Token]) -> str:
    return "".join(token.text for token in piece if token.kind != "comment")


def _shown_name(name: str) -> str:
    return " ".join(decode_words(name).split())


def _single_mailbox(value: str) -> Mailbox:
    """Exactly one mailbox by the grammar of RFC 5322 §3.4, obsolete dots in names allowed. Raises `NoSingleAuthor`."""
    all_tokens = tokens(value)
    if any(token.kind == "broken" or token.depth > DEEPEST_COMMENT for token in all_tokens):
        raise NoSingleAuthor("The From line cannot be read.")
    specials = [token.text for token in all_tokens if token.kind == "special"]
    if any(special in specials for special in ":;"):
        raise NoSingleAuthor("The From line names a group. It must name one person.")
    if "," in specials:
        raise NoSingleAuthor("The From line names more than one person.")
    if specials.count("<") > 1 or specials.count("<") != specials.count(">"):
        raise NoSingleAuthor("The From line names more than one address.")
    if "<" in specials:
        opening = next(place for place, token in enumerate(all_tokens) if token.kind == "special" and token.text == "<")
        closing = next(place for place, token in enumerate(all_tokens) if token.kind == "special" and token.text == ">")
        behind = [token for token in all_tokens[closing + 1 :] if token.kind not in ("comment", "blank")]
        before, inside = all_tokens[:opening], all_tokens[opening + 1 : closing]
        if behind or closing < opening:
            raise NoSingleAuthor("The From line cannot be read.")
    else:
        before, inside = [], all_tokens
    address = _strict_address(inside)
    if any(token.kind == "special" and token.text not in ".@" for token in before):
        raise NoSingleAuthor("The From line cannot be read.")
    if any(token.kind == "special" and token.text == "@" for token in before):
        # anna@a.example <anna@a.example>: many programs forget the quotes; one address twice is one address.
        shown = "".join(_phrase(before).split())
        if address_key(shown) != address_key(address):
            raise NoSingleAuthor("The From line names more than one address.")
    comments = " ".join(token.text for token in all_tokens if token.kind == "comment" and "@" not in token.text)
    return Mailbox(_shown_name(_phrase(before) or comments), address)


def _strict_address(inside: list[Token]) -> str:
    """An addr-spec (RFC 5322 §3.4.1): local part, one @, domain; comments and blanks only around dots and the @."""
    words = [token for token in inside if token.kind != "comment"]
    while words and words[0].kind == "blank":
        del words[0]
    while words and words[-1].kind == "blank":
        del words[-1]
    if any(token.kind == "blank" and not _sticks(words, place) for place, token in enumerate(words)):
        raise NoSingleAuthor("The address in the From line holds a blank.")
    address = _spoken([token for token in words if token.kind != "blank"])
    if not address:
        raise NoSingleAuthor("The From line holds no address.")
    at_signs = sum(1 for token in words if token.kind == "special" and token.text == "@")
    if at_signs != 1 or not valid_mailbox(address, smtputf8=True) or address.endswith("]"):
        raise NoSingleAuthor(f"The From line holds no address that mail can be sent to: {address[:100]}")
    return address
