from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st

from handlers.address import Mailbox
from handlers.notice import Notice, NoticeKind, notice
from handlers.notice_examples import EXAMPLES
from tests.handlers.letters import FAMILY, HOST, NOW

ID = "<n.abcdef@oak.example>"


def written(kind, values, *, name="Rose Okafor", language="en", in_reply_to="", mailing_list=FAMILY):
    letter = Notice(kind, Mailbox(name, "rose@home.example"), language, mailing_list,
                    reply_to="family-k7m2q9xwab@oak.example", in_reply_to=in_reply_to, values=values)  # fmt: skip
    raw = notice(letter, HOST, message_id=ID, now=NOW)
    return raw, message_from_bytes(raw, policy=policy.SMTP)


def plain(read):
    return read.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_every_kind_has_examples():
    assert EXAMPLES.keys() == set(NoticeKind)


def test_its_header():
    raw, read = written(NoticeKind.INVITATION, {"inviter": "Anna", "members": 14})
    assert read["From"].addresses[0].addr_spec == "family@oak.example"
    assert read["From"].addresses[0].display_name == "The family"
    assert read["Reply-To"] == "family-k7m2q9xwab@oak.example"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Message-ID"] == ID
    assert read["Date"].datetime == NOW
    assert read["In-Reply-To"] is None
    assert read.get_content_type() == "multipart/alternative"
    assert raw.count(b"\r\n") == raw.count(b"\n")
    assert read["Content-Language"] == "en"
    assert "yes" in plain(read).split("\n\n")


def test_an_answer_to_a_mail_says_which():
    _, read = written(NoticeKind.GOODBYE, {}, in_reply_to="<1@home.example>")
    assert read["In-Reply-To"] == "<1@home.example>"
    assert read["Auto-Submitted"] == "auto-replied"


def test_the_same_letter_has_the_same_bytes():
    assert written(NoticeKind.BACK, {})[0] == written(NoticeKind.BACK, {})[0]


def test_a_language_that_we_do_not_have_is_english_and_says_so():
    _, read = written(NoticeKind.BACK, {}, language="tlh-Latn")
    assert '<html lang="en" dir="ltr">' in read.get_body(("html",)).get_content()
    assert plain(read).startswith("Welcome back.")


def test_a_letter_without_a_list_comes_from_the_server():
    _, read = written(NoticeKind.NOT_SHARED, {"subject": "x", "reason": ""}, mailing_list=None)
    assert read["From"].addresses[0].addr_spec == "organic@oak.example"
    assert "Oak Street" in plain(read)


@given(st.text(max_size=400), st.text(max_size=400))
def test_what_strangers_write_stays_a_value(name, subject):
    raw, read = written(NoticeKind.NOT_SHARED, {"subject": subject, "reason": subject}, name=name)
    assert [address.addr_spec for address in read["To"].addresses] == ["rose@home.example"]
    assert [field.lower() for field in read] == [
        "from", "to", "reply-to", "subject", "date", "message-id", "auto-submitted", "x-auto-response-suppress",
        "mime-version", "content-type", "content-language",
    ]  # fmt: skip
    assert not read.defects
    assert raw.isascii()
    assert "<script" not in read.get_body(("html",)).get_content().lower()
