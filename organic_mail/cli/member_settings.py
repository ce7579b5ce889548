"""The settings of a person and of her places on lists, as `member show` and `member set` have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from organic_mail.cli.words import one_of, yes_or_no

if TYPE_CHECKING:
    from sqlmodel import Session

    from handlers.token import Secrets
    from storage.models import Member

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OF_A_MEMBERSHIP = (
    "delivery", "role", "own_posts", "second_copy", "listed", "line", "weekday", "status", "moderated", "trusted",
)  # fmt: skip
OF_THE_LISTING = ("listed", "line")


def set_listed(session: Session, membership_id: int, said: Mapping[str, Any]) -> None:
    """What she says about the list of members; a line alone means that she wants to stand there."""
    from datetime import UTC, datetime

    from storage.directory import listing_of, set_listing

    before = listing_of(session, membership_id)
    is_listed = said.get("listed", True)
    line = said.get("line", before.line if before else "")
    set_listing(session, membership_id=membership_id, is_listed=is_listed, line=line, now=datetime.now(UTC))


def _in_directory(session: Session, membership_id: int) -> dict[str, Any]:
    from storage.directory import listing_of, vouched_by

    said, vouched = listing_of(session, membership_id), vouched_by(session, membership_id)
    return {
        "listed": said is not None and said.is_listed,
        "line": said.line if said else "",
        "vouched_by": vouched.voucher if vouched else "",
        "vouched_at": vouched.at if vouched else None,
    }


def _score(session: Session, member: Member, secrets: Secrets) -> float:
    """What speaks against the address that her mail goes to."""
    from datetime import UTC, datetime

    from handlers.facts import id_of
    from organic_mail.bouncing import score_of
    from storage.members import primary_address

    return score_of(session, secrets, primary_address(session, id_of(member)), datetime.now(UTC).date())


def described(session: Session, member: Member, domain: str, secrets: Secrets) -> dict[str, Any]:
    from handlers.facts import id_of
    from storage.members import addresses_of, memberships_of
    from storage.models import Status
    from storage.mutes import muted_threads

    muted = muted_threads(session, id_of(member))
    return {
        "name": member.name,
        "alias": f"{member.alias}@{domain}",
        "addresses": [each.address for each in addresses_of(session, id_of(member))],
        "language": member.language,
        "timezone": member.timezone,
        "hour": member.hour,
        "address": "shown" if member.address_shown else "hidden",
        "share": member.share,
        "home": member.home,
        "bounces": _score(session, member, secrets),
        "lists": [
            {
                "list": mailing_list.name,
                "role": membership.role.value,
                "delivery": membership.delivery.value,
                "status": membership.status.value,
                "own_posts": membership.own_posts,
                "moderated": membership.moderated,
                "trusted": membership.trusted,
                "second_copy": membership.second_copy,
                "weekday": WEEKDAYS[membership.weekday],
                **_in_directory(session, id_of(membership)),
                "muted": [thread.subject for thread in muted if thread.list_id == mailing_list.id],
            }
            for mailing_list, membership in memberships_of(session, id_of(member))
            if membership.status != Status.LEFT
        ],
    }


def readers() -> dict[str, Callable[[str], Any]]:
    """How the settings of a person are written."""
    from organic_mail import config_values as values
    from storage import models

    return {
        "delivery": lambda text: models.DeliveryMode(one_of("each", "daily", "weekly", "none")(text)),
        "role": lambda text: models.Role(one_of("member", "moderator", "owner")(text)),
        "own_posts": yes_or_no,
        "second_copy": yes_or_no,
        "listed": yes_or_no,
        "line": values.one_line,
        "moderated": yes_or_no,
        "trusted": yes_or_no,
        "weekday": lambda text: WEEKDAYS.index(one_of(*WEEKDAYS)(text)),
        "status": one_of("active"),
        "name": values.one_line,
        "language": values.language,
        "timezone": values.timezone,
        "hour": lambda text: int(one_of(*map(str, range(24)))(text)),
        "address": lambda text: one_of("hidden", "shown")(text) == "shown",
        "share": one_of("never", "ask", "always"),
        "home": lambda text: values.domain(text) if text else "",
    }
