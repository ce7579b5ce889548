"""What our SMTP client says, and what it makes of whatever a next hop answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.reply import Reply
from organic_mail.config_values import Smarthost
from organic_mail.problem import Problem
from organic_mail.smarthost import Login, NextHop, Tls, smarthost_hop
from organic_mail.smtp_client import BLOCK, Connection, NextHopRefused, Outgoing, Timeouts, connect
from organic_mail.smtp_wire import BareLineEnd, ConnectionLost, UnusablePath, envelope_path, wire_form
from tests.ports import free_port
from tests.wire.certificates import self_made
from tests.wire.sink import CLOSE, SILENCE, Sink, Transaction

T = TypeVar("T")

HEADER = b"From: anna@oak.example\r\nSubject: Sunday\r\n\r\n"
USUAL = Timeouts()
STEPS = ["MAIL", "RCPT", "DATA", "END"]
IMPATIENT = {
    "GREETING": Timeouts(greeting=0.1), "EHLO": Timeouts(greeting=0.1), "MAIL": Timeouts(mail=0.1),
    "RCPT": Timeouts(recipient=0.1), "DATA": Timeouts(data=0.1), "END": Timeouts(end=0.1),
}  # fmt: skip
"""For each step, one who waits long for everything else: a busy machine is slow, and not silent."""


def outgoing(recipient: str = "bo@example.org", body: bytes = b"See you.\r\n", *, eight_bit: bool = False) -> Outgoing:
    return Outgoing("b-1@oak.example", recipient, HEADER, wire_form(body), eight_bit)


def hop(sink: Sink, **changes: object) -> NextHop:
    return NextHop(**{"host": "localhost", "port": sink.port, "tls": Tls.WHERE_OFFERED, "verified": False} | changes)


def talk(
    sink: Sink,
    conversation: Callable[[Connection], Awaitable[T]],
    *,
    timeouts: Timeouts = USUAL,
    **changes: object,
) -> T:
    async def whole() -> T:
        connection = await connect(hop(sink, **changes), helo="oak.example", timeouts=timeouts)
        try:
            return await conversation(connection)
        finally:
            await connection.quit()

    with sink.listening():
        return asyncio.run(whole())


def answering(step: str, reply: str, *, times: int = 1_000) -> Callable[[str, Transaction], str | None]:
    left = [times]

    def answer(asked: str, transaction: Transaction) -> str | None:
        if asked != step or left[0] == 0:
            return None
        left[0] -= 1
        return reply

    return answer


def test_a_copy_arrives_byte_for_byte() -> None:
    body = b".\r\n..two\r\nordinary\r\n.hidden\r\n\xc3\xa4\r\n"
    sink = Sink()
    reply = talk(sink, lambda c: c.send(outgoing(body=body, eight_bit=True)))
    assert reply == Reply(250, "2.0.0", "Ok: queued as 0")
    (taken,) = sink.taken
    assert (taken.sender, taken.recipient, taken.content) == ("b-1@oak.example", "bo@example.org", HEADER + body)
    assert "BODY=8BITMIME" in taken.mail_parameters
    assert f"SIZE={len(HEADER + wire_form(body))}" in taken.mail_parameters
    assert sink.commands[-1] == "QUIT"


def test_a_large_copy_arrives_whole() -> None:
    body = b"0123456789abcdef\r\n" * (BLOCK // 4)
    sink = Sink()
    assert talk(sink, lambda c: c.send(outgoing(body=body))).code == 250
    assert sink.taken[0].content == HEADER + body


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",), ("pipelining", "size")], ids=["none", "one", "lower-case"])
def test_what_is_not_offered_is_not_used(extensions: tuple[str, ...]) -> None:
    sink = Sink(extensions=extensions)
    assert talk(sink, lambda c: c.send(outgoing(eight_bit=True))).code == 250
    assert "BODY" not in sink.taken[0].mail_parameters


def test_an_old_server_gets_helo() -> None:
    sink = Sink(answer=answering("EHLO", "502 5.5.2 what is that"))
    assert talk(sink, lambda c: c.send(outgoing())).code == 250
    assert sink.commands[:2] == ["EHLO oak.example", "HELO oak.example"]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize("reply", ["451 4.3.0 later", "550 5.1.1 no such person", "452-4.2.2 full\r\n452 4.2.2 really"])
@pytest.mark.parametrize("step", STEPS)
def test_a_refusal_is_returned_and_the_next_copy_still_goes(step: str, reply: str, extensions: tuple[str, ...]) -> None:
    sink = Sink(answer=answering(step, reply, times=1), extensions=extensions)

    async def two(connection: Connection) -> tuple[Reply, Reply]:
        return await connection.send(outgoing()), await connection.send(outgoing("cleo@example.org"))

    refused, accepted = talk(sink, two)
    assert (refused.code, refused.enhanced) == (int(reply[:3]), reply[4:9])
    assert accepted.code == 250
    assert [taken.recipient for taken in sink.taken] == ["cleo@example.org"]
    assert sink.connections == 1


def test_a_message_nobody_gets_is_ended_empty() -> None:
    """The next hop refuses the recipient and answers 354 all the same."""

    def answer(step: str, transaction: Transaction) -> str | None:
        if transaction.recipient not in {"", "gone@example.org"}:
            return None
        return {"RCPT": "550 5.1.1 gone", "DATA": "354 go on"}.get(step)

    sink = Sink(answer=answer)

    async def two(connection: Connection) -> tuple[Reply, Reply]:
        return await connection.send(outgoing("gone@example.org")), await connection.send(outgoing("cleo@example.org"))

    refused, accepted = talk(sink, two)
    assert (refused.enhanced, accepted.code) == ("5.1.1", 250)
    assert [(taken.recipient, taken.content != b"") for taken in sink.taken] == [("cleo@example.org", True)]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize("answer", [CLOSE, SILENCE, "garbage", "25", "251-never", "999 what", "2" * 5000])
@pytest.mark.parametrize("step", STEPS)
def test_a_broken_connection_says_whether_the_copy_may_have_arrived(
    step: str, answer: str, extensions: tuple[str, ...]
) -> None:
    sink = Sink(answer=answering(step, answer), extensions=extensions)
    with pytest.raises(ConnectionLost) as lost:
        talk(sink, lambda c: c.send(outgoing()), timeouts=IMPATIENT[step])
    assert lost.value.may_have_arrived == (step == "END")
    assert step == "END" or sink.taken == []


@pytest.mark.parametrize("step", ["GREETING", "EHLO"])
@pytest.mark.parametrize("answer", [CLOSE, SILENCE, "garbage", "2" * 5000, "\r\n".join(["250-x"] * 200)])
def test_a_server_that_does_not_greet_is_given_up(step: str, answer: str) -> None:
    sink = Sink(answer=answering(step, answer))
    with pytest.raises((ConnectionLost, NextHopRefused)):
        talk(sink, lambda c: c.send(outgoing()), timeouts=IMPATIENT[step])


def test_a_server_that_wants_no_mail_of_ours_is_quoted() -> None:
    sink = Sink(answer=answering("GREETING", "554 5.7.1 your network is blocked"))
    with pytest.raises(NextHopRefused, match="554 your network is blocked"):
        talk(sink, lambda c: c.send(outgoing()))


def test_nobody_at_home() -> None:
    with pytest.raises(ConnectionLost, match="cannot be reached"):
        asyncio.run(connect(hop(Sink(port=free_port())), helo="oak.example", timeouts=USUAL))


def test_an_answer_that_nothing_asked_for_ends_the_connection() -> None:
    sink = Sink(answer=answering("END", "250 2.0.0 Ok\r\n250 2.0.0 and the next one too", times=1))

    async def two(connection: Connection) -> tuple[Reply, bool]:
        return await connection.send(outgoing()), connection.usable

    reply, usable = talk(sink, two)
    assert reply.code == 250
    assert not usable


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "END"])
def test_421_closes_the_connection_and_is_returned(step: str) -> None:
    sink = Sink(answer=answering(step, "421 4.3.2 going down"))

    async def one(connection: Connection) -> tuple[Reply, bool]:
        return await connection.send(outgoing()), connection.usable

    reply, usable = talk(sink, one)
    assert (reply.code, usable) == (421, False)


def test_a_kept_connection_that_ends_between_two_copies_is_no_refusal_of_the_second() -> None:
    def answer(step: str, transaction: Transaction) -> str | None:
        return "421 4.7.0 too many messages" if step == "MAIL" and sink.taken else None

    sink = Sink(answer=answer)

    async def two(connection: Connection) -> None:
        await connection.send(outgoing())
        with pytest.raises(ConnectionLost) as lost:
            await connection.send(outgoing())
        assert not lost.value.may_have_arrived

    talk(sink, two)


def test_the_next_envelope_goes_along_with_the_end_of_a_message() -> None:
    sink = Sink()
    copies = [outgoing(f"m{number}@example.org") for number in range(5)]

    async def several(connection: Connection) -> list[int]:
        return [
            (await connection.send(copy, following)).code
            for copy, following in zip(copies, [*copies[1:], None], strict=True)
        ]

    assert talk(sink, several) == [250] * 5
    assert [taken.recipient for taken in sink.taken] == [copy.recipient for copy in copies]
    assert sum(command.startswith("MAIL") for command in sink.commands) == 5


def test_a_refused_recipient_in_an_envelope_that_went_along_is_no_trouble() -> None:
    def answer(step: str, transaction: Transaction) -> str | None:
        return "550 5.1.1 gone" if step == "RCPT" and transaction.recipient == "gone@example.org" else None

    sink = Sink(answer=answer)
    first, gone, last = outgoing("a@example.org"), outgoing("gone@example.org"), outgoing("c@example.org")

    async def several(connection: Connection) -> list[int]:
        return [
            (await connection.send(first, gone)).code,
            (await connection.send(gone, last)).code,
            (await connection.send(last)).code,
        ]

    assert talk(sink, several) == [250, 550, 250]
    assert [taken.recipient for taken in sink.taken] == ["a@example.org", "c@example.org"]


def test_a_connection_that_ends_after_an_envelope_went_along_lost_only_that_envelope() -> None:
    sink = Sink(answer=answering("END", "421 4.3.2 taken nothing", times=1))
    first, second = outgoing("a@example.org"), outgoing("b@example.org")

    async def two(connection: Connection) -> Reply:
        reply = await connection.send(first, second)
        with pytest.raises(ConnectionLost) as lost:
            await connection.send(second)
        assert not lost.value.may_have_arrived
        return reply

    assert talk(sink, two).code == 421


def test_a_refusal_in_the_middle_of_a_large_message_counts() -> None:
    sink = Sink(answer=answering("BODY", "552 5.3.4 too big for me"))
    reply = talk(sink, lambda c: c.send(outgoing(body=b"0123456789abcdef\r\n" * 500_000)))
    assert reply.enhanced == "5.3.4"
    assert sink.taken == []


def test_encryption_is_used_where_offered(tmp_path: Path) -> None:
    sink = Sink(tls=self_made(tmp_path))
    assert talk(sink, lambda c: c.send(outgoing())).code == 250
    assert sink.taken[0].encrypted
    assert sink.commands.count("EHLO oak.example") == 2


def test_encryption_from_the_first_byte(tmp_path: Path) -> None:
    sink = Sink(tls=self_made(tmp_path), implicit_tls=True)
    assert talk(sink, lambda c: c.send(outgoing()), tls=Tls.IMPLICIT).code == 250
    assert sink.taken[0].encrypted


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_a_certificate_that_must_be_good_is_checked(tls: Tls, tmp_path: Path) -> None:
    sink = Sink(tls=self_made(tmp_path), implicit_tls=tls is Tls.IMPLICIT)
    with pytest.raises(ConnectionLost, match=r"(?i)certificate"):
        talk(sink, lambda c: c.send(outgoing()), tls=tls, verified=True)
    assert sink.taken == []


def test_no_mail_goes_in_the_clear_where_encryption_is_a_must() -> None:
    sink = Sink(answer=answering("STARTTLS", "502 5.5.1 not here"))
    with pytest.raises(NextHopRefused, match="no encryption"):
        talk(sink, lambda c: c.send(outgoing()), tls=Tls.STARTTLS)
    assert sink.taken == []


@pytest.mark.parametrize("injected", ["250 2.0.0 forged", "250-for", "22"])
def test_words_in_the_clear_behind_starttls_are_never_believed(injected: str, tmp_path: Path) -> None:
    sink = Sink(tls=self_made(tmp_path), answer=answering("STARTTLS", f"220 2.0.0 Ready\r\n{injected}"))
    with pytest.raises(ConnectionLost):
        talk(sink, lambda c: c.send(outgoing()), timeouts=Timeouts(connect=1))
    assert sink.taken == []


@pytest.mark.parametrize(
    ("offered", "mechanism"), [("PLAIN LOGIN", ""), ("LOGIN", ""), ("XOAUTH2", "XOAUTH2"), ("", "")]
)
def test_logging_in(offered: str, mechanism: str) -> None:
    sink = Sink(login=("anna", "se\u00e9cret"), extensions=("PIPELINING", f"AUTH {offered}"))
    login = Login("anna", "se\u00e9cret", mechanism)
    assert talk(sink, lambda c: c.send(outgoing()), login=login).code == 250


@pytest.mark.parametrize(("offered", "mechanism"), [("PLAIN", ""), ("LOGIN", ""), ("XOAUTH2", "XOAUTH2")])
def test_a_wrong_password_stops_everything_and_is_not_shown(offered: str, mechanism: str) -> None:
    sink = Sink(login=("anna", "secret"), extensions=("PIPELINING", f"AUTH {offered}"))
    with pytest.raises(NextHopRefused, match="535") as refused:
        talk(sink, lambda c: c.send(outgoing()), login=Login("anna", "another", mechanism))
    assert "another" not in str(refused.value) + repr(Login("anna", "another"))
    assert sink.taken == []


def test_addresses_beyond_ascii_need_a_server_that_takes_them() -> None:
    copy = outgoing(envelope_path("j\u00f6rg@b\u00fccher.example"))
    assert copy.recipient == "j\u00f6rg@xn--bcher-kva.example"
    sink = Sink()
    assert talk(sink, lambda c: c.send(copy)).code == 250
    assert "SMTPUTF8" in sink.taken[0].mail_parameters
    sink = Sink(extensions=("PIPELINING",))
    assert talk(sink, lambda c: c.send(copy)).enhanced == "5.6.7"
    assert sink.taken == []


@pytest.mark.parametrize(
    "address",
    [
        "a b@example.org",
        "a@b>\r\nRCPT TO:<c@d",
        "a\r\nb@example.org",
        "<a@example.org>",
        "nobody",
        "@",
        "a@\x7f.org",
        "a@exa\u200bmple..org",
        "\x85@example.org",
    ],
)
def test_no_address_can_change_a_command(address: str) -> None:
    with pytest.raises(UnusablePath):
        envelope_path(address)


def test_the_null_reverse_path_and_a_foreign_domain_can_be_written() -> None:
    assert envelope_path("") == ""
    assert envelope_path("anna@b\u00fccher.example") == "anna@xn--bcher-kva.example"


@given(st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r\n.", b"..", b"b\xff"])).map(b"".join))
def test_wire_form_is_undone_by_taking_one_dot_off_each_line(content: bytes) -> None:
    wire = wire_form(content)
    assert b"\r\n.\r\n" not in b"\r\n" + wire
    lines = [line.removeprefix(b".") for line in wire.split(b"\r\n")]
    assert b"\r\n".join(lines).removesuffix(b"\r\n") == content.removesuffix(b"\r\n")


@pytest.mark.parametrize("content", [b"a\nb", b"a\rb", b"\n.\r\n", b"a\r\n.\r.\r\n", b"a\r\r\nb", b"\n\r"])
def test_a_line_end_that_stands_alone_leaves_nowhere(content: bytes) -> None:
    with pytest.raises(BareLineEnd):
        wire_form(content)


def test_wire_form_copies_nothing_that_need_not_change() -> None:
    content = b"See you.\r\n" * 10
    assert wire_form(content) is content


@pytest.mark.parametrize(
    ("smarthost", "tls", "verified"),
    [
        (Smarthost("smtp", "127.0.0.1", 25), Tls.WHERE_OFFERED, False),
        (Smarthost("smtp", "relay.example", 25), Tls.WHERE_OFFERED, False),
        (Smarthost("smtp", "relay.example", 25, "anna"), Tls.STARTTLS, True),
        (Smarthost("smtp", "localhost", 25, "anna"), Tls.WHERE_OFFERED, False),
        (Smarthost("submission", "relay.example", 587, "anna"), Tls.STARTTLS, True),
        (Smarthost("submission", "::1", 587, "anna"), Tls.STARTTLS, False),
        (Smarthost("smtps", "relay.example", 465, "anna"), Tls.IMPLICIT, True),
    ],
    ids=str,
)
def test_how_safe_the_way_to_a_smarthost_must_be(smarthost: Smarthost, tls: Tls, verified: bool) -> None:
    hop = smarthost_hop(smarthost, "secret")
    assert (hop.tls, hop.verified) == (tls, verified)
    assert (hop.login.name if hop.login else "") == smarthost.username


def test_an_access_token_is_named_in_the_address() -> None:
    hop = smarthost_hop(Smarthost("submission", "relay.example", 587, "anna;AUTH=XOAUTH2"), "token")
    assert hop.login == Login("anna", "token", "XOAUTH2")
    with pytest.raises(Problem, match="CRAM-MD5"):
        smarthost_hop(Smarthost("submission", "relay.example", 587, "anna;AUTH=CRAM-MD5"), "token")
