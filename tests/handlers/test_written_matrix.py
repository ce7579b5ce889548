"""The matrix of answers (program × language × style): nearly all exact, and never a word lost."""

from __future__ import annotations

import textwrap
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.written import written_text
from tests.bench.written import matrix_score
from tests.bench.written_mails import mails
from tests.bench.written_parts import Wording, languages, quoted
from tests.growth import grows_linearly

MAILS = tuple(mails())
WORDINGS = tuple(languages())
ATTRIBUTIONS = tuple(line for each in WORDINGS for line in (each.gmail, each.apple, each.thunderbird))
HER_LINES = (
    "Yes",
    "Rose",
    "We come on 12 December 2026",
    "See you on 12.12.2026 at 10:00",
    "Write to me at rose@elm.example",
    "Rose <rose@elm.example>",
    "2026 then",
    "10:00 is fine",
    "Call 0171 5550123",
    "On Monday, 12 October 2026",
    "From: all of us",
    "To: you",
    "❤",
    "Sent with love",
    "I read it in Outlook on my iPhone",
    "the heron, again",
)


def test_the_matrix_is_wide() -> None:
    assert len(MAILS) >= 300
    assert len({mail.language for mail in MAILS}) >= 22
    assert {mail.style for mail in MAILS} >= {"top", "wrapped", "bottom", "inline", "unquoted", "interleaved", "device"}


def test_with_the_original_known_nearly_all_is_exact_and_nothing_is_lost() -> None:
    score = matrix_score(MAILS, original_known=True)
    assert score.share >= 0.97, score.wrong
    assert score.lost == 0


def test_with_the_original_unknown_little_is_lost() -> None:
    """An answer inside an unquoted letter cannot be told from it then."""
    score = matrix_score([mail for mail in MAILS if mail.style != "interleaved"], original_known=False)
    assert score.share >= 0.97, score.wrong
    assert score.lost == 0


@pytest.mark.parametrize("width", [60, 72, 78])
def test_an_attribution_is_found_wherever_it_breaks(width: int) -> None:
    wrong = []
    for wording in WORDINGS:
        for attribution in (wording.gmail, wording.apple, wording.thunderbird):
            broken = "\n".join(textwrap.wrap(attribution, width, break_long_words=False, break_on_hyphens=False))
            text = "\n\n".join([*wording.answer, broken, quoted(wording.letter)])
            if written_text(text).split() != " ".join(wording.answer).split():
                wrong.append(broken)
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize("line", HER_LINES[:10])
def test_her_line_right_above_an_attribution_stays(line: str) -> None:
    for attribution in ATTRIBUTIONS:
        broken = "\n".join(textwrap.wrap(attribution, 72, break_long_words=False, break_on_hyphens=False))
        written = written_text(f"Hello there,\n{line}\n{broken}\n\n{quoted(WORDINGS[0].letter)}")
        assert written.splitlines() == ["Hello there,", line], attribution


@given(
    st.lists(st.sampled_from(HER_LINES), min_size=1, max_size=6),
    st.sampled_from(WORDINGS),
    st.sampled_from(["top", "bottom", "between", "unquoted"]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_word_of_hers_is_lost(lines: list[str], wording: Wording, where: str, is_apart: bool) -> None:
    letter = wording.letter
    mine, gap = "\n".join(["Dear Anna", *lines, "so far"]), "\n\n" if is_apart else "\n"
    text = {
        "top": f"{mine}\n\n{wording.gmail}{gap}{quoted(letter)}",
        "bottom": f"{wording.apple}{gap}{quoted(letter)}\n\n{mine}",
        "between": f"{wording.gmail}\n{quoted(letter[:4])}{gap}{mine}{gap}{quoted(letter[4:])}",
        "unquoted": "\n".join([*wording.head, "", *letter[:3], "", mine, "", *letter[4:]]),
    }[where]
    assert not Counter(" ".join(lines).split()) - Counter(written_text(text, original="\n".join(letter)).split())


@pytest.mark.parametrize(
    "block",
    [
        "Hello dear family, the children were at the lake on 3 March.\n> And then?\n",
        "From: a\n",
        "From: a\nTo: b\n",
        "Sent: a\nDate: b\n",
        "A: b <c@d.example> 12.12.2026 10:00\n",
        "<\nmailto:a\n> b:\n",
        "12.12.2026 10:00\nwrote:\n",
        "Will somebody\ncome with us\n",
        "Sent from my iPhone, not\n> a\n",
        "---- Original Message ----\nFrom a\n",
    ],
)
def test_many_lines_take_linear_time(block: str) -> None:
    original = "Will somebody come with us next Sunday\nto see the heron at the lake?"
    lines_of_block = block.count("\n")
    assert grows_linearly(lambda lines: written_text(block * (lines // lines_of_block), original=original), 2_400)
