"""The one mailbox of mailbox mode: where it is, whose it is, and what is known about its provider."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from handlers.address import address_key
from handlers.one_mailbox import OneMailbox
from organic_mail import config_values as values
from organic_mail.config import Settings, read_secret
from organic_mail.problem import Problem
from organic_mail.smarthost import AUTH_PARAMETER, read_mechanism
from storage.database import Database
from storage.mailboxes import takes_plus

PORTS = {"imap": 143, "imaps": 993}  # RFC 9051 §2.1, RFC 8314 §3.2


@dataclass(frozen=True, slots=True)
class Provider:
    """What holds for all mailboxes of a provider. None: not known, so it is found out."""

    plus: bool | None = None  # mail for NAME+anything@ arrives
    authserv_id: str = ""  # by which its Authentication-Results begin (RFC 8601 §2.5); `*.` for any host below


_GOOGLE = Provider(plus=True, authserv_id="mx.google.com")
_MICROSOFT = Provider(plus=True)
_APPLE = Provider(plus=True)
_FASTMAIL = Provider(plus=True, authserv_id="*.messagingengine.com")
_PROVIDERS = {
    "gmail.com": _GOOGLE,
    "googlemail.com": _GOOGLE,
    "outlook.com": _MICROSOFT,
    "hotmail.com": _MICROSOFT,
    "live.com": _MICROSOFT,
    "icloud.com": _APPLE,
    "me.com": _APPLE,
    "mac.com": _APPLE,
    "fastmail.com": _FASTMAIL,
    "fastmail.fm": _FASTMAIL,
}


@dataclass(frozen=True, slots=True)
class ImapPlace:
    """Where the mailbox is read. `name` logs in; `mechanism`: "" for a password, or "XOAUTH2" for an access token."""

    host: str
    port: int
    tls: bool
    name: str
    mechanism: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """None without TLS, which only this machine is reached without."""
        if not self.tls:
            return None
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996 §6
        if values.is_loopback(self.host):  # nobody stands in between, and certificates are mostly self-made
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def imap_place(settings: Settings) -> ImapPlace:
    """Raises Problem when `mailbox.imap` names a way to log in that we do not know."""
    url = urlsplit(settings.mailbox.imap)
    name, mechanism = read_mechanism("mailbox.imap", unquote(url.username or ""))
    return ImapPlace(url.hostname or "", url.port or PORTS[url.scheme], url.scheme == "imaps", name, mechanism)


def imap_secret(settings: Settings) -> str:
    """The password or the access token, read for each login, so that a new one counts at once.

    Raises ConfigProblem.
    """
    return read_secret("mailbox.password_file", settings.mailbox.password_file)


def mailbox_address(settings: Settings) -> str:
    """The address that the mailbox has in the world. Raises Problem when nothing tells it."""
    place = imap_place(settings)
    hop = values.smarthost(settings.delivery.smarthost)
    for name in (place.name, hop.username.partition(AUTH_PARAMETER)[0]):
        if "@" in name:
            return name
    if values.is_loopback(place.host):  # a trial: the provider is this machine, and its domain ours
        return f"{place.name}@{settings.community.domain}"
    raise Problem(
        f'mailbox.imap: "{place.name}" is no whole address, so nobody could answer; '
        f'write it as "imaps://{place.name}%40DOMAIN@{place.host}"'
    )


def own_mailbox(settings: Settings, database: Database) -> OneMailbox | None:
    """The mailbox as everything is addressed by it; None outside of mailbox mode. Raises Problem and StorageTrouble."""
    if settings.delivery.transport != "mailbox":
        return None
    mailbox = OneMailbox(mailbox_address(settings), plus=False)
    plus = provider_of(mailbox.address).plus
    if plus is None:
        plus = database.read(lambda session: takes_plus(session, mailbox.key))
    return replace(mailbox, plus=bool(plus))


def provider_of(address: str) -> Provider:
    return _PROVIDERS.get(address_key(address).rpartition("@")[2], Provider())


def is_providers(settings: Settings, authserv_id: str) -> bool:
    """Does the provider of the mailbox sign its Authentication-Results so? The operator may name how it does."""
    wanted = settings.smtp.trusted_authserv_id.lower() or provider_of(mailbox_address(settings)).authserv_id
    if wanted.startswith("*."):
        return authserv_id.endswith(wanted[1:])
    return bool(wanted) and authserv_id == wanted
