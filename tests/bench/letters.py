"""How long it takes to write and sign the letters of a large list: 10,000 readers, 16 conversations each."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from handlers.facts import Host
from handlers.sign import Signer
from handlers.token import Secret
from organic_mail.copies import Key, SharedBytes, key_of, made_copies
from organic_mail.letters_due import write_due_letters
from storage import lists, members, queue
from storage.contents import store_content
from storage.database import Database
from storage.models import DeliveryMode
from storage.posts import store_post
from storage.threads import Signs
from tests.bench.measure import rsa_signs, show

READERS, CONVERSATIONS = 10_000, 16
LANGUAGES = ("en", "de", "fr", "es", "sv", "he", "ar")
NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
HOST = Host("oak.example", "Oak Street", "", "en", "UTC", (Secret("k1", b"0" * 32),))
TEXT = "We are back from the lake, and the children have not stopped talking about the heron. " * 6


def measure(folder: Path) -> None:
    Database.create("sqlite:///community.db", home=folder)
    database = Database.open("sqlite:///community.db", home=folder, owner=True)
    try:
        database.write(_fill)
        _measure(database)
    finally:
        database.close()


def _measure(database: Database) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.process_time()
    written = write_due_letters(database, HOST, NOW)
    writing = time.process_time() - begun
    signer, made, size = _signer(), 0, 0
    shared: dict[Key, Any] = {}
    copies = SharedBytes(database, HOST, lambda: NOW)
    begun = time.process_time()
    while rows := database.write(lambda session: queue.claim(session, who="bench:1:1", now=NOW, limit=500)):
        for row in rows:
            key = key_of(row)
            if key not in shared:
                shared[key] = copies._make(key)
            ((_, copy),) = made_copies(shared[key], [row], signer)
            made, size = made + 1, size + len(copy.header) + len(copy.body)  # type: ignore[union-attr]
    signing = time.process_time() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    show(
        f"CPU seconds for letters to {written:,} readers of one list, {CONVERSATIONS} conversations each",
        written=round(writing, 1),
        signed=round(signing, 1),
        together=round(writing + signing, 1),
        first=60,
        signatures_alone=round(made / rsa_signs(), 1),
        editions=len(shared),
        kilobytes_each=round(size / made / 1000),
        grown_megabytes=round((after.ru_maxrss - before.ru_maxrss) / 1024),
    )


def _fill(session: Any) -> None:
    family = lists.create_list(session, name="family", title="The family", now=NOW)
    list_id = family.id or 0
    for number in range(READERS):
        address = f"member{number}@home.example"
        member = members.add_member(
            session, name=f"Rose{number} Okafor", alias=f"m{number}x", address=address, key=address, now=NOW,
            language=LANGUAGES[number % len(LANGUAGES)],
        )  # fmt: skip
        members.join(
            session, list_id=list_id, member_id=member.id or 0, leave_token=f"t{number}", now=NOW,
            delivery=DeliveryMode.DAILY,
        )  # fmt: skip
    for number in range(CONVERSATIONS):
        raw = f"From: anna@home.example\r\nMessage-ID: <{number}@x.example>\r\n\r\n{TEXT}\r\n".encode()
        moment = NOW - timedelta(hours=3)
        store_post(
            session, list_id=list_id, member_id=1, author_name="Anna", content_id=store_content(session, raw, NOW),
            message_id=f"<{number}@x.example>", original_message_id="", in_reply_to="", references=(),
            subject=f"Subject {number}", written_at=moment, received_at=moment, now=moment,
            signs=Signs(f"subject {number}", moment),
        )  # fmt: skip


def _signer() -> Signer:
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Signer("oak.example", "s1", pem)
