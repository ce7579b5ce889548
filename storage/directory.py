"""The list of members: who agreed to stand in it, with which line; and by whose yes somebody came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from storage.models import Member, Membership, Status
from storage.models_people import Listing, Vouching

_HERE = (Status.ACTIVE, Status.PAUSED)


@dataclass(frozen=True, slots=True)
class Listed:
    """One member who agreed to be listed."""

    name: str
    alias: str
    line: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody came to a list by a member's yes."""

    membership_id: int
    name: str
    voucher: str
    at: datetime


def listing_of(session: Session, membership_id: int) -> Listing | None:
    """What she said about the list of members; None when she never did."""
    return session.get(Listing, membership_id)


def set_listing(session: Session, *, membership_id: int, is_listed: bool, line: str, now: datetime) -> None:
    session.merge(Listing(membership_id=membership_id, is_listed=is_listed, line=line, said_at=now))
    session.flush()


def listed_members(session: Session, list_id: int) -> list[Listed]:
    """By name."""
    query = (
        select(Member.name, Member.alias, Listing.line)
        .where(Membership.list_id == list_id, col(Membership.status).in_(_HERE), Member.id == Membership.member_id)
        .where(Listing.membership_id == Membership.id, col(Listing.is_listed))
    )
    return sorted((Listed(*row) for row in session.exec(query)), key=lambda each: (each.name.casefold(), each.alias))


def vouch(session: Session, *, membership_id: int, voucher_id: int, now: datetime) -> None:
    """She came by this member's yes."""
    session.merge(Vouching(membership_id=membership_id, voucher_id=voucher_id, vouched_at=now))
    session.flush()


def vouchings_of(session: Session, list_id: int) -> list[Vouched]:
    """Of those who are on the list, in the order in which they came."""
    newcomer, voucher = aliased(Member), aliased(Member)
    query = (
        select(Vouching, newcomer, voucher)
        .join(Membership, col(Membership.id) == Vouching.membership_id)
        .join(newcomer, col(newcomer.id) == Membership.member_id)
        .join(voucher, col(voucher.id) == Vouching.voucher_id)
        .where(Membership.list_id == list_id, col(Membership.status).in_(_HERE))
        .order_by(col(Vouching.vouched_at), col(Membership.id))
    )
    return [
        Vouched(row.membership_id, she.name or she.alias, by.name or by.alias, row.vouched_at)
        for row, she, by in session.exec(query)
    ]


def vouched_by(session: Session, membership_id: int) -> Vouched | None:
    """By whose yes she came; None when by her own, or the operator's."""
    membership = session.get(Membership, membership_id)
    found = vouchings_of(session, membership.list_id) if membership else []
    return next((each for each in found if each.membership_id == membership_id), None)
