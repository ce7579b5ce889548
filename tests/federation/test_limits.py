"""What is too much for now waits with its sender, and nothing of it is lost (spec/federation.md §2.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from handlers.peer import limits
from handlers.peer.code import read_code
from handlers.peer.limits import PER_HOUR, POSTS_OF_AUTHOR, ROSTERS_PER_DAY, Allowance, Traffic, allowance_of
from handlers.peer.relay import Taken
from organic_mail import peering, rotating
from organic_mail.peer_keys import NEXT
from organic_mail.problem import Problem
from organic_mail.relay_store import link_with
from organic_mail.rosters import current_roster, reissue
from storage import peers
from storage.database import Database
from storage.models import Delivery, DeliveryState
from tests.federation.simulator import BEGIN, DAY, HOUR, MINUTE, Network
from tests.federation.test_conformance import after, delivered, link_of, mail_of, network, retraction
from tests.federation.travellers import carry, got, in_one_space, person, tell, write
from tests.federation.village import Mail, Server, Village, village


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    """oak and pine, with a link, in the space plum."""
    with village(tmp_path, sqlite_template) as made:
        yield in_one_space(made, "oak", "pine")


def kind_of(mail: Mail) -> str:
    return str(message_from_bytes(mail.raw, policy=policy.default)["Organic-Type"])


def again(mail: Mail, number: int) -> bytes:
    """Under a Message-ID of its own."""
    message = message_from_bytes(mail.raw, policy=policy.SMTP)
    message.replace_header("Message-ID", f"<again-{number}@oak.example>")
    return message.as_bytes()


def says(server: Server, peer: Server, limits_of_card: str) -> None:
    """What this server has read on the card of the other one."""

    def put(session: Any) -> None:
        row = peers.peer_at(session, peer.domain)
        assert row is not None
        lines = row.their_card.splitlines()
        row.their_card = "\n".join(f"limits:{limits_of_card}" if line[:7] == "limits:" else line for line in lines)
        session.add(row)

    server.write(put)


def write_many(oak: Server, count: int) -> list[str]:
    tell(oak, share="always")
    subjects = [f"Basket {number}" for number in range(count)]
    for subject in subjects:
        write(oak, subject)
    return subjects


# Counting


@pytest.mark.parametrize(
    ("limits_line", "expected"),
    [
        ("limits:120/h 1000/d", Allowance(120, 1000)),
        ("limits:60/h", Allowance(60, 1000)),
        ("limits:500/h 90/d", Allowance(120, 90)),
        ("limits:0/h", Allowance(1, 1000)),
        ("limits:as you like", Allowance(120, 1000)),
        ("rules:2/h", Allowance(120, 1000)),
    ],
)
def test_the_smaller_of_both_sides_counts(limits_line: str, expected: Allowance) -> None:
    assert allowance_of(f"v:1\n{limits_line}\nrules:be kind\n") == expected


def filled(count: int, *, wanted: bool = False) -> Traffic:
    traffic = Traffic()
    for _ in range(count):
        traffic = limits.with_post(traffic, BEGIN, wanted=wanted)
    return traffic


def test_an_hour_is_full_and_then_it_is_over() -> None:
    waits, full = limits.post_waits_until, filled(PER_HOUR)
    in_a_while = BEGIN + timedelta(minutes=59)
    assert waits(filled(PER_HOUR - 1), Allowance(), in_a_while, wanted=False) is None
    assert waits(full, Allowance(), in_a_while, wanted=False) == BEGIN + timedelta(hours=1)
    assert waits(full, Allowance(), BEGIN + timedelta(hours=1), wanted=False) is None
    assert waits(full, Allowance(), in_a_while, wanted=True) is None, "what was asked for may still come"


def test_a_day_is_full_whatever_the_hour() -> None:
    in_hours = BEGIN + timedelta(hours=5)
    traffic = filled(10)
    assert limits.post_waits_until(traffic, Allowance(per_day=10), in_hours, wanted=False) == BEGIN + timedelta(days=1)
    assert limits.post_waits_until(traffic, Allowance(per_day=11), in_hours, wanted=False) is None


def test_what_was_asked_for_has_a_limit_of_its_own() -> None:
    full = filled(limits.WANTED_PER_HOUR, wanted=True)
    assert limits.post_waits_until(full, Allowance(), BEGIN, wanted=True) is not None
    assert limits.post_waits_until(full, Allowance(), BEGIN, wanted=False) is None, "a new post need not wait for it"


# Over a link, on virtual time


def flood(made: Network, count: int, **changes: Any) -> list[Taken]:
    """Oak's server sends all at once, whatever was agreed."""
    oak, pine, *_ = made.servers
    posts = [made.sealed_post(oak, author=f"aaaaabb{n:03d}".translate(DIGITS), **changes) for n in range(count)]
    return [
        made.receive(pine, oak.domain, mail_of(made, oak, pine, post, seq=number)).taken
        for number, post in enumerate(posts, start=1)
    ]


