"""Persons, their addresses and alias, and what ties them to lists: invited, joined, left, come back.

A membership's row stays when she leaves, so that history stays.
An address is always looked up by its key (handlers.address.address_key); storage never computes one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import bindparam, func
from sqlmodel import Session, col, select

from storage import queue, tokens
from storage.letters import IN_LETTERS, begin_letters
from storage.models import Address, DeliveryMode, MailingList, Member, Membership, Role, Status, TokenAction


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


# Built once: intake asks these for every recipient and author.
_OF_ADDRESS = select(Member).join(Address).where(Address.key == bindparam("key"))
_OF_ALIAS = select(Member).where(Member.alias == bindparam("alias"))
_MEMBERSHIP = select(Membership).where(
    Membership.list_id == bindparam("list_id"), Membership.member_id == bindparam("member_id")
)


def member_by_id(session: Session, member_id: int) -> Member | None:
    return session.get(Member, member_id)


def member_of_address(session: Session, key: str) -> Member | None:
    """Whose address is it, primary or second?"""
    return session.exec(_OF_ADDRESS, params={"key": key}).first()


def alias_owner(session: Session, alias: str) -> Member | None:
    """Who has, or ever had, this alias (a local part in our domain, any case)?"""
    return session.exec(_OF_ALIAS, params={"alias": alias.lower()}).first()


def aliases_for(session: Session, keys: Iterable[str]) -> dict[str, str]:
    """Address key -> alias, for those keys that belong to a member."""
    query = select(Address.key, Member.alias).join(Member).where(col(Address.key).in_(set(keys)))
    return dict(session.exec(query).all())


def names_of_addresses(session: Session, list_id: int) -> dict[str, str]:
    """Address key -> what its owner is called, for everybody who is or was on the list."""
    on_list = select(Membership.member_id).where(Membership.list_id == list_id)
    query = select(Address.key, Member.name, Member.alias).join(Member).where(col(Member.id).in_(on_list))
    return {key: name or alias for key, name, alias in session.exec(query)}


def addresses_of(session: Session, member_id: int) -> list[Address]:
    """All addresses of a member, the primary one first."""
    query = select(Address).where(Address.member_id == member_id)
    return list(session.exec(query.order_by(col(Address.is_primary).desc(), col(Address.id))))


def addresses_like(session: Session, key: str, *, limit: int = 1000) -> list[str]:
    """Keys of addresses at the same domain or that begin in the same way: what a typing mistake may have meant."""
    local, _, domain = key.rpartition("@")
    same_domain = col(Address.key).endswith(f"@{domain}", autoescape=True)
    same_beginning = col(Address.key).startswith(local[:3], autoescape=True)
    return list(session.exec(select(Address.key).where(same_domain | same_beginning).limit(limit)))


def primary_address(session: Session, member_id: int) -> str:
    """Where her mail goes, as she spelt it. Raises LookupError for an unknown member."""
    query = select(Address.address).where(Address.member_id == member_id, col(Address.is_primary))
    address = session.exec(query).first()
    if address is None:
        raise LookupError(f"no member {member_id}")
    return address


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
    if alias_owner(session, alias):
        raise AliasTaken(alias)
    if member_of_address(session, key):
        raise AddressTaken(address)
    member = Member(name=name, alias=alias.lower(), language=language, timezone=timezone, created_at=now)
    session.add(member)
    session.flush()
    session.add(Address(member_id=_id(member), address=address, key=key, is_primary=True, created_at=now))
    session.flush()
    return member


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
    member = session.get(Member, member_id)
    if member is None:
        raise LookupError(f"no member {member_id}")
    changes = {
        "name": name,
        "language": language,
        "timezone": timezone,
        "hour": hour,
        "address_shown": address_shown,
        "share": share,
        "home": home,
    }
    _change(session, member, changes)
    return member


def add_address(session: Session, *, member_id: int, address: str, key: str, now: datetime) -> Address:
    """A second address: she may write from it, her mail still goes to the primary one. Raises AddressTaken."""
    if member_of_address(session, key):
        raise AddressTaken(address)
    row = Address(member_id=member_id, address=address, key=key, is_primary=False, created_at=now)
    session.add(row)
    session.flush()
    return row


def make_primary(session: Session, *, member_id: int, key: str) -> bool:
    """Her mail goes to this address of hers from now on. False when it is not hers."""
    addresses = addresses_of(session, member_id)
    wanted = next((row for row in addresses if row.key == key), None)
    if wanted is None:
        return False
    addresses[0].is_primary = False
    session.flush()  # first: only one of her addresses is the primary one at any moment
    wanted.is_primary = True
    session.flush()
    return True


def remove_address(session: Session, *, member_id: int, key: str) -> bool:
    """Take an address away; when it was the primary one, her oldest other one becomes it.

    False when it is not hers. Raises LastAddress.
    """
    addresses = addresses_of(session, member_id)
    gone = next((row for row in addresses if row.key == key), None)
    if gone is None:
        return False
    if len(addresses) == 1:
        raise LastAddress(gone.address)
    session.delete(gone)
    session.flush()  # first: only one of her addresses is the primary one at any moment
    if gone.is_primary:
        addresses[1].is_primary = True
        session.flush()
    return True


def membership(session: Session, list_id: int, member_id: int) -> Membership | None:
    """The row that ties the two, whatever its status (a LEFT one too)."""
    return session.exec(_MEMBERSHIP, params={"list_id": list_id, "member_id": member_id}).first()


def membership_by_id(session: Session, membership_id: int) -> Membership | None:
    return session.get(Membership, membership_id)


def memberships_of(session: Session, member_id: int) -> list[tuple[MailingList, Membership]]:
    """All of a person's memberships, LEFT ones too, in lists that were not removed, by list name."""
    query = (
        select(MailingList, Membership)
        .where(MailingList.id == Membership.list_id, Membership.member_id == member_id)
        .where(col(MailingList.removed_at).is_(None))
        .order_by(MailingList.name)
    )
    return [(mailing_list, row) for mailing_list, row in session.exec(query)]


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
    row = membership(session, list_id, member_id)
    if row is None:
        row = _new_membership(list_id=list_id, member_id=member_id, delivery=delivery, now=now)
        session.add(row)
    if row.status not in (Status.ACTIVE, Status.PAUSED):
        row.status = Status.INVITED
        row.delivery = delivery
        row.role = role
    session.flush()
    return row


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
    row = membership(session, list_id, member_id)
    if row is None:
        mode = delivery or session.get_one(MailingList, list_id).delivery
        row = _new_membership(list_id=list_id, member_id=member_id, delivery=mode, now=now)
        session.add(row)
    before = (row.status, row.delivery)
    if row.status is not Status.ACTIVE:
        row.status = Status.ACTIVE
        row.joined_at = now
    row.delivery = delivery or row.delivery
    row.role = role or row.role
    session.flush()
    _begin_letters(session, row, *before)
    if not tokens.leave_token(session, _id(row)):
        tokens.add_token(session, token=leave_token, action=TokenAction.LEAVE, membership=row, now=now)
    return row


