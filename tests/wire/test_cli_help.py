"""Every command explains itself: what it does in a few lines, and how it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from organic_mail.cli.main import app
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]


def commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        words = (*above, name)
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield words, command


EVERY = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_command_explains_itself(om: Operator, words: tuple[str, ...]) -> None:
    shown = om(*words, "--help")
    assert shown.code == 0
    assert len((EVERY[words].help or "").split()) >= 5
    example = " ".join(shown.out.partition("Example: ")[2].split()).replace(" --home /srv/oak", "")
    assert f"organic-mail {' '.join(words)}" in example
    for option in EVERY[words].params:
        assert option.name == "help" or option.help, f"{option.name} is not explained"


@pytest.mark.parametrize(
    "words", [words for words in EVERY if words[-1] in {"ls", "show", "check", "doctor"}], ids=" ".join
)
def test_what_shows_something_shows_it_as_json_too(words: tuple[str, ...]) -> None:
    assert any("--json" in getattr(option, "opts", ()) for option in EVERY[words].params)
