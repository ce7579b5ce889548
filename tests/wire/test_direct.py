"""Straight to the mail servers of each domain, which behave in every way they can (spec/mail.md §3.3, §3.4)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from organic_mail import direct, pacing
from organic_mail.smtp_client import Timeouts
from organic_mail.tls_out import Safety
from storage import queue
from storage.database import Database
from tests.dns_server import DnsServer
from tests.ports import free_port
from tests.wire.certificates import self_made
from tests.wire.daemons import PATIENCE
from tests.wire.direct_delivery import Outside
from tests.wire.outbound import URL, Community, new_community, verifies
from tests.wire.sink import CLOSE, Sink, Transaction


@pytest.fixture
def oak(tmp_path: Path) -> Iterator[Community]:
    with new_community(tmp_path / "home") as made:
        yield made


@pytest.fixture
def outside(dns_server: DnsServer, tmp_path: Path) -> Outside:
    return Outside(dns_server, tmp_path)


def deliver(oak: Community, outside: Outside, **changes: object) -> None:
    oak.deliver(None, sending=outside.sending(), **changes)  # type: ignore[arg-type]


def last_replies(oak: Community) -> dict[str, str]:
    return {row.recipient: row.last_reply for row in oak.rows()}


def test_each_domain_gets_its_mail_at_its_own_server(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example", "bo@elm.example", "cleo@ash.example")
    oak.post()
    with Sink().listening() as elm, Sink().listening(elm.port, "127.0.0.2") as ash:
        outside.port = elm.port
        outside.domain("elm.example", "127.0.0.1")
        outside.dns.put("ash.example", A=["127.0.0.2"])  # the implicit MX
        deliver(oak, outside)
    assert sorted(taken.recipient for taken in elm.taken) == ["anna@elm.example", "bo@elm.example"]
    assert [taken.recipient for taken in ash.taken] == ["cleo@ash.example"]
    assert all(verifies(taken.content) for taken in [*elm.taken, *ash.taken])
    assert ("sent", "sent to 3 members") in oak.log()


def test_domains_without_a_way_fail_or_wait_by_the_reason(oak: Community, outside: Outside) -> None:
    oak.join("a@null.example", "b@gone.example", "c@dark.example", "d@circle.example", "e@oak.example", "f@lan.example")
    oak.post()
    outside.dns.put("null.example", MX=["0 ."])
    outside.dns.fail("dark.example", how="servfail")
    outside.dns.put("circle.example", MX=["10 oak.example."])
    outside.dns.put("lan.example", A=["127.0.0.1"])
    outside.allow_private = False
    deliver(oak, outside)
    assert oak.states() == {
        "a": "failed",
        "b": "failed",
        "c": "deferred",
        "d": "failed",
        "e": "failed",
        "f": "deferred",
    }
    replies = last_replies(oak)
    assert replies["a@null.example"] == "556 5.1.10 null.example says that it takes no mail"
    assert replies["b@gone.example"] == "550 5.1.2 there is no domain gone.example"
    assert replies["d@circle.example"].startswith("554 5.4.6 ")
    assert replies["e@oak.example"].startswith("554 5.4.6 ")
    assert "allow_private_addresses" in replies["f@lan.example"]
    assert outside.dialled == []


def test_who_is_told_to_try_again_does_so_before_the_next_look_at_the_clock(
    oak: Community, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line makes it due; we claim it for another reason, and have not yet seen that somebody wrote."""
    monkeypatch.setattr("organic_mail.deliver.BEAT_SECONDS", 3600.0)
    oak.join("anna@elm.example")
    oak.post()
    outside.port = free_port()
    outside.domain("elm.example", "127.0.0.1")
    sink, others = Sink(), Database.open(URL, home=oak.home, owner=False)

    async def run(later: ExitStack) -> None:
        settled, stop = asyncio.Event(), asyncio.Event()
        deliverer = oak.deliverer(
            None,  # type: ignore[arg-type]
            sending=outside.sending(),
            checkpoint=lambda step: settled.set() if step == "settled" else None,
        )
        running = asyncio.create_task(deliverer.run(stop))
        async with asyncio.timeout(PATIENCE):
            await settled.wait()
            settled.clear()
            await asyncio.to_thread(later.enter_context, sink.listening(outside.port))
            await asyncio.to_thread(others.write, lambda session: queue.retry(session, None, now=oak.now))
            deliverer.wake()
            await settled.wait()
        stop.set()
        await running

    with closing(others), ExitStack() as later:
        asyncio.run(run(later))
        assert oak.states() == {"anna": "sent"}
    assert len(sink.taken) == 1


