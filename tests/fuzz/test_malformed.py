"""Whatever comes, intake decides: never an exception, never a refusal for a fault of ours (spec/mail.md §5.2 R8)."""

from __future__ import annotations

import smtplib
import time
from collections import Counter
from pathlib import Path

from handlers.decide import together
from handlers.first_reading import read_through
from handlers.incoming import Authentication, Envelope, Verdict
from handlers.message import MalformedMessage, parse
from handlers.reply import Reply
from handlers.smtp_data import has_sound_lines
from storage import shunts
from tests.fuzz.malformed import BOMBS, malformed
from tests.wire.community import NOW, Community, community, port_of, serving

MAILS = 10_000
BY_WIRE = 300
HANGING = 60  # seconds of the processor: nearly all take a few milliseconds, however slow the machine is
OURS = {(451, "4.3.0"), (554, "5.6.0")}
"""How we answer when we fail."""
TO = ("family@oak.example", "family-join@oak.example", "family-owner@oak.example", "postmaster@oak.example")


def with_sound_lines(raw: bytes) -> bytes:
    """What the DATA loop lets through."""
    if has_sound_lines(raw):
        return raw
    return raw.replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def test_decided_one_by_one(sqlite_template: Path, tmp_path: Path) -> None:
    """Read as the first readers read it, then decided; nothing is written."""
    answers: Counter[int] = Counter()
    with community(sqlite_template, tmp_path) as people:
        for number, (name, raw) in enumerate(malformed(1, MAILS)):
            envelope = Envelope("anna@home.example", (TO[number % len(TO)],))
            began = time.process_time()
            try:
                reply = decided(people, envelope, with_sound_lines(raw))
            except Exception as fault:
                fault.add_note(name)
                raise
            assert time.process_time() - began < HANGING, name
            assert (reply.code, reply.enhanced) not in OURS, (name, reply)
            answers[reply.code] += 1
    assert answers[250] > MAILS // 5
    assert answers[550] > MAILS // 20


def decided(people: Community, envelope: Envelope, raw: bytes) -> Reply:
    try:
        read_through(raw)
        message = parse(raw)
    except MalformedMessage as malformed:
        return Reply(550, "5.6.0", malformed.reason)
    ((decision,), _) = people.receiver._decided(envelope, message, Authentication(Verdict.ALIGNED), together, NOW)
    return decision.outcome.reply


def test_by_wire(sqlite_template: Path, tmp_path: Path) -> None:
    with (
        community(sqlite_template, tmp_path) as people,
        serving(people.settings, people.receiver) as doors,
    ):
        for name, raw in malformed(2, BY_WIRE + 2 * len(BOMBS)):
            with smtplib.SMTP("127.0.0.1", port_of(doors)) as client:
                client.ehlo()
                client.mail("anna@home.example")
                client.rcpt("family@oak.example")
                code, text = client.data(raw)
            assert code in (250, 550, 552), (name, text)
        assert people.database.read(shunts.shunt_rows) == []
