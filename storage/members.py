"""Persons, their addresses and their alias. What ties a person to a list stands in memberships.py.

An address is always looked up by its key (handlers.address.address_key); storage never computes one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from storage.models import Address, Member


class AddressTaken(Exception):
    """The address belongs to a member already."""


class AliasTaken(Exception):
    """The alias was given to somebody before; it is never given again."""


class LastAddress(Exception):
    """A member keeps at least one address."""


def member_by_id(session: Session, member_id: int) -> Member | None:
    raise NotImplementedError


def member_of_address(session: Session, key: str) -> Member | None:
    """Whose address is it, primary or second?"""
    raise NotImplementedError


def alias_owner(session: Session, alias: str) -> Member | None:
    """Who has, or ever had, this alias (a local part in our domain, any case)?"""
    raise NotImplementedError


def aliases_for(session: Session, keys: Iterable[str]) -> dict[str, str]:
    """Address key -> alias, for those keys that belong to a member."""
    raise NotImplementedError


def addresses_of(session: Session, member_id: int) -> list[Address]:
    """All addresses of a member, the primary one first."""
    raise NotImplementedError


def primary_address(session: Session, member_id: int) -> str:
    """Where her mail goes, as she spelt it. Raises LookupError for an unknown member."""
    raise NotImplementedError


def add_member(
    session: Session,
    *,
    name: str,
    alias: str,
    address: str,
    key: str,
    language: str = "en",
    timezone: str = "UTC",
    now: datetime,
) -> Member:
    """A new person with her first address. Raises AddressTaken, AliasTaken."""
    raise NotImplementedError


def update_member(
    session: Session,
    *,
    member_id: int,
    name: str | None = None,
    language: str | None = None,
    timezone: str | None = None,
    hour: int | None = None,
    address_shown: bool | None = None,
    share: str | None = None,
    home: str | None = None,
) -> Member:
    """Change what is given, leave the rest. Raises LookupError for an unknown member. The alias never changes."""
    raise NotImplementedError


def add_address(session: Session, *, member_id: int, address: str, key: str, now: datetime) -> Address:
    """A second address: she may write from it, her mail still goes to the primary one. Raises AddressTaken."""
    raise NotImplementedError


def remove_address(session: Session, *, member_id: int, key: str) -> bool:
    """Take an address away; when it was the primary one, her oldest other one becomes it.

    False when it is not hers. Raises LastAddress.
    """
    raise NotImplementedError
