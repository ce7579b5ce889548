"""A post leaves for a space only with its author's consent, and never further than what it answers."""

from __future__ import annotations

import pytest

from handlers.peer.consent import Fate, Share, fate_of, repeats_one_of

HOME_POST = (
    "Dear all, my sister is ill again and has to stay in hospital until Friday. Please do not tell the children yet; "
    "we will talk about it on Sunday, when everybody is here. If somebody could bring soup, she would be glad of it. "
    "And bring the blue blanket, the one from the summer house, if anybody finds it."
)


@pytest.mark.parametrize(
    ("share", "parent_stayed", "repeats", "fate"),
    [
        (Share.ALWAYS, False, False, Fate.LEAVES),
        (Share.ASK, False, False, Fate.ASKS),
        (Share.NEVER, False, False, Fate.STAYS_AT_HER_WISH),
        (Share.ALWAYS, True, False, Fate.STAYS_WITH_ITS_PARENT),  # F45
        (Share.ALWAYS, False, True, Fate.ASKS),  # F46
        (Share.NEVER, False, True, Fate.STAYS_AT_HER_WISH),
    ],
)
def test_the_narrowest_wish_counts(share: Share, parent_stayed: bool, repeats: bool, fate: Fate):
    assert fate_of(share, parent_stayed=parent_stayed, repeats_a_home_post=repeats) is fate


def test_words_of_home_are_known_behind_quote_marks_and_other_line_breaks():
    quoted = "\n".join(f"> {HOME_POST[start : start + 60]}" for start in range(0, len(HOME_POST), 60))
    assert repeats_one_of(f"See what she wrote:\n{quoted}\nPoor thing.", [HOME_POST.upper()])


@pytest.mark.parametrize("text", ["", "Soup!", HOME_POST[:150], "The apples are ripe. " * 40])
def test_other_words_are_not(text: str):
    assert not repeats_one_of(text, [HOME_POST])
