"""`organic-mail thread`, `post`, `held`, `queue` and `shunt`: what came in and what goes out."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from handlers.message import parse
from handlers.written import whole_text_of
from organic_mail.claimant import this_daemon, this_host
from storage import held, posts, queue, shunts
from storage.contents import read_content, store_content
from storage.lists import list_named
from storage.mailboxes import letters_to
from storage.members import member_of_address
from storage.models import DeliveryState
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]

TOO_LARGE = "9" * 30
NOW = datetime(2026, 11, 22, 8, 14, tzinfo=UTC)

FIRST = b"""From: Anna Lindqvist <anna@example.org>\r
To: family@oak.example\r
Subject: =?utf-8?q?Caf=C3=A9_am_See?=\r
Message-ID: <one@example.org>\r
Date: Sun, 22 Nov 2026 08:14:00 +0000\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: 8bit\r
\r
Wir sind zur\xfcck vom See.\r
-- \r
Anna\r
--b\r
Content-Type: image/jpeg; name="lake.jpg"\r
Content-Disposition: attachment; filename="lake.jpg"\r
Content-Transfer-Encoding: base64\r
\r
/9j/4AAQSkZJRg==\r
--b--\r
"""
SECOND = b"""From: Tom Okafor <tom@example.org>\r
To: family@oak.example\r
Subject: Re: Cafe\r
Message-ID: <two@example.org>\r
In-Reply-To: <one@example.org>\r
References: <one@example.org>\r
Date: Sun, 22 Nov 2026 09:00:00 +0000\r
\r
How lovely!\r
\r
On 22 Nov 2026, Anna Lindqvist <anna@example.org> wrote:\r
> Wir sind zur\xfcck vom See.\r
"""


@pytest.fixture
def family(om: Operator) -> Operator:
    assert om("list", "create", "family").code == 0
    for person in ("Anna Lindqvist <anna@example.org>", "Tom Okafor <tom@example.org>"):
        assert om("member", "add", "family", person, "--confirmed", "--quiet").code == 0
    return om


def post(
    om: Operator, raw: bytes, number: str, *, subject: str, answers: str = "", parent: str = "", at: datetime = NOW
) -> int:
    """A post as intake stores one. number: of its Message-ID; answers: of its parent's, or the whole of it: parent."""
    above = f"<{answers}@example.org>" if answers else parent

    def write(session: Session) -> int:
        mailing_list = list_named(session, "family")
        author = member_of_address(session, "anna@example.org" if number == "one" else "tom@example.org")
        assert mailing_list is not None
        assert author is not None
        stored = posts.store_post(
            session,
            list_id=mailing_list.id or 0,
            member_id=author.id,
            author_name=author.name,
            content_id=store_content(session, raw, at),
            message_id=f"<{number}@example.org>",
            original_message_id=f"<{number}@example.org>",
            in_reply_to=above,
            references=(above,) if above else (),
            subject=subject,
            written_at=at,
            received_at=at,
            now=at,
        )
        return stored.id or 0

    with om.opened() as opened:
        return opened.database.write(write)


@pytest.fixture
def talk(family: Operator) -> Operator:
    """A list with one thread of two posts, 1 and 2."""
    assert post(family, FIRST, "one", subject="Café am See") == 1
    later = NOW + timedelta(minutes=46)
    assert post(family, SECOND, "two", subject="Re: Cafe", answers="one", at=later) == 2
    return family


def test_threads_of_a_list(talk: Operator) -> None:
    assert talk("thread", "ls", "family", "--json").json == [
        {"id": 1, "subject": "Café am See", "posts": 2, "last_post_at": "2026-11-22T09:00:00+00:00"}
    ]
    assert "Café am See" in talk("thread", "ls", "family").out


def test_the_thread_written_to_last_comes_first(talk: Operator) -> None:
    other = SECOND.replace(b"two@", b"three@").replace(
        b"In-Reply-To: <one@example.org>\r\nReferences: <one@example.org>\r\n", b""
    )
    post(talk, other, "three", subject="Heron", at=NOW + timedelta(hours=2))
    assert [each["subject"] for each in talk("thread", "ls", "family", "--json").json] == ["Heron", "Café am See"]
    assert [each["subject"] for each in talk("thread", "ls", "family", "--limit", "1", "--json").json] == ["Heron"]


