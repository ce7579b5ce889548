"""Every reason that the code gives is one that can be told in another language."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from handlers.letter_words import words_of
from handlers.private import _TOO_MANY
from handlers.reasons import REASONS, told
from tests.words import HANDLERS

GIVERS = ("held", "awaiting_author", "Hold", "NotArrived")


def given(tree: ast.AST) -> Iterator[ast.expr]:
    """What stands where a reason is given: in the call, or in a variable of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in GIVERS:
            yield from (*node.args, *(each.value for each in node.keywords))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reason":
            yield node.value


def example(text: ast.expr) -> str:
    """A sentence with its fields filled in; "" when it is none."""
    pieces = text.values if isinstance(text, ast.JoinedStr) else [text]
    shown = [str(piece.value) if isinstance(piece, ast.Constant) else "Anna" for piece in pieces]
    return "".join(shown) if any(isinstance(piece, ast.Constant) for piece in pieces) and " " in "".join(shown) else ""


def test_every_reason_can_be_told() -> None:
    found = {
        example(text)
        for folder in (HANDLERS, HANDLERS.parent / "organic_mail")
        for path in folder.glob("*.py")
        if path.name not in {"tls_out.py", "receive.py", "decide.py", "moderation.py"}  # for the log alone, or pieced
        for text in given(ast.parse(path.read_text(encoding="utf-8")))
    } - {""}
    assert len(found) > 25
    assert {each for each in found if not _is_known(each)} == set()


def test_why_private_mail_did_not_arrive_can_be_told() -> None:
    """What a member hears: handlers.private gives it as the reply's text."""
    tree = ast.parse((HANDLERS / "private.py").read_text(encoding="utf-8"))
    told_to_members = [node for node in tree.body if getattr(node, "name", "") in ("decide_private", "_blocked")]
    found = [
        example(node.value)
        for function in told_to_members
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "text"
    ]
    assert len(found) == 3
    assert [each for each in (*found, _TOO_MANY.text) if not _is_known(f"{each}.")] == []


def _is_known(reason: str) -> bool:
    return told(reason, words_of("sv")) != reason


@pytest.mark.parametrize("reason", REASONS)
def test_each_is_itself_in_english(reason: str) -> None:
    whole = reason % {
        "who": "Anna <anna@example.org>",
        "other": "Tom",
        "address": "a@b.example",
        "most": 3,
        "text": "no",
        "command": "who",
        "rule": "X-Spam: yes",
    }
    assert told(whole, words_of("en")) == whole
    assert told(f"{whole} {REASONS[0]}", words_of("en")) == f"{whole} {REASONS[0]}"


def test_what_we_do_not_know_stays() -> None:
    assert told("Something else. And more", words_of("de")) == "Something else. And more"
