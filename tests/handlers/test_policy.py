from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.decide import decide
from handlers.incoming import Verdict
from handlers.outcome import Hold, Note, Publish
from handlers.policy import POSTING
from storage.models import Awaits, MailingList, Member, Posting, Role, Status, Strangers
from tests.handlers.letters import ANNA, HOST, NOW, facts, letter, membership, stranger


def family(**settings):
    return MailingList(id=1, name="family", title="The family", created_at=NOW, **settings)


def answer(incoming, known):
    outcome = decide(incoming, known, NOW)
    return outcome.reply.code, outcome.reply.enhanced


def action(incoming, known):
    outcome = decide(incoming, known, NOW)
    assert outcome.accepted, outcome
    (only,) = outcome.actions
    return only


def test_the_order_of_the_rules():
    assert [rule.__name__ for rule in POSTING] == [
        "own_list_loop",
        "too_many_received",
        "automatic",
        "answer_to_invitation",
        "other_lists_mail",
        "no_single_author",
        "our_own_domain",
        "not_proven",
        "banned",
        "header_rules",
        "reaction",
        "muting",
        "not_a_member",
        "says_nothing",
        "announcements_only",
        "not_surely_hers",
        "not_addressed",
        "marked_as_spam",
        "emergency",
        "too_many_posts",
        "moderated_member",
        "first_post",
        "moderated",
    ]


def test_a_member_posts():
    incoming = letter()
    assert isinstance(action(incoming, facts(incoming)), Publish)


@pytest.mark.parametrize("list_id", ["<family.oak.example>", '"The family" <Family.OAK.example>', "family.oak.example"])
def test_our_own_copy_that_comes_back_is_dropped(list_id):
    incoming = letter(list_id=list_id)
    note = action(incoming, facts(incoming))
    assert isinstance(note, Note)
    assert note.kind == "dropped"


def test_a_copy_of_another_list_is_a_post():
    incoming = letter(list_id="<choir.elm.example>")
    assert isinstance(action(incoming, facts(incoming)), Publish)


@pytest.mark.parametrize(("hops", "list_id", "expected"), [
    (100, None, (250, "2.0.0")),
    (101, None, (554, "5.4.6")),
    (50, "<garden.oak.example>", (250, "2.0.0")),
    (51, "<garden.oak.example>", (554, "5.4.6")),
    (51, "<garden.elm.example>", (250, "2.0.0")),
])  # fmt: skip
def test_how_often_a_mail_may_be_passed_on(hops, list_id, expected):
    incoming = letter(list_id=list_id, top="Received: from a by b; Sun, 22 Nov 2026 08:00:00 +0000\r\n" * hops)
    assert answer(incoming, facts(incoming)) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_submitted": "auto-replied"},
        {"auto_submitted": "auto-generated; owner-email=a@b.example"},
        {"auto_submitted": "auto-notified (comment)"},
        {"x_autoreply": "yes"},
        {"x_autorespond": "out of office"},
        {"x_autoresponder": "vacation"},
        {"precedence": "auto_reply"},
        {"x_fc_machinegenerated": "true"},
        {"content_type": 'multipart/report; report-type=delivery-status; boundary="b"'},
        {"content_type": 'Multipart/Report; report-type=disposition-notification; boundary="b"'},
        {"sender": ""},
    ],
    ids=str,
)
def test_automatic_mail_is_never_posted(fields):
    incoming = letter(**fields)
    note = action(incoming, facts(incoming))
    assert isinstance(note, Note)
    assert note.kind == "dropped"


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_submitted": "no"},
        {"auto_submitted": "No (really)"},
        {"precedence": "list"},
        {"precedence": "bulk"},
        {"x_auto_response_suppress": "All"},
        {"subject": "Automatic reply: gone fishing"},
    ],
    ids=str,
)
def test_what_people_send_is_not_automatic(fields):
    incoming = letter(**fields)
    assert isinstance(action(incoming, facts(incoming)), Publish)


@pytest.mark.parametrize(
    "subject", ["Automatic reply: Lunch", "Automatische Antwort: Lunch", "Réponse automatique : x", "自动回复: x"]
)
def test_a_subject_is_believed_only_of_an_answer_to_us(subject):
    incoming = letter(subject=subject)
    assert isinstance(action(incoming, facts(incoming, answers_ours=True)), Note)


@pytest.mark.parametrize(
    "author", [None, "anna@home.example, rose@home.example", "family: anna@home.example;", "", "Anna"]
)
def test_without_one_author_nobody_is_believed(author):
    incoming = letter(**{"from": author})
    assert answer(incoming, stranger(incoming)) == (550, "5.6.0")


@pytest.mark.parametrize("author", ["anna.lindqvist@oak.example", "x@OAK.Example", "family@oak.example"])
def test_nobody_writes_in_our_name(author):
    incoming = letter(**{"from": author})
    assert answer(incoming, facts(incoming)) == (550, "5.7.1")