def test_a_thread_as_a_person_reads_it(talk: Operator) -> None:
    shown = talk("thread", "show", "1", "--json").json
    assert shown == {
        "id": 1,
        "subject": "Café am See",
        "posts": [
            {
                "id": 1,
                "message_id": "<one@example.org>",
                "author": "Anna Lindqvist",
                "subject": "Café am See",
                "text": "Wir sind zurück vom See.",
                "hidden": True,
                "date": "2026-11-22T08:14:00+00:00",
                "in_reply_to": "",
                "reactions": [],
                "attachments": [{"name": "lake.jpg", "type": "image/jpeg", "size": 10}],
            },
            {
                "id": 2,
                "message_id": "<two@example.org>",
                "author": "Tom Okafor",
                "subject": "Re: Cafe",
                "text": "How lovely!",
                "hidden": True,
                "date": "2026-11-22T09:00:00+00:00",
                "in_reply_to": "<one@example.org>",
                "reactions": [],
                "attachments": [],
            },
        ],
    }
    out = talk("thread", "show", "1").out
    assert "Wir sind zurück vom See." in out
    assert "[lake.jpg, image/jpeg, 10 bytes]" in out


def test_what_is_hidden_is_one_step_away(talk: Operator) -> None:
    hint = "[A quote or a signature is hidden; to see it: organic-mail post show 2 --whole]"
    assert hint in talk("thread", "show", "1").out
    assert hint in talk("post", "show", "2").out
    whole = talk("post", "show", "2", "--whole")
    assert "> Wir sind" in whole.out
    assert hint not in whole.out
    shown = talk("post", "show", "2", "--whole", "--json").json
    assert "> Wir sind" in shown["text"]
    assert not shown["hidden"]
    plain = post(talk, SECOND.partition(b"\r\n\r\nHow")[0] + b"\r\n\r\nFine!\r\n", "four", subject="Re: Cafe")
    assert not talk("post", "show", str(plain), "--json").json["hidden"]


OUTLOOK = b"""From: Tom Okafor <tom@example.org>\r
To: family@oak.example\r
Subject: Re: Cafe\r
Message-ID: <three@example.org>\r
In-Reply-To: <one@example.org>\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
How lovely!\r
\r
From: Anna Lindqvist\r
Sent: Sunday, 22 November 2026 08:14\r
To: family\r
Subject: Caf=C3=A9 am See\r
\r
Wir sind zur=C3=BCck vom See.\r
And were there herons?\r
"""


def test_who_knows_the_first_post_finds_an_answer_inside_it(talk: Operator) -> None:
    """Outlook quotes without a mark, and people write in between."""
    number = post(talk, OUTLOOK, "three", subject="Re: Cafe", answers="one", at=NOW + timedelta(hours=2))
    answer = "How lovely!\n\nAnd were there herons?"
    assert talk("post", "show", str(number), "--json").json["text"] == answer
    assert talk("thread", "show", "1", "--json").json["posts"][-1]["text"] == answer


def test_our_own_line_in_what_she_quotes_is_ours(talk: Operator) -> None:
    ours = b"Everyone in family reads your reply. To stop, write to family-leave@oak.example.\r\n"
    between = OUTLOOK.replace(b"herons?\r\n", b"herons?\r\n\r\n" + ours)
    number = post(talk, between, "three", subject="Re: Cafe", answers="one", at=NOW + timedelta(hours=2))
    assert talk("post", "show", str(number), "--json").json["text"] == "How lovely!\n\nAnd were there herons?"