@pytest.mark.parametrize("greeting", ["421 4.3.2 not now", "554 5.3.2 no mail here", CLOSE])
def test_a_host_that_turns_us_away_leads_to_the_next_one(greeting: str, oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    first = Sink(answer=lambda step, _: greeting if step == "GREETING" else None)
    with first.listening(), Sink().listening(first.port, "127.0.0.2") as second:
        outside.port = first.port
        outside.domain("elm.example", "127.0.0.3", "127.0.0.1", "127.0.0.2")
        deliver(oak, outside)
    assert outside.dialled == ["127.0.0.3", "127.0.0.1", "127.0.0.2"]
    assert len(second.taken) == 1
    assert oak.states() == {"anna": "sent"}


def test_a_refused_recipient_does_not_lead_to_the_next_host(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    first = Sink(answer=lambda step, _: "450 4.2.0 greylisted" if step == "RCPT" else None)
    with first.listening(), Sink().listening(first.port, "127.0.0.2") as second:
        outside.port = first.port
        outside.domain("elm.example", "127.0.0.1", "127.0.0.2")
        deliver(oak, outside)
    assert oak.states() == {"anna": "deferred"}
    assert second.connections == 0


def test_one_dead_domain_costs_the_others_nothing(oak: Community, outside: Outside) -> None:
    names = [f"m{number}@{domain}.example" for number in range(34) for domain in ("elm", "ash", "dead")]
    oak.join(*names)
    oak.post()
    with Sink().listening() as elm, Sink().listening(elm.port, "127.0.0.2") as ash:
        outside.port = elm.port
        outside.domain("elm.example", "127.0.0.1")
        outside.domain("ash.example", "127.0.0.2")
        outside.domain("dead.example", "127.0.0.3")
        deliver(oak, outside)
    assert Counter(row.state.value for row in oak.rows()) == {"sent": 68, "deferred": 34}
    assert len(elm.taken) == len(ash.taken) == 34
    assert outside.dialled.count("127.0.0.3") == 1, "what waits for the same dead host is not dialled one by one"


def test_a_group_gets_few_connections_and_few_copies_over_each(
    oak: Community, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two domains of one provider count together; what finds no room comes again."""
    monkeypatch.setattr(direct, "LONGEST_WAIT", 60.0)
    oak.join(*(f"m{number}@{domain}.example" for number in range(60) for domain in ("elm", "ash")))
    oak.post()
    with Sink().listening() as sink:
        outside.port = sink.port
        for domain in ("elm.example", "ash.example"):
            outside.dns.put(domain, MX=["10 mx.provider.example."])
        outside.dns.put("mx.provider.example", A=["127.0.0.1"])
        while "deferred" in oak.states_now() | ({"deferred"} if not sink.taken else set()):
            oak.later(seconds=30)
            deliver(oak, outside)
    assert len({taken.recipient for taken in sink.taken}) == len(sink.taken) == 120
    assert sink.most_connections <= pacing.MOST_CONNECTIONS
    assert max(Counter(taken.connection for taken in sink.taken).values()) <= 20
    assert {row.attempts for row in oak.rows()} == {1}, "to wait for room is no attempt"


def test_many_for_one_slow_group_do_not_stand_before_one_for_another(oak: Community, outside: Outside) -> None:
    oak.join(*(f"m{number}@elm.example" for number in range(450)), "anna@ash.example")
    oak.post()
    elm = Sink(answer=lambda step, _: "421 4.7.28 too fast" if step == "GREETING" else None)
    with elm.listening(), Sink().listening(elm.port, "127.0.0.2") as ash:
        outside.port = elm.port
        outside.domain("elm.example", "127.0.0.1")
        outside.domain("ash.example", "127.0.0.2")
        deliver(oak, outside)
    assert [taken.recipient for taken in ash.taken] == ["anna@ash.example"]
    assert elm.connections == 1
    waiting = [row for row in oak.rows() if row.state == "deferred"]
    assert len(waiting) == 450


def test_a_pause_that_was_asked_for_is_kept(oak: Community, outside: Outside) -> None:
    oak.join(*(f"m{number}@elm.example" for number in range(8)))
    oak.post()
    taken: list[str] = []

    def answer(step: str, transaction: Transaction) -> str | None:
        if step == "END":
            taken.append(transaction.recipient)
        return "421 4.7.28 unusual rate of mail" if step == "END" and len(taken) == 2 else None

    with Sink(answer=answer).listening() as sink:
        outside.port = sink.port
        outside.domain("elm.example", "127.0.0.1")
        deliver(oak, outside)
    assert len(sink.taken) == 1
    paused = [row for row in oak.rows() if "asked for a pause" in row.last_reply]
    assert len(paused) == 6
    assert all(row.attempts == 0 for row in paused)
    assert {(row.due_at - oak.now).total_seconds() for row in paused} <= {599.0, 600.0, 601.0}


def test_encryption_is_used_where_offered_whoever_signed_the_certificate(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example", "bo@elm.example")
    oak.post()
    with Sink(tls=self_made(outside.folder)).listening() as sink:
        outside.port = sink.port
        outside.domain("elm.example", "127.0.0.1")
        deliver(oak, outside)
    assert [taken.encrypted for taken in sink.taken] == [True, True]
    assert outside.levels.recall("elm.example") is Safety.ENCRYPTED


def test_where_encryption_fails_the_first_time_mail_goes_in_the_clear(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    context = self_made(outside.folder)
    broken = Sink(tls=context, answer=lambda step, _: CLOSE if step == "STARTTLS" else None)
    refusing = Sink(tls=context, answer=lambda step, _: "454 4.7.0 no TLS now" if step == "STARTTLS" else None)
    with broken.listening(), refusing.listening(broken.port, "127.0.0.2"):
        outside.port = broken.port
        outside.domain("elm.example", "127.0.0.1", "127.0.0.2")
        deliver(oak, outside)
    assert oak.states() == {"anna": "sent"}
    (taken,) = [*broken.taken, *refusing.taken]
    assert not taken.encrypted


@pytest.mark.parametrize("how", ["stripped", "454 4.7.0 no TLS now", CLOSE])
def test_who_encrypted_once_is_not_written_to_in_the_clear(how: str, oak: Community, outside: Outside) -> None:
    outside.levels.keep("elm.example", Safety.ENCRYPTED)
    oak.join("anna@elm.example")
    oak.post()
    context = None if how == "stripped" else self_made(outside.folder)
    with Sink(tls=context, answer=lambda step, _: how if step == "STARTTLS" else None).listening() as sink:
        outside.port = sink.port
        outside.domain("elm.example", "127.0.0.1")
        deliver(oak, outside)
        assert oak.states() == {"anna": "deferred"}
        assert sink.taken == []
        if how != CLOSE:
            assert "remove HOME/tls/elm.example.json" in last_replies(oak)["anna@elm.example"]
            assert any("remove HOME/tls/elm.example.json" in text for kind, text in oak.log() if kind == "deferred")
        (outside.folder / "tls" / "elm.example.json").unlink()
        oak.later(hours=1)
        if how != CLOSE:
            deliver(oak, outside)
            assert oak.states() == {"anna": "sent"}


@pytest.mark.parametrize("mode", ["enforce", "testing"])
def test_a_policy_wants_a_certificate_that_is_good(mode: str, oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    with Sink(tls=self_made(outside.folder)).listening() as sink:
        outside.port = sink.port
        outside.domain("elm.example", "127.0.0.1")
        outside.promise("elm.example", "mx0.elm.example", mode=mode)
        deliver(oak, outside)
    if mode == "testing":
        assert [taken.encrypted for taken in sink.taken] == [True]
    else:
        assert oak.states() == {"anna": "deferred"}
        assert last_replies(oak)["anna@elm.example"].startswith("elm.example demands safe encryption (MTA-STS)")


def test_a_policy_is_kept_with_a_good_certificate(
    oak: Community, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    oak.join("anna@localhost.example")
    oak.post()
    context = self_made(outside.folder, "mx0.localhost.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(outside.folder / "certificate.pem"))
    with Sink(tls=context).listening() as sink, Sink().listening(sink.port, "127.0.0.2") as other:
        outside.port = sink.port
        outside.dns.put("localhost.example", MX=["5 liar.example."])
        outside.dns.put("liar.example", A=["127.0.0.2"])
        outside.domain("localhost.example", "127.0.0.1")
        outside.promise("localhost.example", "*.localhost.example")
        deliver(oak, outside)
    assert [taken.encrypted for taken in sink.taken] == [True]
    assert other.connections == 0, "it is not in the policy"
    assert outside.levels.recall("localhost.example") is Safety.VERIFIED


def test_no_host_in_the_policy_means_waiting(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    outside.domain("elm.example", "127.0.0.1")
    outside.promise("elm.example", "mx.elsewhere.example")
    deliver(oak, outside)
    assert last_replies(oak) == {"anna@elm.example": "no mail server of elm.example is in its own MTA-STS policy"}
    assert outside.dialled == []


def test_idle_connections_make_room_for_others(oak: Community, outside: Outside) -> None:
    """Ten providers and two connections at most, counted over all of them."""
    oak.join(*(f"m@d{number}.example" for number in range(10)))
    oak.post()
    with Sink().listening(0, "0.0.0.0") as sink:
        outside.port = sink.port
        for number in range(10):
            outside.domain(f"d{number}.example", f"127.0.1.{number + 1}")
        deliver(oak, outside, concurrency=2)
    assert len(sink.taken) == 10
    assert sink.most_connections <= 3, "one may still be taking leave"


def test_a_silent_host_is_left_after_a_while(oak: Community, outside: Outside) -> None:
    oak.join("anna@elm.example")
    oak.post()
    silent = Sink(answer=lambda step, _: "silence" if step == "GREETING" else None)
    with silent.listening(), Sink().listening(silent.port, "127.0.0.2") as second:
        outside.port = silent.port
        outside.timeouts["127.0.0.1"] = Timeouts(greeting=0.2)
        outside.domain("elm.example", "127.0.0.1", "127.0.0.2")
        deliver(oak, outside)
    assert len(second.taken) == 1


def test_a_question_is_given_up_when_it_comes_too_late(oak: Community, outside: Outside) -> None:
    """At 1, 6, 21, 51, 111 and 231 minutes it is tried again; the next time would be after four hours."""
    oak.write(
        queue.add_notice,
        raw=b"From: family@oak.example\r\nSubject: Is it you?\r\n\r\nPlease reply.\r\n",
        recipient="anna@elm.example",
        cause="1",
        expires_at=oak.now + timedelta(hours=4),
    )
    outside.dns.fail("elm.example", how="servfail")
    tries = 0
    while "failed" not in oak.states_now():
        deliver(oak, outside)
        tries += 1
        (row,) = oak.rows()
        oak.now = max(oak.now, row.due_at)
    assert tries == row.attempts == 7
    assert any("would be of no use any more" in text for kind, text in oak.log() if kind == "failed")
