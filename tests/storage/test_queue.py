"""The queue: claimed once, settled once, lost never."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from storage import queue
from storage.contents import read_content
from storage.database import Database
from storage.lists import remove_list
from storage.members import leave
from storage.models import Delivery, DeliveryState, Message
from storage.queue import (
    Claimed,
    Settled,
    add_notice,
    claim,
    drop,
    extend,
    next_due,
    postpone,
    prune,
    queue_rows,
    release,
    retry,
    settle,
    state_counts,
    take_back,
)
from tests.conftest import Place
from tests.storage.made import DAY, MINUTE, NOW, a_list, a_post, on_list

WHO = "host:1:1"


def queued(session: Session, *names: str) -> int:
    """One post, due for these members; returns the list's id."""
    list_id = a_list(session)
    for name in names:
        on_list(session, list_id, name)
    a_post(session, list_id, "<1@x>")
    return list_id


def states(session: Session) -> list[DeliveryState]:
    return list(session.exec(select(Delivery.state).order_by(Delivery.recipient)))


def sent(claimed: Sequence[Claimed]) -> list[Settled]:
    return [Settled(one.id, DeliveryState.SENT, "250 2.0.0 Ok") for one in claimed]


def test_a_claim_tells_all_that_a_copy_needs(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = queued(session, "anna")
        [one] = claim(session, who=WHO, now=NOW)
        post_row = session.exec(select(Delivery)).one()
        assert (one.post_id, one.content_id, one.list_id) == (post_row.post_id, post_row.content_id, list_id)
        assert (one.thread_id, one.recipient, one.language) == (1, "anna@home.example", "en")
        assert (one.attempts, one.created_at, one.leave_token) == (1, NOW, f"anna{list_id}")
        assert (post_row.state, post_row.attempts) == (DeliveryState.SENDING, 1)
        assert (post_row.claimed_by, post_row.lease_until) == (WHO, NOW + MINUTE)

    database.write(steps)


def test_each_claim_has_its_own_token_and_thread(database: Database) -> None:
    def steps(session: Session) -> None:
        a_post(session, a_list(session, "earlier"), "<0@x>")  # so that the ids of posts and threads differ
        list_id = a_list(session)
        names = ["anna", "bert", "carl"]
        for name in reversed(names):
            on_list(session, list_id, name)
        first = a_post(session, list_id, "<1@x>")
        answer = a_post(session, list_id, "<2@x>", ["<1@x>"])
        other = a_post(session, list_id, "<3@x>")
        assert answer.id != answer.thread_id == first.thread_id != other.thread_id
        threads = {post.id: post.thread_id for post in (first, answer, other)}
        claimed = claim(session, who=WHO, now=NOW)
        assert len(claimed) == 9
        for one in claimed:
            assert one.leave_token == f"{one.recipient.partition('@')[0]}{list_id}"
            assert one.thread_id == threads[one.post_id]

    database.write(steps)


def test_nobody_else_claims_it_before_the_lease_ends(database: Database) -> None:
    def steps(session: Session) -> None:
        queued(session, "anna", "tom")
        [first] = claim(session, who=WHO, now=NOW, limit=1)
        [second] = claim(session, who="other:1:1", now=NOW)
        assert first.id != second.id
        assert claim(session, who=WHO, now=NOW + timedelta(seconds=59)) == []
        extend(session, [first.id], who=WHO, until=NOW + 5 * MINUTE)
        extend(session, [second.id], who=WHO, until=NOW + 5 * MINUTE)  # not its own
        [again] = claim(session, who="third:1:1", now=NOW + 2 * MINUTE)
        assert (again.id, again.attempts) == (second.id, 2)

    database.write(steps)


def test_settled(database: Database) -> None:
    def steps(session: Session) -> None:
        queued(session, "anna", "bert", "carl")
        anna, bert, carl = claim(session, who=WHO, now=NOW)
        results = [
            Settled(anna.id, DeliveryState.SENT, "250 2.0.0 Ok"),
            Settled(bert.id, DeliveryState.DEFERRED, "451 4.3.0 Later", due_at=NOW + 5 * MINUTE),
            Settled(carl.id, DeliveryState.FAILED, "550 5.1.1 Unknown"),
        ]
        settle(session, results, NOW)
        settle(session, [], NOW)
        assert states(session) == [DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED]
        row = session.get_one(Delivery, bert.id)
        assert (row.due_at, row.settled_at, row.lease_until, row.claimed_by) == (NOW + 5 * MINUTE, None, None, None)
        row = session.get_one(Delivery, carl.id)
        assert (row.due_at, row.settled_at, row.last_reply) == (NOW, NOW, "550 5.1.1 Unknown")
        assert claim(session, who=WHO, now=NOW + MINUTE) == []
        [again] = claim(session, who=WHO, now=NOW + 5 * MINUTE)
        assert (again.id, again.attempts) == (bert.id, 2)

    database.write(steps)


def test_a_late_result_is_still_believed(database: Database) -> None:
    """The lease ran out and somebody else has it: what was sent is not sent again, what is sent stays sent."""

    def steps(session: Session) -> None:
        queued(session, "anna")
        slow = claim(session, who=WHO, now=NOW)
        quick = claim(session, who="other:1:1", now=NOW + 2 * MINUTE)
        assert [one.id for one in slow] == [one.id for one in quick]
        settle(session, sent(slow), NOW + 2 * MINUTE)
        settle(session, [Settled(quick[0].id, DeliveryState.DEFERRED, "", due_at=NOW)], NOW + 3 * MINUTE)
        assert states(session) == [DeliveryState.SENT]

    database.write(steps)


def test_released_claims_were_no_attempt(database: Database) -> None:
    def steps(session: Session) -> None:
        queued(session, "anna", "tom")
        anna, tom = claim(session, who=WHO, now=NOW)
        settle(session, [Settled(tom.id, DeliveryState.DEFERRED, "451", due_at=NOW + MINUTE)], NOW)
        claim(session, who=WHO, now=NOW + MINUTE)
        release(session, [anna.id, tom.id])
        assert states(session) == [DeliveryState.DUE, DeliveryState.DEFERRED]
        assert [one.attempts for one in claim(session, who=WHO, now=NOW + MINUTE)] == [1, 2]

    database.write(steps)


def test_what_the_dead_had_claimed_is_due_at_once(database: Database) -> None:
    def steps(session: Session) -> None:
        queued(session, "anna", "bert", "carl")
        dead, alive, elsewhere = (
            claim(session, who=who, now=NOW, limit=1)[0] for who in ("host:1:1", "host:2:2", "hostess:1:1")
        )
        asked: list[str] = []

        def lives(who: str) -> bool:
            asked.append(who)
            return who == "host:2:2"

        assert take_back(session, host="host", alive=lives, now=NOW) == 1
        assert sorted(asked) == ["host:1:1", "host:2:2"]
        assert [one.id for one in claim(session, who="host:3:3", now=NOW)] == [dead.id]
        assert {alive.id, elsewhere.id}.isdisjoint({dead.id})

    database.write(steps)


def test_one_notice_for_one_cause(database: Database) -> None:
    def steps(session: Session) -> None:
        raw = b"From: family@oak.example\r\n\r\nWelcome.\r\n"
        facts = {"raw": raw, "now": NOW}
        assert add_notice(session, recipient="anna@home.example", cause="join:1", **facts)
        assert not add_notice(session, recipient="anna@home.example", cause="join:1", **facts)
        assert add_notice(session, recipient="anna@home.example", cause="join:2", **facts)
        assert add_notice(session, recipient="tom@home.example", cause="join:1", **facts)
        assert add_notice(session, recipient="tom@home.example", cause=None, **facts)
        assert add_notice(session, recipient="tom@home.example", cause=None, **facts)
        claimed = claim(session, who=WHO, now=NOW)
        assert len(claimed) == 5
        assert {one.content_id for one in claimed} == {session.exec(select(Message.id)).one()}
        assert read_content(session, claimed[0].content_id) == raw
        assert (claimed[0].post_id, claimed[0].thread_id, claimed[0].leave_token) == (None, None, "")

    database.write(steps)


def test_the_database_keeps_one_notice_for_one_cause(database: Database) -> None:
    def steps(session: Session) -> None:
        add_notice(session, raw=b"x", recipient="anna@home.example", cause="join:1", now=NOW)
        row = session.exec(select(Delivery)).one()
        session.add(Delivery(**(row.model_dump() | {"id": None})))
        session.flush()

    with pytest.raises(IntegrityError):
        database.write(steps)


def test_next_due(database: Database) -> None:
    def steps(session: Session) -> None:
        assert next_due(session) is None
        queued(session, "anna", "tom")
        assert next_due(session) == NOW
        anna, tom = claim(session, who=WHO, now=NOW)
        assert next_due(session) == NOW + MINUTE  # the lease
        settle(session, [*sent([anna]), Settled(tom.id, DeliveryState.DEFERRED, "", due_at=NOW + DAY)], NOW)
        assert next_due(session) == NOW + DAY
        settle(session, sent([tom]), NOW)
        assert next_due(session) is None

    database.write(steps)


def test_what_the_operator_sees_and_does(database: Database) -> None:
    def steps(session: Session) -> None:
        queued(session, "anna", "bert", "carl", "dora")
        add_notice(session, raw=b"x", recipient="olu@home.example", cause=None, now=NOW)
        anna, bert, carl = claim(session, who=WHO, now=NOW, limit=3)
        failed = Settled(carl.id, DeliveryState.FAILED, "550 5.1.1 Unknown")
        settle(session, [*sent([anna]), failed, Settled(bert.id, DeliveryState.DEFERRED, "", NOW + DAY)], NOW)
        [sending] = claim(session, who=WHO, now=NOW, limit=1)
        rows = queue_rows(session)
        assert [row.recipient.partition("@")[0] for row in rows] == ["bert", "carl", "dora", "olu"]
        assert [row.list_name for row in rows] == ["family", "family", "family", ""]
        assert [row.last_reply for row in queue_rows(session, state=DeliveryState.FAILED)] == ["550 5.1.1 Unknown"]
        assert [row.id for row in queue_rows(session, limit=1, after_id=rows[0].id)] == [carl.id]
        counts = {state: count for state, count in state_counts(session).items() if count}
        assert counts == dict.fromkeys(counts, 1)
        assert state_counts(session)[DeliveryState.HELD] == 0

        assert drop(session, [anna.id, sending.id, rows[3].id]) == [rows[3].id]
        assert retry(session, [anna.id, carl.id, 999], now=NOW) == [carl.id]
        assert retry(session, None, now=NOW) == [bert.id, carl.id]
        assert [(one.id, one.attempts) for one in claim(session, who=WHO, now=NOW)] == [(bert.id, 2), (carl.id, 2)]
        assert session.get_one(Delivery, carl.id).settled_at is None

    database.write(steps)


def test_who_leaves_gets_nothing_more(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        anna, other = on_list(session, list_id, "anna"), a_list(session, "other")
        on_list(session, list_id, "tom")
        on_list(session, other, "third")
        for number in range(3):
            a_post(session, list_id, f"<{number}@x>")
        a_post(session, other, "<1@x>")
        hers = select(Delivery).where(Delivery.membership_id == anna.id).order_by(Delivery.id)
        due, held, deferred = session.exec(hers).all()
        held.state, deferred.state = DeliveryState.HELD, DeliveryState.DEFERRED
        session.flush()
        assert leave(session, membership_id=anna.id or 0)
        assert session.exec(hers).all() == []
        assert remove_list(session, list_id=list_id, now=NOW) == 3
        assert [row.list_name for row in queue_rows(session)] == ["other"]
        assert due.id

    database.write(steps)


def test_pruned_are_only_those_sent_long_ago(database: Database) -> None:
    def steps(session: Session) -> None:
        queued(session, "anna", "bert", "carl", "dora")
        anna, bert, carl = claim(session, who=WHO, now=NOW, limit=3)
        settle(session, sent([anna, bert]), NOW)
        settle(session, [Settled(carl.id, DeliveryState.FAILED, "550")], NOW)
        [dora] = claim(session, who=WHO, now=NOW + DAY)
        settle(session, sent([dora]), NOW + DAY)
        assert prune(session, before=NOW + DAY, limit=1) == 1
        assert prune(session, before=NOW + DAY) == 1
        assert prune(session, before=NOW + DAY) == 0
        assert states(session) == [DeliveryState.FAILED, DeliveryState.SENT]

    database.write(steps)


@pytest.mark.parametrize(
    ("statement", "index"),
    [(queue._CLAIM, "ix_delivery_due"), (queue._EXPIRED, "ix_delivery_sending")],
)
def test_claiming_looks_only_at_what_is_due(sqlite_place: Place, statement: Executable, index: str) -> None:
    """However many rows were sent: SQLite takes the partial index only where its condition stands in the statement."""
    database = Database.open(sqlite_place.url, home=sqlite_place.home, owner=False)

    def plan(session: Session) -> str:
        sql = str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))
        facts = {"now": str(NOW), "limit": 9, "lease_until": str(NOW), "who": WHO, "attempts_1": 1, "state": "sending"}
        facts |= {"param_1": "", "coalesce_1": "", "action_1": "leave"}
        return " ".join(row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", facts))

    assert f"USING INDEX {index}" in (found := database.write(plan)) or f"USING COVERING INDEX {index}" in found
    assert "SCAN delivery" not in found.replace(f"SCAN delivery USING COVERING INDEX {index}", "")
    database.close()


def test_only_postgresql_is_told_to_skip_what_is_locked() -> None:
    assert "FOR UPDATE SKIP LOCKED" in str(queue._CLAIM.compile(dialect=postgresql.dialect()))
    assert "FOR UPDATE" not in str(queue._CLAIM.compile(dialect=sqlite.dialect()))


def test_many_claimers_at_once_never_share_a_delivery(database: Database) -> None:
    database.write(lambda session: queued(session, *(f"member{number}" for number in range(120))))

    def take(number: int) -> list[int]:
        ids: list[int] = []
        while claimed := database.write(lambda session: claim(session, who=f"h:{number}:1", now=NOW, limit=7)):
            ids += [one.id for one in claimed]
            results = sent(claimed)
            database.write(lambda session, results=results: settle(session, results, NOW))
        return ids

    with ThreadPoolExecutor(6) as threads:
        ids = [one for taken in threads.map(take, range(6)) for one in taken]
    assert len(ids) == len(set(ids)) == 120
    assert database.read(state_counts)[DeliveryState.SENT] == 120


def test_what_is_postponed_waits_and_has_had_no_attempt(database: Database) -> None:
    database.write(lambda session: queued(session, "anna", "bo"))
    first, second = database.write(lambda session: claim(session, who=WHO, now=NOW))

    def put_off(session: Session) -> None:
        postpone(session, [first.id], until=NOW + MINUTE, reason="others go first", who=WHO)
        postpone(session, [second.id], until=NOW + DAY, reason="not mine to put off", who="host:2:2")

    database.write(put_off)
    waiting, sending = database.read(queue_rows)
    assert (waiting.state, waiting.attempts, waiting.last_reply) == (DeliveryState.DEFERRED, 0, "others go first")
    assert (sending.state, sending.attempts) == (DeliveryState.SENDING, 1)
    assert database.write(lambda session: claim(session, who=WHO, now=NOW + MINUTE - timedelta(seconds=1))) == []
    (again,) = database.write(lambda session: claim(session, who=WHO, now=NOW + MINUTE))
    assert (again.id, again.attempts) == (first.id, 1)
