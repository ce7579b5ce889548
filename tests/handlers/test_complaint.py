"""Reports that a copy was marked as spam: whose it was is read from what only her copy has."""

from __future__ import annotations

import base64
from datetime import date

import pytest

from handlers.complaint import Clues, clues
from handlers.decide import decide
from handlers.facts import ComplaintFacts
from handlers.incoming import Verdict
from handlers.outcome import Complained, Hold, Note
from handlers.route import Kind
from handlers.token import VerpAddress, private_reference, unsubscribe_token, verp_address
from storage.models import Status
from tests.handlers.letters import ANNA, HOST, NOW, facts, letter, membership

TODAY = date(2026, 11, 22)
VERP = verp_address(HOST.secrets, member_id=7, content_id=5, day=TODAY, domain=HOST.domain)
PRIVATE = private_reference(HOST.secrets, member_id=7, thread_id=3, domain=HOST.domain)
PAGE = f"https://lists.oak.example/u/{unsubscribe_token(HOST.secrets, membership_id=9)}"
BOUNDARY = "multipart/report; report-type=feedback-report; boundary=x"


def arf(
    *fields: str,
    returned: str = "",
    kind: str = "message/rfc822",
    encoding: str = "8bit",
    body: str = "",
    feedback: str = "abuse",
    **more,
):
    """A complaint as providers write it (RFC 5965 §3)."""
    told = "\r\n".join((f"Feedback-Type: {feedback}", "User-Agent: Fbl/1.0", "Version: 1", *fields))
    text = (
        "--x\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        f"--x\r\nContent-Type: message/feedback-report\r\n\r\n{told}\r\n"
        f"--x\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        f"{returned}\r\n\r\n{body}\r\n--x--\r\n"
    )
    return letter(text, content_type=BOUNDARY, **{"sender": "", "from": "fbl@big.example", **more})


def found(incoming) -> Clues:
    result = clues(incoming.message, HOST, TODAY)
    assert result is not None
    return result


class TestClues:
    @pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
    def test_the_return_path(self, kind):
        for incoming in (
            arf(f"Original-Mail-From: <{VERP}>", kind=kind),
            arf(returned=f"Return-Path: <{VERP.upper()}>\r\nSubject: Lunch", kind=kind),
        ):
            assert found(incoming).sent == (VerpAddress(7, 5, TODAY),)

    def test_the_address_that_ends_the_membership(self):
        unsubscribe = f"List-Unsubscribe: <{PAGE}>,\r\n <mailto:family-k7m2q9xwab@oak.example>"
        result = found(arf(returned=unsubscribe))
        assert result.membership_ids == (9,)
        assert "k7m2q9xwab" in result.leave_tokens

    def test_the_private_reference(self):
        result = found(arf(returned=f"References: {PRIVATE} <1@home.example>"))
        assert [(each.member_id, each.thread_id) for each in result.references] == [(7, 3)]

    def test_a_folded_header_in_base64(self):
        returned = base64.encodebytes(f"References:\r\n {PRIVATE}\r\n\r\nHello\r\n".encode()).decode()
        incoming = arf(returned=returned.replace("\n", "\r\n"), kind="message/rfc822", encoding="base64")
        assert [each.member_id for each in found(incoming).references] == [7]

    def test_the_recipient_that_the_provider_names(self):
        result = found(arf("Original-Rcpt-To: <rose@home.example>", returned="Message-ID: <1@home.example>"))
        assert result.recipients == ("rose@home.example",)
        assert result.message_ids == ("<1@home.example>",)

    def test_what_others_wrote_in_the_body_is_not_read(self):
        result = found(arf(returned="Subject: x", body=f"see {PAGE} and {PRIVATE} and {VERP}"))
        assert result == Clues((), (), (), (), (), ())

    @pytest.mark.parametrize("forged", [VERP.replace("b-k1", "b-k2"), VERP[:-14] + "a" + VERP[-13:]])
    def test_what_is_forged_tells_nothing(self, forged):
        assert found(arf(returned=f"Return-Path: <{forged}>")).sent == ()

    @pytest.mark.parametrize("feedback", ["not-spam", "auth-failure", "NOT-SPAM"])
    def test_no_complaint(self, feedback):
        assert clues(arf(f"Original-Mail-From: <{VERP}>", feedback=feedback).message, HOST, TODAY) is None

    def test_another_report_is_none(self):
        assert clues(letter(content_type="multipart/report; boundary=x").message, HOST, TODAY) is None


def outcome(status=Status.ACTIVE, *, sure=True, verdict=Verdict.UNVERIFIED, **fields):
    incoming = arf(verdict=verdict, **{"route": Kind.OPERATOR, "address": "abuse@oak.example", **fields})
    complaint = ComplaintFacts(ANNA, membership(status), sure)
    return decide(incoming, facts(incoming, mailing_list=None, complaint=complaint), NOW)


class TestDecision:
    @pytest.mark.parametrize("route", [Kind.OPERATOR, Kind.OWNER, Kind.BOUNCE])
    @pytest.mark.parametrize("status", [Status.ACTIVE, Status.PAUSED, Status.INVITED])
    def test_it_pauses_wherever_it_comes(self, route, status):
        result = outcome(status, route=route)
        assert result.reply.code == 250
        assert result.actions == (Complained(9),)

    def test_who_left_is_left_alone(self):
        (note,) = outcome(Status.LEFT).actions
        assert isinstance(note, Note)

    def test_an_address_alone_is_believed_only_of_who_surely_wrote_it(self):
        (hold,) = outcome(sure=False).actions
        assert isinstance(hold, Hold)
        assert not hold.ask
        assert outcome(sure=False, verdict=Verdict.ALIGNED).actions == (Complained(9),)

    @pytest.mark.parametrize("route", [Kind.LIST, Kind.JOIN, Kind.LEAVE, Kind.HELP])
    def test_it_is_never_a_post_nor_a_command(self, route):
        incoming = arf(route=route)
        result = decide(incoming, facts(incoming), NOW)
        assert result.reply.code == 250
        assert [type(action) for action in result.actions] == [Note]
        assert result.actions[0].kind == "dropped"
