"""One letter to ourselves finds out whether the provider has plus addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers.message import parse
from handlers.one_mailbox import OneMailbox
from organic_mail.plus_probe import ask, probe_local
from storage.mailboxes import takes_plus
from tests.interop.dovecot import Dovecot, dovecot
from tests.wire.community import NOW, SECRETS, Community, community, mail
from tests.wire.mailboxes import BOX, mailbox_community, until, watching, with_plus

PLAIN = OneMailbox(BOX, plus=False)


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as found:
        found.host = with_plus(found.host, plus=False)
        yield found


def asked(people: Community, mailbox: OneMailbox = PLAIN) -> bool:
    return people.database.write(lambda session: ask(session, people.host, mailbox, NOW))


def test_it_is_written_once(people: Community) -> None:
    assert asked(people)
    assert not asked(people)
    ((recipient, raw),) = people.notices()
    letter = parse(raw)
    assert recipient == f"box+{probe_local(SECRETS, PLAIN)}@provider.example"
    assert f"<{BOX}>" in (letter.value("from") or "")
    assert letter.value("auto-submitted") == "auto-generated"


def test_it_is_not_written_where_the_provider_is_known(people: Community) -> None:
    assert not asked(people, replace(PLAIN, plus=True))
    assert people.notices() == []


def test_each_mailbox_and_each_community_has_another_address() -> None:
    locals_ = {
        probe_local(SECRETS, PLAIN),
        probe_local(SECRETS, OneMailbox("other@provider.example", plus=False)),
        probe_local((replace(SECRETS[0], key=b"1" * 32),), PLAIN),
    }
    assert len(locals_) == 3
    assert all(local.startswith("organic-") for local in locals_)


@pytest.fixture
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


def test_its_arrival_teaches(sqlite_template: Path, tmp_path: Path, server: Dovecot) -> None:
    with mailbox_community(sqlite_template, tmp_path, server, only="family") as people:
        probe = f"box+{probe_local(SECRETS, PLAIN)}@provider.example"
        with watching(people, server) as watched:
            server.put(mail(author=f"us <{BOX}>", to="box+organic-aaaaaaaaaaaaaaaa@provider.example"))
            server.put(mail(author=f"us <{BOX}>", to=probe))
            until(lambda: server.mails("Organic Mail"))
            assert watched.learned.is_set()
        assert len(server.mails("Organic Mail")) == len(server.mails()) == 1
        assert known(people) is True


def known(people: Community) -> Any:
    return people.database.read(lambda session: takes_plus(session, BOX))
