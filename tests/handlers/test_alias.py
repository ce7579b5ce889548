"""Aliases are readable, unique, and never taken for another kind of address."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.alias import alias_for
from handlers.route import Kind, candidates, reserved_name


def free(alias: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("Anna Lindqvist", "anna.lindqvist"),
        ("  Anna   Lindqvist ", "anna.lindqvist"),
        ("Anna Lindqvist (Family)", "anna.lindqvist"),
        ("Jürgen Groß", "juergen.gross"),
        ("Ju\u0308rgen Gro\u00df", "juergen.gross"),
        ("Märta Åkerström", "maerta.akerstroem"),
        ("Zoë O'Brien-Núñez", "zoe.obrien.nunez"),
        ("Łukasz Żółć", "lukasz.zolc"),
        ("Đặng Thị Hạnh", "dang.thi.hanh"),
        ("Søren Kierkegård", "soeren.kierkegard"),
        ("İsmet Yılmaz", "ismet.yilmaz"),
        ("Наталья Щукина", "natalya.shchukina"),
        ("Михаил Юрьев", "mihail.yurev"),
        ("Ελένη Παπαδοπούλου", "eleni.papadopoulou"),
        ("Grandma", "grandma"),
        ("Olu 2", "olu.2"),
        ("Dr. Eve", "dr.eve"),
        ("Ａｎｎａ", "anna"),  # fullwidth
    ],
)
def test_a_name_becomes_readable(name: str, alias: str) -> None:
    assert alias_for(name, "x@home.example", free) == alias


@pytest.mark.parametrize(
    ("name", "address", "alias"),
    [
        ("", "olu@home.example", "olu"),
        ("olu@home.example", "olu@home.example", "olu"),
        ("山田太郎", "taro.yamada1975@home.example", "taro"),
        ("محمد", "m.hassan@home.example", "m"),
        ("山田 T", "taro@home.example", "taro"),
        ("", "1234@home.example", "member"),
        ("🙂", "名@home.example", "member"),
    ],
)
def test_without_a_readable_name_the_first_word_of_the_address_serves(name: str, address: str, alias: str) -> None:
    assert alias_for(name, address, free) == alias


def test_the_second_of_a_name_gets_a_number() -> None:
    names = {"anna.lindqvist", "anna.lindqvist.2"}
    assert alias_for("Anna Lindqvist", "a@home.example", names.__contains__) == "anna.lindqvist.3"


def test_reserved_names_and_tokens_get_a_number() -> None:
    assert alias_for("Postmaster", "a@home.example", free) == "postmaster.2"
    assert alias_for("Class2024", "a@home.example", free) == "class2024.2"


def test_a_long_name_is_cut_and_still_unique() -> None:
    name = "Anna Maria " * 10
    first = alias_for(name, "a@home.example", free)
    second = alias_for(name, "a@home.example", {first}.__contains__)
    assert first == "anna.maria.anna.maria.anna.maria.anna.ma"
    assert second == "anna.maria.anna.maria.anna.maria.anna.2"
    assert len(first) == 40


def test_the_alias_of_someone_without_a_name_does_not_tell_her_address() -> None:
    assert alias_for("", "anna.lindqvist1975@home.example", free) == "anna"


@given(st.text(max_size=90), st.text(max_size=90), st.integers(0, 3))
def test_any_name_gets_an_address_that_is_only_an_alias(name: str, address: str, others: int) -> None:
    seen: set[str] = set()
    for _ in range(others):
        seen.add(alias_for(name, address, seen.__contains__))
    alias = alias_for(name, address, seen.__contains__)
    assert alias not in seen
    assert len(alias) <= 40
    assert re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", alias)
    assert reserved_name(alias) is None
    assert {route.kind for route in candidates(f"{alias}@oak.example", "oak.example")} == {Kind.LIST, Kind.ALIAS}
