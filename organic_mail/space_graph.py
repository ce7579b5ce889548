"""A drawing of a space: its servers in a circle, and the links that we know of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from sqlmodel import Session

from handlers.peer.handshake import State
from organic_mail.rosters import current_roster
from storage import peers
from storage.models_spaces import Space

_SIZE, _RADIUS, _DOT = 640, 220, 9  # pixels
_COLOURS = {"active": "#2b6cb0", "joining": "#a0aec0"}


@dataclass(frozen=True, slots=True)
class Graph:
    """servers: domain and state, "active" or "joining". links: pairs of domains and whether mail flows now."""

    title: str
    servers: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str, bool], ...]


def graph_of(session: Session, space: Space, ours: str, now: datetime) -> Graph:
    """A server knows no links but its own; where others are linked is nobody else's business."""
    roster = current_roster(session, space)
    states = {entry.domain: "active" if entry.counts(now) else "joining" for entry in roster.entries}
    links = tuple(
        (ours, peer.domain, peer.state == State.ACTIVE)
        for peer in peers.all_peers(session)
        if peer.domain in states and peer.state in {State.ACTIVE, State.SUSPENDED}
    )
    return Graph(roster.title, tuple(sorted(states.items())), links)


def drawn(graph: Graph) -> str:
    """As SVG, which every browser shows."""
    places = {domain: _place(number, len(graph.servers)) for number, (domain, _) in enumerate(graph.servers)}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SIZE}" height="{_SIZE}" font-family="sans-serif">',
        f'<text x="{_SIZE / 2:.0f}" y="36" text-anchor="middle" font-size="20">{escape(graph.title)}</text>',
    ]
    for one, other, flows in graph.links:
        if one in places:
            (x1, y1), (x2, y2) = places[one], places[other]
            dashes = "" if flows else ' stroke-dasharray="6 4"'
            lines.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#4a5568" stroke-width="2"{dashes}/>')
    for domain, state in graph.servers:
        x, y = places[domain]
        lines.append(f'<circle cx="{x}" cy="{y}" r="{_DOT}" fill="{_COLOURS[state]}"/>')
        lines.append(f'<text x="{x}" y="{y + 26}" text-anchor="middle" font-size="14">{escape(domain)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _place(number: int, of: int) -> tuple[int, int]:
    angle = 2 * math.pi * number / of - math.pi / 2
    return round(_SIZE / 2 + _RADIUS * math.cos(angle)), round(_SIZE / 2 + _RADIUS * math.sin(angle))
