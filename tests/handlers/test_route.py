from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.route import Kind, Route, candidates, in_domain, reserved_name

DOMAIN = "oak.example"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("family-join@oak.example", Kind.JOIN),
        ("family-subscribe@oak.example", Kind.JOIN),
        ("family-leave@oak.example", Kind.LEAVE),
        ("family-unsubscribe@oak.example", Kind.LEAVE),
        ("family-help@oak.example", Kind.HELP),
        ("family-request@oak.example", Kind.HELP),
        ("family-owner@oak.example", Kind.OWNER),
        ("family+owner@oak.example", Kind.OWNER),
        ("FAMILY-Owner@OAK.example", Kind.OWNER),
    ],
)
def test_addresses_of_a_list(address, kind):
    (route,) = candidates(address, DOMAIN)
    assert (route.kind, route.list_name) == (kind, "family")


def test_a_list_comes_before_an_alias_before_a_space_before_a_token():
    found = candidates("oak-street-k7m2q9xwab@oak.example", DOMAIN)
    assert [route.kind for route in found] == [Kind.LIST, Kind.ALIAS, Kind.SPACE, Kind.TOKEN]
    assert found[0].list_name == found[1].alias == "oak-street-k7m2q9xwab"
    assert (found[3].list_name, found[3].token) == ("oak-street", "k7m2q9xwab")


@pytest.mark.parametrize("spelling", ["family+K7M2Q9XWAB", "Family-k7m2q9xwab", "family-k7m2q9xwab"])
def test_a_token_in_any_spelling(spelling):
    assert candidates(f"{spelling}@oak.example", DOMAIN)[-1].token == "k7m2q9xwab"


def test_what_stands_behind_a_plus_is_no_other_spelling_of_the_list():
    assert [route.list_name for route in candidates("family+photos@oak.example", DOMAIN)] == ["family+photos", "", ""]


def test_a_list_of_several_words_has_its_own_addresses():
    (route,) = candidates("oak-street-owner@oak.example", DOMAIN)
    assert route.list_name == "oak-street"


@pytest.mark.parametrize("address", ["postmaster", "Postmaster", "postmaster@oak.example", "ABUSE@OAK.EXAMPLE"])
def test_the_operator_is_always_there(address):
    (route,) = candidates(address, DOMAIN)
    assert route.kind is Kind.OPERATOR
    assert route.address.endswith("@oak.example")


def test_a_bounce_address_means_nothing_else():
    assert candidates("b-k1abc@oak.example", DOMAIN) == (Route(Kind.BOUNCE, "b-k1abc@oak.example"),)


@pytest.mark.parametrize(
    "address", ["family@elsewhere.example", "family", "family@sub.oak.example", "@oak.example.org"]
)
def test_other_domains_are_not_ours(address):
    assert candidates(address, DOMAIN) == ()
    assert not in_domain(address, DOMAIN)


def test_a_domain_in_another_alphabet():
    assert candidates("chor@münchen.example", "xn--mnchen-3ya.example")[0].list_name == "chor"


@pytest.mark.parametrize(
    "name",
    ["", "Family", "fam ily", "-family", "family-", "a..b", "postmaster", "abuse", "organic", "organic-news", "r-x",
     "b-x", "family-owner", "help", "family-k7m2q9xwab", "k7m2q9xwab", "x" * 41, "familie-ä"],
)  # fmt: skip
def test_names_that_no_list_can_have(name):
    assert reserved_name(name)


@pytest.mark.parametrize("name", ["family", "oak-street", "choir2024", "class.of.99", "garden-children", "a", "7b"])
def test_names_that_a_list_can_have(name):
    assert reserved_name(name) is None


@given(st.text(max_size=80))
def test_a_list_that_can_be_made_is_found_first(name):
    if reserved_name(name) is None:
        assert candidates(f"{name}@{DOMAIN}", DOMAIN)[0] == Route(Kind.LIST, f"{name}@{DOMAIN}", list_name=name)


@given(st.text(max_size=80))
def test_any_address_can_be_looked_at(address):
    for route in candidates(address, DOMAIN):
        assert route.address.endswith(DOMAIN)
