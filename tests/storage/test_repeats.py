"""What waits for one letter after a restore, in both databases."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from storage import letters, queue, repeats
from storage.database import Database
from storage.letters import NewEntry, NewLetter
from storage.models import DeliveryMode, Membership
from tests.storage.made import MINUTE, NOW, a_list, a_post, on_list


@pytest.fixture
def family(database: Database) -> dict[str, int]:
    """Name → membership. A post and its answer wait for Anna and Tom; Rose reads letters."""

    def fill(session: Session) -> dict[str, int]:
        list_id = a_list(session)
        modes = {"anna": DeliveryMode.EACH, "tom": DeliveryMode.EACH, "rose": DeliveryMode.DAILY}
        made: dict[str, Membership] = {name: on_list(session, list_id, name, mode) for name, mode in modes.items()}
        for number in (1, 2):
            post = a_post(session, list_id, f"<{number}@x>")
            repeats.gather(session, post.id or 0, NOW + number * MINUTE)
        return {name: each.id or 0 for name, each in made.items()}

    return database.write(fill)


def waiting(database: Database) -> dict[int, list[int]]:
    return database.read(lambda session: repeats.waiting(session, list_id=1, after=0, limit=9))


def letter_to(database: Database, *membership_ids: int) -> dict[int, int]:
    """Membership → letter; what waited is in it."""

    def write(session: Session) -> dict[int, int]:
        edition = letters.add_edition(
            session, list_id=1, raw=b"A: b\r\n\r\n", language="en", title="T", written_on=NOW.date(),
            entries=[NewEntry(1, 1, 1, 2, "The lake", shown=True)], now=NOW,
        )  # fmt: skip
        readers = [letters.reader_of(session, each) for each in membership_ids]
        rows = [NewLetter(edition, each, None, f"<{each.membership_id}@l>", each.read_to) for each in readers if each]
        assert letters.add_letters(session, rows, list_id=1, now=NOW, counted=False) == len(membership_ids)
        repeats.brought(session, [(each, [1, 2], edition) for each in membership_ids])
        found = {row.membership_id: row.letter_id or 0 for row in queue.claim(session, who="a:1:1", now=NOW)}
        return {membership_id or 0: letter_id for membership_id, letter_id in found.items()}

    return database.write(write)


def test_it_waits_in_the_place_of_copies(database: Database, family: dict[str, int]) -> None:
    assert database.read(queue.queue_rows) == []
    assert waiting(database) == {family["anna"]: [1, 2], family["tom"]: [1, 2]}
    (found,) = database.read(repeats.gathered)
    assert (found.list_id, found.first_at, found.last_at) == (1, NOW + MINUTE, NOW + 2 * MINUTE)


def test_in_pieces(database: Database, family: dict[str, int]) -> None:
    first = database.read(lambda session: repeats.waiting(session, list_id=1, after=0, limit=1))
    second = database.read(lambda session: repeats.waiting(session, list_id=1, after=max(first), limit=1))
    assert [*first, *second] == [family["anna"], family["tom"]]
    assert database.read(lambda session: repeats.waiting(session, list_id=1, after=max(second), limit=1)) == {}


def test_what_a_letter_brings_waits_no_more(database: Database, family: dict[str, int]) -> None:
    anna, tom = family["anna"], family["tom"]
    sent = letter_to(database, anna)
    assert waiting(database) == {tom: [1, 2]}
    wanted = {anna: [1, 2], tom: [1, 2]}
    assert database.write(lambda session: repeats.still_waiting(session, wanted, 1)) == {tom}
    assert database.write(lambda session: repeats.still_waiting(session, {tom: [1]}, 1)) == {tom}
    assert database.write(lambda session: repeats.still_waiting(session, {tom: [2]}, 1)) == set()
    assert database.write(lambda session: repeats.give_back(session, [sent[anna], 99])) == {sent[anna]}
    assert waiting(database) == wanted
    reader = database.read(lambda session: letters.reader_of(session, anna))
    assert reader is not None
    assert (reader.read_to, reader.letters) == (0, 0), "it is no letter with what is new"


def test_it_is_forgotten(database: Database, family: dict[str, int]) -> None:
    anna, tom = family["anna"], family["tom"]
    sent = letter_to(database, anna)
    database.write(lambda session: repeats.forget(session, tom, [2]))
    assert waiting(database) == {tom: [1]}
    database.write(lambda session: repeats.forget_of_letters(session, [sent[anna]]))
    assert database.write(lambda session: repeats.give_back(session, [sent[anna]])) == set()
