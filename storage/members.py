"""Persons, their addresses and alias, and what ties them to lists: invited, joined, left, come back.

A membership's row stays when she leaves, so that history stays. An address is always looked up by its key (handlers.address.address_key); storage never computes one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from storage.models import Address, DeliveryMode, MailingList, Member, Membership, Role, Status


class AddressTaken(Exception):
    """The address belongs to a member already."""


class AliasTaken(Exception):
    """The alias was given to somebody before; it is never given again."""


class LastAddress(Exception):
    """A member keeps at least one address."""


@dataclass(frozen=True, slots=True)
class Person:
    """One row of `member ls`."""

    member: Member
    address: str  # the primary one, as spelt by her
    membership: Membership


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


def membership(session: Session, list_id: int, member_id: int) -> Membership | None:
    """The row that ties the two, whatever its status (a LEFT one too)."""
    raise NotImplementedError


def membership_by_id(session: Session, membership_id: int) -> Membership | None:
    raise NotImplementedError


def memberships_of(session: Session, member_id: int) -> list[tuple[MailingList, Membership]]:
    """All of a person's memberships, LEFT ones too, in lists that were not removed, by list name."""
    raise NotImplementedError


def invite(
    session: Session,
    *,
    list_id: int,
    member_id: int,
    delivery: DeliveryMode,
    role: Role = Role.MEMBER,
    now: datetime,
) -> Membership:
    """Status INVITED, also for one who had left; one who is on the list stays as she is."""
    raise NotImplementedError


def join(
    session: Session,
    *,
    list_id: int,
    member_id: int,
    leave_token: str,
    delivery: DeliveryMode | None = None,
    role: Role | None = None,
    now: datetime,
) -> Membership:
    """Status ACTIVE, from whatever it was.

    delivery and role: None keeps those of the invitation or of her last time, else the list's default and MEMBER.
    leave_token: freshly minted; it is stored as her List-Unsubscribe token unless she has one. Raises TokenTaken.
    """
    raise NotImplementedError


def leave(session: Session, *, membership_id: int) -> bool:
    """Status LEFT at once; her waiting deliveries of this list are dropped. False when she had left already."""
    raise NotImplementedError


def come_back(session: Session, *, membership_id: int, now: datetime) -> bool:
    """The answer to a goodbye: LEFT becomes ACTIVE with role and delivery as before. False when she had not left."""
    raise NotImplementedError


def update_membership(
    session: Session,
    *,
    membership_id: int,
    delivery: DeliveryMode | None = None,
    role: Role | None = None,
    own_posts: bool | None = None,
    weekday: int | None = None,
) -> Membership:
    """Change what is given, leave the rest. weekday: Monday is 0. Raises LookupError for an unknown membership."""
    raise NotImplementedError


def people_of(
    session: Session,
    list_id: int,
    *,
    statuses: Collection[Status] = (Status.ACTIVE, Status.PAUSED, Status.INVITED),
    roles: Collection[Role] = tuple(Role),
) -> Iterator[Person]:
    """Who is on the list, by address; streamed, so read it inside the transaction."""
    raise NotImplementedError


def count_members(session: Session, list_id: int) -> int:
    """How many are on the list: active and paused."""
    raise NotImplementedError


def share_a_list(session: Session, *, member_id: int, other_id: int) -> bool:
    """Are both on one list (active or paused), so that one may write to the other's alias?"""
    raise NotImplementedError
