"""The tables of what people write to the list itself: whole, and without two meanings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.phrase_table import Part, file_of, folded, is_one_slip, languages, phrases
from handlers.plain_words import Command, OwnPostCommand, PairCommand

PACE = {"each", "daily", "weekly", "pause", "back"}
EVERYWHERE = {"stop", "join", "help", "yes", "no", "maybe", "keep", "block", "unblock", *PACE, *OwnPostCommand}
IN_THE_FIVE = EVERYWHERE | {*Command, *PairCommand, *OwnPostCommand, "once", "always", "never"}
FIVE = ("en", "de", "fr", "es", "sv")
NAMES = {
    Part.ANYWHERE: {"stop", "join", "help"},
    Part.IN_ANSWERS: {"mute", "unmute"},
    Part.TO_US: set(Command) - {"mute", "unmute"},
    Part.TO_A_QUESTION: {"yes", "no", "maybe", "keep", "once", "always", "never"},
    Part.TO_ONE_MEMBER: set(PairCommand),
    Part.TO_OWN_POST: set(OwnPostCommand),
}


def said_in(language: str):
    """Folded phrase, part and name of everything in the table of one language."""
    return [
        (folded(phrase), part, name)
        for part in Part
        for name, said in file_of(language).get(part, {}).items()
        for phrase in said
    ]


def test_there_are_many_languages():
    assert len(languages()) >= 27
    assert set(FIVE) <= set(languages())


@pytest.mark.parametrize("language", languages())
def test_a_language_has_all_that_it_must_have(language):
    file = file_of(language)
    assert set(file) <= {*Part, "around"}
    assert set(file["around"]) <= {"polite", "end", "not_slips"}
    for part in Part:
        assert set(file.get(part, {})) <= NAMES[part]
    wanted = IN_THE_FIVE if language in FIVE else EVERYWHERE
    assert {str(name) for _, _, name in said_in(language)} >= {str(name) for name in wanted}


@pytest.mark.parametrize("language", languages())
def test_no_phrase_stands_twice_or_says_nothing(language):
    found = [phrase for phrase, _, _ in said_in(language)]
    assert all(found)
    assert len(found) == len(set(found))


def test_no_phrase_has_two_meanings_in_any_two_languages():
    meanings: dict[str, set[tuple[Part, str]]] = {}
    for language in languages():
        for phrase, part, name in said_in(language):
            meanings.setdefault(phrase, set()).add((part, name))
    assert {phrase: found for phrase, found in meanings.items() if len(found) > 1} == {}


def test_politeness_turns_no_phrase_into_another():
    known = phrases()
    for phrase, meaning in known.meanings.items():
        bare = known.without_polite(phrase)
        assert known.meanings.get(bare, meaning) == meaning, phrase


def test_thanks_are_no_commands():
    """But for a word that means yes where another language gives thanks: it is a yes where something asked."""
    commands = {phrase for phrase, (part, _) in phrases().meanings.items() if part is not Part.TO_A_QUESTION}
    assert commands.isdisjoint(phrases().polite)


def test_what_is_no_slip_is_no_phrase_either():
    assert phrases().not_slips.isdisjoint(phrases().meanings)
    assert all(phrases().meant_by_slip(word) is None for word in phrases().not_slips)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Désabonnez-moi !", "desabonnez moi"),
        ("I’m  back", "im back"),
        ("ΔΙΑΓΡΑΦΉ", "διαγραφη"),
        ("stop \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-3}", "stop"),
        ("❤️", ""),
        ("हाँ", "हाँ"),
        ("هَلْ", "هل"),
        ("s\u200bt\u00adop", "stop"),
        ("İPTAL yardım", "iptal yardim"),
        ("毎週、お願い！", "毎週 お願い"),
    ],
)
def test_folding(text, expected):
    assert folded(text) == expected


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once(text):
    assert folded(folded(text)) == folded(text)


WORDS = st.text("abcde", min_size=6, max_size=9)


@given(WORDS, st.data())
def test_each_slip_is_one(word, data):
    at = data.draw(st.integers(0, len(word) - 2))
    letter = data.draw(st.sampled_from("abcdez"))
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ]
    for slip in slips:
        assert is_one_slip(slip, word) == (slip != word)
        assert is_one_slip(word, slip) == (slip != word)


@pytest.mark.parametrize("typed", ["weekly", "weklyy", "wkely", "wekyl", "week", "eweklyy"])
def test_two_slips_are_too_many(typed):
    assert not is_one_slip(typed, "weekly")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("unsubscibe", "stop"),
        ("unsbuscribe", "stop"),
        ("weeekly", "weekly"),
        ("almelden", ""),
        ("wekly", ""),
        ("unsubscribed", ""),
    ],
)
def test_a_slip_is_forgiven_where_one_thing_is_near(typed, name):
    found = phrases().meant_by_slip(typed)
    assert (found[1] if found else "") == name
