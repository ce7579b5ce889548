"""The code that one operator hands to another by paper, phone or messenger: `om1:DOMAIN:KEY-ID:TOKEN`."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta

from handlers.peer.control import Unreadable
from handlers.peer.value import read_domain

VALID = timedelta(days=14)
TOKEN_BYTES = 17
"""Of randomness: more than a token of 26 letters can hold, so that each of them is random."""

_TOKEN_LENGTH = 26
_CODE = re.compile(r"om1:([^:\s]{1,253}):([a-z2-7]{16}):([a-z2-7]{26})")


@dataclass(frozen=True, slots=True)
class Code:
    domain: str
    key_id: str  # of the server that invites
    token: str


def new_token(random: bytes, length: int = _TOKEN_LENGTH) -> str:
    """`length` letters of lower-case base32; `random` holds at least 5 bits for each."""
    return base64.b32encode(random).decode().lower().rstrip("=")[:length]


def write_code(code: Code) -> str:
    return f"om1:{code.domain}:{code.key_id}:{code.token}"


def read_code(text: str) -> Code:
    """As it was typed or pasted: capitals and blanks do no harm. Raises Unreadable."""
    found = _CODE.fullmatch("".join(text.split()).lower())
    if found is None:
        raise Unreadable("this is no code of an invitation: it has four parts with colons between them, om1 first")
    return Code(read_domain(found[1]), found[2], found[3])


def mac(token: str, purpose: str, *pieces: bytes) -> str:
    """What only a holder of the code can say, in base64."""
    return base64.b64encode(hmac.digest(token.encode(), f"{purpose}\n".encode() + b"".join(pieces), "sha256")).decode()


def is_mac(said: str, token: str, purpose: str, *pieces: bytes) -> bool:
    return hmac.compare_digest(said.encode(), mac(token, purpose, *pieces).encode())
