"""How single values of organic-mail.toml are written: addresses to listen on, next hops, sizes, names.

Every reader raises ValueError with one sentence that shows how to write it.
"""

from __future__ import annotations

import ipaddress
import json
import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import SplitResult, unquote, urlsplit

import idna

SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
LONGEST_LINE = 100
SMARTHOST_PORTS = {"smtp": 25, "smtps": 465, "submission": 587}  # RFC 8314 §3.3, RFC 6409 §3.1


@dataclass(frozen=True, slots=True)
class Listener:
    """One place to accept mail: a TCP port, or the path of a UNIX socket."""

    lmtp: bool
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Can nobody from outside this machine reach it?"""
        return bool(self.path) or is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class Smarthost:
    """The fixed next hop. smtps: TLS from the first byte; submission: STARTTLS is demanded; smtp: where offered."""

    scheme: str
    host: str
    port: int
    username: str = ""


def nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that was probably meant, or ""."""
    return next(iter(get_close_matches(word, list(words), n=1)), "")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_and_port(text: str, *, default_port: int | None = None) -> tuple[str, int]:
    """HOST:PORT, an IPv6 address in brackets."""
    matched = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/@]+))(?::(\d{1,5}))?", text)
    if matched is None or (matched[3] is None and default_port is None) or int(matched[3] or 0) > 65535:
        raise ValueError(f'"{text}" is not HOST:PORT; write for example "127.0.0.1:2525" or "[::1]:2525"')
    return matched[1] or matched[2], int(matched[3]) if matched[3] else default_port or 0


def listener(text: str) -> Listener:
    """HOST:PORT, lmtp:HOST:PORT or lmtp:/path."""
    lmtp, rest = text.startswith("lmtp:"), text.removeprefix("lmtp:")
    if lmtp and rest.startswith("/"):
        return Listener(lmtp=True, path=rest)
    host, port = host_and_port(rest)
    return Listener(lmtp=lmtp, host=host, port=port)


def _url(text: str, cure: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.hostname, url.username, url.port
    except ValueError:
        raise ValueError(f'"{text}" is not understood; {cure}') from None
    return url


def smarthost(text: str) -> Smarthost:
    """smtp://HOST:PORT, smtps://USER@HOST:PORT or submission://USER@HOST:PORT."""
    cure = 'write for example "smtp://127.0.0.1:25" or "submission://USER@HOST:587"'
    url = _url(text, cure)
    if url.password is not None:
        raise ValueError(
            "a password does not stand in the address; write it into a file and name that in password_file"
        )
    if url.scheme not in SMARTHOST_PORTS or url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError(f'"{text}" is not a mail server; {cure}')
    username, _, place = url.netloc.rpartition("@")
    try:
        host, port = host_and_port(place, default_port=SMARTHOST_PORTS[url.scheme])
    except ValueError:
        raise ValueError(f'"{text}" names no host; {cure}') from None
    return Smarthost(url.scheme, host, port, unquote(username))


def domain(text: str) -> str:
    """A mail domain; what is kept is its A-label form in lower case (RFC 5890 §2.3.2.1)."""
    try:
        name = idna.encode(text.rstrip("."), uts46=True).decode("ascii")
    except idna.IDNAError:
        name = ""
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
        raise ValueError(f'"{text}" is not a mail domain; write for example "oak.example"')
    return name


def address(text: str) -> str:
    """NAME@DOMAIN, in the plain form that a person has."""
    if not re.fullmatch(r"[^\s<>@\"(),;:\\]{1,64}@[^\s<>@\"(),;:\\]{1,255}", text):
        raise ValueError(f'"{text}" is not an address; write for example "olu@example.org"')
    return text


def timezone(text: str) -> str:
    """An IANA name. UTC is known even to a machine without a table of time zones."""
    if text == "UTC":
        return text
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        close = nearest(text, zoneinfo.available_timezones())
        cure = f'did you mean "{close}"?' if close else 'write for example "Europe/Stockholm"'
        raise ValueError(f'"{text}" is not a time zone; {cure}') from None
    return text


def language(text: str) -> str:
    """A language tag (RFC 5646 §2.1)."""
    if not re.fullmatch(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*", text):
        raise ValueError(f'"{text}" is not a language; write for example "en" or "sv"')
    return text


def one_line(text: str) -> str:
    """A name or a title, as people read it in their mail."""
    line = " ".join(text.split())
    if not line or not line.isprintable() or len(line) > LONGEST_LINE:
        raise ValueError(f"write one line of 1 to {LONGEST_LINE} characters")
    return line


def size(value: object) -> int:
    """Bytes, from a whole number or from words like "25 MB" (10^6) and "25 MiB" (2^20)."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    matched = re.fullmatch(r"(\d{1,12}(?:\.\d{1,3})?)\s*([A-Za-z]*)", value.strip()) if isinstance(value, str) else None
    unit = SIZES.get(matched[2].upper()) if matched else None
    if matched is None or unit is None or float(matched[1]) * unit < 1:
        raise ValueError(f'"{value}" is not a size; write for example "25 MB"')
    return int(float(matched[1]) * unit)


def network(text: str) -> str:
    """An IP address or network."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a network; write for example "192.0.2.1" or "192.0.2.0/24"') from None
    return text


def nameserver(text: str) -> tuple[str, int]:
    """IP or IP:PORT."""
    try:
        host, port = (text, 53) if text.count(":") > 1 and "[" not in text else host_and_port(text, default_port=53)
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f'"{text}" is not the number of a name server; write for example "9.9.9.9:53"') from None
    return host, port


def database_url(text: str) -> str:
    """sqlite:///FILE or postgresql+psycopg://…"""
    if text.startswith(("sqlite:////", "postgresql+psycopg://")) or re.fullmatch(r"sqlite:///[^/?].*", text):
        return text
    raise ValueError(f'"{text}" is not a database; write "sqlite:///community.db" or "postgresql+psycopg://HOST/NAME"')


def base_url(text: str) -> str:
    """https://…, without the last slash; plain http on loopback only."""
    cure = 'write it as members open it: "https://…"'
    url = _url(text, cure)
    plain_on_loopback = url.scheme == "http" and is_loopback(url.hostname or "")
    if not url.hostname or not (url.scheme == "https" or plain_on_loopback):
        raise ValueError(f'"{text}" is not reached by members; {cure}')
    return text.rstrip("/")


def imap(text: str) -> str:
    """imaps://USER@HOST; imap:// on loopback only."""
    cure = 'write for example "imaps://USER@HOST"'
    url = _url(text, cure)
    if url.scheme not in {"imap", "imaps"} or not url.hostname or not url.username or url.password is not None:
        raise ValueError(f'"{text}" is not a mailbox; {cure}')
    if url.scheme == "imap" and not is_loopback(url.hostname):
        raise ValueError(f'"{text}" would send the password in the clear; write imaps://')
    return text


def listed(value: object) -> object:
    """A list; the environment gives one as JSON, or simply with commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError(f"{value} is not a list; write the values with commas between them") from None
    return [piece.strip() for piece in value.split(",") if piece.strip()]
