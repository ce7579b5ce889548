"""Mail in from a real mailbox: Dovecot pushes it, it is read once, and moved after the commit."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from handlers.token import private_reference
from organic_mail import mailbox_intake
from organic_mail.imap_profile import ImapPlace, imap_place, imap_secret
from organic_mail.imap_session import Declined, ImapSession, ImapTrouble
from organic_mail.receive import Receiver
from storage import shunts
from storage.database import StorageTrouble
from tests.interop.dovecot import JUNK, SECRET, Dovecot, dovecot
from tests.wire.community import DOMAIN, SECRETS, Community, mail
from tests.wire.cutting import Wire
from tests.wire.mailboxes import BOX, QUICK, mailbox_community, until, watching

TAKEN, ASIDE = "Organic Mail", "Set aside"
BARE = "imap_capability = IMAP4rev1 LITERAL+ NAMESPACE"  # no IDLE, MOVE, UIDPLUS, SPECIAL-USE


@pytest.fixture
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path, server: Dovecot) -> Iterator[Community]:
    """One list, family, and no plus."""
    with mailbox_community(sqlite_template, tmp_path, server, only="family") as found:
        yield found


@contextmanager
def at(template: Path, home: Path, **settings: Any) -> Iterator[tuple[Dovecot, Community]]:
    """Another Dovecot, and the same people."""
    with dovecot(**settings) as server, mailbox_community(template, home, server, only="family") as people:
        yield server, people


def letter(number: int = 1, **more: str) -> bytes:
    fields = {"to": BOX, "subject": f"News {number}", "message_id": f"<{number}@home.example>", **more}
    return mail(f"Hello {number}.\r\n", **fields)


def subjects(people: Community) -> list[str]:
    return [post.subject for post in people.posts()]


# What comes, and how we hear of it


def test_what_lies_there_is_read_and_moved(people: Community, server: Dovecot) -> None:
    server.put(letter(1), letter(2))
    with watching(people, server):
        until(lambda: len(server.mails(TAKEN)) == 2)
    assert subjects(people) == ["News 1", "News 2"]
    assert server.mails() == []
    assert server.mails(TAKEN) == [letter(1), letter(2)]
    assert server.flags(TAKEN) == ""


def test_new_mail_is_pushed(people: Community, server: Dovecot) -> None:
    with watching(people, server, pace=replace(QUICK, junk=60)) as watched:
        until(lambda: watched.sessions)
        for number in (1, 2, 3):
            server.put(letter(number))
            until(lambda count=number: len(server.mails(TAKEN)) == count)
    assert subjects(people) == ["News 1", "News 2", "News 3"]
    assert watched.sessions == 1


def test_idle_is_said_again_and_again(people: Community, server: Dovecot) -> None:
    with Wire(server.port).laid() as wire, watching(people, server, port=wire.port, pace=replace(QUICK, idle=0.05)):
        until(lambda: sum(b"IDLE" in command for command in wire.commands) > 3)
        server.put(letter(1))
        until(lambda: server.mails(TAKEN))


def test_a_server_that_does_not_push_is_asked(sqlite_template: Path, tmp_path: Path) -> None:
    with at(sqlite_template, tmp_path, more=BARE) as (server, people), watching(people, server):
        for number in (1, 2):
            server.put(letter(number))
            until(lambda count=number: len(server.mails(TAKEN)) == count)
        assert subjects(people) == ["News 1", "News 2"]


def test_without_move_mail_is_copied_and_only_ours_is_expunged(sqlite_template: Path, tmp_path: Path) -> None:
    more = "imap_capability = IMAP4rev1 LITERAL+ NAMESPACE IDLE UIDPLUS"
    with at(sqlite_template, tmp_path, more=more) as (server, people):
        server.put(letter(1), letter(2, author="Eve <eve@stranger.example>"))
        with server.client() as client:
            client.select_folder("INBOX")
            client.delete_messages([2])
        with watching(people, server):
            until(lambda: server.mails(TAKEN) and len(server.mails()) == 1)
        assert b"News 2" in server.mails()[0]


def test_without_uidplus_nothing_is_expunged(sqlite_template: Path, tmp_path: Path) -> None:
    with at(sqlite_template, tmp_path, more=BARE) as (server, people):
        server.put(letter(1))
        with watching(people, server):
            until(lambda: server.mails(TAKEN))
        assert len(server.mails()) == 1
        assert server.flags() == "T"
        with watching(people, server):
            server.put(letter(2))
            until(lambda: len(server.mails(TAKEN)) == 2)
        assert subjects(people) == ["News 1", "News 2"]


def test_an_encrypted_connection(people: Community, server: Dovecot) -> None:
    server.put(letter(1))
    place = replace(imap_place(people.settings), port=server.tls_port, tls=True)
    with watching(people, server, connect=lambda: ImapSession.open(place, imap_secret(people.settings))):
        until(lambda: server.mails(TAKEN))


def test_folders_of_ours_lie_where_the_account_may_make_them(sqlite_template: Path, tmp_path: Path) -> None:
    with at(sqlite_template, tmp_path, prefix="INBOX/", junk="") as (server, people):
        server.put(letter(1))
        with watching(people, server):
            until(lambda: server.mails(TAKEN))


def test_a_hundred_mails_at_once(people: Community, server: Dovecot) -> None:
    letters = [letter(number) for number in range(100)]
    with watching(people, server):
        server.put(*letters)
        until(lambda: len(server.mails(TAKEN)) == 100)
    assert subjects(people) == [f"News {number}" for number in range(100)]
    assert sorted(server.mails(TAKEN)) == sorted(letters)


# Once, whatever happens


def test_the_flag_of_a_read_mail_means_nothing(people: Community, server: Dovecot) -> None:
    server.put(letter(1))
    with server.client() as client:
        client.select_folder("INBOX")
        client.add_flags([1], [b"\\Seen", b"\\Flagged"])
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
    assert set(server.flags(TAKEN)) == {"S", "F"}


def test_what_the_owner_deletes_is_not_read(people: Community, server: Dovecot) -> None:
    server.put(letter(1))
    with server.client() as client:
        client.select_folder("INBOX")
        client.delete_messages([1])
    server.put(letter(2))
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
    assert subjects(people) == ["News 2"]


def test_what_came_before_our_time_is_left_alone(people: Community, server: Dovecot) -> None:
    with server.client() as client:
        client.append("INBOX", letter(1), (), datetime.now(UTC) - timedelta(days=3))
        client.append("INBOX", letter(2), (), datetime.now(UTC) - timedelta(hours=2))
    server.put(letter(3))
    with watching(people, server, since=datetime.now(UTC) - timedelta(hours=1)):
        until(lambda: server.mails(TAKEN))
    assert subjects(people) == ["News 3"]
    assert len(server.mails()) == 2


def test_mail_that_is_numbered_anew_is_not_read_twice(people: Community, server: Dovecot) -> None:
    stranger = letter(1, author="Eve <eve@stranger.example>")
    server.put(stranger, letter(2))
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
    refused = len([event for event in people.log() if event.kind == "refused"])
    server.number_anew()
    server.put(letter(3))
    with watching(people, server):
        until(lambda: len(server.mails(TAKEN)) == 2)
    assert subjects(people) == ["News 2", "News 3"]
    assert server.mails() == [stranger]
    assert len([event for event in people.log() if event.kind == "refused"]) == refused == 1


def test_numbering_anew_while_we_watch_loses_nothing(people: Community, server: Dovecot) -> None:
    with watching(people, server):
        server.put(letter(1))
        until(lambda: server.mails(TAKEN))
        server.number_anew()
        server.put(letter(2), letter(3))
        until(lambda: len(people.posts()) == 3)
        until(lambda: not server.mails())
    assert subjects(people) == ["News 1", "News 2", "News 3"]


def test_a_crash_between_commit_and_move_is_harmless(
    people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise SystemExit

    server.put(letter(1), letter(2))
    with monkeypatch.context() as patch:
        patch.setattr(ImapSession, "move", crash)
        with pytest.raises(SystemExit), watching(people, server):
            until(lambda: len(people.posts()) == 2)
    assert len(server.mails()) == 2
    with watching(people, server):
        until(lambda: len(server.mails(TAKEN)) == 2)
    assert subjects(people) == ["News 1", "News 2"]


def test_a_server_that_refuses_to_move_stops_nothing(
    people: Community, server: Dovecot, sqlite_template: Path, tmp_path: Path
) -> None:
    folder = server.inbox / ".Organic Mail"  # a file where the folder should be
    server.put(letter(1))
    folder.write_text("")
    with watching(people, server) as watched:
        until(people.posts)
        server.put(letter(2))
        until(lambda: len(people.posts()) == 2)
    assert watched.sessions == 1
    assert len(server.mails()) == 2


def commands_of_one_round(people: Community, server: Dovecot) -> int:
    with Wire(server.port).laid() as wire:
        server.put(letter(0))
        with watching(people, server, port=wire.port):
            until(lambda: server.mails(TAKEN))
            until(lambda: wire.commands[-1].endswith(b"IDLE\r\n"))
        return len(wire.commands)


@pytest.mark.parametrize("deaf", [False, True], ids=["before it is heard", "before it is answered"])
def test_a_connection_that_breaks_at_any_command_loses_nothing(people: Community, server: Dovecot, deaf: bool) -> None:
    for number in range(1, commands_of_one_round(people, server) + 1):
        count = 2 * number
        server.put(letter(count - 1), letter(count))
        with Wire(server.port, number, deaf).laid() as wire, watching(people, server, port=wire.port):
            until(lambda broken=wire: broken.broke)
            until(lambda: not server.mails())
        assert len(people.posts()) == count + 1, wire.commands[number - 1]
    assert len(set(server.mails(TAKEN))) == len(people.posts()) == len(set(subjects(people)))


def test_a_server_that_restarts(people: Community, server: Dovecot) -> None:
    with watching(people, server) as watched:
        until(lambda: watched.sessions)
        server.stop()
        server.start()
        server.put(letter(1))
        until(lambda: server.mails(TAKEN))
    assert watched.sessions > 1


def test_a_new_password_counts_at_once(people: Community, server: Dovecot) -> None:
    file = Path(people.settings.mailbox.password_file)
    file.write_text("an old one")
    server.put(letter(1))
    with watching(people, server) as watched:
        until(lambda: watched.sessions > 2)
        assert not people.posts()
        file.unlink()
        until(lambda count=watched.sessions: watched.sessions > count)
        file.write_text(SECRET)
        until(lambda: server.mails(TAKEN))


def test_mail_brought_back_by_hand_is_not_posted_again(people: Community, server: Dovecot) -> None:
    server.put(letter(1))
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
        with server.client() as client:
            client.select_folder(TAKEN)
            client.move([1], "INBOX")
        until(lambda: server.mails(TAKEN) and not server.mails())
    assert subjects(people) == ["News 1"]


# What is not for us


def test_mail_of_strangers_stays_for_the_owner_to_see(people: Community, server: Dovecot) -> None:
    server.put(letter(1, author="Eve <eve@stranger.example>"))
    server.put(letter(2))
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
    assert subjects(people) == ["News 2"]
    assert len(server.mails()) == 1
    assert people.notices() == []


@pytest.mark.parametrize(
    "raw",
    [
        letter(1) + b"x" * 10**6,
        letter(1).replace(b"Hello", b"Hel\rlo"),
        b"Subject: " + b"x" * 20000 + b"\r\n" + letter(1),
        b"X: " + b"y\r\n " * 40000 + b"\r\n" + letter(1),
        letter(1).replace(b"Subject", b"From: two@home.example\r\nSubject"),
    ],
    ids=["too large", "a lone carriage return", "a long field", "a long header", "two authors"],
)
def test_what_cannot_be_read_is_set_aside(people: Community, server: Dovecot, raw: bytes) -> None:
    server.put(letter(2))
    server.deliver(raw)
    with watching(people, server):
        until(lambda: server.mails(TAKEN) and server.mails(ASIDE))
    assert subjects(people) == ["News 2"]
    assert server.mails() == []
    assert [event.kind for event in people.log()].count("shunted") == 1


def test_the_size_is_measured_not_believed(people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    waiting, content = ImapSession.waiting, ImapSession.content
    monkeypatch.setattr(
        ImapSession, "waiting", lambda self, uids: [replace(mail, size=1) for mail in waiting(self, uids)]
    )
    monkeypatch.setattr(
        ImapSession, "content", lambda self, *asked: fetched.append(len(content(self, *asked))) or b"x" * fetched[-1]
    )
    server.put(letter(1) + b"x" * 2 * 10**6)
    with watching(people, server):
        until(lambda: server.mails(ASIDE))
    assert fetched == [10**6 + 1]


# Our own trouble


def test_a_mail_is_tried_again_when_the_database_cannot_take_it(
    people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organic_mail.imap_inbox.FIRST_LATER", 0.05)
    submit, calls = people.database.submit, []

    def failing(fn: Any) -> Any:
        calls.append(fn)
        if len(calls) < 3:
            raise StorageTrouble("the disk is full")
        return submit(fn)

    monkeypatch.setattr(people.database, "submit", failing)
    server.put(letter(1), letter(2))
    with watching(people, server):
        until(lambda: len(server.mails(TAKEN)) == 2)
    assert sorted(subjects(people)) == ["News 1", "News 2"]


def test_what_is_for_later_goes_when_somebody_takes_it_away(
    people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("organic_mail.imap_inbox.FIRST_LATER", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(people.database, "submit", lambda fn: (_ for _ in ()).throw(StorageTrouble("the disk is full")))
        server.put(letter(1))
        with watching(people, server, pace=replace(QUICK, junk=0.2)):
            until(lambda: any("SELECT" in line or "Login" in line for line in [server.log]))
            with server.client() as client:
                client.select_folder("INBOX")
                client.delete_messages([1])
                client.expunge()
    server.put(letter(2))
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
    assert subjects(people) == ["News 2"]


def test_what_we_fail_at_is_set_aside_once(people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    decided = Receiver._decided

    def fail(self: Any, envelope: Any, message: Any, *more: Any) -> Any:
        if message.subject == "News 1":
            raise RuntimeError("a fault of ours")
        return decided(self, envelope, message, *more)

    monkeypatch.setattr(Receiver, "_decided", fail)
    server.put(letter(1), letter(2))
    with watching(people, server):
        until(lambda: server.mails(TAKEN) and server.mails(ASIDE))
    (row,) = people.database.read(shunts.shunt_rows)
    assert (row.shunt.recipients, row.shunt.envelope_sender) == ("family@oak.example", "anna@home.example")


def test_a_failure_before_it_is_known_for_whom_it_is(
    people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = mailbox_intake.destination_of

    def fail(*asked: Any) -> Any:
        if asked[4].subject == "News 1":
            raise RuntimeError("a fault of ours")
        return destination(*asked)

    monkeypatch.setattr(mailbox_intake, "destination_of", fail)
    server.put(letter(1), letter(2))
    with watching(people, server):
        until(lambda: server.mails(TAKEN) and server.mails(ASIDE))
    assert subjects(people) == ["News 2"]


@pytest.mark.parametrize(
    ("step", "trouble"),
    [("waiting", Declined("no")), ("content", Declined("no")), ("content", ImapTrouble("it hung up"))],
)
def test_a_mail_that_the_server_cannot_show_keeps_no_other_back(
    people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch, step: str, trouble: Exception
) -> None:
    asked = getattr(ImapSession, step)

    def fail(self: ImapSession, uids: Any, *more: Any) -> Any:
        if uids == 1 or (step == "waiting" and 1 in uids):
            raise trouble
        return asked(self, uids, *more)

    server.put(letter(1), letter(2))
    with monkeypatch.context() as patch:
        patch.setattr(ImapSession, step, fail)
        with watching(people, server):
            until(lambda: server.mails(TAKEN))
    assert subjects(people) == ["News 2"]
    with watching(people, server):
        until(lambda: len(server.mails(TAKEN)) == 2)


def test_a_folder_for_spam_that_cannot_be_opened(
    people: Community, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = ImapSession.select

    def fail(self: ImapSession, folder: str) -> Any:
        if folder == "Junk":
            raise Declined("no")
        return select(self, folder)

    monkeypatch.setattr(ImapSession, "select", fail)
    with watching(people, server) as watched:
        server.put(letter(1))
        until(lambda: server.mails(TAKEN))
    assert watched.sessions == 1


@pytest.mark.parametrize(
    "said",
    [b"* OK hello\r\n* 1 FETCH (", b"", b"\xff\xff\r\n", b"* BYE go away\r\n", b"* OK [CAPABILITY IMAP4rev1] x\r\n"],
)
def test_a_server_that_talks_nonsense_is_only_trouble(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            client, _ = door.accept()
            with client:
                client.sendall(said + b"* 5 FETCH (UID ((((\r\nA0 OK\r\n" * 3)

        thread = Thread(target=answer)
        thread.start()
        place = ImapPlace("127.0.0.1", door.getsockname()[1], tls=False, name="box")
        with pytest.raises(ImapTrouble):
            ImapSession.open(place, "x").select("INBOX")
        thread.join()


# The folder of what is taken for spam


def test_a_members_mail_is_taken_out_of_the_spam(people: Community, server: Dovecot) -> None:
    server.put(letter(1), letter(2, author="Eve <eve@stranger.example>"), folder="Junk")
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
    assert subjects(people) == ["News 1"]
    assert len(server.mails("Junk")) == 1


def test_an_answer_to_us_is_taken_out_of_the_spam(people: Community, server: Dovecot) -> None:
    server.put(letter(1))
    with watching(people, server):
        until(lambda: server.mails(TAKEN))
        rose = people.membership("rose").member_id
        copy = private_reference(SECRETS, member_id=rose, thread_id=people.posts()[0].thread_id, domain=DOMAIN)
        unknown = {"author": "Rose <rose@new.example>"}
        other = letter(3, In_Reply_To="<other@home.example>", **unknown)
        server.put(letter(2, In_Reply_To="<1@home.example>", References=copy, **unknown), other, folder="Junk")
        until(lambda: len(server.mails(TAKEN)) == 2)
        until(lambda: server.mails("Junk") == [other])
    (held,) = people.held()
    assert held.author == "Rose <rose@new.example>"


def test_what_a_person_takes_out_of_the_spam_is_read(people: Community, server: Dovecot) -> None:
    owner = letter(1, author="Eve <eve@stranger.example>", subject="family-owner")
    server.put(owner, folder="Junk")
    with watching(people, server):
        server.put(letter(2))
        until(lambda: server.mails(TAKEN))
        assert server.mails("Junk") == [owner]
        with server.client() as client:
            client.select_folder("Junk")
            client.move([1], "INBOX")
        until(lambda: len(server.mails(TAKEN)) == 2)


@pytest.mark.parametrize(
    "junk", ["", "  mailbox Spam {\n    auto = create\n  }", JUNK.replace("Junk {", "Sonstiges {")], ids=repr
)
def test_other_names_of_that_folder(sqlite_template: Path, tmp_path: Path, junk: str) -> None:
    folder = "Spam" if "Spam" in junk else "Sonstiges" if junk else "INBOX"
    with at(sqlite_template, tmp_path, junk=junk) as (server, people), watching(people, server):
        server.put(letter(1), folder=folder)
        until(lambda: server.mails(TAKEN))
