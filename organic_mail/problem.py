"""What the operator can put right."""

from __future__ import annotations


class Problem(Exception):
    """Something that the operator can put right. The text says what is wrong and names the cure; each line of
    it can stand alone after `error: `."""