def test_our_own_signature_opens_another_list():
    incoming = letter(
        **{"from": "Anna <anna.lindqvist@oak.example>"}, signed_by_us=True, list_id="<garden.oak.example>"
    )
    assert isinstance(action(incoming, facts(incoming)), Publish)


@pytest.mark.parametrize("known", [facts, stranger])
@pytest.mark.parametrize(
    ("verdict", "expected"), [(Verdict.REFUSED, (550, "5.7.26")), (Verdict.UNCERTAIN, (451, "4.7.5"))]
)
def test_what_is_not_proven(known, verdict, expected):
    incoming = letter(verdict=verdict)
    assert answer(incoming, known(incoming)) == expected


def test_trouble_with_dns_leaves_nothing_behind():
    incoming = letter(verdict=Verdict.UNCERTAIN)
    assert decide(incoming, facts(incoming), NOW).actions == ()


def test_a_member_of_whom_we_are_not_sure_is_held_and_not_told():
    incoming = letter(verdict=Verdict.UNVERIFIED)
    hold = action(incoming, facts(incoming))
    assert isinstance(hold, Hold)
    assert (hold.list_id, hold.member_id, hold.awaits, hold.tell_author) == (1, 7, Awaits.AUTHOR, False)
    assert "Anna Lindqvist <anna@home.example>" in hold.reason


@pytest.mark.parametrize("verdict", [Verdict.ALIGNED, Verdict.UNVERIFIED])
def test_a_stranger_is_told_where_to_go(verdict):
    incoming = letter(verdict=verdict)
    outcome = decide(incoming, stranger(incoming), NOW)
    assert (outcome.reply.code, outcome.reply.enhanced) == (550, "5.7.1")
    assert "family-owner@oak.example" in outcome.reply.text
    (note,) = outcome.actions
    assert isinstance(note, Note)
    assert note.kind == "refused"


@pytest.mark.parametrize("status", [Status.INVITED, Status.LEFT])
def test_who_is_not_on_the_list_is_a_stranger(status):
    incoming = letter()
    assert answer(incoming, facts(incoming, membership=membership(status))) == (550, "5.7.1")


def test_who_paused_still_writes():
    incoming = letter()
    assert isinstance(action(incoming, facts(incoming, membership=membership(Status.PAUSED))), Publish)


def test_an_unknown_address_that_answers_a_members_copy_is_held():
    rose = Member(id=8, name="Rose", alias="rose", created_at=NOW)
    incoming = letter(**{"from": "rosie@work.example"})
    hold = action(incoming, stranger(incoming, answers_member=rose))
    assert isinstance(hold, Hold)
    assert "Rose" in hold.reason
    assert (hold.member_id, hold.awaits, hold.maybe_of) == (None, Awaits.ADDRESS, 8)


def test_what_she_said_is_not_hers_is_a_strangers():
    rose = Member(id=8, name="Rose", alias="rose", created_at=NOW)
    incoming = letter(**{"from": "rosie@work.example"})
    assert answer(incoming, stranger(incoming, answers_member=rose, said_not_hers=True)) == (550, "5.7.1")


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "The Family <FAMILY@Oak.Example>"},
        {"to": "a@elm.example", "cc": "b@elm.example, family@oak.example"},
        {"to": "a@elm.example", "resent_to": "family@oak.example"},
        {"to": "a@elm.example", "resent_cc": "family@oak.example"},
        {"to": "Friends: a@elm.example, family@oak.example;"},
    ],
)
def test_the_list_stands_where_answers_go(fields):
    incoming = letter(**fields)
    assert isinstance(action(incoming, facts(incoming)), Publish)


@pytest.mark.parametrize(
    "to",
    ["undisclosed-recipients:;", "a@elm.example", '"family@oak.example" <a@elm.example>', "x.family@oak.example"],
)
def test_a_blind_copy_waits_and_its_author_is_told(to):
    incoming = letter(to=to)
    hold = action(incoming, facts(incoming))
    assert isinstance(hold, Hold)
    assert (hold.awaits, hold.tell_author) == (Awaits.PEOPLE, True)


def test_mail_that_names_nobody_goes_out():
    incoming = letter(to=None)
    assert isinstance(action(incoming, facts(incoming)), Publish)


def test_a_copy_from_another_list_of_ours_is_no_blind_copy():
    incoming = letter(to="garden@oak.example", signed_by_us=True, **{"from": "anna.lindqvist@oak.example"})
    assert isinstance(action(incoming, facts(incoming)), Publish)


@pytest.mark.parametrize(("written", "kind"), [(59, Publish), (60, Hold), (1000, Hold)])
def test_a_flood_of_one_member_waits(written, kind):
    incoming = letter()
    host = replace(HOST, posts_per_hour=60)
    found = action(incoming, facts(incoming, host=host, posts_last_hour=written))
    assert isinstance(found, kind)
    if kind is Hold:
        assert found.ask_hourly
    assert isinstance(action(incoming, facts(incoming, posts_last_hour=written)), Publish)


