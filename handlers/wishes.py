"""What somebody asks to know, or to have changed about herself: actions of an Outcome."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendDirectory:
    """She wants to know who is on the list."""

    membership_id: int


@dataclass(frozen=True, slots=True)
class SetLine:
    """What stands in that list about her. line: "" is her name alone."""

    membership_id: int
    is_listed: bool
    line: str = ""


@dataclass(frozen=True, slots=True)
class WishData:
    """She wants to have everything that we keep about her."""

    member_id: int
    list_id: int


@dataclass(frozen=True, slots=True)
class AskToForget:
    """She wants to be forgotten, and is asked once more."""

    member_id: int
    list_id: int


@dataclass(frozen=True, slots=True)
class AskToMove:
    """She has a new address, and whoever has it is asked."""

    member_id: int
    list_id: int
    address: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Somebody wants to know how the list works, or its rules."""

    list_id: int
    address: str  # who asks
    member_id: int | None  # None: a stranger
    rules: bool