DIGITS = str.maketrans("0189", "xyzw")


def test_a_receiver_takes_no_more_than_was_agreed() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    taken = flood(made, PER_HOUR + 2)
    assert taken == [Taken.ACCEPTED] * PER_HOUR + [Taken.HELD] * 2
    pause = link_of(pine, oak).pause_until
    assert pause is not None
    after(made, 10 * MINUTE)
    resumes = link_of(oak, pine).resume_at
    assert resumes is not None
    assert abs(resumes - pause) < timedelta(minutes=1), "its status asked for that"


def test_nothing_is_lost_of_what_was_too_much() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    for _ in range(3):
        made.write(oak)
    pine.store.save_link(replace(link_of(pine, oak), allowance=Allowance(per_hour=2)))
    after(made, 30 * MINUTE)
    assert len(delivered(pine)) == 2
    after(made, 3 * HOUR)
    assert len(delivered(pine)) == 3
    assert made.doubles() == 0


def test_a_retraction_does_not_wait_for_the_next_hour() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    post = made.write(oak)
    after(made, 5 * MINUTE)
    for _ in range(PER_HOUR + 10):
        made.write(oak)
    after(made, 10 * MINUTE)
    assert len(delivered(pine)) == PER_HOUR
    made.publish(oak, retraction(made, oak, post))
    after(made, 5 * MINUTE)
    assert (post.key.origin, post.key.post) not in pine.store.archive


def test_f79_the_twenty_first_post_of_an_author_waits_at_who_receives_it() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    for _ in range(POSTS_OF_AUTHOR + 1):
        made.write(oak, author="aaaaabbbbb")
    made.write(oak, author="cccccddddd")
    after(made, 20 * HOUR)
    assert len(delivered(pine)) == POSTS_OF_AUTHOR + 1, "one of them is somebody else's"
    after(made, 3 * DAY)
    assert len(delivered(pine)) == POSTS_OF_AUTHOR + 2
    assert not pine.store.aside


def test_who_comes_back_gets_the_posts_of_many_days_at_once() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    made.outage(pine, made.now, made.now + 3 * DAY)
    for _ in range(3):
        for _ in range(POSTS_OF_AUTHOR):
            made.write(oak, author="aaaaabbbbb")
        after(made, DAY + MINUTE)
    after(made, 4 * HOUR)
    assert len(delivered(pine)) == 3 * POSTS_OF_AUTHOR


# Between daemons' databases


def test_smtp_says_later_and_nothing_is_lost(street: Village, oak: Server, pine: Server) -> None:
    says(pine, oak, "2/h")  # oak does not know, and sends as usual
    subjects = write_many(oak, 4)
    refused: list[str] = []

    def refuses(mail: Mail) -> bool:
        if mail.domain != "pine.example" or kind_of(mail) != "post":
            return False
        outcome = pine.take(mail.raw, mail.to)
        refused.extend([outcome.reply.enhanced] if outcome.reply.code == 451 else [])
        return True

    street.lost = refuses
    carry(street)
    assert refused == ["4.4.5", "4.4.5"]
    assert sum(len(got(street, person(pine), subject)) for subject in subjects) == 2
    street.lost = lambda mail: False
    for _ in range(3):
        street.wait(minutes=61)
        carry(street)
    assert [len(got(street, person(pine), subject)) for subject in subjects] == [1, 1, 1, 1]


def test_a_sender_keeps_to_the_others_card(street: Village, oak: Server, pine: Server) -> None:
    says(oak, pine, "3/h 4/d")
    write_many(oak, 6)
    went = [sum(kind_of(mail) == "post" for mail in carry(street))]
    street.wait(hours=1.1)
    went.append(sum(kind_of(mail) == "post" for mail in carry(street)))
    assert went == [3, 1], "an hour's share, then the rest of the day's"
    for _ in range(3):  # what has waited long is offered, and comes as it is asked for
        street.wait(hours=8)
        carry(street)
    assert [len(got(street, person(pine), f"Basket {number}")) for number in range(6)] == [1] * 6