@pytest.mark.parametrize(("role", "posts"), [(Role.MEMBER, False), (Role.MODERATOR, True), (Role.OWNER, True)])
def test_only_who_runs_an_announce_list_writes_to_it(role, posts):
    incoming = letter()
    known = facts(incoming, Posting.ANNOUNCE, membership=membership(role=role))
    outcome = decide(incoming, known, NOW)
    assert outcome.accepted is posts
    if not posts:
        assert (outcome.reply.code, outcome.reply.enhanced) == (550, "5.7.1")
        assert "family-owner@oak.example" in outcome.reply.text


@pytest.mark.parametrize(("role", "kind"), [(Role.MEMBER, Hold), (Role.MODERATOR, Publish), (Role.OWNER, Publish)])
def test_moderators_write_freely_on_a_moderated_list(role, kind):
    incoming = letter()
    assert isinstance(action(incoming, facts(incoming, Posting.MODERATED, membership=membership(role=role))), kind)


def test_whose_mail_waits_is_told_when_it_is_surely_hers():
    incoming = letter()
    hold = action(incoming, facts(incoming, Posting.MODERATED))
    assert (hold.ask, hold.tell_author, hold.member_id) == (True, True, ANNA.id)
    unsure = letter(verdict=Verdict.UNVERIFIED)
    assert not action(unsure, facts(unsure, Posting.MODERATED)).tell_author


@pytest.mark.parametrize("known", [facts, stranger])
@pytest.mark.parametrize("verdict", [Verdict.ALIGNED, Verdict.UNVERIFIED])
def test_who_is_banned_is_told_whom_to_ask(known, verdict):
    incoming = letter(verdict=verdict)
    outcome = decide(incoming, known(incoming, is_banned=True), NOW)
    assert (outcome.reply.code, outcome.reply.enhanced) == (550, "5.7.1")
    assert "family-owner@oak.example" in outcome.reply.text
    assert [action.kind for action in outcome.actions] == ["refused"]


@pytest.mark.parametrize(("strangers", "expected"), [
    (Strangers.REFUSED, (550, "5.7.1")), (Strangers.HELD, (250, "2.0.0")), (Strangers.DISCARDED, (250, "2.0.0")),
])  # fmt: skip
def test_what_becomes_of_strangers_mail(strangers, expected):
    incoming = letter()
    known = stranger(incoming, mailing_list=family(strangers=strangers))
    assert answer(incoming, known) == expected
    if strangers is Strangers.HELD:
        hold = action(incoming, known)
        assert (hold.ask_hourly, hold.tell_author, hold.list_id) == (True, False, 1)
    if strangers is Strangers.DISCARDED:
        assert action(incoming, known).kind == "dropped"


@pytest.mark.parametrize(("by_our_relay", "mark", "kind"), [
    (True, "YES", Hold), (True, " yes ", Hold), (True, "NO", Publish), (True, None, Publish), (False, "YES", Publish),
])  # fmt: skip
def test_only_our_own_server_is_believed_that_it_is_spam(by_our_relay, mark, kind):
    incoming = letter(x_spam_flag=mark)
    incoming = replace(incoming, authentication=replace(incoming.authentication, by_our_relay=by_our_relay))
    assert isinstance(action(incoming, facts(incoming)), kind)


@pytest.mark.parametrize("role", Role)
def test_in_an_emergency_everything_waits(role):
    incoming = letter()
    hold = action(incoming, facts(incoming, mailing_list=family(emergency=True), membership=membership(role=role)))
    assert (hold.ask_hourly, hold.tell_author) == (True, True)


@pytest.mark.parametrize("role", Role)
def test_a_moderated_member_waits(role):
    incoming, hers = letter(), membership(role=role)
    hers.moderated = True
    assert action(incoming, facts(incoming, membership=hers)).tell_author


@pytest.mark.parametrize(("has_posted", "role", "kind"), [
    (False, Role.MEMBER, Hold), (True, Role.MEMBER, Publish), (False, Role.MODERATOR, Publish),
    (False, Role.OWNER, Publish),
])  # fmt: skip
def test_a_first_post_waits_where_it_has_to(has_posted, role, kind):
    incoming = letter()
    known = facts(incoming, has_posted=has_posted, membership=membership(role=role))
    assert isinstance(action(incoming, replace(known, mailing_list=family(first_posts_held=True))), kind)
    assert isinstance(action(incoming, known), Publish)


def test_every_answer_is_kind_and_short():
    banned = ("error", "invalid", "subscription", "administrator", "click", "unfortunately", "denied", "rejected")
    letters = [
        letter(verdict=verdict, **fields)
        for verdict in Verdict
        for fields in ({}, {"from": None}, {"from": "x@oak.example"}, {"auto_submitted": "auto-replied"})
    ]
    for incoming in letters:
        for known in (
            facts(incoming),
            stranger(incoming),
            facts(incoming, Posting.ANNOUNCE),
            facts(incoming, is_banned=True),
        ):
            text = decide(incoming, known, NOW).reply.text
            assert not any(word in text.lower() for word in banned)
            assert len(text.split()) <= 50
            assert text.isascii()
