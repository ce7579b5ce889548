"""From due deliveries to settled ones, against a next hop that behaves in every way it can."""

from __future__ import annotations

import asyncio
import email
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from handlers.token import read_private_reference, read_verp
from organic_mail import deliver, settling
from organic_mail.maildir import MaildirLine
from organic_mail.problem import Problem
from storage import queue
from storage.contents import store_content
from storage.database import Database, StorageTrouble
from storage.models import Status
from storage.shunts import shunt_rows
from storage.tables import delivery, membership, post
from tests.conftest import Place
from tests.ports import free_port
from tests.wire.daemons import PATIENCE
from tests.wire.outbound import DOMAIN, SECRETS, URL, Community, dial_to, new_community, opened, verifies
from tests.wire.sink import CLOSE, SILENCE, Sink, Transaction

NAMES = ("anna", "bo", "cleo", "dag", "eva")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A community as every test finds it."""
    home = tmp_path_factory.mktemp("oak") / "home"
    with new_community(home) as made:
        made.join(*NAMES)
    return home


@pytest.fixture
def oak(home: Path, tmp_path: Path) -> Iterator[Community]:
    shutil.copytree(home, tmp_path / "home")
    with opened(tmp_path / "home") as made:
        yield made


def recipients(sink: Sink) -> list[str]:
    return sorted(taken.recipient.partition("@")[0] for taken in sink.taken)


def answering(step: str, reply: str, *, name: str = "", times: int = 1_000) -> Callable[[str, Transaction], str | None]:
    """`reply` to `step`, for one recipient or for all."""
    left = [times]

    def answer(asked: str, transaction: Transaction) -> str | None:
        if asked != step or left[0] == 0 or not transaction.recipient.startswith(name):
            return None
        left[0] -= 1
        return reply

    return answer


def test_every_member_gets_a_copy_of_her_own(oak: Community) -> None:
    oak.post()
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert recipients(sink) == list(NAMES)
    assert set(oak.states().values()) == {"sent"}
    assert ("sent", "sent to 5 members") in oak.log()
    for taken in sink.taken:
        assert verifies(taken.content)
        bounce = read_verp(SECRETS, taken.sender.partition("@")[0], oak.now.date())
        assert bounce is not None
        references = taken.content.partition(b"References: ")[2].split()[0].decode()
        reference = read_private_reference(SECRETS, references)
        assert reference is not None
        assert reference.member_id == bounce.member_id
        assert f"<mailto:family-token{bounce.member_id:05}@{DOMAIN}>".encode() in taken.content
    assert len({taken.sender for taken in sink.taken}) == 5


def test_copies_for_many_go_over_few_connections(oak: Community) -> None:
    oak.join(*(f"m{number}" for number in range(195)))
    oak.post()
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port), concurrency=3)
    assert len(set(recipients(sink))) == len(sink.taken) == 200
    assert sink.most_connections <= 3
    assert ("sent", "sent to 200 members") in oak.log()


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "END"])
def test_a_refused_copy_fails_alone(step: str, oak: Community) -> None:
    oak.post()
    sink = Sink(answer=answering(step, "550 5.1.1 no such person", name="cleo" if step != "MAIL" else "", times=1))
    with sink.listening():
        oak.deliver(dial_to(sink.port))
    (failed,) = [row for row in oak.rows() if row.state == "failed"]
    assert failed.last_reply == "550 5.1.1 no such person"
    assert len(sink.taken) == 4
    assert Counter(oak.states().values()) == {"sent": 4, "failed": 1}
    assert ("failed", f"{failed.recipient}: nobody has this address: 550 5.1.1 no such person") in oak.log()


def test_a_refusal_because_of_us_does_not_blame_the_address(oak: Community) -> None:
    oak.post()
    with Sink(answer=answering("END", "550 5.7.26 not authenticated", name="bo")).listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert oak.states()["bo"] == "failed"
    assert any("refused because of us" in text for kind, text in oak.log() if kind == "failed")


@pytest.mark.parametrize("extensions", [("PIPELINING", "8BITMIME"), ()], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "END"])
def test_a_deferred_copy_is_tried_again_with_the_same_bytes(
    step: str, extensions: tuple[str, ...], oak: Community
) -> None:
    oak.post(b"\xc3\xa4\r\n.\r\n")
    seen: dict[str, set[bytes]] = {}
    refuse = answering(step, "451-4.3.0 not\r\n451 4.3.0 now", times=5)

    def answer(asked: str, transaction: Transaction) -> str | None:
        if asked == "END":
            seen.setdefault(transaction.recipient, set()).add(transaction.content)
        return refuse(asked, transaction)

    with Sink(answer=answer, extensions=extensions).listening() as sink:
        oak.deliver(dial_to(sink.port))
        assert set(oak.states().values()) == {"deferred"}
        assert {row.last_reply for row in oak.rows()} == {"451 4.3.0 not now"}
        assert {row.due_at - oak.now for row in oak.rows()} == {timedelta(minutes=1)}
        oak.deliver(dial_to(sink.port))
        assert sink.taken == []
        oak.later(minutes=1)
        oak.deliver(dial_to(sink.port))
    assert recipients(sink) == list(NAMES)
    assert {row.attempts for row in oak.rows()} == {2}
    assert {len(contents) for contents in seen.values()} == {1}


@pytest.mark.parametrize("answer", [CLOSE, SILENCE, "rubbish", "2" * 5000])
@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_a_next_hop_in_trouble_loses_nothing(step: str, answer: str, oak: Community) -> None:
    oak.post()
    trouble = answering(step, answer)
    in_trouble = [True]
    sink = Sink(answer=lambda asked, transaction: trouble(asked, transaction) if in_trouble[0] else None)
    with sink.listening():
        short = dict.fromkeys(("greeting", "mail", "recipient", "data", "block", "end", "farewell"), 0.2)
        oak.deliver(dial_to(sink.port, **short))
        assert set(oak.states().values()) == {"deferred"}
        in_trouble[0] = False
        oak.later(minutes=1)
        oak.deliver(dial_to(sink.port))
    assert set(oak.states().values()) == {"sent"}
    copies = Counter(recipients(sink))
    assert set(copies) == set(NAMES)
    assert max(copies.values()) <= (2 if step == "END" else 1)


def test_nobody_answers_and_nothing_is_burnt(oak: Community) -> None:
    """The first ones find out, the others wait until the next hop is back."""
    oak.join(*(f"m{number}" for number in range(495)))
    oak.post()
    sink, port = Sink(), free_port()
    oak.deliver(dial_to(port), until=lambda: oak.states_now() == {"due", "deferred"})
    states = Counter(oak.states().values())
    assert states["due"] >= 100
    assert states["deferred"] >= 100
    assert all("Connection refused" in row.last_reply for row in oak.rows() if row.state == "deferred")
    oak.later(minutes=1)
    with sink.listening(port):
        oak.deliver(dial_to(port))
    assert len(set(recipients(sink))) == len(sink.taken) == 500


def test_a_server_that_closes_kept_connections_costs_nobody_an_attempt(oak: Community) -> None:
    oak.join(*(f"m{number}" for number in range(45)))
    oak.post()
    copies: Counter[int] = Counter()

    def answer(step: str, transaction: Transaction) -> str | None:
        if step == "END":
            copies[transaction.connection] += 1
        if step == "MAIL" and copies[transaction.connection] == 7:
            return "421 4.7.0 seven are enough for one connection"
        return None

    with Sink(answer=answer).listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert len(set(recipients(sink))) == len(sink.taken) == 50
    assert {row.attempts for row in oak.rows()} == {1}


def test_a_server_that_takes_few_connections_gets_few(oak: Community) -> None:
    oak.join(*(f"m{number}" for number in range(95)))
    oak.post()

    def answer(step: str, transaction: Transaction) -> str | None:
        return "421 4.7.0 too many connections" if step == "GREETING" and sink.open_connections > 2 else None

    sink = Sink(answer=answer)
    with sink.listening():
        oak.deliver(dial_to(sink.port))
    assert len(sink.taken) == 100
    assert {row.attempts for row in oak.rows()} == {1}


def test_a_slow_recipient_does_not_hold_up_the_others(oak: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("organic_mail.senders.SLOW_SECONDS", 0.1)
    monkeypatch.setattr("organic_mail.deliver.BEAT_SECONDS", 0.05)
    monkeypatch.setattr(deliver, "DRAIN_SECONDS", 0.1)
    oak.post()
    with Sink(answer=answering("END", SILENCE, name="bo")).listening() as sink:
        oak.deliver(
            dial_to(sink.port),
            concurrency=2,
            until=lambda: Counter(oak.states().values())["sent"] == 4,
        )
        assert recipients(sink) == ["anna", "cleo", "dag", "eva"]
    assert oak.states()["bo"] == "deferred"


def test_who_left_or_a_post_that_was_removed_is_not_delivered(oak: Community) -> None:
    oak.post(b"one\r\n")
    gone = oak.post(b"two\r\n")
    changes = [
        update(membership).where(membership.c.id == 2).values(status=Status.LEFT),
        update(membership).where(membership.c.id == 3).values(status=Status.PAUSED),
        update(post).where(post.c.id == gone).values(removed_at=oak.now),
    ]
    for change in changes:
        oak.write(lambda session, now, change=change: session.connection().execute(change))
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert recipients(sink) == ["anna", "dag", "eva"]
    reasons = Counter(row.last_reply for row in oak.rows() if row.state == "failed")
    assert reasons == {"not sent: no member now": 1, "not sent: paused": 1, "not sent: the post was removed": 5}


def test_a_copy_that_cannot_be_made_is_set_aside_and_stops_nobody(oak: Community) -> None:
    broken = b"From: anna@example.org\r\nFrom: bo@example.org\r\n\r\nhello\r\n"
    poisoned = oak.post()
    content_id = oak.write(lambda session, now: store_content(session, broken, now))
    oak.write(
        lambda session, now: session.connection().execute(
            update(post).where(post.c.id == poisoned).values(content_id=content_id)
        )
    )
    oak.write(lambda session, now: session.connection().execute(update(delivery).values(content_id=content_id)))
    good = oak.post()
    with Sink().listening() as sink:
        for _ in range(3):
            oak.deliver(dial_to(sink.port))
            oak.later(minutes=10)
        oak.deliver(dial_to(sink.port))
    assert recipients(sink) == list(NAMES)
    assert {(row.post_id, row.state.value) for row in oak.rows()} == {(poisoned, "held"), (good, "sent")}
    shunted = oak.database.read(shunt_rows)
    assert len(shunted) == 5
    assert {row.shunt.content_id for row in shunted} == {content_id}
    assert {row.shunt.delivery_id for row in shunted} == {row.id for row in oak.rows() if row.post_id == poisoned}


def test_an_address_that_no_command_can_hold_fails_alone(oak: Community) -> None:
    oak.post()
    bad = "bo@example.org>\r\nRCPT TO:<eva@example.org"
    oak.write(
        lambda session, now: session.connection().execute(
            update(delivery).where(delivery.c.recipient == "bo@example.org").values(recipient=bad)
        )
    )
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert recipients(sink) == ["anna", "cleo", "dag", "eva"]
    assert [row.state.value for row in oak.rows() if row.recipient == bad] == ["failed"]


@pytest.mark.parametrize("member_id", [1, None])
def test_a_notice_goes_out_signed(member_id: int | None, oak: Community) -> None:
    raw = (
        b"From: organic@oak.example\r\nTo: olu@example.net\r\nSubject: Welcome\r\nMessage-ID: <n.1@oak.example>\r\n"
        b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nAuto-Submitted: auto-generated\r\n\r\nWelcome!\r\n"
    )
    oak.write(queue.add_notice, raw=raw, recipient="olu@example.net", cause="welcome", member_id=member_id)
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port))
    (taken,) = sink.taken
    assert verifies(taken.content)
    assert taken.content.endswith(raw)
    bounce = read_verp(SECRETS, taken.sender.partition("@")[0], oak.now.date())
    assert bounce is not None
    assert bounce.member_id == (member_id or 0)


def test_copies_in_maildirs_verify(oak: Community, tmp_path: Path) -> None:
    oak.post(b".hidden\r\n")

    async def dial() -> MaildirLine:
        return MaildirLine(tmp_path / "mail")

    oak.deliver(dial)
    for name in NAMES:
        (file,) = (tmp_path / "mail" / f"{name}@example.org" / "new").iterdir()
        assert verifies(file.read_bytes())
    assert set(oak.states().values()) == {"sent"}


def test_when_we_stop_what_was_begun_is_finished_and_the_rest_is_given_back(oak: Community) -> None:
    oak.join(*(f"m{number}" for number in range(195)))
    oak.post()
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port), concurrency=1, until=lambda: len(sink.taken) >= 20)
        begun = len(sink.taken)
        states = Counter(oak.states().values())
        assert states == {"sent": begun, "due": 200 - begun}
        assert {row.attempts for row in oak.rows() if row.state == "due"} <= {0}
        oak.deliver(dial_to(sink.port))
    assert len(set(recipients(sink))) == len(sink.taken) == 200


def test_when_we_stop_in_the_middle_of_a_silent_answer_it_is_over_soon(
    oak: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "DRAIN_SECONDS", 0.1)
    oak.post()
    asked: list[str] = []

    def answer(step: str, transaction: Transaction) -> str | None:
        if step == "END":
            asked.append(transaction.recipient)
        return SILENCE if step == "END" else None

    with Sink(answer=answer).listening() as sink:
        oak.deliver(dial_to(sink.port), until=lambda: bool(asked))
    begun = {recipient.partition("@")[0] for recipient in asked}
    assert {name for name, state in oak.states().items() if state == "deferred"} == begun
    assert {state for name, state in oak.states().items() if name not in begun} <= {"due"}


async def deliver_side_by_side(communities: Sequence[Community], port: int) -> None:
    settled, stop = asyncio.Event(), asyncio.Event()

    def checkpoint(step: str) -> None:
        if step == "settled":
            settled.set()

    async with asyncio.timeout(PATIENCE):
        running = [
            asyncio.create_task(one.deliverer(dial_to(port), who=f"host{number}:1:1", checkpoint=checkpoint).run(stop))
            for number, one in enumerate(communities)
        ]
        while communities[0].states_now() & {"due", "sending"}:
            await settled.wait()
            settled.clear()
        stop.set()
        await asyncio.gather(*running)


def test_a_next_hop_that_takes_seven_bits_gets_seven(oak: Community) -> None:
    oak.post("Gr\u00fc\u00dfe vom See.\r\n".encode())
    raw = b"From: organic@oak.example\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    oak.write(queue.add_notice, raw=raw, recipient="olu@example.net", cause="welcome")
    with Sink(extensions=("PIPELINING",)).listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert len(sink.taken) == 6
    for taken in sink.taken:
        assert taken.content.isascii()
        assert verifies(taken.content)
        assert "Gr\u00fc\u00dfe" in email.message_from_bytes(taken.content).get_payload(decode=True).decode()


def test_two_deliverers_send_everything_once(oak: Community) -> None:
    oak.join(*(f"m{number}" for number in range(295)))
    oak.post()
    with Sink().listening() as sink:
        asyncio.run(deliver_side_by_side([oak, oak], sink.port))
    assert len(set(recipients(sink))) == len(sink.taken) == 300


def test_two_daemons_on_one_postgresql_send_everything_once(postgres_place: Place, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with new_community(home, postgres_place.url) as one, opened(home, postgres_place.url) as other:
        one.join(*(f"m{number}" for number in range(300)))
        one.post()
        with Sink().listening() as sink:
            asyncio.run(deliver_side_by_side([one, other], sink.port))
        assert set(one.states().values()) == {"sent"}
    assert len(set(recipients(sink))) == len(sink.taken) == 300
    assert all(verifies(taken.content) for taken in sink.taken[::50])
    for taken in sink.taken:
        bounce = read_verp(SECRETS, taken.sender.partition("@")[0], one.now.date())
        assert bounce is not None
        assert f"family-token{bounce.member_id:05}@".encode() in taken.content


def test_a_lease_is_kept_while_the_next_hop_is_slow(oak: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each beat, half a minute passes for the database; without renewal the copies would be claimed again."""
    monkeypatch.setattr(deliver, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(deliver, "RENEW_BEFORE", 1000.0)
    oak.post()
    reads = oak.database.read

    def read(fn: Callable[[Session], Any]) -> Any:
        if fn is queue.next_due:
            oak.later(seconds=30)
        return reads(fn)

    monkeypatch.setattr(oak.database, "read", read)
    started = oak.now
    monkeypatch.setattr(deliver, "DRAIN_SECONDS", 0.1)
    with Sink(answer=answering("END", SILENCE)).listening() as sink:
        oak.deliver(dial_to(sink.port), until=lambda: oak.now > started + timedelta(minutes=5))
    assert sum(command.startswith("MAIL") for command in sink.commands) <= 5


def test_a_copy_whose_lease_ran_out_is_not_sent(oak: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "LEASE_MARGIN", 60.0)
    oak.post()
    claims: list[str] = []
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port), checkpoint=claims.append, until=lambda: "copies made" in claims)
    assert sink.taken == []


