from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.reply import Reply
from handlers.smtp_command import Refused, forward_path, reverse_path
from handlers.smtp_reply import wire_of


def test_a_reverse_path_with_everything():
    path = reverse_path("FROM:<anna@home.example> SIZE=1000 BODY=8BITMIME SMTPUTF8")
    assert (path.address, path.size, path.smtputf8) == ("anna@home.example", 1000, True)


def test_the_null_reverse_path():
    assert reverse_path("from:<>").address == ""


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("", 501), ("FROM:", 501), ("FROM:<>x", 501), ("FROM:<a@b.example", 501), ("FROM:a@b.example", 501),
        ("FROM:<a@b.example> SIZE=1 SIZE=2", 501), ("FROM:<a@b.example> SIZE=-1", 501),
        ("FROM:<a@b.example> SIZE=1000000000000000000000", 501), ("FROM:<a@b.example> SMTPUTF8=1", 501),
        ("FROM:<a@b.example> AUTH=<>", 555), ("FROM:<@x.example:a@b.example>", 553), ("FROM:<a b@c.example>", 553),
        ("FROM:<a@>", 553), ("FROM:<å@b.example>", 553),
    ],
)  # fmt: skip
def test_reverse_paths_that_are_none(argument, code):
    with pytest.raises(Refused) as refused:
        reverse_path(argument)
    assert refused.value.reply.code == code


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("<family@oak.example>", "family@oak.example"),
        (" <Family@oak.example>", "Family@oak.example"),
        ('<"odd >name"@oak.example>', '"odd >name"@oak.example'),
        ("<POSTMASTER>", "POSTMASTER"),
    ],
)
def test_forward_paths(path, address):
    assert forward_path(f"TO:{path}", smtputf8=False) == address


@pytest.mark.parametrize("path", ["<>", "<family>", "<a\r@oak.example>", '<"a\r"@oak.example>', "<a@oak.example> X=1"])
def test_forward_paths_that_are_none(path):
    with pytest.raises(Refused):
        forward_path(f"TO:{path}", smtputf8=False)


def code_for(read, argument, **how):
    try:
        read(argument, **how)
    except Refused as refused:
        return refused.reply.code
    return 250


@given(st.text(max_size=100), st.booleans())
def test_any_argument_is_read_or_refused(argument, smtputf8):
    assert code_for(reverse_path, f"FROM:{argument}") in {250, 501, 553, 555}
    assert code_for(forward_path, f"TO:{argument}", smtputf8=smtputf8) in {250, 501, 553, 555}


def test_a_long_reply_goes_over_several_lines():
    wire = wire_of(Reply(550, "5.7.1", "word " * 200))
    lines = wire.split(b"\r\n")[:-1]
    assert len(lines) > 1
    assert all(line.startswith(b"550-5.7.1 ") for line in lines[:-1])
    assert lines[-1].startswith(b"550 5.7.1 ")
    assert all(len(line) <= 510 for line in lines)


def test_a_reply_is_ascii_and_never_breaks_out():
    assert wire_of(Reply(550, "5.7.1", "Grüße\r\n250 OK")) == b"550 5.7.1 Gr??e 250 OK\r\n"
