"""What `queue retry --all` does about posts for other servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from organic_mail.relaying import send_due
from organic_mail.travelling import depart_due
from storage import relays
from tests.federation.travellers import in_one_space, tell, write
from tests.federation.village import Server, Village, village


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    """oak and pine, with a link, in the space plum."""
    with village(tmp_path, sqlite_template) as made:
        yield in_one_space(made, "oak", "pine")


def given_to_pine(oak: Server) -> int:
    """So many posts go into oak's queue now."""
    send_due(oak.database, oak.host, oak.now)
    return sum(mail.domain == "pine.example" and b"\r\nOrganic-Type: post\r\n" in mail.raw for mail in oak.mails())


def test_what_lies_in_the_queue_is_not_put_there_twice(street: Village) -> None:
    """Nor does it count as one of the posts that pine takes in an hour."""
    oak = street.servers["oak.example"]
    tell(oak, share="always")
    write(oak, "Apples")
    depart_due(oak.database, oak.host, street.now)
    assert given_to_pine(oak) == 1
    for _ in range(3):
        oak.write(lambda session: relays.make_all_due(session, street.now))
        street.wait(minutes=1)
        assert given_to_pine(oak) == 0
    street.wait(hours=1)
    assert given_to_pine(oak) == 1  # the queue has let go of it