def test_a_server_that_is_asked_to_wait_sends_no_more_meanwhile(
    street: Village, oak: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organic_mail.relay_store._MOST_PUT_OFF", 2)
    street.lost = lambda mail: mail.domain == "pine.example"
    write_many(oak, 2)
    carry(street)

    def put_off(session: Any) -> None:
        theirs = update(Delivery).where(col(Delivery.recipient).endswith("@pine.example"))
        session.exec(theirs.values(state=DeliveryState.DEFERRED))

    oak.write(put_off)
    street.wait(minutes=20)
    write(oak, "Basket 3")
    assert [kind_of(mail) for mail in carry(street) if mail.sender == "oak.example"] == []


def test_rosters_are_asked_for_when_there_are_many(street: Village, oak: Server, pine: Server) -> None:
    def renew(session: Any) -> None:
        space = oak.space(session)
        reissue(session, oak.host, space, current_roster(session, space).entries, street.now)

    pushed = []
    street.wait(days=1)
    for _ in range(ROSTERS_PER_DAY + 4):
        oak.write(renew)
        pushed += [mail for mail in street.carry() if kind_of(mail) == "roster"]
    assert len(pushed) == ROSTERS_PER_DAY
    for _ in range(3):
        street.wait(minutes=6)
        carry(street)
    assert pine.roster().serial == oak.roster().serial


def test_rosters_that_nobody_asked_for_are_not_taken_all_day(street: Village, oak: Server, pine: Server) -> None:
    sent: list[Mail] = []
    street.lost = lambda mail: bool(kind_of(mail) == "roster" and sent.append(mail) is None)
    street.wait(days=1)
    oak.write(lambda session: reissue(session, oak.host, oak.space(session), oak.roster().entries, street.now))
    street.carry()
    codes = [pine.take(again(sent[0], number), sent[0].to).reply.code for number in range(ROSTERS_PER_DAY + 2)]
    assert codes == [250] * ROSTERS_PER_DAY + [451] * 2
    street.wait(days=1)
    assert pine.take(again(sent[0], 99), sent[0].to).reply.code == 250


def test_a_key_changes_five_times_a_day(street: Village, oak: Server, pine: Server) -> None:
    keys = oak.home / "keys"

    def rotate() -> None:
        street.wait(minutes=1)
        rotating.rotate(oak.database, oak.host, keys, following=keys / NEXT, compromised_since=None, now=street.now)
        carry(street)

    for _ in range(limits.ROTATIONS_PER_DAY):
        rotate()
    with pytest.raises(Problem, match="tomorrow"):
        rotate()
    street.wait(days=1)
    rotate()
    assert pine.read(lambda session: len(peers.peer_keys(session, oak.domain))) == limits.ROTATIONS_PER_DAY + 2


def test_who_receives_takes_no_sixth_key_in_a_day(
    street: Village, oak: Server, pine: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organic_mail.peer_limits.ROTATIONS_PER_DAY", 1)
    answers: list[int] = []

    def watched(mail: Mail) -> bool:
        if kind_of(mail) == "rotate":
            answers.append(pine.take(mail.raw, mail.to).reply.code)
        return kind_of(mail) == "rotate"

    street.lost = watched
    keys = oak.home / "keys"
    for _ in range(2):
        street.wait(minutes=1)
        rotating.rotate(oak.database, oak.host, keys, following=keys / NEXT, compromised_since=None, now=street.now)
        street.carry()
    assert answers == [250, 451]


def test_handshakes_beyond_the_limit_are_met_with_silence(
    street: Village, oak: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organic_mail.peer_limits.HANDSHAKES_PER_DAY", 2)
    street.wait(days=1)
    birch, elm = street.server("birch"), street.server("elm")
    street.ask(oak, birch)
    oak_code = oak.write(lambda session: peering.make_invite(session, oak.host, street.now))
    street.carry()
    before = len(oak.log())
    elm.write(lambda session: peering.begin(session, elm.host, "oak.example", read_code(oak_code), street.now))
    (request,) = [mail for mail in elm.mails() if mail.domain == "oak.example"]
    for number in range(3):
        assert oak.take(again(request, number), request.to).reply.code == 250
    assert street.carry() == []
    assert len(oak.log()) == before + 1, "it is said once that there are too many"
    assert oak.state("elm.example") == "none"
    street.wait(days=1)
    oak.take(again(request, 9), request.to)
    assert oak.state("elm.example") != "none"


def test_the_counts_outlive_a_restart(street: Village, oak: Server, pine: Server) -> None:
    says(pine, oak, "2/h")
    write_many(oak, 2)
    carry(street)
    opened = Database.open("sqlite:///community.db", home=pine.home, owner=False)
    try:
        link = opened.read(lambda session: link_with(session, "oak.example"))
    finally:
        opened.close()
    assert link is not None
    assert link.taken.hour.count == 2
