"""Posts find their conversation, whatever a mail program lost of it (spec/people.md §1.3)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlmodel import Session, select

from handlers.facts import Facts
from handlers.message import Message, parse
from handlers.post import published
from handlers.render import CopyFacts
from handlers.thread import index_root
from handlers.token import private_reference
from organic_mail.copies import copy_facts
from organic_mail.publishing import publish
from storage.contents import store_content
from storage.copies import source_of
from storage.database import Database
from storage.lists import list_by_id
from storage.models import Delivery, Member, Post
from storage.threads import thread_by_id
from tests.handlers.letters import HOST
from tests.storage.made import DAY, MINUTE, NOW, a_list, on_list

LETTER = "We came back from the lake on Sunday, and the children talk about the heron."
QUOTE = f"Yes!\r\n\r\nOn Sun, 22 Nov 2026, at 08:14, Anna <anna@home.example> wrote:\r\n> {LETTER}"
ROOT = base64.b64encode(b"\x01\xdc" + bytes(range(20))).decode()
CHILD = base64.b64encode(b"\x01\xdc" + bytes(range(20)) + b"\x00\x80\x01\x02\x03").decode()


class Family:
    """A list with Anna and Tom on it, and the means to write to it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.list_id = a_list(session)
        self.anna, self.tom = (self.joined(name) for name in ("anna", "tom"))
        self._posts = 0

    def joined(self, name: str) -> Member:
        membership = on_list(self.session, self.list_id, name)
        return self.session.get_one(Member, membership.member_id)

    def writes(
        self,
        author: Member | None,
        subject: str,
        body: str = LETTER,
        *,
        written_at: datetime = NOW,
        now: datetime = NOW,
        **fields: str,
    ) -> Post:
        """fields: in_reply_to="<1@x>" and so on."""
        self._posts += 1
        head = {
            "Subject": subject,
            "Message-ID": f"<{self._posts}@home.example>",
            "Date": format_datetime(written_at),
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        raw = "".join(f"{name}: {value}\r\n" for name, value in head.items()) + f"\r\n{body}\r\n"
        message = parse(raw.encode())
        facts = Facts(HOST, mailing_list=list_by_id(self.session, self.list_id), member=author)
        content_id = store_content(self.session, message.raw, now)
        action = published(message, facts, now)
        return publish(self.session, HOST, action, message, content_id=content_id, received_at=now, now=now)


@pytest.fixture
def family(sqlite_database: Database) -> Callable[[Callable[[Family], None]], None]:
    def run(steps: Callable[[Family], None]) -> None:
        sqlite_database.write(lambda session: steps(Family(session)))

    return run


Run = Callable[[Callable[[Family], None]], None]


def test_an_iphone_names_only_the_parent(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        second = here.writes(here.tom, "Re: The lake", in_reply_to=first.message_id, references=first.message_id)
        third = here.writes(here.anna, "Re: The lake", in_reply_to=second.message_id)
        assert first.thread_id == second.thread_id == third.thread_id
        assert third.in_reply_to == second.message_id

    family(steps)


def test_a_relay_stamps_message_ids_of_its_own(family: Run) -> None:
    stamp = "0102019aa2f5d1b3-5d1f9a7e-1111-2222-3333-444455556666-000000"

    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        for copy in here.session.exec(select(Delivery).where(Delivery.post_id == first.id)):
            copy.last_reply = f"250 Ok {stamp if copy.member_id == here.tom.id else 'another-0000000000'}"
        here.session.flush()
        answer = here.writes(here.tom, "Something", in_reply_to=f"<{stamp}@eu-west-1.amazonses.com>")
        assert (answer.thread_id, answer.in_reply_to) == (first.thread_id, first.message_id)
        hers = here.writes(here.anna, "Something", in_reply_to=f"<{stamp}@eu-west-1.amazonses.com>")
        assert hers.thread_id != first.thread_id  # it is not her copy that has this stamp

    family(steps)


def test_our_own_reference_tells_the_thread(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        reader = here.tom.id or 0
        ours = private_reference(HOST.secrets, member_id=reader, thread_id=first.thread_id, domain=HOST.domain)
        joins = here.writes(here.tom, "Re: The lake", references=f"{ours} <1@relay.example>", in_reply_to=ours)
        assert joins.thread_id == first.thread_id
        begins = here.writes(here.tom, "The party", references=f"{ours} <2@relay.example>", in_reply_to=ours)
        assert begins.thread_id != first.thread_id

    family(steps)


def test_old_exchange_names_only_its_conversation(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake", thread_index=ROOT, thread_topic="The lake")
        other = here.writes(here.anna, "Cake")
        answer = here.writes(here.tom, "[EXTERN] AW: The lake", thread_index=CHILD)
        again = here.writes(here.anna, "Something", thread_index=f"{CHILD[:20]}\r\n {CHILD[20:]}")
        assert answer.thread_id == again.thread_id == first.thread_id != other.thread_id
        for senseless in ("", "AdwAAA==", "=====", "ä"):
            assert here.writes(here.tom, "Something", thread_index=senseless).thread_id != first.thread_id

    family(steps)


@pytest.mark.parametrize(
    "prefix",
    [
        *("Re:", "RE: re:", "Re[2]:", "RE(3):", "Réf :", "Rép:", "AW:", "Antw:", "Antwoord:", "SV:", "VS:", "Ref:"),
        *(
            "RIF:",
            "Res:",
            "Odp:",
            "Ynt:",
            "Vá:",
            "Vast:",
            "Atb:",
            "Απ:",
            "ΣΧΕΤ:",
            "Отв:",
            "Відп:",
            "На:",
            "回复：",
            "回覆:",
        ),
        *("答复:", "返信:", "답장:", "رد:", "השב:", "תשובה:"),
    ],
)
def test_a_response_without_any_message_id(family: Run, prefix: str) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        answer = here.writes(here.tom, f"{prefix} The lake", written_at=NOW + 29 * DAY)
        assert answer.thread_id == first.thread_id

    family(steps)


def test_a_subject_alone_never_joins(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "Sunday")
        for subject in (
            "Sunday",
            "Fwd: Sunday",
            "WG: Sunday",
            "R: Sunday",
            "On Sunday",
            "Re: Sunday dinner",
            "Re:",
            "",
        ):
            assert here.writes(here.tom, subject).thread_id != first.thread_id
        assert here.writes(here.tom, "R: Sunday", in_reply_to="<lost@x>").thread_id != 0
        assert here.writes(here.tom, "", in_reply_to="").thread_id != here.writes(here.tom, "Re:").thread_id

    family(steps)


def test_an_equal_subject_joins_for_a_month_only(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "Sunday", written_at=NOW)
        late = here.writes(here.tom, "Re: Sunday", written_at=NOW + timedelta(days=31))
        assert late.thread_id != first.thread_id
        assert here.writes(here.tom, "Re: Sunday", written_at=NOW + timedelta(days=40)).thread_id == late.thread_id
        assert here.writes(here.tom, "Re: Sunday", written_at=NOW - timedelta(days=99)).thread_id != first.thread_id

    family(steps)


def test_only_who_was_there_joins_by_a_subject(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "Sunday", now=NOW - DAY)
        newcomer = here.joined("rose")
        assert here.writes(newcomer, "Re: Sunday", now=NOW + MINUTE).thread_id != first.thread_id
        assert here.writes(None, "Re: Sunday", now=NOW + MINUTE).thread_id != first.thread_id

    family(steps)


def test_an_old_mail_taken_for_something_new_begins_a_thread(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        new = here.writes(
            here.tom, "Cake for Ingrid", "Who bakes it?", written_at=NOW + 15 * DAY, in_reply_to=first.message_id
        )
        assert (new.thread_id == first.thread_id, new.in_reply_to) == (False, "")
        begun = thread_by_id(here.session, new.thread_id)
        assert begun is not None
        assert begun.subject == "Cake for Ingrid"
        answer = here.writes(
            here.anna,
            "Re: Cake for Ingrid",
            written_at=NOW + 16 * DAY,
            in_reply_to=new.message_id,
            references=f"{first.message_id} {new.message_id}",
        )
        assert answer.thread_id == new.thread_id

    family(steps)


@pytest.mark.parametrize(
    ("subject", "body", "days"),
    [
        ("Cake", "Who bakes it?", 13),  # it is not old
        ("Re: The lake", "Who bakes it?", 400),  # she says that it is an answer to this
        ("Cake", QUOTE, 400),  # she quotes it
        ("Cake", f"{LETTER}\r\nYes, still!", 400),
        ("Cake", "Who bakes it?\r\n" * 20_000, 400),  # too long to be looked through
        ("Cake", "Yes!\r\n\r\nFrom: Anna\r\nSent: Sunday\r\nTo: family\r\nSubject: Lake\r\n\r\nsomething", 400),
    ],
)
def test_what_stays_in_its_thread(family: Run, subject: str, body: str, days: int) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        answer = here.writes(
            here.tom, subject, body, written_at=NOW + timedelta(days=days), in_reply_to=first.message_id
        )
        assert (answer.thread_id, answer.in_reply_to) == (first.thread_id, first.message_id)

    family(steps)


def test_recycled_references_do_not_join(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        second = here.writes(here.tom, "Re: The lake", in_reply_to=first.message_id)
        chain = f"{first.message_id} {second.message_id}"
        assert here.writes(here.tom, "Cake", references=chain).thread_id != first.thread_id
        assert here.writes(here.tom, "Cake", references=chain, in_reply_to="<gone@x>").thread_id != first.thread_id
        assert here.writes(here.tom, "AW: The lake", references=chain).thread_id == first.thread_id

    family(steps)


def test_who_has_no_outlook_gets_its_marks_all_the_same(family: Run) -> None:
    """Old Exchange sends back what our copies have, and nothing else."""

    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake")
        message, facts = copied(here, first)
        assert index_root(message) == ""
        index = b"".join(facts.conversation)
        assert index.startswith(b"Thread-Topic: The lake\r\nThread-Index: ")
        sent_back = index.rpartition(b": ")[2].decode().strip()
        assert here.writes(here.tom, "Sv: sjön", thread_index=sent_back).thread_id == first.thread_id
        assert here.writes(here.tom, "Other", thread_index=CHILD).thread_id != first.thread_id

    family(steps)


def test_a_thread_keeps_the_root_that_somebodys_outlook_gave_it(family: Run) -> None:
    def steps(here: Family) -> None:
        first = here.writes(here.anna, "The lake", thread_index=ROOT, thread_topic="The lake")
        assert copied(here, first)[1].conversation == ()
        answer = here.writes(here.tom, "Re: The lake", in_reply_to=first.message_id)
        made = parse(b"".join(copied(here, answer)[1].conversation) + b"\r\n")
        assert index_root(made) == ROOT
        assert len(base64.b64decode(made.value("thread-index") or "")) == 27

    family(steps)


def copied(here: Family, post: Post) -> tuple[Message, CopyFacts]:
    source = source_of(here.session, post.id or 0)
    message = parse(source.raw)
    return message, copy_facts(here.session, source, message, HOST)
