"""Header lines that we write ourselves: every value is encoded and folded by one function (spec/mail.md §2.2)."""

from __future__ import annotations

from email.headerregistry import Address
from email.policy import SMTP, SMTPUTF8


def mailbox_line(field: str, display: str, address: str) -> bytes:
    """`Field: "Display" <address>` with its CRLF; RFC 2047 for the name, RFC 6532 only where the address needs it."""
    local, _, domain = address.rpartition("@")
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in display).split())
    policy = SMTP if address.isascii() else SMTPUTF8
    value = str(Address(display_name=clean, username=local, domain=domain))
    return policy.fold_binary(field, policy.header_factory(field, value))


def text_line(field: str, text: str) -> bytes:
    """`Field: text` with its CRLF, encoded by RFC 2047 where needed."""
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return SMTP.fold_binary(field, SMTP.header_factory(field, clean))
