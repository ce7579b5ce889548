"""Mail that comes back, day after day: from the next hop's refusal or a report to a pause, a probe and a return.

Intake, delivery and timers are the real ones; the next hop refuses whom the test names, and the clock is the test's.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import id_of
from handlers.incoming import Verdict
from handlers.message import parse
from handlers.sign import Signer
from organic_mail import bouncing, joining, pausing
from organic_mail.deliver import Deliverer
from organic_mail.sending import OverOneHop
from storage import lists, members, queue
from storage.keys import add_key
from storage.models import KeyState, Status
from tests.dkim_signing import public_text, rsa_key
from tests.wire.community import DOMAIN, NOW, Community, believed, community, mail
from tests.wire.daemons import PATIENCE
from tests.wire.outbound import dial_to
from tests.wire.sink import Sink, Transaction

ROSE, TOM, ANNA = "rose@home.example", "tom@home.example", "anna@home.example"
GONE = "550 5.1.1 nobody here has this name"
FULL = "552 5.2.2 the mailbox is full"
OURS = "550 5.7.1 we do not like your network"


def signer() -> Signer:
    pem = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Signer(DOMAIN, "om1", pem)


@dataclass
class Street:
    """The community, and a next hop at which `refused` addresses get these replies."""

    people: Community
    sink: Sink
    refused: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def post(self, author: str = ANNA, **more: str) -> None:
        """One post, carried to everybody; then what came back is judged."""
        number = next(self.numbers)
        raw = mail(author=author, message_id=f"<{number}@home.example>", subject=f"Day {number}", **more)
        assert self.people.receive(raw, sender=author) == (250, "2.0.0")
        self.deliver()
        self.judge()

    def deliver(self) -> None:
        asyncio.run(self._deliver())

    async def _deliver(self) -> None:
        step = asyncio.Event()
        deliverer = Deliverer(
            self.people.database,
            self.people.host,
            sending=partial(OverOneHop, dial_to(self.sink.port)),
            concurrency=5,
            signer=lambda _: signer(),
            who="here:1:1",
            clock=lambda: self.people.clock[0],
            random_fraction=lambda: 0.5,
            checkpoint=lambda _: step.set(),
        )
        stop = asyncio.Event()
        async with asyncio.timeout(PATIENCE):
            running = asyncio.create_task(deliverer.run(stop))
            while self.waiting():
                step.clear()
                await step.wait()
            stop.set()
            await running

    def waiting(self) -> bool:
        counts = self.people.database.read(queue.state_counts)
        return bool(counts["due"] or counts["sending"])  # type: ignore[index]

    def judge(self) -> None:
        """A quarter of an hour later; letters that were written then go out."""
        self.later(minutes=15)
        now = self.people.clock[0]
        bouncing.judge_bounces(self.people.database, self.people.host, now)
        pausing.send_probes(self.people.database, self.people.host, now)
        self.deliver()

    def later(self, **time: float) -> None:
        self.people.clock[0] += timedelta(**time)

    def next_day(self) -> None:
        self.people.clock[0] = (self.people.clock[0] + timedelta(days=1)).replace(hour=8, minute=0)

    def score(self, address: str) -> float:
        today = self.people.clock[0].date()
        secrets = self.people.host.secrets
        return self.people.database.read(lambda session: bouncing.score_of(session, secrets, address, today))

    def status(self, person: str, name: str = "family") -> Status:
        return self.people.membership(person, name).status

    def letters(self, to: str) -> list[str]:
        """Subjects of the letters of ours that reached somebody."""
        found = [parse(each.content) for each in self.sink.taken if each.recipient == to]
        return [message.subject for message in found if message.value("auto-submitted")]

    def copy_for(self, address: str) -> Transaction:
        """The last copy of a post that she got."""
        return [each for each in self.sink.taken if each.recipient == address and b"Precedence: list" in each.content][
            -1
        ]

    def log(self, kind: str) -> list[str]:
        return [event.text for event in self.people.log() if event.kind == kind]

    def report(self, to: str, status: str = "5.1.1", *, action: str = "failed", who: str = "x@else.example") -> None:
        """A failure report comes to a return path."""
        raw = mail(
            "--x\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; mx.elm.example\r\n\r\nFinal-Recipient: rfc822; {who}\r\nAction: {action}\r\n"
            f"Status: {status}\r\n--x--\r\n",
            author="MAILER-DAEMON@elm.example",
            to=to,
            subject="Undelivered mail",
            message_id=f"<{next(self.numbers)}@elm.example>",
            Content_Type="multipart/report; report-type=delivery-status; boundary=x",
        )
        assert self.people.receive(raw, to, sender="") == (250, "2.0.0")


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Street]:
    sink = Sink()
    with sink.listening(), community(sqlite_template, tmp_path) as people:
        made = Street(people, sink)
        sink.answer = lambda step, transaction: made.refused.get(transaction.recipient) if step == "RCPT" else None
        people.database.write(
            lambda session: add_key(
                session, selector="om1", public_key=public_text(rsa_key()), state=KeyState.ACTIVE, now=NOW
            )
        )
        yield made


def with_many(street: Street, count: int, domain: str = "elm.example") -> list[str]:
    """More people on family."""
    addresses = [f"person{number}@{domain}" for number in range(count)]

    def write(session: Session) -> None:
        family = lists.list_named(session, "family")
        assert family is not None
        for address in addresses:
            newcomer = joining.Newcomer(Mailbox(address.partition("@")[0], address))
            joining.confirm(session, street.people.host, mailing_list=family, newcomer=newcomer, now=NOW, quiet=True)

    street.people.database.write(write)
    return addresses


class TestRefusals:
    def test_three_days_pause_her_and_tell_who_can_phone_her(self, street: Street) -> None:
        street.refused[TOM] = GONE
        for day in range(1, 4):
            assert street.status("tom") is Status.ACTIVE
            street.post()
            street.post()  # a second one on the same day counts no more
            assert street.score(TOM) == day
            street.next_day()
        assert [street.status("tom", name) for name in ("family", "news", "garden")] == [Status.PAUSED] * 3
        assert street.status("rose") is Status.ACTIVE
        assert street.letters(ANNA) == ["We cannot reach Tom Okafor"]  # once, though she owns three lists of his
        assert len(street.log("paused")) == 3
        assert all("550 5.1.1" in text for text in street.log("failed"))

        before = len(street.sink.commands)
        street.post()
        assert not [line for line in street.sink.commands[before:] if TOM in line]

    def test_a_full_mailbox_is_borne_for_longer(self, street: Street) -> None:
        street.refused[TOM] = FULL
        for day in range(1, 13):
            assert street.status("tom") is Status.ACTIVE
            street.post()
            assert street.score(TOM) == 0.25 * day
            street.next_day()
        assert street.status("tom") is Status.PAUSED
        (letter,) = [each.content for each in street.sink.taken if b"cannot reach" in each.content]
        assert b"The mailbox may be full." in letter

    @pytest.mark.parametrize(
        "reply", [OURS, "550 5.7.26 unauthenticated", "552 5.3.4 too large", "554 5.6.0 malformed"]
    )
    def test_what_is_not_about_her_counts_nothing(self, street: Street, reply: str) -> None:
        street.refused[TOM] = reply
        for _ in range(5):
            street.post()
            street.next_day()
        assert (street.score(TOM), street.status("tom")) == (0.0, Status.ACTIVE)

    def test_the_operator_hears_once_a_day_of_what_is_our_fault(self, street: Street) -> None:
        street.refused |= {TOM: OURS, ROSE: OURS}
        street.post()
        street.post()
        assert street.letters("olu@example.org") == ["Other servers refuse our emails"]
        street.next_day()
        street.post()
        assert len(street.letters("olu@example.org")) == 2
        (text, *_) = street.log("failed")
        assert "refused because of us" in text

    def test_a_mail_that_was_only_late_counts_nothing(self, street: Street) -> None:
        street.refused[TOM] = "452 4.2.2 the mailbox is full"
        street.post()
        assert street.score(TOM) == 0.0

    def test_what_is_given_up_counts_as_a_full_mailbox(self, street: Street) -> None:
        street.refused[TOM] = "452 4.2.2 the mailbox is full"
        street.post()
        while "failed" not in {row.state for row in street.people.database.read(queue.queue_rows)}:
            street.later(hours=9)
            street.people.database.write(lambda session: queue.retry(session, None, now=street.people.clock[0]))
            street.deliver()
        assert street.score(TOM) == 0.25

    def test_one_bad_hour_pauses_nobody(self, street: Street) -> None:
        """A third of a fan-out came back: that is no third of dead addresses."""
        crowd = with_many(street, 12)
        street.refused |= dict.fromkeys(crowd[:6], GONE)
        for _ in range(4):
            street.post()
            street.next_day()
        assert [street.score(address) for address in crowd[:6]] == [0.0] * 6
        assert len(street.log("spared")) == 4
        assert street.letters("olu@example.org") == ["Many emails came back at once"] * 4
        assert "paused" not in {event.kind for event in street.people.log()}

    def test_a_large_receiver_with_a_bad_hour_pauses_nobody(self, street: Street) -> None:
        with_many(street, 40)
        there = with_many(street, 8, "big.example")
        street.refused |= dict.fromkeys(there[:5], GONE)
        street.post()
        assert [street.score(address) for address in there[:5]] == [0.0] * 5

    def test_a_few_dead_addresses_in_a_crowd_are_paused(self, street: Street) -> None:
        crowd = with_many(street, 20)
        street.refused |= dict.fromkeys(crowd[:4], GONE)
        for _ in range(3):
            street.post()
            street.next_day()
        assert [street.score(address) for address in crowd[:5]] == [3.0] * 4 + [0.0]
        assert len([text for text in street.log("paused") if "elm.example" in text]) == 4

    def test_late_reports_undo_a_pause_that_they_explain(self, street: Street) -> None:
        """The third failure of a person turns out to be one of very many."""
        crowd = with_many(street, 12)
        street.refused[crowd[0]] = GONE
        for _ in range(2):
            street.post()
            street.next_day()
        street.post()
        assert len(street.log("paused")) == 1
        for address in crowd[1:5]:
            street.report(street.copy_for(address).sender)
        street.judge()
        assert street.score(crowd[0]) == 2.0
        assert [text for text in street.log("resumed") if "person0" in text]


class TestReports:
    def test_three_days_of_reports_pause_whatever_they_say(self, street: Street) -> None:
        for day in range(1, 4):
            street.post()
            street.report(street.copy_for(TOM).sender)
            street.report(street.copy_for(TOM).sender, who=ROSE)
            street.judge()
            assert street.score(TOM) == day
            street.next_day()
        assert street.status("tom") is Status.PAUSED
        assert (street.score(ROSE), street.status("rose")) == (0.0, Status.ACTIVE)

    @pytest.mark.parametrize(("status", "action"), [("4.4.7", "delayed"), ("5.7.26", "failed"), ("2.0.0", "delivered")])
    def test_what_counts_nothing(self, street: Street, status: str, action: str) -> None:
        street.post()
        street.report(street.copy_for(TOM).sender, status, action=action)
        street.judge()
        assert street.score(TOM) == 0.0

    def test_a_report_counts_for_its_own_address_only(self, street: Street) -> None:
        street.post()
        street.report(street.copy_for(TOM).sender, "5.2.2")
        assert [street.score(address) for address in (TOM, ROSE, ANNA)] == [0.25, 0.0, 0.0]

    def test_a_forged_return_path_is_refused_before_anything_is_read(self, street: Street) -> None:
        street.post()
        sender = street.copy_for(TOM).sender
        other = street.copy_for(ROSE).sender
        forged = sender[: sender.rindex("-")] + other[other.rindex("-") :]
        reply = asyncio.run(street.people.receiver.recipient(forged))
        assert (reply.code, reply.enhanced) == (550, "5.1.1")

    def test_a_report_about_an_address_that_she_has_no_longer(self, street: Street) -> None:
        street.post()
        sender = street.copy_for(TOM).sender

        def move(session: Session) -> None:
            member = members.member_of_address(session, TOM)
            assert member is not None
            new = "tom@new.example"
            members.add_address(session, member_id=id_of(member), address=new, key=new, now=NOW + timedelta(days=1))
            members.make_primary(session, member_id=id_of(member), key=new)

        street.people.database.write(move)
        street.report(sender)
        assert street.score("tom@new.example") == 0.0
        assert street.score(TOM) == 1.0

    def test_a_report_about_a_mail_that_is_forgotten(self, street: Street) -> None:
        """Sent rows are kept for a shorter time than return paths are valid."""
        street.post()
        sender = street.copy_for(TOM).sender
        street.later(days=20)
        prune = partial(queue.prune, before=street.people.clock[0])
        assert street.people.database.write(prune) > 0
        street.report(sender)
        assert street.score(TOM) == 1.0

        def move(session: Session) -> None:
            member = members.member_of_address(session, TOM)
            assert member is not None
            new = "tom@new.example"
            members.add_address(session, member_id=id_of(member), address=new, key=new, now=street.people.clock[0])
            members.make_primary(session, member_id=id_of(member), key=new)

        street.people.database.write(move)
        street.report(sender)
        assert street.score("tom@new.example") == 0.0

    def test_reports_about_letters_of_ours_go_round_no_circle(self, street: Street) -> None:
        street.refused |= {TOM: GONE, ANNA: GONE, "olu@example.org": GONE}
        for _ in range(4):
            street.post(ROSE)
            street.next_day()
        assert street.status("anna") is Status.PAUSED
        assert not street.waiting()
        rows = street.people.database.read(queue.queue_rows)
        assert len([row for row in rows if row.post_id is None]) <= 4

    def test_a_holiday_note_at_a_return_path_counts_nothing(self, street: Street) -> None:
        street.post()
        sender = street.copy_for(TOM).sender
        raw = mail("I am away.\r\n", author=TOM, to=sender, subject="Automatic reply", Auto_Submitted="auto-replied")
        assert street.people.receive(raw, sender, sender="")[0] == 250
        assert street.score(TOM) == 0.0


class TestReturn:
    @pytest.fixture
    def paused(self, street: Street) -> Street:
        street.refused[TOM] = GONE
        for _ in range(3):
            street.post()
            street.next_day()
        assert street.status("tom") is Status.PAUSED
        return street

    def test_probes_go_out_after_7_21_and_60_days(self, paused: Street) -> None:
        paused_at = paused.people.clock[0].date() - timedelta(days=1)
        asked = []
        for _ in range(120):
            before = len(paused.sink.commands)
            paused.judge()
            if any(TOM in line for line in paused.sink.commands[before:]):
                asked.append((paused.people.clock[0].date() - paused_at).days)
            paused.next_day()
        assert asked == [7, 21, 60]
        assert paused.status("tom") is Status.PAUSED  # every probe came back

    def test_her_own_mail_starts_it_again(self, paused: Street) -> None:
        del paused.refused[TOM]
        paused.post(TOM)
        assert [paused.status("tom", name) for name in ("family", "news", "garden")] == [Status.ACTIVE] * 3
        assert paused.score(TOM) == 0.0
        assert paused.letters(TOM) == ["You are back in The family"]
        paused.post()
        assert paused.copy_for(TOM)

    def test_the_answer_to_a_probe_starts_it_again(self, paused: Street) -> None:
        del paused.refused[TOM]
        paused.later(days=7)
        paused.judge()
        (probe,) = [
            each.content for each in paused.sink.taken if each.recipient == TOM and b"reach you" in each.content
        ]
        reply_to = parse(probe).value("reply-to") or ""
        assert paused.people.receive(mail("yes\r\n", author=TOM, to=reply_to, message_id="<y@x>"), reply_to)[0] == 250
        assert paused.status("tom") is Status.ACTIVE

    def test_mail_that_only_says_it_is_hers_starts_nothing(
        self, paused: Street, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        believed(monkeypatch, Verdict.UNVERIFIED)
        assert paused.people.receive(mail(author=TOM, message_id="<u@x>"), sender=TOM)[0] == 250
        assert paused.status("tom") is Status.PAUSED

    def test_an_automatic_mail_starts_nothing(self, paused: Street) -> None:
        assert paused.people.receive(mail(author=TOM, message_id="<a@x>", Auto_Submitted="auto-replied"))[0] == 250
        assert paused.status("tom") is Status.PAUSED

    def test_a_new_address_starts_it_again(self, paused: Street) -> None:
        def move(session: Session) -> None:
            member = members.member_of_address(session, TOM)
            assert member is not None
            new = "tom@new.example"
            members.add_address(session, member_id=id_of(member), address=new, key=new, now=NOW)
            members.remove_address(session, member_id=id_of(member), key=TOM)

        paused.people.database.write(move)
        paused.judge()
        paused.post()
        assert paused.copy_for("tom@new.example")

    def test_a_mail_from_a_second_address_moves_her_there(self, paused: Street) -> None:
        def add(session: Session) -> None:
            member = members.member_of_address(session, TOM)
            assert member is not None
            new = "tom@work.example"
            members.add_address(session, member_id=id_of(member), address=new, key=new, now=NOW)

        paused.people.database.write(add)
        paused.post("tom@work.example")
        paused.post()
        assert paused.copy_for("tom@work.example")

    def test_who_has_a_second_address_is_written_to_there(self, street: Street) -> None:
        def add(session: Session) -> None:
            member = members.member_of_address(session, TOM)
            assert member is not None
            new = "tom@work.example"
            members.add_address(session, member_id=id_of(member), address=new, key=new, now=NOW)

        street.people.database.write(add)
        street.refused[TOM] = GONE
        for _ in range(3):
            street.post()
            street.next_day()
        assert street.letters("tom@work.example") == ["We could not reach your other inbox"]
        assert street.letters(ANNA) == []
        street.post()
        assert street.copy_for("tom@work.example")

    def test_who_moves_back_to_a_dead_address_is_paused_again(self, street: Street) -> None:
        def move(session: Session, *, new: str) -> None:
            member = members.member_of_address(session, TOM)
            assert member is not None
            if new == TOM:
                members.remove_address(session, member_id=id_of(member), key="tom@work.example")
            else:
                members.add_address(session, member_id=id_of(member), address=new, key=new, now=NOW)

        street.people.database.write(partial(move, new="tom@work.example"))
        street.refused[TOM] = GONE
        for _ in range(3):
            street.post()
            street.next_day()
        street.people.database.write(partial(move, new=TOM))
        street.post()
        assert street.status("tom") is Status.PAUSED

    def test_a_pause_of_another_reason_stays(self, street: Street) -> None:
        street.post()
        complain(street, street.copy_for(TOM))
        street.post(TOM)
        assert street.status("tom") is Status.PAUSED


def complain(
    street: Street,
    copy: Transaction,
    *,
    to: str = "abuse@oak.example",
    feedback: str = "abuse",
    rcpt: str = "redacted",
    left: str = "",
) -> None:
    """A provider passes on that somebody pressed "spam"; of the header of her copy only `left` is left (RFC 5965)."""
    header = copy.content.partition(b"\r\n\r\n")[0].decode()
    if left:
        message = parse(copy.content)
        header = "\r\n".join(f"{name}: {message.value(name)}" for name in left.split())
    raw = mail(
        "--x\r\nContent-Type: text/plain\r\n\r\nAn email was marked.\r\n--x\r\nContent-Type: message/feedback-report"
        f"\r\n\r\nFeedback-Type: {feedback}\r\nVersion: 1\r\nOriginal-Rcpt-To: {rcpt}\r\n--x\r\n"
        f"Content-Type: message/rfc822\r\n\r\n{header}\r\n\r\nThe secret words of the family.\r\n--x--\r\n",
        author="fbl@big.example",
        to=to,
        subject="complaint",
        message_id=f"<{next(street.numbers)}@big.example>",
        Content_Type="multipart/report; report-type=feedback-report; boundary=x",
    )
    assert street.people.receive(raw, to, sender="")[0] == 250
    street.deliver()


class TestComplaints:
    @pytest.mark.parametrize(
        "to", ["abuse@oak.example", "postmaster@oak.example", "family-owner@oak.example", "return"]
    )
    def test_it_pauses_this_list_at_once_and_asks_her(self, street: Street, to: str) -> None:
        street.post()
        copy = street.copy_for(TOM)
        complain(street, copy, to=copy.sender if to == "return" else to)
        assert [street.status("tom", name) for name in ("family", "news")] == [Status.PAUSED, Status.ACTIVE]
        assert street.letters(TOM) == ["Are the emails from The family in your spam?"]
        assert street.letters(ANNA) == ["Tom Okafor gets no emails from The family for now"]
        assert not [each for each in street.sink.taken if b"secret words" in each.content]
        assert len(street.people.posts()) == 1

    @pytest.mark.parametrize(
        ("left", "rcpt"),
        [("list-unsubscribe", "redacted"), ("references", "redacted"), ("message-id subject", TOM)],
    )
    def test_any_trace_of_her_copy_is_enough(self, street: Street, left: str, rcpt: str) -> None:
        street.post()
        complain(street, street.copy_for(TOM), left=left, rcpt=rcpt)
        assert [street.status(person) for person in ("tom", "rose")] == [Status.PAUSED, Status.ACTIVE]

    @pytest.mark.parametrize(("left", "rcpt"), [("message-id subject", "redacted"), ("subject date", TOM)])
    def test_what_everybody_has_is_not(self, street: Street, left: str, rcpt: str) -> None:
        street.post()
        complain(street, street.copy_for(TOM), left=left, rcpt=rcpt)
        assert street.status("tom") is Status.ACTIVE
        assert len(street.people.held()) == 1

    def test_it_asks_only_once(self, street: Street) -> None:
        street.post()
        for _ in range(3):
            complain(street, street.copy_for(TOM))
            street.next_day()
        assert len(street.letters(TOM)) == len(street.letters(ANNA)) == 1

    def test_her_word_starts_it_again(self, street: Street) -> None:
        street.post()
        complain(street, street.copy_for(TOM))
        (question,) = [each.content for each in street.sink.taken if b"in your spam" in each.content]
        reply_to = parse(question).value("reply-to") or ""
        assert re.fullmatch(r"family-\w{10}@oak\.example", reply_to)
        assert street.people.receive(mail("keep\r\n", author=TOM, to=reply_to, message_id="<k@x>"), reply_to)[0] == 250
        assert street.status("tom") is Status.ACTIVE
        street.deliver()
        assert street.letters(TOM)[-1] == "You are back in The family"

    def test_silence_keeps_it_paused(self, street: Street) -> None:
        street.post()
        complain(street, street.copy_for(TOM))
        for _ in range(90):
            street.judge()
            street.next_day()
        assert street.status("tom") is Status.PAUSED
        assert len(street.letters(TOM)) == 1

    def test_to_the_list_itself_it_is_never_a_post(self, street: Street) -> None:
        street.post()
        complain(street, street.copy_for(TOM), to="family@oak.example")
        assert len(street.people.posts()) == 1
        assert street.status("tom") is Status.ACTIVE

    def test_that_it_was_no_spam_changes_nothing(self, street: Street) -> None:
        street.post()
        complain(street, street.copy_for(TOM), feedback="not-spam")
        assert street.status("tom") is Status.ACTIVE

    def test_one_about_nobody_waits_for_a_person(self, street: Street) -> None:
        complain(street, Transaction(1, content=b"Subject: something else\r\n\r\n"))
        assert len(street.people.held()) == 1

    def test_an_invitation_that_was_marked_is_declined(self, street: Street) -> None:
        def invite(session: Session) -> None:
            family = lists.list_named(session, "family")
            assert family is not None
            ada = joining.Newcomer(Mailbox("Ada", "ada@home.example"))
            joining.invite(session, street.people.host, mailing_list=family, newcomer=ada, inviter="Anna", now=NOW)

        street.people.database.write(invite)
        street.deliver()
        (invitation,) = [each for each in street.sink.taken if each.recipient == "ada@home.example"]
        complain(street, Transaction(1, content=f"Return-Path: <{invitation.sender}>\r\n\r\n".encode()))
        assert street.status("ada") is Status.LEFT
        assert street.letters("ada@home.example") == ["Anna invites you to The family"]
