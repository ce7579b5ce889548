"""Posts as they came (NAME.in.eml) and members' copies of them (NAME.out.eml), byte for byte.

The signature changes with the key, so it is verified by dkimpy and then cut off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.models import Posting, Replies
from tests.copying import copy_of

HERE = Path(__file__).parent
NAMES = sorted(path.name.removesuffix(".in.eml") for path in HERE.glob("*.in.eml"))

# What is not as in tests.copying
FACTS: dict[str, dict[str, Any]] = {
    "an-announcement-is-answered-to-its-author": {"list_posting": Posting.ANNOUNCE, "language": "de"},
    "a-list-where-the-author-is-answered": {"replies": Replies.AUTHOR, "author_name": "Märta Öberg"},
    "an-author-who-shows-her-address": {"author_shown_address": "Anna@Home.example"},
    "an-id-that-tells-an-address-is-replaced": {
        "message_id": "<p.aaaabbbbccccddddeeeeffffgggghhhh@oak.example>",
        "in_reply_to": ("<p.hhhhggggffffeeeeddddccccbbbbaaaa@oak.example>",),
        "references": ("<root@x.example>", "<p.hhhhggggffffeeeeddddccccbbbbaaaa@oak.example>"),
    },
    "our-private-reference-is-not-passed-on": {"references": ("<1@work.example>", "<2@home.example>")},
    "a-member-leaves-with-one-click": {"url": "https://oak.example/u/mfrggzdfmztwq2lk"},
    "the-line-speaks-swedish-in-latin-1": {"language": "sv"},
}


def test_every_golden_mail_has_its_copy() -> None:
    assert sorted(path.name.removesuffix(".out.eml") for path in HERE.glob("*.out.eml")) == NAMES
    assert set(FACTS) <= set(NAMES)
    assert len(NAMES) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str) -> None:
    copy = copy_of((HERE / f"{name}.in.eml").read_bytes(), **FACTS.get(name, {}))
    signature, start, rest = copy.partition(b"\r\nFrom:")
    assert signature.startswith(b"DKIM-Signature:")
    assert (start.strip() + rest).decode("latin-1") == (HERE / f"{name}.out.eml").read_bytes().decode("latin-1")