def test_a_letter_of_ours_that_is_answered_to_everyone(family: Operator) -> None:
    """She answers the welcome letter inside its text, without marks."""

    def welcomed(session: Session) -> tuple[bytes, str]:
        member = member_of_address(session, "rose@example.org")
        assert member is not None
        [letter] = letters_to(session, {"rose@example.org"}, since=datetime(2000, 1, 1, tzinfo=UTC))
        raw = read_content(session, letter.content_id)
        return raw, parse(raw).message_id

    assert family("member", "add", "family", "Rose <rose@example.org>", "--confirmed").code == 0
    with family.opened() as opened:
        letter, message_id = opened.database.read(welcomed)
    lines = whole_text_of(letter).splitlines()
    head = "From: Family\nSent: Sunday, 22 November 2026 08:14\nTo: Rose\nSubject: Welcome\n\n"
    body = "\n".join(["Thank you all!", "", head, *lines[:3], "I am so glad to be here.", *lines[3:]])
    raw = b"Subject: Re: Welcome\r\nIn-Reply-To: %s\r\n\r\n%s" % (message_id.encode(), body.encode())
    number = post(family, raw, "six", subject="Re: Welcome", parent=message_id, at=datetime.now(UTC))
    shown = family("post", "show", str(number), "--json").json
    assert shown["text"].split() == ["Thank", "you", "all!", "I", "am", "so", "glad", "to", "be", "here."]


def test_one_post_and_its_original_byte_for_byte(talk: Operator) -> None:
    shown = talk("post", "show", "2", "--json").json
    assert (shown["id"], shown["text"], shown["thread"]) == (2, "How lovely!", 1)
    assert talk("post", "show", "1", "--raw").raw == FIRST
    assert talk("post", "show", "1", "--raw", "--json").code == 2


def test_what_is_not_there(talk: Operator) -> None:
    assert "there is no thread 9; see which there are: organic-mail thread ls LIST" in talk("thread", "show", "9").error
    assert "there is no post 9" in talk("post", "show", "9", "--raw").error
    assert "there is no post 9" in talk("post", "remove", "9", "--yes").error
    assert talk("post", "show", "two").code == 2


def test_a_removed_post_is_gone_and_what_waited_is_dropped(talk: Operator) -> None:
    assert "add --yes" in talk("post", "remove", "1").err
    assert len(talk("queue", "ls", "--json").json) == 4
    assert talk("post", "remove", "1", "--yes").code == 0
    assert [each["id"] for each in talk("thread", "show", "1", "--json").json["posts"]] == [2]
    assert talk("thread", "ls", "family", "--json").json[0]["posts"] == 1
    assert len(talk("queue", "ls", "--json").json) == 2
    assert "there is no post 1" in talk("post", "show", "1").error
    assert "there is no post 1" in talk("post", "remove", "1", "--yes").error


def test_control_characters_of_others_stay_harmless(family: Operator) -> None:
    evil = FIRST.replace(b"zur\xfcck", b"\x1b[2J\x07")
    post(family, evil, "one", subject="\x1b]0;owned\x07")
    for words in (("thread", "ls", "family"), ("thread", "show", "1"), ("post", "show", "1")):
        assert b"\x1b" not in family(*words).raw
        assert b"\x07" not in family(*words).raw


def hold(om: Operator, raw: bytes = SECOND) -> int:
    def write(session: Session) -> int:
        mailing_list, author = list_named(session, "family"), member_of_address(session, "tom@example.org")
        assert mailing_list is not None
        assert author is not None
        row = held.hold(
            session,
            list_id=mailing_list.id,
            content_id=store_content(session, raw, NOW),
            member_id=author.id,
            envelope_sender="tom@example.org",
            recipient="family@oak.example",
            author="Tom Okafor <tom@example.org>",
            subject="Re: Cafe",
            reason="The list is moderated.",
            now=NOW,
        )
        return row.id or 0

    with om.opened() as opened:
        return opened.database.write(write)


def test_what_waits_for_a_person(family: Operator) -> None:
    number = hold(family)
    (row,) = family("held", "ls", "--json").json
    assert row == {
        "id": number,
        "list": "family",
        "author": "Tom Okafor <tom@example.org>",
        "subject": "Re: Cafe",
        "reason": "The list is moderated.",
        "received_at": "2026-11-22T08:14:00+00:00",
    }
    shown = family("held", "show", str(number), "--json").json
    assert shown.items() >= row.items()
    assert shown["text"] == "How lovely!"
    assert "The list is moderated." in family("held", "show", str(number)).out
    assert f"organic-mail held show {number} --whole" in family("held", "show", str(number)).out
    assert "> Wir sind" in family("held", "show", str(number), "--whole").out


