"""What programs write is never posted and never answered, and nothing goes round (spec/people.md §1.1, §3.4)."""

from __future__ import annotations

import base64
import re
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host
from organic_mail import joining
from organic_mail.notices import host_of
from storage import lists
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, SETTINGS, Daemon, daemon, until
from tests.wire.grandma import OK, Letter, PostOffice, post_office, signed_by
from tests.wire.sink import Sink, Transaction

__all__ = ["empty_home", "om"]

ROSE, ANNA, TOM = "rose@home.example", "anna@home.example", "tom@home.example"
AWAY = {
    "de": "Automatische Antwort: Lunch on Sunday",
    "de (Notes)": "Abwesenheitsnotiz: Lunch on Sunday",
    "en": "Automatic reply: Lunch on Sunday",
    "en (Notes)": "Rose Okafor is out of the office",
    "en (vacation)": "Out of Office: Lunch on Sunday",
    "fr": "Réponse automatique : Lunch on Sunday",
    "es": "Respuesta automática: Lunch on Sunday",
    "it": "Risposta automatica: Lunch on Sunday",
    "nl": "Automatisch antwoord: Lunch on Sunday",
    "sv": "Automatiskt svar: Lunch on Sunday",
    "da": "Automatisk svar: Lunch on Sunday",
    "fi": "Automaattinen vastaus: Lunch on Sunday",
    "pl": "Odpowiedź automatyczna: Lunch on Sunday",
    "pt": "Resposta automática: Lunch on Sunday",
    "cs": "Automatická odpověď: Lunch on Sunday",
    "hu": "Automatikus válasz: Lunch on Sunday",
    "ru": "Автоматический ответ: Lunch on Sunday",
    "uk": "Автоматична відповідь: Lunch on Sunday",
    "tr": "Otomatik yanıt: Lunch on Sunday",
    "el": "Αυτόματη απάντηση: Lunch on Sunday",
    "he": "מענה אוטומטי: Lunch on Sunday",
    "ar": "رد تلقائي: Lunch on Sunday",
    "ja": "自動応答: Lunch on Sunday",
    "zh": "自动回复：Lunch on Sunday",
    "ko": "자동 회신: Lunch on Sunday",
    "re": "Re: Out of office: Lunch on Sunday",
}


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        assert made.writes(ANNA, "Lunch at noon?") == OK
        yield made


def encoded(subject: str) -> str:
    return f"=?utf-8?B?{base64.b64encode(subject.encode()).decode()}?="


def is_quiet(office: PostOffice, posts: int = 1) -> bool:
    """Nothing was posted, held or answered beside the first post."""
    return (len(office.subjects()), office.held(), office.letters()) == (posts, [], [])


def logged(office: PostOffice) -> tuple[str, str]:
    event = office.people.log()[-1]
    return event.kind, event.text


# Vacation replies


@pytest.mark.parametrize("language", AWAY)
def test_an_answer_of_a_program_that_does_not_say_so(office: PostOffice, language: str) -> None:
    subject = encoded(AWAY[language])
    away = {"subject": subject, "In_Reply_To": "<1@home.example>", "X_Auto_Response_Suppress": "All"}
    expected = language != "en (Notes)"  # "X is out of the office" may be told by a person
    assert office.writes(ROSE, "I am back on Monday.", **away) == OK
    assert is_quiet(office, 1 if expected else 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-replied (vacation); owner-email=rose@home.example"},
        {"Auto_Submitted": "auto-generated"},
        {"X_Autoreply": "yes"},
        {"X_Autorespond": "Lunch"},
        {"X_Autoresponder": "1"},
        {"Precedence": "auto_reply"},
        {"X_FC_MachineGenerated": "true"},
    ],
)
def test_an_answer_of_a_program_that_says_so(office: PostOffice, fields: dict[str, str]) -> None:
    assert office.writes(ROSE, "I am away.", subject="Re: Lunch on Sunday", **fields) == OK
    assert is_quiet(office)
    assert logged(office) == ("dropped", "An automatic email from rose@home.example was set aside.")


