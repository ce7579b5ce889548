"""No post is taken for a command, and hardly a command for a post (spec/people.md §3.3)."""

from __future__ import annotations

from tests.handlers.command_sets import Case, commands, held_out, posts

MOST_MISSED = 0.05


def unread(cases: list[Case]) -> list[tuple[str, str, str]]:
    return [(case.text, str(case.place), case.form) for case in cases if not case.is_read]


def test_no_post_is_a_command():
    every = list(posts())
    assert len({case.text for case in every}) >= 200
    assert unread(every) == []


def test_commands_are_read_in_every_form():
    every = list(commands())
    assert len(every) >= 150
    assert len(unread(every)) <= MOST_MISSED * len(every), unread(every)


def test_what_was_kept_aside_while_the_tables_were_made():
    every = list(held_out())
    assert unread([case for case in every if case.said is None]) == []
    said = [case for case in every if case.said]
    assert len(unread(said)) <= MOST_MISSED * len(said), unread(said)
