"""What goes out in the place of a message: kept once, the same for all, forgotten in time."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlmodel import Session

from storage.cleaned import KeptCleaned, cleaned_of, forget_cleaned, keep_cleaned
from storage.contents import pack, store_content
from storage.database import Database, StorageTrouble
from tests.storage.made import DAY, NOW


def test_the_first_one_counts(database: Database) -> None:
    def steps(session: Session) -> None:
        photo, plain = (store_content(session, raw, NOW) for raw in (b"photo", b"plain"))
        assert cleaned_of(session, photo) is None
        large = pack(b"clean" * 1000)
        assert large.compressed
        assert keep_cleaned(session, content_id=photo, packed=large, left_out="[1]", now=NOW)
        assert not keep_cleaned(session, content_id=photo, packed=pack(b"other"), left_out="", now=NOW)
        assert cleaned_of(session, photo) == KeptCleaned(b"clean" * 1000, "[1]")
        assert keep_cleaned(session, content_id=plain, packed=None, left_out="", now=NOW)
        assert cleaned_of(session, plain) == KeptCleaned(None, "")

    database.write(steps)


def test_it_is_forgotten_and_can_be_made_anew(database: Database) -> None:
    def steps(session: Session) -> None:
        ids = [store_content(session, b"%d" % number, NOW) for number in range(5)]
        for number, content_id in enumerate(ids):
            keep_cleaned(session, content_id=content_id, packed=pack(b"x"), left_out="", now=NOW + number * DAY)
        assert forget_cleaned(session, before=NOW + 3 * DAY, limit=2) == 2
        assert forget_cleaned(session, before=NOW + 3 * DAY, limit=2) == 1
        assert forget_cleaned(session, before=NOW + 3 * DAY, limit=2) == 0
        assert [cleaned_of(session, content_id) is None for content_id in ids] == [True, True, True, False, False]
        assert keep_cleaned(session, content_id=ids[0], packed=None, left_out="", now=NOW)

    database.write(steps)


def test_damage_is_seen(database: Database) -> None:
    def spoil(session: Session) -> int:
        content_id = store_content(session, b"photo", NOW)
        keep_cleaned(session, content_id=content_id, packed=pack(b"clean" * 1000), left_out="", now=NOW)
        session.connection().execute(text("UPDATE cleaned_message SET size = 7"))
        return content_id

    content_id = database.write(spoil)
    with pytest.raises(StorageTrouble, match="damaged"):
        database.read(lambda session: cleaned_of(session, content_id))
