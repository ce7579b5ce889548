"""Mail at a return path: reports by fields and by prose, what they count, and what only looks like one."""

from __future__ import annotations

from datetime import date

import pytest

from handlers.bounce import fault_of
from handlers.decide import decide
from handlers.dsn import Failure
from handlers.facts import SentFacts
from handlers.incoming import Incoming
from handlers.outcome import Bounced, Forward, Hold, Note, Publish
from handlers.retry import Fault
from handlers.route import Kind, Route
from handlers.token import VerpAddress
from storage.models import Post
from tests.handlers.letters import NOW, facts, letter

POST = Post(
    id=3,
    list_id=1,
    thread_id=1,
    content_id=5,
    author_name="Rose",
    message_id="<0@elm.example>",
    original_message_id="<0@elm.example>",
    subject="x",
    written_at=NOW,
    received_at=NOW,
    accepted_at=NOW,
)
ROUTE = Route(Kind.BOUNCE, "b-k1x@oak.example", bounce=VerpAddress(7, 5, date(2026, 11, 20)))
SENT = SentFacts(7, "Rose@home.example", "post:3")
ROBOT = {"from": "MAILER-DAEMON (Mail Delivery System)"}


def outcome(post=None, sent=SENT, owners=(), **fields):
    plain = letter(**fields)
    incoming = Incoming(plain.envelope, plain.message, plain.authentication, ROUTE)
    return decide(incoming, facts(incoming, bounced_post=post, sent=sent, owners=owners), NOW)


def report(*groups: str, prose: str = "Sorry.", **fields: str):
    """A whole RFC 3464 report with these groups of fields about recipients."""
    status = "\r\n\r\n".join(("Reporting-MTA: dns; mx.elm.example", *groups)).replace("|", "\r\n")
    body = (
        f"--x\r\nContent-Type: text/plain\r\n\r\n{prose}\r\n"
        f"--x\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n--x--\r\n"
    )
    header = {"sender": "", "content_type": "multipart/report; report-type=delivery-status; boundary=x", **ROBOT}
    return outcome(text=body, **{**header, **fields})


def counted(result):
    """(fault, weight) of what counts; None when nothing does."""
    found = [action for action in result.actions if isinstance(action, Bounced)]
    return (found[0].fault, found[0].weight) if found else None


def failed(status: str, said: str = "", *, who: str = "rose@home.example", action: str = "failed") -> str:
    diagnostic = f"|Diagnostic-Code: smtp; {said}" if said else ""
    return f"Final-Recipient: rfc822; {who}|Action: {action}|Status: {status}{diagnostic}"


class TestReport:
    @pytest.mark.parametrize(
        ("group", "expected"),
        [
            (failed("5.1.1", "550 5.1.1 no such person"), (Fault.ADDRESS_HARD, 1.0)),
            (failed("5.1.1"), (Fault.ADDRESS_HARD, 1.0)),
            (failed("5.0.0", "550 user unknown"), (Fault.ADDRESS_HARD, 1.0)),
            (failed("5.0.0"), (Fault.ADDRESS_HARD, 1.0)),
            (failed("5.2.2", "552 5.2.2 over quota"), (Fault.SOFT, 0.25)),
            (failed("4.2.2", "452 4.2.2 over quota"), (Fault.SOFT, 0.25)),  # and that for five days
            (failed("4.4.1", "connection timed out"), (Fault.SOFT, 0.25)),
            (failed("5.7.1", "550 5.7.1 blocked by policy"), (Fault.OURS, 0.0)),
            (failed("5.0.0", "550 5.7.26 not authenticated"), (Fault.OURS, 0.0)),
            (failed("4.4.7", "450 4.7.1 go away"), (Fault.OURS, 0.0)),
            (failed("5.3.4", "552 5.3.4 too large"), None),
            (failed("4.4.7", "connection timed out", action="delayed"), None),
            (failed("4.2.2", "452 4.2.2 over quota", action="delayed"), None),
        ],
    )
    def test_what_it_counts(self, group, expected):
        assert counted(report(group)) == expected

    @pytest.mark.parametrize("who", ["somebody@else.example", "r17", "<>", "tom@home.example"])
    def test_the_return_path_says_whom_it_is_about(self, who):
        """Whatever the body says: it may name where she forwards her mail to."""
        (bounced,) = [each for each in report(failed("5.1.1", who=who)).actions if isinstance(each, Bounced)]
        assert (bounced.member_id, bounced.recipient, bounced.run) == (7, "Rose@home.example", "post:3")

    def test_of_several_the_worst_counts(self):
        result = report(failed("4.4.1", "timed out"), failed("5.1.1", "550 5.1.1 unknown"), failed("5.7.1", "spam"))
        assert counted(result) == (Fault.ADDRESS_HARD, 1.0)

    def test_it_is_kept_and_told(self):
        (note, _) = report(failed("5.1.1", "550 5.1.1 no such person")).actions
        assert isinstance(note, Note)
        assert (note.kind, note.member_id, note.keep) == ("bounced", 7, True)
        assert "Nobody has this address: 550 5.1.1 no such person" in note.text

    def test_a_mail_that_arrived_counts_nothing(self):
        assert counted(report(failed("2.0.0", action="delivered"))) is None

    def test_a_report_that_says_nothing_is_kept(self):
        (note,) = report().actions
        assert (note.kind, note.keep) == ("bounced", True)
        assert "cannot read why" in note.text

    def test_what_cannot_be_read_goes_to_the_owners_where_they_want_it(self):
        note, forward = report(owners=("anna@home.example",)).actions
        assert note.kind == "bounced"
        assert (forward.recipients, forward.list_id) == (("anna@home.example",), 1)
        assert b"From: " in forward.content
        assert b"family-owner@oak.example" in forward.content
        assert b"Sorry." in forward.content

    def test_what_can_be_read_does_not(self):
        actions = report(failed("5.1.1", "550 5.1.1 no such person"), owners=("anna@home.example",)).actions
        assert not any(isinstance(action, Forward) for action in actions)

    def test_a_member_who_is_no_more(self):
        (note,) = report(failed("5.1.1"), sent=None).actions
        assert note.kind == "bounced"

    def test_it_has_any_sender(self):
        assert counted(report(failed("5.1.1"), sender="mailer-daemon@elm.example")) == (Fault.ADDRESS_HARD, 1.0)