def test_results_wait_for_a_database_in_trouble(oak: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "TROUBLE_SECONDS", 0.01)
    oak.post()
    submits = oak.database.submit
    failing = [False]
    failures: list[int] = []

    def submit(fn: Callable[[Session], Any]) -> Any:
        if failing[0] and len(failures) < 5:
            failures.append(1)
            raise StorageTrouble("the disk is full")
        return submits(fn)

    def checkpoint(step: str) -> None:
        failing[0] = failing[0] or step == "answered"

    monkeypatch.setattr(oak.database, "submit", submit)
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port), checkpoint=checkpoint)
    assert len(failures) == 5
    assert recipients(sink) == list(NAMES)
    assert set(oak.states().values()) == {"sent"}


def test_a_database_that_is_busy_at_the_start_is_waited_for(oak: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "BEAT_SECONDS", 0.01)
    oak.post()
    writes = oak.database.write
    failures: list[int] = []

    def write(fn: Callable[[Session], Any]) -> Any:
        if len(failures) < 3:
            failures.append(1)
            raise StorageTrouble("the database is locked")
        return writes(fn)

    monkeypatch.setattr(oak.database, "write", write)
    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port))
    assert len(failures) == 3
    assert recipients(sink) == list(NAMES)


def test_what_comes_while_we_run_goes_out_at_once(oak: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    """Woken, without waiting for the beat."""
    monkeypatch.setattr(deliver, "BEAT_SECONDS", 3600.0)

    async def run(port: int) -> None:
        idle, settled, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
        events = {"claimed": idle, "settled": settled}
        deliverer = oak.deliverer(dial_to(port), checkpoint=lambda step: events.get(step, idle).set())
        running = asyncio.create_task(deliverer.run(stop))
        async with asyncio.timeout(PATIENCE):
            await idle.wait()
            await asyncio.to_thread(oak.post)
            await asyncio.to_thread(deliverer.wake)
            await settled.wait()
        stop.set()
        await running

    with Sink().listening() as sink:
        asyncio.run(run(sink.port))
    assert recipients(sink) == list(NAMES)


def test_what_another_process_writes_is_seen_soon(oak: Community) -> None:
    oak.post()
    with Sink(answer=answering("RCPT", "550 5.1.1 gone", times=5)).listening() as sink:
        oak.deliver(dial_to(sink.port))
        other = Database.open(URL, home=oak.home, owner=False)
        retried: list[int] = []

        def checkpoint(step: str) -> None:
            if step == "claimed" and not retried:
                retried.extend(other.write(lambda session: queue.retry(session, None, now=oak.now)))

        oak.deliver(dial_to(sink.port), checkpoint=checkpoint, until=lambda: len(sink.taken) == 5)
        other.close()
    assert len(retried) == 5


def test_without_a_key_nothing_goes_out_unsigned(oak: Community) -> None:
    oak.post()

    def no_key(key: object) -> Any:
        raise Problem("the key is missing; put it back from the backup")

    with Sink().listening() as sink, pytest.raises(Problem, match="put it back"):
        oak.deliver(dial_to(sink.port), signer=no_key)
    assert sink.commands == []


def test_a_list_of_many_costs_no_list_in_memory(oak: Community) -> None:
    """Never more than a few claims are under way."""
    oak.join(*(f"m{number}" for number in range(995)))
    oak.post()
    most = [0]

    def checkpoint(step: str) -> None:
        if step == "claimed":
            most[0] = max(most[0], oak.database.read(queue.state_counts)["sending"])

    with Sink().listening() as sink:
        oak.deliver(dial_to(sink.port), checkpoint=checkpoint)
    assert len(sink.taken) == 1000
    assert most[0] <= deliver.IN_FLIGHT
