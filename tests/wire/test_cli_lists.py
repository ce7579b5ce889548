"""`organic-mail list`, as contract §1 has it."""

from __future__ import annotations

import pytest

from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]


def test_a_new_list_can_be_seen(om: Operator) -> None:
    made = om("list", "create", "family", "--title", "The Lindqvist–Okafor family")
    assert made.out.startswith("family@oak.example is ready. Next: organic-mail member add family ")
    (listed,) = om("list", "ls", "--json").json
    shown = om("list", "show", "family", "--json").json
    assert listed == shown
    assert shown == {
        "name": "family",
        "title": "The Lindqvist–Okafor family",
        "address": "family@oak.example",
        "posting": "members",
        "delivery": "each",
        "joining": "vouched",
        "replies": "list",
        "strangers": "refused",
        "first_posts": "free",
        "remote": "accept",
        "emergency": "no",
        "bounces": "log",
        "held_days": 0,
        "header_rules": "",
        "tell_owners": "no",
        "welcome": "on",
        "goodbye": "on",
        "rules": "",
        "members": 0,
        "lists": [],
        "owners": [],
    }
    assert "The Lindqvist–Okafor family" in om("list", "ls").out
    assert "vouched" in om("list", "show", "family@oak.example").out


def test_a_list_is_made_as_asked(om: Operator) -> None:
    om("list", "create", "news", "--posting", "announce", "--delivery", "weekly", "--joining", "open")
    shown = om("list", "show", "news", "--json").json
    assert (shown["title"], shown["posting"], shown["delivery"], shown["joining"]) == (
        "News",
        "announce",
        "weekly",
        "open",
    )


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("Family", "lower-case letters"),
        ("fam ily", "lower-case letters"),
        ("family@elsewhere.example", "lower-case letters"),
        ("-family", "begins and ends with a letter or digit"),
        ("", "lower-case letters"),
        ("a" * 41, "at most 40"),
        ("family-owner", "-owner"),
        ("family-subscribe", "-subscribe"),
        ("postmaster", "operator"),
        ("b-family", "b-"),
        ("organic-news", "organic-"),
        ("family-k7m2q9xw", "token"),
        ("choir", "a list choir already; choose another name"),
    ],
)
def test_a_name_that_cannot_be(om: Operator, name: str, cure: str) -> None:
    om("list", "create", "choir")
    before = om.state()
    assert cure in om("list", "create", "--", name).error
    assert om.state() == before


def test_settings_change_what_they_say_and_nothing_else(om: Operator) -> None:
    om("list", "create", "family")
    before = om("list", "show", "family", "--json").json
    changed = om("list", "set", "family", "title=Die Familie Groß", "replies=author", "delivery=daily")
    assert changed.code == 0
    after = om("list", "show", "family", "--json").json
    assert after == before | {"title": "Die Familie Groß", "replies": "author", "delivery": "daily"}


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [
        ("strangers", "held", "discarded"),
        ("first_posts", "held", "free"),
        ("emergency", "yes", "no"),
        ("bounces", "owners", "log"),
        ("held_days", "30", "0"),
    ],
)
def test_what_waits_for_a_person(om: Operator, key: str, first: str, second: str) -> None:
    om("list", "create", "family")
    before = om("list", "show", "family", "--json").json
    for value in (first, second):
        assert om("list", "set", "family", f"{key}={value}").out == f"family: {key}={value}\n"
        shown = om("list", "show", "family", "--json").json
        assert str(shown.pop(key)) == value
        assert shown == {name: old for name, old in before.items() if name != key}


@pytest.mark.parametrize(
    ("setting", "cure"),
    [
        ("strangers=no", "refused, held, discarded"),
        ("first_posts=yes", "held, free"),
        ("emergency=now", "yes, no"),
        ("bounces=members", "log, owners"),
        ("held_days=-1", "a number of days from 0 to 9999"),
        ("held_days=10000", "a number of days"),
        ("held_days=²", "a number of days"),
        ("posting=everybody", 'posting: "everybody" is not one of members, moderated, announce'),
        ("delivery=none", "each, daily, weekly"),
        ("title=", "write one line"),
        ("title=a\x07b", "write one line"),
        ("subject=x", "there are: title, posting, delivery, joining, replies"),
        ("name=kin", "there are: title, posting, delivery, joining, replies"),
    ],
)
def test_a_wrong_setting_changes_nothing(om: Operator, setting: str, cure: str) -> None:
    om("list", "create", "family")
    before = om.state()
    assert cure in om("list", "set", "family", "replies=author", setting).error
    assert om.state() == before


def test_wrong_usage(om: Operator) -> None:
    om("list", "create", "family")
    for words in (
        ("list",),
        ("list", "create"),
        ("list", "create", "choir", "--posting", "all"),
        ("list", "create", "choir", "--colour", "red"),
        ("list", "set", "family"),
        ("list", "set", "family", "posting"),
        ("list", "rename", "family"),
    ):
        answer = om(*words)
        assert answer.code == 2, words
        assert answer.raw == b""
    assert [each["name"] for each in om("list", "ls", "--json").json] == ["family"]


def test_an_unknown_list_and_what_was_meant(om: Operator) -> None:
    assert "make it: organic-mail list create" in om("list", "show", "family").error
    om("list", "create", "family")
    om("list", "create", "choir")
    assert om("list", "show", "famliy").error == 'there is no list "famliy"; did you mean family?'
    assert om("list", "show", "zzz").error == 'there is no list "zzz"; there are: choir, family'
    for words in (("set", "zzz", "title=x"), ("remove", "zzz", "--yes")):
        assert "there is no list" in om("list", *words).error


def test_removing_asks(om: Operator) -> None:
    om("list", "create", "family")
    before = om.state()
    refused = om("list", "remove", "family")  # nobody there to answer
    assert (refused.code, refused.raw) == (1, b"")
    assert "add --yes" in refused.err
    assert om("list", "remove", "family", typed="n\n").code == 1
    assert om.state() == before
    assert om("list", "remove", "family", typed="y\n").code == 0
    assert om("list", "ls", "--json").json == []
    assert "there is no list" in om("list", "show", "family").error


def test_the_name_of_a_removed_list_is_free_again(om: Operator) -> None:
    om("list", "create", "family", "--title", "Old")
    assert om("list", "remove", "family", "--yes").code == 0
    assert om("list", "create", "family", "--title", "New").code == 0
    assert om("list", "show", "family", "--json").json["title"] == "New"


def test_header_rules_are_checked(om: Operator) -> None:
    assert om("list", "create", "family").code == 0
    rules = "hold X-Spam-Flag: YES\nrefuse X-Spam-Score: 9*"
    assert om("list", "set", "family", f"header_rules={rules}").code == 0
    assert om("list", "show", "family", "--json").json["header_rules"] == rules
    assert "is no rule" in om("list", "set", "family", "header_rules=burn it").error
    assert om("list", "show", "family", "--json").json["header_rules"] == rules
    assert om("list", "set", "family", "header_rules=").code == 0