def test_approving_lets_it_go_out_as_it_was_written(family: Operator) -> None:
    number = hold(family)
    assert family("held", "approve", str(number)).code == 0
    assert family("held", "ls", "--json").json == []
    (thread,) = family("thread", "ls", "family", "--json").json
    (posted,) = family("thread", "show", str(thread["id"]), "--json").json["posts"]
    assert posted["message_id"] == "<two@example.org>"
    assert posted["date"] == "2026-11-22T09:00:00+00:00"
    assert len(family("queue", "ls", "--json").json) == 2
    before = family.state()
    for verb in ("approve", "reject", "discard", "show"):
        yes = ("--yes",) if verb == "discard" else ()
        assert "see which still wait: organic-mail held ls" in family("held", verb, str(number), *yes).error
    assert family.state() == before


def test_rejecting_tells_the_member_and_discarding_nobody(family: Operator) -> None:
    number = hold(family)
    assert family("held", "reject", str(number), "--reason", "Not here, please.").code == 0
    assert [row["recipient"] for row in family("queue", "ls", "--json").json] == ["tom@example.org"]
    number = hold(family, SECOND.replace(b"lovely", b"nice"))
    assert "add --yes" in family("held", "discard", str(number)).err
    assert family("held", "discard", str(number), "--yes").code == 0
    assert len(family("queue", "ls", "--json").json) == 1
    assert family("held", "ls", "--json").json == family("thread", "ls", "family", "--json").json == []


def test_a_held_message_that_is_not_there(family: Operator) -> None:
    for verb in ("show", "approve", "reject"):
        assert "there is no held message 7; see which wait: organic-mail held ls" in family("held", verb, "7").error


def test_the_queue(talk: Operator) -> None:
    rows = talk("queue", "ls", "--json").json
    assert [(row["list"], row["recipient"], row["state"], row["attempts"]) for row in rows] == [
        ("family", "anna@example.org", "due", 0),
        ("family", "tom@example.org", "due", 0),
    ] * 2
    assert rows[0].keys() >= {"id", "due_at", "last_reply"}
    assert talk("queue", "ls", "--state", "failed", "--json").json == []
    assert talk("queue", "ls", "--state", "lost").code == 2
    assert talk("queue", "ls").out.count("tom@example.org") == 2


def settle(om: Operator, *states: DeliveryState) -> list[int]:
    """Claim everything and settle it as given, in order; what is left over stays claimed."""
    later = NOW + timedelta(days=1)

    def write(session: Session) -> list[int]:
        claimed = [each.id for each in queue.claim(session, who=this_daemon(), now=NOW + timedelta(hours=1))]
        results = [
            queue.Settled(number, state, "450 4.2.1 not now", later if state is DeliveryState.DEFERRED else None)
            for number, state in zip(claimed, states, strict=False)
        ]
        queue.settle(session, results, NOW)
        return claimed

    with om.opened() as opened:
        return opened.database.write(write)


def states(om: Operator) -> dict[int, str]:
    rows = [
        row
        for state in ("due", "sending", "sent", "deferred", "failed")
        for row in om("queue", "ls", "--state", state, "--json").json
    ]
    return {row["id"]: row["state"] for row in rows}


def test_retrying_some(talk: Operator) -> None:
    ids = settle(talk, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.SENT)
    assert "450 4.2.1" in talk("queue", "ls").out
    assert talk("queue", "retry", str(ids[0]), str(ids[1])).out == "2 deliveries are due now.\n"
    assert states(talk) == dict(zip(ids, ("due", "due", "sent", "sending"), strict=True))


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_one_wrong_number_changes_nothing(talk: Operator, verb: str) -> None:
    ids = settle(talk, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.SENT)
    yes = ("--yes",) if verb == "drop" else ()
    before = talk.state()
    for wrong in (ids[2], ids[3], 99):
        answer = talk("queue", verb, str(ids[0]), str(wrong), *yes)
        assert f"no delivery {wrong} " in answer.error
        assert "organic-mail queue ls" in answer.error
    assert talk.state() == before


