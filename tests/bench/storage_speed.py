"""How fast storage is: python tests/bench/storage_speed.py [DIRECTORY]. One line for each figure, with its aim."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import Session

from storage.arrivals import remember
from storage.contents import store_content
from storage.database import Database
from storage.lists import create_list
from storage.models import DeliveryMode, DeliveryState, Role, Status, TokenAction
from storage.posts import store_post
from storage.queue import Settled, claim, settle
from storage.tables import action_token, address, member, membership

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
BODY = b"From: anna@oak.example\r\nSubject: The lake\r\n\r\n" + b"We are back from the lake, all of us.\r\n" * 100


def make_list(session: Session, name: str, size: int) -> int:
    """A list of so many readers; returns its id."""
    list_id = create_list(session, name=name, title=name, now=NOW).id or 0
    first = list_id * 1_000_000
    numbers = range(first, first + size)
    people = [
        {"id": n, "name": f"Member {n}", "alias": f"member.{n}", "language": "en", "timezone": "UTC", "hour": 7}
        | {"address_shown": False, "share": "ask", "home": "", "created_at": NOW}
        for n in numbers
    ]
    addresses = [
        {"member_id": n, "address": f"m{n}@x.example", "key": f"m{n}@x.example", "is_primary": True, "created_at": NOW}
        for n in numbers
    ]
    memberships = [
        {"id": n, "list_id": list_id, "member_id": n, "role": Role.MEMBER, "delivery": DeliveryMode.EACH}
        | {"status": Status.ACTIVE, "own_posts": True, "weekday": 6, "joined_at": NOW, "created_at": NOW}
        for n in numbers
    ]
    leaving = [
        {"token": f"t{n}", "action": TokenAction.LEAVE, "list_id": list_id, "member_id": n}
        | {"membership_id": n, "created_at": NOW}
        for n in numbers
    ]
    for table, rows in ((member, people), (address, addresses), (membership, memberships), (action_token, leaving)):
        session.connection().execute(insert(table), rows)
    return list_id


def post_to(list_id: int, number: int, size: int = 4000) -> Callable[[Session], int]:
    """What intake does for one post."""
    raw = BODY[:size] + b"%d in list %d" % (number, list_id)

    def store(session: Session) -> int:
        if not remember(session, b"%d-%d" % (list_id, number), NOW):
            raise AssertionError
        post = store_post(
            session,
            list_id=list_id,
            member_id=None,
            author_name="Anna",
            content_id=store_content(session, raw, NOW),
            message_id=f"<{number}@oak.example>",
            original_message_id=f"<{number}@oak.example>",
            in_reply_to="",
            references=(),
            subject="The lake",
            written_at=NOW,
            received_at=NOW,
            now=NOW,
        )
        return post.id or 0

    return store


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def say(what: str, value: float, unit: str, aim: str) -> None:
    print(f"{what:<58} {value:>10.2f} {unit:<8} aim {aim}")


def main(directory: Path) -> None:
    Database.create("sqlite:///community.db", home=directory)
    database = Database.open("sqlite:///community.db", home=directory, owner=True)
    lists = {n: database.write(lambda session, n=n: make_list(session, f"list{n}", n)) for n in (50, 10_000, 100_000)}
    database.write(post_to(lists[50], 0))

    def batches(session: Session) -> list[float]:
        starts = range(1, 1000, 50)
        return [seconds(lambda n=n: [post_to(lists[50], n + i)(session) for i in range(50)]) / 50 for n in starts]

    best = min(database.write(batches)) * 1000
    say("store_post + content + arrival, 50 members, best batch", best, "ms", "<= 0.5")

    def submitted() -> None:
        for future in [database.submit(post_to(lists[50], n)) for n in range(2000, 4000)]:
            future.result()

    say("the same by submit, group commit", 2000 / seconds(submitted), "posts/s", ">= 1000")
    for size, aim in ((10_000, "<= 20"), (100_000, "<= 500, goal 150")):
        posts = [post_to(lists[size], n) for n in range(3)]
        times = [seconds(lambda post=post: database.write(post)) for post in posts]
        say(f"a post to {size:,} members, with its commit (median)", sorted(times)[1] * 1000, "ms", aim)

    claims, settles = [], []
    for _ in range(50):
        start = time.perf_counter()
        claimed = database.write(lambda session: claim(session, who="h:1:1", now=NOW + timedelta(minutes=1)))
        claims.append(time.perf_counter() - start)
        results = [Settled(row.id, DeliveryState.SENT, "250 2.0.0 Ok") for row in claimed]
        settles.append(seconds(lambda results=results: database.write(lambda session: settle(session, results, NOW))))
    say("claim of 100, with its commit (median)", sorted(claims)[25] * 1000, "ms", "<= 3")
    say("settle of 100, with its commit (median)", sorted(settles)[25] * 1000, "ms", "-")
    database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made:
        main(Path(made))
