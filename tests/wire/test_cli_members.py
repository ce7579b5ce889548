"""`organic-mail member`, as contract §1 has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import Session, select, update

from handlers.token import address_marks
from storage import bounces
from storage.members import leave
from storage.models import Delivery, DeliveryState, Membership, Status
from storage.models_bounces import PauseReason
from storage.queue import queue_rows
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REASONS = (PauseReason.BOUNCES, PauseReason.BOUNCES, PauseReason.COMPLAINT)
ANNA = "Anna Lindqvist <anna@example.org>"


@pytest.fixture
def family(om: Operator) -> Operator:
    assert om("list", "create", "family", "--title", "The family").code == 0
    return om


def mail_to(om: Operator) -> list[str]:
    """Who is written to by what waits in the queue."""
    with om.opened() as opened:
        return [row.recipient for row in opened.database.read(queue_rows)]


def only(om: Operator, name: str = "family") -> dict[str, Any]:
    (member,) = om("member", "ls", name, "--json").json
    assert isinstance(member, dict)
    return member


def test_an_invited_person_is_written_to_and_waits(family: Operator) -> None:
    answer = family("member", "add", "family", ANNA)
    assert "is invited to family" in answer.out
    assert only(family)["status"] == "invited"
    assert mail_to(family) == ["anna@example.org"]
    assert family("list", "show", "family", "--json").json["members"] == 0


def test_a_confirmed_person_is_on_the_list_and_welcome(family: Operator) -> None:
    assert family("member", "add", "family", ANNA, "--confirmed").code == 0
    assert only(family) == {
        "address": "anna@example.org",
        "name": "Anna Lindqvist",
        "role": "member",
        "delivery": "each",
        "status": "active",
        "alias": "anna.lindqvist@oak.example",
        "language": "en",
        "timezone": only(family)["timezone"],
        "vouched_by": "",
        "vouched_at": None,
    }
    assert mail_to(family) == ["anna@example.org"]


def test_quietly(family: Operator) -> None:
    assert family("member", "add", "family", ANNA, "--confirmed", "--quiet").code == 0
    assert "nothing was sent" in family("member", "add", "family", "tom@example.org", "--quiet").out
    assert mail_to(family) == []


def test_every_option(family: Operator) -> None:
    words = ["--delivery", "weekly", "--role", "owner", "--language", "sv", "--timezone", "Europe/Stockholm"]
    assert family("member", "add", "family", ANNA, "--confirmed", *words).code == 0
    member = only(family)
    assert [member[key] for key in ("delivery", "role", "language", "timezone")] == words[1::2]
    assert family("list", "show", "family", "--json").json["owners"] == ["anna@example.org"]


def test_new_members_get_what_the_list_has(family: Operator) -> None:
    family("list", "set", "family", "delivery=daily")
    family("member", "add", "family", ANNA, "--confirmed")
    assert only(family)["delivery"] == "daily"


def test_an_address_alone_is_enough(family: Operator) -> None:
    family("member", "add", "family", "rose.okafor@example.org", "--confirmed")
    assert only(family)["name"] == "rose.okafor"


def test_one_person_on_two_lists(family: Operator) -> None:
    family("list", "create", "choir")
    family("member", "add", "family", ANNA, "--confirmed")
    family("member", "address", "add", "anna@example.org", "anna@work.example")
    assert family("member", "add", "choir", "Anna <ANNA@work.example>", "--confirmed", "--language", "sv").code == 0
    shown = family("member", "show", "anna@example.org", "--json").json
    assert [each["list"] for each in shown["lists"]] == ["choir", "family"]
    assert (shown["name"], shown["language"]) == ("Anna Lindqvist", "sv")
    assert only(family, "choir")["alias"] == only(family)["alias"]


def test_two_persons_of_one_name_have_two_aliases(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    family("member", "add", "family", "Anna Lindqvist <anna@b.example>", "--confirmed")
    aliases = [each["alias"] for each in family("member", "ls", "family", "--json").json]
    assert sorted(aliases) == ["anna.lindqvist.2@oak.example", "anna.lindqvist@oak.example"]


def test_an_alias_is_no_name_for_a_list_nor_the_other_way(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    assert "Anna Lindqvist" in family("list", "create", "anna.lindqvist").error
    family("member", "add", "family", "Family <f@example.org>", "--confirmed")
    assert family("member", "show", "f@example.org", "--json").json["alias"] == "family.2@oak.example"


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("family", ANNA), "is on family already; to change how mail comes: organic-mail member set anna@example.org"),
        (("family", "Anna <ANNA@EXAMPLE.org>"), "is on family already"),
        (("family", "Tom"), 'write it as anna@example.org or "Anna <anna@example.org>"'),
        (("family", "Tom <tom@>"), "is not one address"),
        (("family", "Tom <tom@a.example>, Rose <rose@a.example>"), "is not one address"),
        (("family", "Tom <tom@oak.example>"), "an address of this server"),
        (("familie", "Tom <tom@a.example>"), "did you mean family?"),
        (("family", "Tom <tom@a.example>", "--timezone", "Europe/Stokholm"), 'did you mean "Europe/Stockholm"?'),
        (("family", "Tom <tom@a.example>", "--language", "x"), "is not a language"),
    ],
)
def test_a_wrong_word_changes_nothing(family: Operator, words: tuple[str, ...], cure: str) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    before = family.state()
    assert cure in family("member", "add", *words, "--confirmed").error
    assert family.state() == before


def test_asking_again_sends_no_second_letter_the_same_day(family: Operator) -> None:
    family("member", "add", "family", ANNA)
    assert "nothing more was sent" in family("member", "add", "family", ANNA).out
    assert mail_to(family) == ["anna@example.org"]
    assert family("member", "add", "family", ANNA, "--confirmed", "--quiet").code == 0
    assert only(family)["status"] == "active"


def test_who_said_no_or_left_is_written_to_again_the_same_day(family: Operator) -> None:
    for words in ((), (), ("--confirmed",), ("--confirmed",)):
        assert "nothing more" not in family("member", "add", "family", ANNA, *words).out
        assert mail_to(family) == ["anna@example.org"]
        with family.opened() as opened:
            opened.database.write(lambda session: session.exec(update(Delivery).values(state=DeliveryState.SENT)))
            assert opened.database.write(lambda session: leave(session, membership_id=1))


def test_an_invitation_follows_a_quiet_one(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--quiet")
    family("member", "add", "family", ANNA)
    assert mail_to(family) == ["anna@example.org"]


def test_a_name_without_end_is_refused(family: Operator) -> None:
    answer = family("member", "add", "family", f"{'A' * 300} <anna@example.org>", "--confirmed")
    assert answer.error == "the name: write one line of 1 to 100 characters"


def test_a_line_break_in_what_was_typed_makes_no_second_line_of_error(family: Operator) -> None:
    assert "is not one address" in family("member", "add", "family", "Anna\r\nBcc: x <anna@example.org>").error


def test_show(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    shown = family("member", "show", "Anna@Example.org", "--json").json
    assert shown["name"] == "Anna Lindqvist"
    assert shown["alias"] == "anna.lindqvist@oak.example"
    assert shown["addresses"] == ["anna@example.org"]
    assert shown["bounces"] == 0
    (on,) = shown["lists"]
    assert {key: on[key] for key in ("list", "role", "delivery", "status")} == {
        "list": "family",
        "role": "member",
        "delivery": "each",
        "status": "active",
    }
    assert family("member", "show", "anna.lindqvist@oak.example", "--json").json == shown
    assert "family: member, each, active" in family("member", "show", "anna@example.org").out


def test_an_unknown_member_and_who_was_meant(family: Operator) -> None:
    assert "see who there is: organic-mail member ls LIST" in family("member", "show", "anna@example.org").error
    family("member", "add", "family", ANNA, "--confirmed")
    for wrong in ("ana@example.org", "anna@exmaple.org", "anna@example.com"):
        assert family("member", "show", wrong).error == f'there is no member "{wrong}"; did you mean anna@example.org?'
    assert "there is no member" in family("member", "show", "nobody@oak.example").error


def test_settings_of_a_person(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    settings = {
        "name": "Anna L. Größl",
        "language": "de",
        "timezone": "Europe/Berlin",
        "hour": "18",
        "address": "shown",
        "share": "never",
        "home": "oak.school.example",
    }
    answer = family("member", "set", "anna@example.org", *(f"{key}={value}" for key, value in settings.items()))
    assert answer.code == 0, answer.err
    shown = family("member", "show", "anna@example.org", "--json").json
    assert {key: shown[key] for key in settings} == settings | {"hour": 18}
    assert shown["alias"] == "anna.lindqvist@oak.example"  # for ever
    assert family("member", "set", "anna@example.org", "home=", "hour=0", "address=hidden").code == 0
    shown = family("member", "show", "anna@example.org", "--json").json
    assert (shown["home"], shown["hour"], shown["address"]) == ("", 0, "hidden")


def test_settings_of_a_membership(family: Operator) -> None:
    family("list", "create", "choir")
    for name in ("family", "choir"):
        family("member", "add", name, ANNA, "--confirmed")
    words = (
        "delivery=weekly", "role=moderator", "own_posts=no", "second_copy=no", "moderated=yes", "weekday=sunday",
        "language=sv", "line=14 Mill Lane",
    )  # fmt: skip
    answer = family("member", "set", "anna@example.org", "--list", "family", *words)
    assert answer.code == 0, answer.err
    shown = family("member", "show", "anna@example.org", "--json").json
    choir, fam = shown["lists"]
    assert fam == {
        "list": "family",
        "role": "moderator",
        "delivery": "weekly",
        "status": "active",
        "own_posts": False,
        "second_copy": False,
        "moderated": True,
        "trusted": False,
        "muted": [],
        "weekday": "sunday",
        "listed": True,
        "line": "14 Mill Lane",
        "vouched_by": "",
        "vouched_at": None,
    }
    assert (choir["delivery"], choir["role"], choir["own_posts"]) == ("each", "member", True)
    assert shown["language"] == "sv"


class TestResuming:
    @pytest.fixture
    def paused(self, family: Operator) -> Operator:
        """Anna, on two lists whose mail to her came back, and on a third where she pressed the spam button."""
        for name in ("family", "choir", "garden"):
            family("list", "create", name)
            assert family("member", "add", name, ANNA, "--confirmed", "--quiet").code == 0
        with family.opened() as opened:

            def pause(session: Session) -> None:
                for row, reason in zip(session.exec(select(Membership)).all(), REASONS, strict=True):
                    assert bounces.pause(session, row, reason, NOW)
                (mark, *_) = address_marks(opened.secrets, "anna@example.org")
                bounces.suppress(session, mark=mark, member_id=1, next_probe_at=NOW, now=NOW)

            opened.database.write(pause)
        return family

    def statuses(self, om: Operator) -> dict[str, str]:
        lists = om("member", "show", "anna@example.org", "--json").json["lists"]
        return {each["list"]: each["status"] for each in lists}

    def test_of_a_complaint(self, paused: Operator) -> None:
        assert set(self.statuses(paused).values()) == {"paused"}
        assert paused("member", "set", "anna@example.org", "status=active", "--list", "garden").code == 0
        assert self.statuses(paused) == {"family": "paused", "choir": "paused", "garden": "active"}

    def test_of_an_address_for_all_lists_where_it_failed(self, paused: Operator) -> None:
        assert paused("member", "set", "anna@example.org", "status=active", "--list", "family").code == 0
        assert self.statuses(paused) == {"family": "active", "choir": "active", "garden": "paused"}
        with paused.opened() as opened:
            assert opened.database.read(bounces.suppressions) == []
        assert "go on" in paused("log").out
        assert mail_to(paused) == []

    def test_who_has_not_said_yes_is_not_made_a_member(self, family: Operator) -> None:
        family("member", "add", "family", ANNA)
        answer = family("member", "set", "anna@example.org", "status=active", "--list", "family")
        assert "has not answered" in answer.error
        assert only(family)["status"] == "invited"


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("delivery=daily",), "say which: --list LIST"),
        (("--list", "family", "delivery=hourly"), "each, daily, weekly, none"),
        (("--list", "family", "weekday=someday"), "monday"),
        (("--list", "choir", "delivery=daily"), "is not on choir; add her: organic-mail member add choir"),
        (("--list", "chior", "delivery=daily"), "did you mean choir?"),
        (("hour=24",), 'hour: "24" is not one of 0, 1,'),
        (("language=sv", "timezone=Mars/Olympus"), "is not a time zone"),
        (("alias=queen",), "there is no setting"),
        (("home=x",), "is not a mail domain"),
        (("name=",), "name: write one line"),
    ],
)
def test_a_wrong_setting_changes_nothing(family: Operator, words: tuple[str, ...], cure: str) -> None:
    family("list", "create", "choir")
    family("member", "add", "family", ANNA, "--confirmed")
    before = family.state()
    assert cure in family("member", "set", "anna@example.org", *words).error
    assert family.state() == before


def test_removing_asks_and_keeps_the_person(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed", "--quiet")
    assert "add --yes" in family("member", "remove", "family", "anna@example.org").err
    assert only(family)["status"] == "active"
    assert family("member", "remove", "family", "anna@example.org", "--yes").code == 0
    assert family("member", "ls", "family", "--json").json == []
    shown = family("member", "show", "anna@example.org", "--json").json
    assert (shown["name"], shown["lists"]) == ("Anna Lindqvist", [])
    assert mail_to(family) == []
    assert "is not on family" in family("member", "remove", "family", "anna@example.org", "--yes").error
    assert family("member", "add", "family", ANNA, "--confirmed").code == 0
    assert only(family)["alias"] == "anna.lindqvist@oak.example"


def test_second_addresses(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    family("member", "add", "family", "Tom <tom@example.org>", "--confirmed")
    assert family("member", "address", "add", "anna@example.org", "anna@work.example").code == 0
    shown = family("member", "show", "anna@work.example", "--json").json
    assert shown["addresses"] == ["anna@example.org", "anna@work.example"]
    add, remove = ("member", "address", "add"), ("member", "address", "remove")
    assert "of Anna Lindqvist already" in family(*add, "tom@example.org", "Anna@work.example").error
    assert "an address of this server" in family(*add, "tom@example.org", "tom@oak.example").error
    assert "is not one address" in family(*add, "tom@example.org", "tom").error
    assert (
        "hers: anna@example.org, anna@work.example"
        in family(*remove, "anna@example.org", "tom@x.example", "--yes").error
    )
    assert "add --yes" in family(*remove, "anna@example.org", "anna@example.org").err
    assert family(*remove, "anna@example.org", "anna@example.org", "--yes").code == 0
    assert only_address(family, "Anna Lindqvist") == "anna@work.example"
    assert "add another first" in family(*remove, "anna@work.example", "anna@work.example", "--yes").error


def only_address(om: Operator, name: str) -> str:
    (address,) = [each["address"] for each in om("member", "ls", "family", "--json").json if each["name"] == name]
    assert isinstance(address, str)
    return address


def test_wrong_usage(family: Operator) -> None:
    family("member", "add", "family", ANNA, "--confirmed")
    for words in (
        ("add", "family"),
        ("add", "family", "Tom <tom@a.example>", "--role", "king"),
        ("add", "family", "Tom <tom@a.example>", "--delivery", "hourly"),
        ("set", "anna@example.org"),
        ("set", "anna@example.org", "language"),
        ("import", "family"),
    ):
        assert family("member", *words).code == 2, words


def test_names_from_elsewhere_do_nothing_to_the_terminal(family: Operator) -> None:
    with family.opened() as opened:
        from datetime import UTC, datetime

        from storage.lists import list_named
        from storage.members import add_member, invite

        def write(session: Any) -> None:
            mailing_list = list_named(session, "family")
            assert mailing_list is not None
            member = add_member(
                session,
                name="\x1b]0;owned\x07",
                alias="x",
                address="x@example.org",
                key="x@example.org",
                now=datetime.now(UTC),
            )
            row = invite(
                session,
                list_id=mailing_list.id or 0,
                member_id=member.id or 0,
                delivery=mailing_list.delivery,
                now=datetime.now(UTC),
            )
            assert row.status is Status.INVITED

        opened.database.write(write)
    for words in (("ls", "family"), ("show", "x@example.org"), ("remove", "family", "x@example.org", "--yes")):
        assert b"\x1b" not in family("member", *words).raw
