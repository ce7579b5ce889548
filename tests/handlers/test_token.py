"""Signed addresses say what was put into them, and nothing that was changed is believed."""

from __future__ import annotations

import re
import string
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers import token

OLD = token.Secret("a1", b"old key of the community, 32 byte")
NEW = token.Secret("b", b"new key of the community, 32 byte")
DOMAIN = "oak.example"
DAY = date(2026, 11, 23)

numbers = st.integers(0, 2**40 - 1)
days = st.dates(date(2020, 1, 1), date(2200, 1, 1))


def verp(member_id: int = 7, content_id: int = 12, day: date = DAY, secrets: token.Secrets = (NEW,)) -> str:
    address = token.verp_address(secrets, member_id=member_id, content_id=content_id, day=day, domain=DOMAIN)
    local, _, domain = address.partition("@")
    assert domain == DOMAIN
    return local


@given(numbers, numbers, days, st.integers(0, 21))
def test_a_bounce_address_tells_member_content_and_day(member_id: int, content_id: int, day: date, age: int) -> None:
    local = verp(member_id, content_id, day)
    assert len(local) <= 64
    assert re.fullmatch(r"b-[a-z2-7]+-[a-z2-7]+", local)
    today = day + timedelta(days=age)
    assert token.read_verp((NEW,), local, today) == token.VerpAddress(member_id, content_id, day)
    assert token.read_verp((NEW,), local.upper(), today) == token.VerpAddress(member_id, content_id, day)


def test_a_bounce_address_is_resolved_for_21_days_and_bears_a_clock_set_back_a_day() -> None:
    local = verp()
    known = [age for age in range(-40, 60) if token.read_verp((NEW,), local, DAY + timedelta(days=age)) is not None]
    assert known == list(range(-1, 22))


def test_every_changed_character_is_noticed() -> None:
    local = verp()
    for place, written in enumerate(local):
        for other in string.ascii_lowercase + string.digits + "-.+=_ \n":
            if other != written:
                changed = local[:place] + other + local[place + 1 :]
                assert token.read_verp((NEW,), changed, DAY) is None, changed


def test_every_changed_bit_is_noticed() -> None:
    local = verp()
    octets = local.encode("ascii")
    for bit in range(8 * len(octets)):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        text = changed.decode("latin-1")
        if text.lower() != local:
            assert token.read_verp((NEW,), text, DAY) is None, text


@given(st.text(max_size=80))
def test_garbage_is_nobody(local: str) -> None:
    assert token.read_verp((NEW,), local, DAY) is None
    assert token.read_verp((NEW,), "b-" + local, DAY) is None
    assert token.read_private_reference((NEW,), local) is None


def test_added_and_missing_characters_are_noticed() -> None:
    local = verp()
    for changed in (local + "a", local[:-1], "b-" + local, local[1:], local.replace("-", ""), local + "\n"):
        assert token.read_verp((NEW,), changed, DAY) is None


def test_a_key_can_be_replaced_without_losing_what_is_on_its_way() -> None:
    sent = verp(secrets=(OLD,))
    assert token.read_verp((NEW, OLD), sent, DAY) is not None
    assert token.read_verp((NEW,), sent, DAY) is None
    assert token.read_verp((OLD,), verp(secrets=(NEW, OLD)), DAY) is None


def test_two_keys_of_one_name_are_both_tried() -> None:
    twin = token.Secret(OLD.kid, b"another key that has the same name")
    assert token.read_verp((twin, OLD), verp(secrets=(OLD,)), DAY) is not None