SAID = "Hi. This is the mail program at elm.example.\r\n\r\n<{}>:\r\n550 5.1.1 Sorry, no mailbox by that name.\r\n"
QMAIL = {"sender": "", "from": "MAILER-DAEMON@elm.example", "subject": "failure notice"}


class TestProse:
    def test_it_counts_half_when_it_names_her_address(self):
        result = outcome(text=SAID.format("rose@HOME.example"), **QMAIL)
        assert counted(result) == (Fault.ADDRESS_HARD, 0.5)

    def test_another_address_counts_nothing(self):
        result = outcome(text=SAID.format("tom@home.example"), **QMAIL)
        assert counted(result) is None
        assert result.accepted

    def test_a_robot_with_a_sender_is_no_person(self):
        result = outcome(POST, text=SAID.format("rose@home.example"), **{**QMAIL, "sender": "root@elm.example"})
        assert counted(result) == (Fault.ADDRESS_HARD, 0.5)

    def test_a_holiday_note_about_a_bounce_counts_nothing(self):
        fields = {**QMAIL, "subject": "Automatic reply: Undelivered mail", "from": "rose@home.example"}
        assert counted(outcome(text=SAID.format("rose@home.example"), **fields)) is None


@pytest.mark.parametrize("fields", [{"sender": ""}, {"content_type": "multipart/report; boundary=b"}])
def test_a_bounce_is_kept_and_told_apart_by_its_address(fields):
    (note,) = outcome(**fields, **ROBOT).actions
    assert isinstance(note, Note)
    assert (note.kind, note.member_id, note.keep) == ("bounced", 7, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_submitted": "auto-replied"},
        {"auto_submitted": "auto-replied", "sender": "", "subject": "Automatic reply: Lunch"},
        {"sender": "", "subject": "Abwesenheitsnotiz"},
        {"content_type": "multipart/report; report-type=disposition-notification; boundary=b"},
    ],
)
def test_an_out_of_office_is_no_bounce(fields):
    (note,) = outcome(**fields).actions
    assert (note.kind, note.keep) == ("dropped", False)


def test_a_person_who_answers_there_answers_the_post():
    (post,) = outcome(POST).actions
    assert isinstance(post, Publish)
    assert post.in_reply_to == "<0@elm.example>"


def test_a_person_who_writes_about_bounces_is_a_person():
    said = "My mail to rose@home.example came back with 550 5.1.1 user unknown. Do you know why?\r\n"
    (post,) = outcome(POST, text=said, subject="Re: mail delivery").actions
    assert isinstance(post, Publish)


def test_a_person_who_answers_a_notice_there_reaches_a_person():
    (hold,) = outcome().actions
    assert isinstance(hold, Hold)


@pytest.mark.parametrize(
    ("failure", "fault"),
    [
        (Failure("a@x.example", True, "5.1.1", "550 5.7.1 mapped"), Fault.OURS),  # what was really said counts
        (Failure("a@x.example", True, "5.0.0", "host 192.0.2.5.5.1.1 said 550 no such user"), Fault.ADDRESS_HARD),
        (Failure("a@x.example", True, "", ""), Fault.ADDRESS_HARD),
        (Failure("a@x.example", False, "4.4.1", "", given_up=False), None),
        (Failure("a@x.example", False, "4.4.7", ""), Fault.SOFT),
    ],
)
def test_whose_fault_a_failure_is(failure, fault):
    assert fault_of(failure) is fault