def test_retrying_all_takes_back_what_a_dead_daemon_had(talk: Operator) -> None:
    ids = settle(talk, DeliveryState.DEFERRED, DeliveryState.FAILED)
    assert talk("queue", "retry", "--all").code == 0
    assert list(states(talk).values()) == ["due", "due", "sending", "sending"]  # this process lives

    def bury(session: Session) -> None:
        from sqlalchemy import text

        session.connection().execute(
            text("UPDATE delivery SET claimed_by = :who WHERE state = 'sending'"), {"who": dead}
        )

    dead = f"{this_host()}:{os.getpid()}:0"  # the number of a living process, but not its beginning
    with talk.opened() as opened:
        opened.database.write(bury)
    assert talk("queue", "retry", "--all").out == "4 deliveries are due now.\n"
    assert states(talk) == dict.fromkeys(ids, "due")


def test_retry_wants_numbers_or_all(talk: Operator) -> None:
    assert talk("queue", "retry").code == 2
    assert talk("queue", "retry", "1", "--all").code == 2


def test_dropping_asks(talk: Operator) -> None:
    ids = settle(talk, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.SENT, DeliveryState.SENT)
    assert "add --yes" in talk("queue", "drop", str(ids[0])).err
    assert talk("queue", "drop", str(ids[0]), str(ids[1]), "--yes").code == 0
    assert states(talk) == {ids[2]: "sent", ids[3]: "sent"}


def shunt(om: Operator, raw: bytes, **more: Any) -> int:
    with om.opened() as opened:
        row = opened.database.write(
            lambda session: shunts.set_aside(
                session,
                content_id=store_content(session, raw, NOW),
                reason="We could not read it.",
                envelope_sender="tom@example.org",
                recipients=("family@oak.example",),
                now=NOW,
                **more,
            )
        )
        return row.id or 0


def test_what_was_set_aside(family: Operator) -> None:
    number = str(shunt(family, SECOND))
    (row,) = family("shunt", "ls", "--json").json
    assert {key: row[key] for key in ("id", "reason", "size", "received_at")} == {
        "id": int(number),
        "reason": "We could not read it.",
        "size": len(SECOND),
        "received_at": "2026-11-22T08:14:00+00:00",
    }
    assert family("shunt", "show", number).raw == SECOND
    assert "We could not read it." in family("shunt", "show", number).err
    assert family("shunt", "show", number, "--json").json["recipients"] == ["family@oak.example"]
    assert "add --yes" in family("shunt", "drop", number).err
    assert family("shunt", "drop", number, "--yes").code == 0
    assert family("shunt", "ls", "--json").json == []
    for verb in ("show", "retry", "drop"):
        yes = ("--yes",) if verb == "drop" else ()
        assert "organic-mail shunt ls" in family("shunt", verb, number, *yes).error


def test_a_shunted_message_comes_in_again(family: Operator) -> None:
    config = family.home / "organic-mail.toml"
    config.write_text(config.read_text().replace('"0.0.0.0:25", "[::]:25"', '"127.0.0.1:2525"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORGANIC_MAIL__SMTP__LISTEN", "127.0.0.1:2525")
        patch.setenv("ORGANIC_MAIL__SMTP__AUTHENTICATION", "off")
        number = str(shunt(family, SECOND))
        assert family("shunt", "retry", number).code == 0
        assert family("shunt", "ls", "--json").json == []
        (thread,) = family("thread", "ls", "family", "--json").json
        assert thread["subject"] == "Re: Cafe"


def test_a_shunted_copy_goes_out_again(talk: Operator) -> None:
    ids = settle(talk, DeliveryState.FAILED, *[DeliveryState.SENT] * 3)
    number = str(shunt(talk, FIRST, delivery_id=ids[0]))
    assert talk("shunt", "retry", number).code == 0
    assert states(talk)[ids[0]] == "due"
    assert talk("shunt", "ls", "--json").json == []


@pytest.mark.parametrize(
    "words",
    [
        ("thread", "show"), ("post", "show"), ("held", "show"), ("shunt", "show"), ("queue", "retry"),
        ("queue", "drop", "--yes"),
    ],
)  # fmt: skip
def test_a_number_that_no_database_knows_is_wrong_usage(om: Operator, words: tuple[str, ...]) -> None:
    answer = om(*words, TOO_LARGE)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: invalid value for ")