@pytest.mark.parametrize("number", [-1, 2**40])
def test_a_number_that_does_not_fit_is_our_fault(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        verp(member_id=number)
    with pytest.raises(ValueError, match="does not fit"):
        verp(content_id=number)
    with pytest.raises(ValueError, match="does not fit"):
        token.private_reference((NEW,), member_id=1, thread_id=number, domain=DOMAIN)


@given(numbers, numbers)
def test_a_private_reference_tells_member_and_thread(member_id: int, thread_id: int) -> None:
    reference = token.private_reference((NEW, OLD), member_id=member_id, thread_id=thread_id, domain=DOMAIN)
    assert re.fullmatch(r"<m\.[a-z0-9-]+@oak\.example>", reference)
    assert reference == token.private_reference((NEW,), member_id=member_id, thread_id=thread_id, domain=DOMAIN)
    assert token.read_private_reference((OLD, NEW), reference) == token.PrivateReference(member_id, thread_id)
    assert token.read_private_reference((NEW,), reference.upper()) == token.PrivateReference(member_id, thread_id)


def test_a_changed_private_reference_is_nobodys() -> None:
    reference = token.private_reference((NEW,), member_id=3, thread_id=4, domain=DOMAIN)
    for place in range(len("<m."), reference.index("@")):
        for other in string.ascii_lowercase + string.digits + "-":
            if other != reference[place]:
                changed = reference[:place] + other + reference[place + 1 :]
                assert token.read_private_reference((NEW,), changed) is None, changed


def test_a_text_made_for_one_purpose_is_not_taken_for_another() -> None:
    reference = token.private_reference((NEW,), member_id=3, thread_id=4, domain=DOMAIN)
    kid, facts, mac = reference.removeprefix("<m.").partition("@")[0].split("-")
    local = verp()
    signed, verp_mac = local.removeprefix("b-").split("-")
    assert token.read_verp((NEW,), f"b-{kid}{facts}aaaa-{mac}", DAY) is None
    assert token.read_private_reference((NEW,), f"<m.{NEW.kid}-{signed[1:17]}-{verp_mac}@{DOMAIN}>") is None


@given(numbers)
def test_a_web_token_tells_the_membership(membership_id: int) -> None:
    made = token.unsubscribe_token((NEW, OLD), membership_id=membership_id)
    assert re.fullmatch(r"b-[a-z2-7]{8}-[a-z2-7]{32}", made)  # 160 bits of MAC; at least 128 are asked for
    assert token.read_unsubscribe_token((NEW, OLD), made) == membership_id
    assert token.read_unsubscribe_token((OLD, NEW), made.upper()) == membership_id
    assert token.read_unsubscribe_token((OLD,), made) is None


def test_every_changed_character_of_a_web_token_is_noticed() -> None:
    made = token.unsubscribe_token((NEW,), membership_id=7)
    for place, written in enumerate(made):
        for other in string.ascii_lowercase + string.digits + "-.+=_ \n/":
            if other != written:
                assert token.read_unsubscribe_token((NEW,), made[:place] + other + made[place + 1 :]) is None
    assert token.read_unsubscribe_token((NEW,), made + "a") is None
    assert token.read_unsubscribe_token((NEW,), "") is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_minted_message_id_is_the_same_for_the_same_original_only(one: str, other: str) -> None:
    minted = token.minted_message_id((NEW,), one, DOMAIN)
    assert re.fullmatch(r"<p\.[a-z2-7]{32}@oak\.example>", minted)
    assert (minted == token.minted_message_id((NEW,), other, DOMAIN)) == (one == other)
    assert minted != token.minted_message_id((OLD,), one, DOMAIN)


def test_a_minted_message_id_stands_for_something() -> None:
    with pytest.raises(ValueError, match="stands for something"):
        token.minted_message_id((NEW,), "", DOMAIN)


def test_a_message_id_of_our_own_mail_is_a_msg_id() -> None:
    assert re.fullmatch(r"<n\.[a-z2-7]+@oak\.example>", token.new_message_id(bytes(range(16)), DOMAIN))


@given(st.binary(min_size=9, max_size=16))
@settings(max_examples=500)
def test_a_short_token_has_ten_characters_and_a_sure_digit(random: bytes) -> None:
    short = token.short_token(random)
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{10}", short)
    assert re.search(r"[2-9]", short)
    assert token.normal_token(short) == short


@given(st.binary(min_size=9, max_size=9), st.data())
def test_a_short_token_survives_being_typed_from_paper(random: bytes, data: st.DataObject) -> None:
    short = token.short_token(random)
    alike = {"0": "0oO", "1": "1iIlL"}
    typed = "".join(data.draw(st.sampled_from(alike.get(each, each + each.upper()))) for each in short)
    assert token.normal_token(typed) == short


@pytest.mark.parametrize(
    "text", ["families", "lollipop", "owner", "2short", "toolong2345", "has-2-dashes", "uuuuuuu2", ""]
)
def test_words_are_not_tokens(text: str) -> None:
    assert token.normal_token(text) is None


def test_tokens_of_eight_to_ten_characters_are_read() -> None:
    assert token.normal_token("ABC2OILX") == "abc2011x"
    assert token.normal_token("abcdefgh2") == "abcdefgh2"
