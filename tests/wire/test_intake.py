"""Mail comes in and is decided, with a real database: what is kept, what is sent, what is in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from handlers.incoming import Envelope, Verdict
from handlers.token import private_reference, verp_address
from organic_mail import apply as applying
from organic_mail import receive
from organic_mail.problem import Problem
from organic_mail.shunting import retry_shunt
from storage import lists, members, shunts
from storage.database import Database, StorageTrouble
from storage.models import Replies, Role, Status
from tests.wire.community import DOMAIN, GRETA_JOINS, NOW, ROSE_LEAVES, Community, believed, community, mail

FAMILY = ["anna@home.example", "rose@home.example", "tom@home.example"]
OK = (250, "2.0.0")


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        yield made


def read(raw):
    return message_from_bytes(raw, policy=policy.SMTP)


def kinds(people):
    return [event.kind for event in people.log() if event.kind not in ("joined", "invited")]


# Posts


def test_a_post_is_kept_as_received_and_goes_to_everybody(people):
    raw = mail("Sch\N{LATIN SMALL LETTER O WITH DIAERESIS}n.\r\n", Bcc="secret@elm.example")
    assert people.receive(raw) == OK
    (post,) = people.posts()
    assert people.content(post.content_id) == raw
    assert (post.message_id, post.subject, post.author_name) == (
        "<1@home.example>",
        "Lunch on Sunday",
        "Anna Lindqvist",
    )
    assert (post.received_at, post.accepted_at) == (NOW, NOW)
    assert sorted(people.copies()) == FAMILY
    assert kinds(people) == ["posted"]


def test_a_second_arrival_is_taken_and_changes_nothing(people):
    assert people.receive(mail()) == OK
    people.clock[0] += timedelta(days=2)
    assert people.receive(b"Received: from elsewhere\r\n" + mail()) == OK
    assert len(people.posts()) == 1
    assert len(people.copies()) == 3
    assert kinds(people) == ["posted", "repeated"]


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (mail("Other words.\r\n"), "anna@home.example"),
        (mail(), "anna@elsewhere.example"),
    ],
)
def test_another_mail_with_the_same_id_is_not_swallowed(people, raw, sender):
    assert people.receive(mail()) == OK
    assert people.receive(raw, sender=sender) == OK
    first, second = people.posts()
    assert first.message_id == second.original_message_id == "<1@home.example>"
    assert second.message_id != first.message_id
    assert second.message_id.endswith(f"@{DOMAIN}>")


def test_two_lists_get_one_post_each(people):
    raw = mail(to="family@oak.example, The news <News@oak.example>")
    assert people.receive(raw, "family@oak.example", "news@oak.example") == OK
    assert [post.message_id for post in people.posts()] == ["<1@home.example>"] * 2
    assert sorted(people.copies()) == sorted(FAMILY), "each member once"


def test_the_same_list_in_two_spellings_gets_one_post(people):
    assert people.receive(mail(), "family@oak.example", "Family@Oak.example") == OK
    assert len(people.posts()) == 1


def test_a_second_address_of_a_member_is_hers(people):
    rose = people.membership("rose")
    people.database.write(
        lambda session: members.add_address(
            session, member_id=rose.member_id, address="Rosie@Work.example", key="rosie@work.example", now=NOW
        )
    )
    assert people.receive(mail(author="rosie@WORK.example"), sender="rosie@work.example") == OK
    assert people.posts()[0].member_id == rose.member_id


def test_a_message_id_with_an_address_is_replaced_and_its_answer_follows(people):
    assert people.receive(mail(message_id="<99.rose@home.example>", author="Rose <rose@home.example>")) == OK
    answer = mail("Yes.\r\n", message_id="<2@home.example>", References="<99.rose@home.example>")
    assert people.receive(answer) == OK
    first, second = people.posts()
    assert "rose" not in first.message_id
    assert first.original_message_id == "<99.rose@home.example>"
    assert second.thread_id == first.thread_id


def test_automatic_mail_and_loops_leave_a_line_and_nothing_else(people):
    assert people.receive(mail(Auto_Submitted="auto-replied")) == OK
    assert people.receive(mail(), sender="") == OK
    assert people.receive(mail(List_Id="<family.oak.example>", message_id="<2@home.example>")) == OK
    assert (people.posts(), people.copies(), people.notices(), people.held()) == ([], [], [], [])
    assert kinds(people) == ["dropped"] * 3


def test_an_out_of_office_by_its_subject_alone(people):
    assert people.receive(mail()) == OK
    away = {"author": "rose@home.example", "subject": "Abwesenheit: Lunch", "message_id": "<2@home.example>"}
    assert people.receive(mail(In_Reply_To="<1@home.example>", **away)) == OK
    assert len(people.posts()) == 1
    assert people.receive(mail(In_Reply_To="<other@home.example>", **away | {"message_id": "<3@home.example>"})) == OK
    assert len(people.posts()) == 2


def test_what_is_refused_is_in_the_log_and_not_remembered(people):
    stranger = mail(author="sven@elm.example")
    assert people.receive(stranger, sender="sven@elm.example") == (550, "5.7.1")
    assert people.receive(stranger, sender="sven@elm.example") == (550, "5.7.1")
    assert kinds(people) == ["refused", "refused"]
    assert "sven@elm.example" in people.log()[-1].text


def test_who_has_not_said_yes_is_a_stranger(people):
    assert people.receive(mail(author="greta@home.example")) == (550, "5.7.1")


def test_a_removed_list_takes_nothing(people):
    family = people.list_named()
    people.database.write(lambda session: lists.remove_list(session, list_id=family.id or 0, now=NOW))
    assert people.receive(mail()) == (550, "5.1.1")


def test_an_answer_from_an_unknown_address_to_a_members_copy_waits(people):
    rose = people.membership("rose")
    reference = private_reference(people.host.secrets, member_id=rose.member_id, thread_id=1, domain=DOMAIN)
    raw = mail(author="rosie@work.example", References=reference)
    assert people.receive(raw, sender="rosie@work.example") == OK
    (held,) = people.held()
    assert "Rose Okafor" in held.reason
    forged = mail(author="rosie@work.example", References=reference.replace("<m.k1-", "<m.k1-a"))
    assert people.receive(forged, sender="rosie@work.example") == (550, "5.7.1")


@pytest.mark.parametrize(
    "raw",
    [
        mail(author=""),
        mail(author="anna@home.example, rose@home.example"),
        mail().replace(b"Subject:", b"Subject: one\r\nSubject:"),
        mail(subject="x" * 9000),
        mail(Content_Type=f'multipart/mixed; boundary="{"b" * 80}"'),
        mail(X_Long="y " * 9000),
        b"",
    ],
    ids=["no author", "two authors", "two subjects", "long subject", "long boundary", "long field", "nothing"],
)
def test_what_has_no_shape_is_refused(people, raw):
    assert people.receive(raw) == (550, "5.6.0")
    assert people.posts() == []
    event = people.log()[-1]
    assert event.kind == "refused"
    assert event.text.startswith("An email from anna@home.example to family@oak.example was refused")


# Several recipients


def test_nobody_refuses_what_somebody_takes(people):
    raw = mail(author="rose@home.example")
    assert people.receive(raw, "news@oak.example", "family@oak.example", sender="rose@home.example") == OK
    assert len(people.posts()) == 1
    (held,) = people.held()
    assert held.recipient == "news@oak.example"
    assert [recipient for recipient, _ in people.notices()] == ["anna@home.example"]


def test_trouble_with_one_keeps_nothing(people):
    people.receiver.host = replace(people.host, posts_per_hour=1)
    assert people.receive(mail(message_id="<private@home.example>"), "rose.okafor@oak.example") == OK
    assert people.receive(mail(), "family@oak.example", "rose.okafor@oak.example") == (451, "4.7.1")
    assert (people.posts(), people.copies(), kinds(people)) == ([], [], ["private"])
    assert people.receive(mail()) == OK
    assert len(people.posts()) == 1


def test_lmtp_answers_for_each(people):
    envelope = Envelope("rose@home.example", ("news@oak.example", "family@oak.example"))
    replies = asyncio.run(people.receiver.receive_each(envelope, mail(author="rose@home.example")))
    assert [reply.code for reply in replies] == [550, 250]
    assert people.held() == []


# Authentication


def test_what_authentication_says(people, monkeypatch):
    believed(monkeypatch, Verdict.REFUSED)
    assert people.receive(mail()) == (550, "5.7.26")
    believed(monkeypatch, Verdict.UNCERTAIN)
    assert people.receive(mail()) == (451, "4.7.5")
    believed(monkeypatch, Verdict.UNVERIFIED)
    assert people.receive(mail()) == OK
    assert people.posts() == []
    (held,) = people.held()
    assert held.member_id == people.membership("anna").member_id
    assert [recipient for recipient, _ in people.notices()] == ["anna@home.example"]  # as the owner who decides


def test_our_own_signature_goes_on_to_another_list(people, monkeypatch):
    copy = mail(author="Anna (Garden) <anna.lindqvist@oak.example>", List_Id="<garden.oak.example>")
    assert people.receive(copy) == (550, "5.7.1")
    believed(monkeypatch, Verdict.ALIGNED, signed_by_us=True)
    assert people.receive(copy) == OK
    assert people.posts()[0].member_id == people.membership("anna").member_id


# The people behind the list


@pytest.mark.parametrize("address", ["family-owner@oak.example", "family+OWNER@oak.example"])
def test_a_stranger_reaches_the_owner(people, address):
    raw = mail("Hello, may I ask?\r\n", author="Sven <sven@elm.example>", to=address)
    assert people.receive(raw, address, sender="sven@elm.example") == OK
    ((recipient, content),) = people.notices()
    assert recipient == "anna@home.example"
    assert read(content)["Reply-To"].addresses[0].addr_spec == "sven@elm.example"
    assert content.endswith(b"\r\n\r\nHello, may I ask?\r\n")
    assert people.held() == []


@pytest.mark.parametrize("address", ["postmaster@oak.example", "postmaster", "abuse@oak.example"])
def test_the_operator_is_reached(people, address):
    assert people.receive(mail(author="sven@elm.example"), address, sender="sven@elm.example") == OK
    ((recipient, content),) = people.notices()
    assert recipient == "olu@example.org"
    assert read(content)["From"].addresses[0].addr_spec == "postmaster@oak.example"


def test_a_list_without_owners_falls_back_to_the_operator(people):
    anna = people.membership("anna")
    people.database.write(
        lambda session: members.update_membership(session, membership_id=anna.id or 0, role=Role.MEMBER)
    )
    assert people.receive(mail(author="sven@elm.example"), "family-owner@oak.example", sender="sven@elm.example") == OK
    assert [recipient for recipient, _ in people.notices()] == ["olu@example.org"]


def test_automatic_mail_to_the_owner_waits_and_goes_nowhere(people):
    assert people.receive(mail(Auto_Submitted="auto-replied"), "family-owner@oak.example") == OK
    assert people.receive(mail(message_id="<2@home.example>"), "postmaster@oak.example", sender="") == OK
    assert people.notices() == []
    assert len(people.held()) == 2


@pytest.mark.parametrize("address", ["family-help@oak.example", "family-request@oak.example"])
def test_no_address_swallows_mail(people, address):
    assert people.receive(mail(author="sven@elm.example"), address, sender="sven@elm.example") == OK
    (held,) = people.held()
    assert held.recipient == address
    ((recipient, content),) = people.notices()
    assert recipient == "anna@home.example"
    assert "held approve" not in read(content).get_body(("plain",)).get_content()


def test_strangers_cause_one_letter_a_day(people):
    for number in range(3):
        raw = mail(author="sven@elm.example", message_id=f"<{number}@elm.example>")
        assert people.receive(raw, "family-help@oak.example", sender="sven@elm.example") == OK
    assert len(people.held()) == 3
    assert len(people.notices()) == 1
    people.clock[0] += timedelta(days=1)
    raw = mail(author="sven@elm.example", message_id="<4@elm.example>")
    assert people.receive(raw, "family-help@oak.example", sender="sven@elm.example") == OK
    assert len(people.notices()) == 2


# Joining and leaving


def yes(text="yes\r\n", author="greta@home.example", **fields):
    return mail(text, author=author, to="x", subject="Re: Anna invites you", message_id="<yes@home.example>", **fields)


def test_yes_joins_once_and_welcomes_once(people):
    joins = f"family-{GRETA_JOINS}@oak.example"
    assert people.receive(yes(), joins, sender="greta@home.example") == OK
    assert people.membership("greta").status is Status.ACTIVE
    assert people.receive(yes("Yes!\r\n"), joins, sender="greta@home.example") == OK
    ((recipient, content),) = people.notices()
    assert recipient == "greta@home.example"
    welcome = read(content)
    assert welcome["Subject"].startswith("Welcome, Greta")
    assert welcome["In-Reply-To"] == "<yes@home.example>"
    assert people.receive(mail(author="greta@home.example"), sender="greta@home.example") == OK


def test_no_declines_and_sends_nothing(people):
    assert people.receive(yes("no, thank you\r\n"), f"family-{GRETA_JOINS}@oak.example") == OK
    assert people.membership("greta").status is Status.LEFT
    assert people.notices() == []
    assert kinds(people) == ["declined"]


def test_nobody_joins_for_somebody_else(people):
    raw = yes(author="mallory@elm.example")
    assert people.receive(raw, f"family-{GRETA_JOINS}@oak.example", sender="mallory@elm.example") == OK
    assert people.membership("greta").status is Status.INVITED
    assert len(people.held()) == 1


def test_an_old_invitation_is_refused_in_kind_words(people):
    people.clock[0] = NOW + timedelta(days=31)
    assert people.receive(yes(), f"family-{GRETA_JOINS}@oak.example") == (550, "5.7.1")
    assert people.membership("greta").status is Status.INVITED


def test_leaving_by_token_and_coming_back_by_an_answer(people):
    assert people.receive(mail("", author="x@elm.example"), f"family-{ROSE_LEAVES}@oak.example") == OK
    assert people.membership("rose").status is Status.LEFT
    ((recipient, content),) = people.notices()
    assert recipient == "rose@home.example"
    answer = read(content)["Reply-To"].addresses[0].addr_spec
    assert answer.startswith("family-")

    mallory = mail("me too", author="mallory@elm.example", message_id="<2@elm.example>")
    assert people.receive(mallory, answer, sender="mallory@elm.example") == OK
    assert people.membership("rose").status is Status.LEFT

    assert people.receive(mail("", author="rose@home.example", message_id="<3@home.example>"), answer) == OK
    assert people.membership("rose").status is Status.ACTIVE
    assert read(people.notices()[-1][1])["Subject"] == "You are back in The family"


@pytest.mark.parametrize("address", ["family-leave@oak.example", "family-unsubscribe@oak.example"])
def test_leaving_by_address(people, address):
    assert people.receive(mail(author="tom@home.example"), address, sender="tom@home.example") == OK
    assert people.membership("tom").status is Status.LEFT
    assert people.membership("tom", "garden").status is Status.ACTIVE
    assert people.receive(mail(author="tom@home.example", message_id="<2@home.example>")) == (550, "5.7.1")


def test_one_letter_for_one_mail(people):
    both = ("family-leave@oak.example", "garden-leave@oak.example")
    assert people.receive(mail(author="tom@home.example"), *both, sender="tom@home.example") == OK
    assert people.membership("tom").status is people.membership("tom", "garden").status is Status.LEFT
    assert [recipient for recipient, _ in people.notices()] == ["tom@home.example"]


def test_a_stranger_who_leaves_learns_nothing(people):
    assert people.receive(mail(author="sven@elm.example"), "family-leave@oak.example") == OK
    assert len(people.held()) == 1


# What comes back


TODAY = NOW.date()


def bounce_address(people, content_id=1, day=TODAY):
    tom = people.membership("tom")
    return verp_address(people.host.secrets, member_id=tom.member_id, content_id=content_id, day=day, domain=DOMAIN)


def test_a_bounce_is_kept(people):
    assert people.receive(mail()) == OK
    raw = mail("Not delivered.\r\n", author="MAILER-DAEMON@elm.example", message_id="<b@elm.example>")
    assert people.receive(raw, bounce_address(people), sender="") == OK
    event = people.log()[-1]
    assert (event.kind, event.member_id) == ("bounced", people.membership("tom").member_id)
    assert event.content_id is not None
    assert people.content(event.content_id) == raw
    assert len(people.posts()) == 1


def test_a_bounce_address_is_believed_for_21_days(people):
    assert people.receive(mail(), bounce_address(people, day=(NOW - timedelta(days=21)).date()), sender="") == OK
    old = bounce_address(people, day=(NOW - timedelta(days=22)).date())
    assert people.receive(mail(), old, sender="") == (550, "5.1.1")
    local = bounce_address(people).partition("@")[0]
    forged = local[:-1] + ("a" if local[-1] != "a" else "b")
    assert people.receive(mail(), f"{forged}@{DOMAIN}", sender="") == (550, "5.1.1")


def test_who_answers_at_a_bounce_address_answers_the_post(people):
    assert people.receive(mail()) == OK
    raw = mail("I come.\r\n", author="tom@home.example", message_id="<2@home.example>")
    assert people.receive(raw, bounce_address(people), sender="tom@home.example") == OK
    first, second = people.posts()
    assert second.in_reply_to == first.message_id
    assert second.thread_id == first.thread_id


# Trouble


def test_trouble_with_the_database_is_temporary(people, monkeypatch):
    def broken(*_):
        raise StorageTrouble("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "submit", broken)
        assert people.receive(mail()) == (451, "4.3.0")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", broken)
        assert people.receive(mail()) == (451, "4.3.0")
        assert asyncio.run(people.receiver.recipient("family@oak.example")).code == 451
    assert people.receive(mail()) == OK


def test_what_we_fail_at_is_set_aside_once_and_can_be_tried_again(people, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("our own fault with anna@home.example")

    with monkeypatch.context() as patch:
        patch.setattr(receive, "decide", broken)
        assert people.receive(mail()) == (451, "4.3.0")
        assert people.receive(mail()) == (451, "4.3.0")
        (row,) = people.database.read(shunts.shunt_rows)
        assert "anna" not in row.shunt.reason
        assert row.size == len(mail())
        number = row.shunt.id or 0
        with pytest.raises(Problem, match="451"):
            asyncio.run(retry_shunt(people.database, people.receiver, number, now=NOW))
    asyncio.run(retry_shunt(people.database, people.receiver, number, now=NOW))
    assert people.database.read(shunts.shunt_rows) == []
    assert len(people.posts()) == 1
    with pytest.raises(Problem, match="nothing with the number"):
        asyncio.run(retry_shunt(people.database, people.receiver, number, now=NOW))


def test_a_failure_while_writing_keeps_nothing(people, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("half way")

    with monkeypatch.context() as patch:
        patch.setattr(applying.moderation, "hold", broken)
        answer = people.receive(mail(author="rose@home.example"), "family@oak.example", "garden@oak.example")
        assert answer == (451, "4.3.0")
    assert (people.posts(), people.copies(), people.held()) == ([], [], [])


def test_each_step_can_be_stopped_at(people, sqlite_template, tmp_path):
    steps: list[str] = []
    people.receiver._checkpoint = steps.append
    assert people.receive(mail()) == OK
    assert steps == ["parsed", "authenticated", "decided", "written", "committed"]


def test_a_large_message_is_read_beside_the_others(people):
    raw = mail("x" * 76 + "\r\n" + ("y" * 76 + "\r\n") * 10_000)
    assert people.receive(raw) == OK
    assert people.content(people.posts()[0].content_id) == raw


def test_the_welcome_says_how_answers_go(people):
    family = people.list_named()
    people.database.write(lambda session: lists.update_list(session, list_id=family.id or 0, replies=Replies.AUTHOR))
    assert people.receive(yes(), f"family-{GRETA_JOINS}@oak.example") == OK
    text = read(people.notices()[0][1]).get_body(("plain",)).get_content()
    assert "Only the person who wrote will read your answer." in text
