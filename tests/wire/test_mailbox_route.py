"""For whom is what comes to the one mailbox?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.facts import id_of
from handlers.message import parse
from handlers.notice import Notice, NoticeKind
from handlers.one_mailbox import OneMailbox, letter_id
from handlers.token import Secret, private_reference, read_verp
from organic_mail import notices
from organic_mail.mailbox_route import Destination, comes_from_member, destination_of, envelope_of
from storage import lists, members, queue
from storage.models import Replies
from tests.wire.community import DOMAIN, GRETA_JOINS, NOW, ROSE_LEAVES, SECRETS, Community, community, mail
from tests.wire.mailboxes import BOX, with_plus

PLUS = OneMailbox(BOX, plus=True)
HOME = "provider.example"


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    """Three lists: family, news (announce), garden; Anna, Rose and Tom are on all of them."""
    with community(sqlite_template, tmp_path) as found:
        found.receiver.host = found.host = with_plus(found.host, plus=True)
        yield found


@pytest.fixture
def one_list(people: Community) -> Community:
    for name in ("news", "garden"):
        list_id = id_of(people.list_named(name))
        people.database.write(lambda session, list_id=list_id: lists.remove_list(session, list_id=list_id, now=NOW))
    return people


def destination(people: Community, raw: bytes) -> Destination:
    message = parse(raw)
    try:
        author = author_of(message)
    except NoSingleAuthor:
        author = None
    envelope = envelope_of(message, author)
    return people.database.read(
        lambda session: destination_of(session, people.host, PLUS, envelope, message, author, people.clock[0])
    )


def to(people: Community, **fields: Any) -> tuple[str, ...]:
    return tuple(
        each.removesuffix(f"@{DOMAIN}") for each in destination(people, mail(**{"to": BOX, **fields})).recipients
    )


# The envelope


@pytest.mark.parametrize(
    ("path", "sender"),
    [("<anna@home.example>", "anna@home.example"), ("<>", ""), (" < > ", ""), ("", "rose@home.example"),
     ("bounce@mta.example", "bounce@mta.example")],
)  # fmt: skip
def test_the_provider_keeps_the_reverse_path(path: str, sender: str) -> None:
    message = parse(mail(author="Rose <rose@home.example>", Return_Path=path))
    assert envelope_of(message, author_of(message)).sender == sender


def test_the_topmost_return_path_counts() -> None:
    raw = b"Return-Path: <>\r\n" + mail(Return_Path="<forged@home.example>")
    message = parse(raw)
    assert envelope_of(message, author_of(message)).sender == ""


# By what stands behind the plus


@pytest.mark.parametrize("field", ["Delivered_To", "X_Original_To", "Envelope_To", "Cc"])
def test_any_field_that_names_the_recipient_will_do(people: Community, field: str) -> None:
    assert to(people, **{field: f"box+family@{HOME}"}) == ("family",)


@pytest.mark.parametrize(
    ("local", "reached"),
    [
        ("family", "family"),
        ("FAMILY", "family"),
        ("family-leave", "family-leave"),
        ("family-owner", "family-owner"),
        (f"family-{ROSE_LEAVES}", f"family-{ROSE_LEAVES}"),
        (f"family-{GRETA_JOINS.upper()}", f"family-{GRETA_JOINS}"),
        ("postmaster", "postmaster"),
    ],
)
def test_each_of_our_addresses_can_stand_there(people: Community, local: str, reached: str) -> None:
    assert to(people, to=f"Somebody <box+{local}@{HOME}>") == (reached,)


def test_two_lists_in_one_mail(people: Community) -> None:
    assert to(people, to=f"box+family@{HOME}, Garden <box+garden@{HOME}>") == ("family", "garden")
    assert to(people, to=f"box+family@{HOME}", Cc=f"box+family@{HOME}, {BOX}") == ("family",)


def test_nobody_has_a_private_address(one_list: Community) -> None:
    assert to(one_list, to=f"box+anna.lindqvist@{HOME}") == ("family",)


def test_what_is_unknown_behind_the_plus_is_as_if_it_were_not_there(one_list: Community) -> None:
    assert to(one_list, to=f"box+choir@{HOME}") == ("family",)


def test_an_address_of_ours_that_is_forged_elsewhere_says_nothing(people: Community) -> None:
    assert to(people, to=f"box+family@elsewhere.example, {BOX}") == ("postmaster",)


# By the Subject


def test_the_subject_of_a_new_mail_tells(people: Community) -> None:
    assert to(people, subject=f"family-{ROSE_LEAVES}") == (f"family-{ROSE_LEAVES}",)
    assert to(people, subject="Family-Leave") == ("family-leave",)


@pytest.mark.parametrize("subject", ["family", "anna.lindqvist", "postmaster", "choir-leave"])
def test_only_what_links_of_ours_say_is_read_there(one_list: Community, subject: str) -> None:
    assert to(one_list, subject=subject) == ("family",)


# By what it answers


def test_an_answer_to_a_letter_goes_where_its_reply_to_said(people: Community) -> None:
    letter = letter_id(b"x" * 16, f"family-{GRETA_JOINS}", DOMAIN)
    assert to(people, In_Reply_To=letter) == (f"family-{GRETA_JOINS}",)
    assert to(people, References=f"<first@x> {letter}") == (f"family-{GRETA_JOINS}",)
    assert destination(people, mail(to=BOX, In_Reply_To=letter)).sure


def test_letters_of_ours_have_such_message_ids(people: Community) -> None:
    def ask(session: Any) -> None:
        family = lists.list_named(session, "family")
        letter = Notice(
            NoticeKind.GOODBYE, Mailbox("Rose", "rose@home.example"), "en", family,
            reply_to=f"family-{ROSE_LEAVES}@{DOMAIN}",
        )  # fmt: skip
        notices.send(session, people.host, letter, cause="test", now=NOW)

    people.database.write(ask)
    ((_, raw),) = people.notices()
    letter = parse(raw)
    assert to(people, In_Reply_To=letter.message_id) == (f"family-{ROSE_LEAVES}",)
    assert letter.value("reply-to") == f"box+family-{ROSE_LEAVES}@{HOME}"
    assert f"<{BOX}>" in (letter.value("from") or "")


def posted(people: Community, name: str = "garden", number: int = 7) -> Any:
    assert people.receive(mail(message_id=f"<{number}@home.example>"), f"{name}@{DOMAIN}")[0] == 250
    return people.posts()[-1]


def test_an_answer_to_a_post_goes_to_its_list(people: Community) -> None:
    posted(people, "family")
    assert to(people, In_Reply_To="<7@home.example>") == ("family",)
    assert to(people, References="<0@x> <7@home.example> <8@x>") == ("family",)


def test_an_answer_that_only_kept_the_private_entry(people: Community) -> None:
    post = posted(people, "family")
    own = private_reference(SECRETS, member_id=1, thread_id=post.thread_id, domain=DOMAIN)
    assert to(people, References=f"{own} <unknown@x>") == ("family",)
    forged = private_reference((Secret("k1", b"1" * 32),), member_id=1, thread_id=post.thread_id, domain=DOMAIN)
    assert to(people, References=f"{forged} <unknown@x>") == ("postmaster",)


def test_an_answer_to_an_announcement_goes_to_the_people_who_run_the_list(people: Community) -> None:
    posted(people, "news")
    answer = {"In_Reply_To": "<7@home.example>"}
    assert to(people, author="Rose <rose@home.example>", **answer) == ("news-owner",)
    assert to(people, author="Anna <anna@home.example>", **answer) == ("news",)


def test_so_does_one_where_only_the_author_is_to_read_it(people: Community) -> None:
    posted(people, "family")
    family = id_of(people.list_named("family"))
    people.database.write(lambda session: lists.update_list(session, list_id=family, replies=Replies.AUTHOR))
    assert to(people, author="Rose <rose@home.example>", In_Reply_To="<7@home.example>") == ("family-owner",)


# By nothing


def test_the_only_list_there_is(one_list: Community) -> None:
    assert to(one_list) == ("family",)
    assert to(one_list, author="Eve <eve@stranger.example>") == ("family",)


def test_the_only_list_of_its_author(people: Community) -> None:
    def leave(session: Any) -> None:
        for name in ("news", "garden"):
            members.leave(session, membership_id=id_of(people.membership("rose", name)))

    people.database.write(leave)
    assert to(people, author="Rose <rose@home.example>") == ("family",)


def test_of_several_the_operator_finds_out(people: Community) -> None:
    assert to(people, author="Rose <rose@home.example>") == ("postmaster",)


def test_strangers_mail_to_nobody_in_particular_is_nobodys(people: Community) -> None:
    assert to(people, author="Eve <eve@stranger.example>") == ()


def test_who_is_a_member(people: Community) -> None:
    def known(address: str) -> bool:
        author = author_of(parse(mail(author=address)))
        return people.database.read(lambda session: comes_from_member(session, author))

    assert known("Rose <Rose@Home.Example>")
    assert not known("Eve <eve@stranger.example>")


# Reports


def sent_copy(people: Community, person: str = "rose") -> tuple[str, str]:
    """A post went out; the References and the Message-ID of one copy."""
    post = posted(people, "family")
    member_id = people.membership(person).member_id
    return private_reference(SECRETS, member_id=member_id, thread_id=post.thread_id, domain=DOMAIN), post.message_id


def report(returned_header: str, *, recipient: str = "rose@home.example", kind: str = "delivery-status") -> bytes:
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@provider.example\r\nTo: box@provider.example\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nNo.\r\n"
        f"--b\r\nContent-Type: message/{kind}\r\n\r\nReporting-MTA: dns; mx.provider.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned_header}\r\n\r\n--b--\r\n"
    ).encode()


def bounce_of(people: Community, raw: bytes) -> Any:
    found = destination(people, raw)
    assert found.sure
    return [read_verp(SECRETS, each.partition("@")[0], people.clock[0].date()) for each in found.recipients]


def test_a_bounce_is_told_by_our_signed_entry(people: Community) -> None:
    reference, message_id = sent_copy(people)
    header = f"References: {reference} <0@x>\r\nMessage-ID: {message_id}"
    (bounce,) = bounce_of(people, report(header, recipient="somebody.else@forwarded.example"))
    assert bounce.member_id == people.membership("rose").member_id
    assert bounce.content_id == people.posts()[0].content_id


def test_a_bounce_without_it_is_told_by_message_id_and_recipient(people: Community) -> None:
    _, message_id = sent_copy(people)
    (bounce,) = bounce_of(people, report(f"Message-ID: {message_id}", recipient="Rose@home.example"))
    assert bounce.member_id == people.membership("rose").member_id


@pytest.mark.parametrize(
    "header", ["Message-ID: <nothing@of.ours>", "References: <m.k1-aaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa@oak.example>"]
)
def test_reports_about_nothing_of_ours_are_for_nobody(people: Community, header: str) -> None:
    sent_copy(people)
    assert bounce_of(people, report(header)) == []


def test_a_report_about_somebody_who_got_no_copy(people: Community) -> None:
    _, message_id = sent_copy(people)
    assert bounce_of(people, report(f"Message-ID: {message_id}", recipient="eve@stranger.example")) == []


def test_a_letter_of_ours_that_comes_back(people: Community) -> None:
    letter = letter_id(b"y" * 16, "family-owner", DOMAIN)

    def send(session: Any) -> None:
        for number, message_id in enumerate((letter, "<n.other.family-owner@oak.example>")):
            raw = f"Message-ID: {message_id}\r\n\r\nHello {number}.\r\n".encode()
            queue.add_notice(session, raw=raw, recipient="Rose@home.example", cause=f"c{number}", member_id=2, now=NOW)

    people.database.write(send)
    (bounce,) = bounce_of(people, report(f"Message-ID: {letter}", recipient="Rose@home.example"))
    assert bounce.member_id == 2
    assert b"Hello 0" in people.content(bounce.content_id)


def test_a_complaint_is_about_a_copy_too(people: Community) -> None:
    reference, message_id = sent_copy(people)
    raw = report(f"References: {reference}\r\nMessage-ID: {message_id}", kind="feedback-report")
    assert len(bounce_of(people, raw)) == 1


def test_the_whole_way_of_a_bounce(people: Community) -> None:
    reference, message_id = sent_copy(people)
    people.clock[0] = datetime(2026, 11, 23, tzinfo=UTC)
    raw = report(f"References: {reference}\r\nMessage-ID: {message_id}")
    assert people.receive(raw, *destination(people, raw).recipients, sender="")[0] == 250
    assert [event.member_id for event in people.log() if event.kind == "bounced"] == [
        people.membership("rose").member_id
    ]