@pytest.mark.parametrize(
    "fields",
    [
        {"X_Auto_Response_Suppress": "All"},
        {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
        {"Auto_Submitted": "no"},
        {"Precedence": "bulk"},
        {"subject": "Automatic reply: how do I turn it off?"},
        {"subject": "Vacation: who waters the plants?", "In_Reply_To": "<unknown@x.example>"},
        {"subject": "Re: vacation photos", "In_Reply_To": "<1@home.example>"},
    ],
)
def test_what_a_person_may_write(office: PostOffice, fields: dict[str, str]) -> None:
    assert office.writes(ROSE, "Hello all", **fields) == OK
    assert is_quiet(office, 2)


def test_a_vacation_reply_to_our_letter_answers_nothing(office: PostOffice) -> None:
    """A goodbye is undone by any answer of hers; a program's is none."""
    assert office.writes(ROSE, "stop") == OK
    (goodbye,) = office.letters(ROSE)
    away = {"subject": encoded("Abwesenheitsnotiz: You have left"), "In_Reply_To": ""}
    assert office.answers(goodbye, ROSE, "Ich bin im Urlaub.", **away) == OK
    assert office.people.membership("rose").status == "left"
    assert office.writes(ROSE, "Hello") == (550, "5.7.1")
    assert office.answers(goodbye, ROSE, "Oh no!") == OK
    assert office.people.membership("rose").status == "active"


def test_a_vacation_reply_is_no_yes(office: PostOffice) -> None:
    office.writes(ROSE, "Garden sale", proven=False)
    (letter,) = office.letters(ROSE)
    assert office.answers(letter, ROSE, "Yes, I am away.", subject="Automatic reply: Did you write this?") == OK
    assert len(office.subjects()) == 1
    assert office.held() == ["Lunch on Sunday"]


# Receipts and reports


def report(kind: str, body: str) -> bytes:
    raw = mail(
        f"--b\r\nContent-Type: text/plain\r\n\r\nYour message was read.\r\n--b\r\n{body}\r\n--b--\r\n",
        author=ROSE,
        subject="Read: Lunch on Sunday",
        message_id="<r@home.example>",
        Content_Type=f"multipart/report; report-type={kind}; boundary=b",
    )
    return signed_by(raw)


def test_a_read_receipt(office: PostOffice) -> None:
    body = (
        "Content-Type: message/disposition-notification\r\n\r\nReporting-UA: home.example; Outlook\r\n"
        "Final-Recipient: rfc822;rose@home.example\r\nOriginal-Message-ID: <1@home.example>\r\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\r\n"
    )
    for sender in (ROSE, ""):
        raw = report("disposition-notification", body).replace(b"<r@", f"<r{len(sender)}@".encode())
        assert office.send(raw, sender=sender) == OK
        assert is_quiet(office)
        assert logged(office)[0] == "dropped"


def test_a_delivery_report_that_came_to_the_list(office: PostOffice) -> None:
    body = (
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    )
    assert office.send(report("delivery-status", body), sender=ROSE) == OK
    prose = mail(
        "Hi. This is the qmail-send program.\r\n", author="MAILER-DAEMON@home.example", subject="failure notice"
    )
    assert office.send(prose, sender="") == OK
    assert is_quiet(office)


# Calendars


def calendar(method: str, answer: str = "ACCEPTED", comment: str = "", parameter: bool = True) -> str:
    said = f"COMMENT:{comment}\r\n" if comment else ""
    kind = f"; method={method}" if parameter else ""
    return (
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\r\n"
        f"--b\r\nContent-Type: text/calendar; charset=utf-8{kind}\r\n\r\nBEGIN:VCALENDAR\r\n"
        f"PRODID:-//Google Inc//EN\r\nVERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:1@x\r\nDTSTART:20261206\r\n"
        f"ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT={answer};CN=Rose\r\n ;X-NUM-GUESTS=0:mailto:{ROSE}\r\n"
        f"{said}SUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n"
    )


ALTERNATIVE = {"Content_Type": "multipart/alternative; boundary=b"}


@pytest.mark.parametrize(
    ("answer", "subject", "meaning"),
    [
        ("ACCEPTED", "Accepted: Lunch", "yes"),
        ("DECLINED", "Abgelehnt: Lunch", "no"),
        ("TENTATIVE", "Preliminärt: Lunch", "maybe"),
        ("DELEGATED", "Délégué : Lunch", "something else"),
    ],
)
@pytest.mark.parametrize("parameter", [True, False])
def test_the_answer_to_an_invitation(
    office: PostOffice, answer: str, subject: str, meaning: str, parameter: bool
) -> None:
    text = calendar("REPLY", answer, "I bring cake", parameter)
    assert office.writes(ROSE, text, subject=encoded(subject), **ALTERNATIVE) == OK
    assert is_quiet(office)
    assert logged(office) == ("dropped", f"rose@home.example answered an invitation with {meaning}. It was not posted.")
    kept = office.people.log()[-1].content_id
    assert kept is not None
    assert b"I bring cake" in office.people.content(kept)


@pytest.mark.parametrize("method", ["REQUEST", "PUBLISH", "CANCEL"])
def test_an_invitation_is_news_for_everyone(office: PostOffice, method: str) -> None:
    assert office.writes(ROSE, calendar(method), subject="Lunch", **ALTERNATIVE) == OK
    assert is_quiet(office, 2)


# Other lists


LIST = {"List_Id": "Other <other.lists.example>", "Precedence": "list"}


def test_another_lists_mail(office: PostOffice) -> None:
    raw = signed_by(mail(author=ROSE, to="other@lists.example", message_id="<o@home.example>", **LIST))
    assert office.send(raw, sender="other-bounces@lists.example") == OK
    assert is_quiet(office)
    assert logged(office) == ("dropped", "An email of another list came to family@oak.example. It was not sent on.")


def test_another_list_that_writes_our_address_into_to(office: PostOffice) -> None:
    raw = signed_by(mail(author=ROSE, message_id="<o@home.example>", **LIST))
    assert office.send(raw, sender="other-bounces+family=oak.example@lists.example") == OK
    assert is_quiet(office)


def test_a_member_who_sends_on_what_she_got_from_there(office: PostOffice) -> None:
    assert office.writes(ROSE, "Look at this", **LIST) == OK
    assert is_quiet(office, 2)


def test_nobody_is_told_that_bulk_mail_waits(office: PostOffice) -> None:
    assert office.writes(ROSE, "Apples", "garden@oak.example", Precedence="bulk") == OK
    assert office.letters(ROSE) == []


# Round and round


class Robots:
    """Mailboxes that answer, forward and resend all that they get, the rude way, and the server that they drive."""

    def __init__(self, served: Daemon, sink: Sink) -> None:
        self._served, self._sink = served, sink
        self._seen = 0
        self.written = 0

    def until_quiet(self, most: int) -> None:
        while self._seen < len(self._sink.taken):
            assert len(self._sink.taken) <= most, "it goes round"
            mail_out = self._sink.taken[self._seen]
            self._seen += 1
            self._react(mail_out)

    def _react(self, got: Transaction) -> None:
        head = got.content.partition(b"\r\n\r\n")[0]
        message_id = re.search(rb"^Message-ID: (<[^>]*>)", head, re.M)
        reply_to = re.search(rb"^Reply-To:[^<]*<?([^<>\r\n ]+)>?\r?$", head, re.M)
        subject = re.search(rb"^Subject: ([^\r\n]*)", head, re.M)
        assert message_id
        assert reply_to
        assert subject
        person = got.recipient
        answer = {
            "author": person, "to": reply_to[1].decode(), "In_Reply_To": message_id[1].decode(),
            "message_id": f"<away.{self._seen}@{person.partition('@')[2]}>",
        }  # fmt: skip
        match person.partition("@")[0]:
            case "tom":  # RFC 3834, as it should be
                raw = mail("Away\r\n", subject="Auto: " + subject[1].decode(), Auto_Submitted="auto-replied", **answer)
                self._send(raw, "", got.sender)
            case "rose":  # to Reply-To, in her own name, without a mark
                raw = mail("Weg\r\n", subject="Abwesenheitsnotiz: " + subject[1].decode(), **answer)
                self._send(raw, person, answer["to"])
            case "anna":  # forwards everything back to the list, unchanged
                self._send(got.content, got.sender, "family@oak.example")
                self._send(got.content, person, "rose.okafor@oak.example")
            case "choir":  # a list that is a member, and has family@ as a member
                raw = b"List-Id: <choir.lists.example>\r\nPrecedence: list\r\n"
                raw += re.sub(rb"^List-[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", got.content, flags=re.M)
                self._send(raw, "choir-bounces@lists.example", "family@oak.example")

    def _send(self, raw: bytes, sender: str, to: str) -> None:
        with smtplib.SMTP("127.0.0.1", self._served.port, timeout=PATIENCE) as client:
            client.ehlo()
            client.mail(sender)
            if client.rcpt(to)[0] == 250:
                client.data(raw)
        self.written += 1


def test_vacation_replies_a_forwarder_and_a_list_make_no_loop(om: Operator) -> None:
    people = [ANNA, ROSE, TOM, "choir@lists.example", "olu@home.example"]

    def fill(session: Session, host: Host) -> None:
        now = datetime(2026, 11, 22, 8, tzinfo=UTC)
        made = lists.create_list(session, name="family", title="The family", now=now)
        for address in people:
            name = {"rose": "Rose Okafor"}.get(address.partition("@")[0], address.partition("@")[0])
            joining.confirm(
                session, host, mailing_list=made, newcomer=joining.Newcomer(Mailbox(name, address)), now=now, quiet=True
            )

    with om.opened() as opened:
        host = host_of(opened.settings, opened.secrets, opened.database)
        opened.database.write(lambda session: fill(session, host))
    sink = Sink()
    with sink.listening():
        hop = f'transport = "smarthost"\nsmarthost = "smtp://127.0.0.1:{sink.port}"'
        settings = SETTINGS.replace('transport = "maildir"\nmaildir = "mail"', hop)
        with daemon(om.home, settings=settings) as served:
            robots = Robots(served, sink)
            assert served.send(mail("Lunch at noon?\r\n", author="olu@home.example"), author="olu@home.example") == 250
            until(lambda: len(sink.taken) == len(people))
            robots.until_quiet(most=20)
            assert served.send(mail("stop\r\n", author=ROSE, message_id="<s@home.example>"), author=ROSE) == 250
            until(lambda: len(sink.taken) == len(people) + 1)  # her goodbye, which her robot answers
            robots.until_quiet(most=20)
            assert served.end() == 0
    assert robots.written >= len(people)
    assert len(sink.taken) == len(people) + 1
    (thread,) = om("thread", "ls", "family", "--json").json
    assert thread["posts"] == 1
    assert om("held", "ls", "--json").json == []


def test_a_letter_of_ours_has_one_cause(office: PostOffice) -> None:
    """The same mail to several of our addresses causes one letter to one person."""
    assert (
        office.writes(ROSE, "stop", "family@oak.example", "family-help@oak.example", "family-leave@oak.example") == OK
    )
    letters: list[Letter] = office.letters(ROSE)
    assert len(letters) == 1
