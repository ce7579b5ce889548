"""What all commands share: tables, questions, other people's text."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from organic_mail.cli import output
from organic_mail.problem import Problem


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Träd 🎂", "Träd 🎂"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\u202eetxt", "\ufffdetxt"),
        (7, "7"),
    ],
)
def test_other_peoples_text_cannot_move_the_cursor(text: object, shown: str) -> None:
    assert output.visible(text) == shown


def test_an_error_begins_a_line_also_after_an_answer_from_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(Problem, match="nothing changed"):
        output.confirm("Sure?", yes=False)
    assert capsys.readouterr() == ("", "Sure? [y/N]: \n")


def test_lines_stay_lines() -> None:
    assert output.visible_lines("a\n\tb\x07") == "a\n    b\\x07"


def test_a_table_for_a_pipe_and_for_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(1, "a\tb", True, None), (2, "[bold]x", False, datetime(2026, 11, 22, tzinfo=UTC))]
    output.print_table(("n", "text", "flag", "at"), rows, empty="nothing")
    piped = capsys.readouterr().out.splitlines()
    assert piped[0] == "1\ta\\x09b\tyes\t"
    assert piped[1].startswith("2\t[bold]x\tno\t2026-11-2")
    output.print_table(("n",), [], empty="nothing")
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    output.print_table(("n", "text", "flag", "at"), rows, empty="nothing")
    shown = capsys.readouterr().out
    assert "flag" in shown
    assert "[bold]x" in shown
    output.print_table(("n",), [], empty="nothing")
    assert capsys.readouterr().out == "nothing\n"


def test_json_says_moments_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"at": datetime(2026, 11, 22, 8, tzinfo=UTC), "where": Path("/x"), "name": "Märta"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"at": "2026-11-22T08:00:00+00:00", "where": "/x", "name": "Märta"}
    assert "Märta" in out


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_a_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, goes_on: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    if goes_on:
        output.confirm("Remove it?", yes=False)
    else:
        with pytest.raises(Problem, match="nothing changed"):
            output.confirm("Remove it?", yes=False)
    said = capsys.readouterr()
    assert (said.out, said.err.startswith("Remove it?")) == ("", True)


def test_yes_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    output.confirm("Remove it?", yes=True)


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("Reading", 3) as step:
        step()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("account", "home"), [(0, "/var/lib/organic-mail"), (1000, "/home/olu/.local/share/organic-mail")]
)
def test_where_home_is(account: int, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: account)
    monkeypatch.setenv("HOME", "/home/olu")
    assert output.default_home() == Path(home)
