"""How things stand with another server, or in a space, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmodel import Session

from handlers.peer.control import Unreadable, read_canonical
from handlers.peer.roster import Roster
from handlers.peer.space import list_id_of, list_name, read_invitation
from organic_mail.peering import link_of
from organic_mail.relay_store import link_with
from organic_mail.rosters import current_roster
from storage import departures, peers, queue, relays
from storage import spaces as kept
from storage.models_spaces import Space

_STATES = {
    "none": "Nothing was agreed with {domain}.",
    "requested": "{domain} and we have begun to talk; nothing was agreed yet.",
    "offered": "We have shown {domain} our card, and wait for its answer.",
    "revealed": "Both servers know each other's card. Now both operators have to say: organic-mail peer approve",
    "approved-us": "You said yes. The operator of {domain} has not yet.",
    "approved-them": "The operator of {domain} said yes. You have not yet: organic-mail peer approve {domain}",
    "active": "We exchange mail with {domain}.",
    "suspended": "Mail with {domain} is suspended; to go on: organic-mail peer approve {domain}",
    "severed": "The link with {domain} has ended.",
}


def peer_view(session: Session, domain: str, now: datetime) -> dict[str, Any] | None:
    """What `peer show` tells of a server; None when there is nothing."""
    peer = peers.peer_at(session, domain)
    if peer is None:
        return None
    link = link_with(session, domain)
    heard = [moment for moment in (peer.heard_at, link.heard_at if link else None) if moment]
    posts, posts_since = relays.waiting_for(session, domain)
    waiting = [row for row in queue.queue_rows(session) if row.recipient.endswith(f"@{domain}")]
    try:
        card = link_of(peer).card
        about = {"community": card.operator, "contact": card.contact, "key": card.key_id, "software": card.software}
    except Unreadable:
        about = {}
    return {
        "domain": domain,
        "state": peer.state,
        "since": peer.changed_at,
        "you_approved": peer.said_yes,
        "they_approved": peer.they_said_yes,
        "reason": peer.reason,
        "heard_at": max(heard, default=None),
        "silent": bool(link and link.is_stale),
        **about,
        "spaces": [each["name"] for each in _shared(session, domain, now)],
        "posts_waiting": posts,
        "posts_waiting_since": posts_since,
        "waiting": len(waiting),
        "waiting_since": min((row.created_at for row in waiting), default=None),
        "last_reply": next((row.last_reply for row in waiting if row.last_reply), ""),
    }


def told(view: dict[str, Any]) -> Iterator[str]:
    """The same as sentences."""
    yield _STATES[view["state"]].format(domain=view["domain"]) + f" (Since {view['since']:%d %B %Y}.)"
    if view["reason"]:
        yield f"The reason: {view['reason']}"
    if view.get("key"):
        yield f"It is {view['community']}, run by {view['contact'] or 'somebody unnamed'}. Its key is {view['key']}."
    shared = ", ".join(view["spaces"])
    if shared:
        yield f"You share {shared} with it: what is written there goes to it, and what its members write comes to you."
    else:
        yield "You share no space with it, so no posts go there."
    if view["heard_at"]:
        yield f"The last mail from it came on {_moment(view['heard_at'])}."
    if view["silent"]:
        yield "We have not heard from it for two days or more. What is for it waits, for 30 days at most."
    if view["posts_waiting"]:
        posts = "1 post has" if view["posts_waiting"] == 1 else f"{view['posts_waiting']} posts have"
        yield f"{posts} not been acknowledged by it yet, the oldest since {_moment(view['posts_waiting_since'])}."
    if view["waiting"]:
        since = _moment(view["waiting_since"])
        mails = "1 mail waits" if view["waiting"] == 1 else f"{view['waiting']} mails wait"
        yield f"{mails} to go there, since {since}. {view['last_reply']}".strip()
    else:
        yield "No mail waits to go there."


def _moment(moment: datetime) -> str:
    return f"{moment:%d %B %Y at %H:%M} UTC"


def space_view(session: Session, space: Space, now: datetime) -> dict[str, Any]:
    """What `space show` tells."""
    roster = current_roster(session, space)
    return {
        "name": space.name,
        "space": space.id,
        "title": roster.title,
        "serial": roster.serial,
        "steward": roster.steward,
        "successor": roster.successor,
        "issued": roster.issued,
        "expires": roster.expires,
        "rules": {"notice": roster.rules.notice, "keep": roster.rules.keep, "max_servers": roster.rules.max_servers},
        "state": state_of(space),
        "entries": entries_of(session, roster, now),
        "lists": [each.name for each in kept.seats_of(session, space.id)],
        "asked": departures.count_asked(session, space.id),
        "waiting": [
            {"domain": peer.domain, "posts": posts, "since": since}
            for peer in peers.all_peers(session)
            for posts, since in [relays.waiting_for(session, peer.domain, space=space.id)]
            if posts
        ],
        "invited": [
            {"domain": each.domain, "list": each.list_name, "since": each.asked_at}
            for each in kept.open_invitations(session, space.id)
            if list_id_of(each.list_name, each.domain) not in {entry.list_id for entry in roster.entries}
        ],
    }


def state_of(space: Space) -> str:
    return "left" if space.left_at else "frozen" if space.frozen_at else "active"


def entries_of(session: Session, roster: Roster, now: datetime) -> list[dict[str, Any]]:
    """active, joining (and when), or left, whatever the roster says."""
    gone = {leave.domain for leave in kept.leaves_of(session, roster.space) if leave.serial >= roster.serial}
    return [
        {
            "domain": entry.domain,
            "list": list_name(entry.list_id, entry.domain),
            "state": "left" if entry.domain in gone else "active" if entry.counts(now) else "joining",
            "since": entry.since if isinstance(entry.since, datetime) else None,
        }
        for entry in roster.entries
    ]


def told_of_space(view: dict[str, Any]) -> Iterator[str]:
    """The same as sentences: who gets what, who asks, what waits."""
    yield f"{view['title']} ({view['space'][1:-1]})"
    if view["state"] == "left":
        yield "You have left this space. Nothing goes there, and nothing comes from there."
    if view["state"] == "frozen":
        yield "It is frozen, because its steward signed two different lists of who is in. Nothing goes out."
    for entry in view["entries"]:
        if entry["state"] == "joining":
            yield f"{entry['list']} of {entry['domain']} joins on {_moment(entry['since'])}."
        elif entry["state"] == "active":
            yield f"{entry['list']} of {entry['domain']} gets every post that is written to the space."
    for asked in view["invited"]:
        yield f"{asked['list']} of {asked['domain']} was asked on {asked['since']:%d %B %Y}, and has not answered."
    for each in view["waiting"]:
        posts = "1 post waits" if each["posts"] == 1 else f"{each['posts']} posts wait"
        yield f"{posts} for {each['domain']}, the oldest since {_moment(each['since'])}."
    if view["asked"]:
        posts = "1 post waits" if view["asked"] == 1 else f"{view['asked']} posts wait"
        yield f"{posts} for the word of those who wrote them; after a week without one they stay here."
    days = view["rules"]["keep"]
    yield f"Whoever joins is announced {view['rules']['notice']} hours before. Posts are kept for {days} days at most."
    yield f"Its steward is {view['steward']}; roster {view['serial']} holds until {view['expires']:%d %B %Y}."


def _shared(session: Session, domain: str, now: datetime) -> list[dict[str, Any]]:
    views = [space_view(session, space, now) for space in kept.all_spaces(session) if space.left_at is None]
    return [view for view in views if any(entry["domain"] == domain for entry in view["entries"])]


def space_rows(session: Session, ours: str, now: datetime) -> list[dict[str, Any]]:
    """What `space ls` prints: spaces that we are or were in, and those that a list of ours was asked into."""
    rows = []
    for space in kept.all_spaces(session):
        view = space_view(session, space, now)
        servers = len({entry["domain"] for entry in view["entries"]})
        row = {key: view[key] for key in ("name", "space", "title", "state", "serial", "steward", "lists")}
        rows.append({**row, "servers": servers})
    known = {(row["space"], name) for row in rows for name in row["lists"]}
    for asked in kept.invitations_for(session, ours):
        if asked.block and (asked.space_id, asked.list_name) not in known:
            found = read_invitation(read_canonical(asked.block))
            row = {"name": found.roster.name, "space": found.space, "title": found.roster.title, "state": "asked"}
            row |= {"serial": found.roster.serial, "steward": found.steward, "lists": [asked.list_name]}
            rows.append({**row, "servers": len({entry.domain for entry in found.roster.entries})})
    return rows
