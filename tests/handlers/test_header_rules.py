"""Rules about fields of a header: the first that fits decides (behaviours 56)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.header_rules import RuleAction, checked_rules, rule_for
from handlers.message import parse
from tests.wire.community import mail


def action(rules: str, **fields: str) -> RuleAction | None:
    found = rule_for(rules, parse(mail(**fields)))
    return found.action if found else None


@pytest.mark.parametrize(
    ("rules", "fields", "expected"),
    [
        ("hold X-Spam-Flag: YES", {"X_Spam_Flag": "Yes"}, RuleAction.HOLD),
        ("hold X-Spam-Flag: YES", {"X_Spam_Flag": "No"}, None),
        ("hold X-Spam-Flag: YES", {}, None),
        ("refuse x-spam-score: *", {"X_Spam_Score": "5.2"}, RuleAction.REFUSE),
        ("discard Subject: *viagra*", {"subject": "Cheap Viagra here"}, RuleAction.DISCARD),
        ("discard Subject: *grüße*", {"subject": "=?utf-8?q?Viele_Gr=C3=BC=C3=9Fe?="}, RuleAction.DISCARD),
        ("discard Subject: viagra", {"subject": "Cheap viagra"}, None),
        ("hold Subject: a*\ndiscard Subject: ab*", {"subject": "abc"}, RuleAction.HOLD),
        ("discard Subject: ab*\nhold Subject: a*", {"subject": "abc"}, RuleAction.DISCARD),
        ("", {"subject": "abc"}, None),
    ],
)
def test_the_first_that_fits(rules: str, fields: dict[str, str], expected: RuleAction | None) -> None:
    assert action(rules, **fields) is expected


def test_any_field_of_the_name_counts() -> None:
    raw = b"X-Spam: no\r\nX-Spam: maybe\r\n\tyes\r\n" + mail()
    found = rule_for("hold X-Spam: maybe yes", parse(raw))
    assert found is not None


@pytest.mark.parametrize("rules", ["X-Spam-Flag: YES", "hold X-Spam-Flag", "burn X-Spam: *", "hold : x", "hold X Y: z"])
def test_what_is_no_rule(rules: str) -> None:
    with pytest.raises(ValueError, match="is no rule; write for example: hold X-Spam-Flag: YES"):
        checked_rules(rules)


def test_not_too_many() -> None:
    with pytest.raises(ValueError, match="at most 50"):
        checked_rules("hold X: y\n" * 51)


@given(st.text(max_size=200))
def test_whatever_is_typed_is_read(text: str) -> None:
    try:
        rules = checked_rules(text)
    except ValueError:
        return
    rule_for(rules, parse(mail()))
