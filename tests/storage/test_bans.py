"""Bans of one list and of all."""

from __future__ import annotations

from sqlmodel import Session

from storage.bans import add_ban, all_bans, patterns_concerning, remove_ban
from storage.database import Database
from storage.lists import remove_list
from tests.storage.made import NOW, a_list


def test_bans_of_one_list_and_of_all(database: Database) -> None:
    def steps(session: Session) -> None:
        family, choir = a_list(session), a_list(session, "choir")
        assert add_ban(session, pattern="sven@elm.example", list_id=family, now=NOW)
        assert add_ban(session, pattern="*@elm.example", list_id=None, now=NOW)
        assert add_ban(session, pattern="olu@elm.example", list_id=None, now=NOW)
        assert add_ban(session, pattern="s%@elm.example", list_id=family, now=NOW)

        def found(list_id: int | None) -> list[str]:
            return sorted(patterns_concerning(session, key="sven@elm.example", list_id=list_id))

        assert found(family) == ["*@elm.example", "sven@elm.example"]
        assert found(choir) == found(None) == ["*@elm.example"]
        assert [(ban.pattern, name) for ban, name in all_bans(session)] == [
            ("*@elm.example", ""),
            ("olu@elm.example", ""),
            ("s%@elm.example", "family"),
            ("sven@elm.example", "family"),
        ]
        remove_list(session, list_id=family, now=NOW)
        assert len(all_bans(session)) == 2

    database.write(steps)


def test_the_same_again_changes_nothing(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        for list_id in (family, None):
            assert add_ban(session, pattern="sven@elm.example", list_id=list_id, now=NOW)
            assert not add_ban(session, pattern="sven@elm.example", list_id=list_id, now=NOW)
        assert len(all_bans(session)) == 2
        assert remove_ban(session, pattern="sven@elm.example", list_id=None)
        assert not remove_ban(session, pattern="sven@elm.example", list_id=None)
        assert patterns_concerning(session, key="sven@elm.example", list_id=family) == ["sven@elm.example"]
        assert remove_ban(session, pattern="sven@elm.example", list_id=family)
        assert all_bans(session) == []

    database.write(steps)
