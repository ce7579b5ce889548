"""What members ask for, and what follows from it, is done by the timers of `serve`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from handlers.facts import id_of
from organic_mail.home import open_home
from organic_mail.resolver import Resolver
from organic_mail.timers import standing_timers
from storage import lists, members, own_data, queue
from storage.belonging import person_of
from storage.contents import store_content
from storage.erasing import erase, open_erasures
from storage.events import record
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_data_notes_and_the_sweep(om: Operator) -> None:
    assert om("list", "create", "family").code == 0
    assert om("member", "add", "family", "Rose Okafor <rose@home.example>", "--confirmed", "--quiet").code == 0
    with open_home(om.home, owner=True) as opened:
        timers = {timer.name: timer for timer in standing_timers(opened, Resolver(["127.0.0.1:1"]))}

        def wish(session) -> int:  # type: ignore[no-untyped-def]
            rose, family = members.member_of_address(session, "rose@home.example"), lists.list_named(session, "family")
            assert rose is not None
            assert family is not None
            own_data.wish_for_data(session, member_id=id_of(rose), list_id=id_of(family), in_reply_to="", now=NOON)
            record(session, "refused", "An email was refused.", now=NOON)
            store_content(session, b"Unused: yes\r\n\r\n", NOON)
            return id_of(rose)

        timers["write daily notes"].act(NOON - timedelta(days=1))  # the first day has none
        rose = opened.database.write(wish)
        for name in ("send wished data", "write daily notes", "forget unused messages"):
            timers[name].act(NOON)
        rows = opened.database.read(queue.queue_rows)
        assert [row.recipient for row in rows] == ["rose@home.example", "olu@example.org"]
        opened.database.write(lambda session: erase(session, person_of(session, rose), alias_mark="mark", now=NOON))
        assert len(opened.database.read(open_erasures)) == 1
        timers["sweep after erasures"].act(NOON)
        assert opened.database.read(open_erasures) == []
        assert (om.home / "community.db-wal").stat().st_size < 50_000, "the log was emptied"
