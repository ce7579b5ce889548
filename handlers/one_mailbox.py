"""A community behind one ordinary mailbox: how its addresses are written where only one address exists.

What stands before the @ of our own domain, `family-leave`, stands behind a plus where the provider takes mail for
`box+anything@`. Where it does not, it is the Subject of a new mail, and in the Message-ID of a letter of ours it comes
back with the answer (contract §5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from handlers.address import address_key
from handlers.letter_words import words_of
from handlers.token import new_message_id

_LETTER = re.compile(r"<n\.[a-z2-7]+\.([^<>@\s]+)@([^<>@\s]+)>")
_LOCAL = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class OneMailbox:
    """The mailbox that everything is sent from and answered to."""

    address: str  # as its provider knows it
    plus: bool  # does mail for NAME+anything@ arrive in it?

    @property
    def key(self) -> str:
        """What all spellings of the address have in common."""
        return address_key(self.address)

    def reaching(self, local: str) -> str:
        """The address for mail to `local`; without a plus it is the same for all."""
        name, _, host = self.address.rpartition("@")
        return f"{name}+{local}@{host}" if self.plus else self.address

    def link(self, local: str) -> str:
        """The same behind "mailto:", with the Subject that tells where no plus can (RFC 6068 §2, §5).

        The plus is written as %2B, because some programs read a bare one as a blank.
        """
        address = quote(self.reaching(local), safe="@")
        return address if self.plus else f"{address}?subject={quote(local)}"

    def shown(self, local: str, language: str) -> str:
        """The same for a person to read."""
        if self.plus:
            return self.reaching(local)
        word = words_of(language).word("email", "subject")
        return f"{self.address} ({word}: {local})"

    def local_of(self, address: str) -> str | None:
        """What stands behind the plus, in lower case; "" for the bare address; None when it is another mailbox."""
        name, _, host = self.key.rpartition("@")
        local, _, other_host = address_key(address).rpartition("@")
        if host != other_host:
            return None
        if local == name:
            return ""
        behind = local.removeprefix(f"{name}+")
        return behind if behind != local and _LOCAL.fullmatch(behind) else None


def subject_local(subject: str) -> str:
    """The local part that a Subject consists of, as the links of `OneMailbox.link` make it; "" when it is none."""
    word = subject.strip().lower()
    return word if _LOCAL.fullmatch(word) else ""


def letter_id(random: bytes, local: str, domain: str) -> str:
    """The Message-ID of a letter of ours whose answer is for `local`: `<n.RANDOM.LOCAL@domain>`."""
    head, _, host = new_message_id(random, domain).partition("@")
    return f"{head}.{local}@{host}"


def answered_local(message_id: str, domain: str) -> str:
    """For whom the answer to such a letter is; "" for any other Message-ID."""
    found = _LETTER.fullmatch(message_id.lower())
    return found[1] if found and found[2] == domain and _LOCAL.fullmatch(found[1]) else ""