def leave(session: Session, *, membership_id: int) -> bool:
    """Status LEFT at once; her waiting deliveries of this list are dropped. False when she had left already."""
    row = session.get(Membership, membership_id)
    if row is None or row.status is Status.LEFT:
        return False
    row.status = Status.LEFT
    session.flush()
    queue.drop_of_membership(session, membership_id)
    return True


def come_back(session: Session, *, membership_id: int, now: datetime) -> bool:
    """The answer to a goodbye: LEFT becomes ACTIVE with role and delivery as before. False when she had not left."""
    row = session.get(Membership, membership_id)
    if row is None or row.status is not Status.LEFT:
        return False
    row.status = Status.ACTIVE
    row.joined_at = now
    _begin_letters(session, row, Status.LEFT, row.delivery)
    session.flush()
    return True


def update_membership(
    session: Session,
    *,
    membership_id: int,
    delivery: DeliveryMode | None = None,
    role: Role | None = None,
    own_posts: bool | None = None,
    second_copy: bool | None = None,
    weekday: int | None = None,
    moderated: bool | None = None,
    trusted: bool | None = None,
) -> Membership:
    """Change what is given, leave the rest. weekday: Monday is 0. Raises LookupError for an unknown membership."""
    row = session.get(Membership, membership_id)
    if row is None:
        raise LookupError(f"no membership {membership_id}")
    before = row.delivery
    changes = {
        "delivery": delivery,
        "role": role,
        "own_posts": own_posts,
        "second_copy": second_copy,
        "weekday": weekday,
        "moderated": moderated,
        "trusted": trusted,
    }
    _change(session, row, changes)
    _begin_letters(session, row, row.status, before)
    return row


def _begin_letters(session: Session, row: Membership, status: Status, delivery: DeliveryMode) -> None:
    """Her first letter has what comes from now on, unless she was paused or had letters before. Both: as they were."""
    had_letters = status in (Status.ACTIVE, Status.PAUSED) and delivery in IN_LETTERS
    if row.status is Status.ACTIVE and row.delivery in IN_LETTERS and not had_letters:
        begin_letters(session, row)


def people_of(
    session: Session,
    list_id: int,
    *,
    statuses: Collection[Status] = (Status.ACTIVE, Status.PAUSED, Status.INVITED),
    roles: Collection[Role] = tuple(Role),
) -> Iterator[Person]:
    """Who is on the list, by address; streamed, so read it inside the transaction."""
    query = (
        select(Member, Address.address, Membership)
        .where(Membership.list_id == list_id, col(Membership.status).in_(statuses), col(Membership.role).in_(roles))
        .where(Member.id == Membership.member_id, Address.member_id == Member.id, col(Address.is_primary))
        .order_by(Address.key)
        .execution_options(yield_per=500)
    )
    with session.exec(query) as rows:  # so that a reader who stops half-way leaves no cursor open
        for member, address, row in rows:
            yield Person(member, address, row)


def count_members(session: Session, list_id: int) -> int:
    """How many are on the list: active and paused."""
    on_list = col(Membership.status).in_((Status.ACTIVE, Status.PAUSED))
    return session.exec(select(func.count()).where(Membership.list_id == list_id, on_list)).one()


def _id(row: Member | Membership) -> int:
    return cast(int, row.id)  # a stored row has one


def _new_membership(*, list_id: int, member_id: int, delivery: DeliveryMode, now: datetime) -> Membership:
    return Membership(list_id=list_id, member_id=member_id, status=Status.INVITED, delivery=delivery, created_at=now)


def _change(session: Session, row: Member | Membership, changes: Mapping[str, object]) -> None:
    for key, value in changes.items():
        if value is not None:
            setattr(row, key, value)
    session.flush()
