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

_APART = 30  # pixels between two names that stand above each other
_LEAST_RADIUS = 110
_LETTER = 8.2  # pixels, of the widest of 14 px
_SHOWN = 32  # letters of a name
_TOP, _BOTTOM = 100, 110
_LOOK = """<style>
svg { color: #1a202c; --ours: #2b6cb0; --joins: #b7791f; --link: #4a7fb5; --ring: #e2e8f0; --ground: #ffffff }
@media (prefers-color-scheme: dark) {
  svg { color: #edf2f7; --ours: #63b3ed; --joins: #f6ad55; --link: #7fb0de; --ring: #2d3748; --ground: #1a202c }
}
svg { background: var(--ground) }
text { fill: currentColor; font: 14px system-ui, sans-serif }
</style>"""
_NOTE = "Links between the others are theirs to know."


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
    """As SVG, which every browser shows, light or dark. Names stand outside the circle, so that no line crosses one."""
    count = len(graph.servers)
    radius = max(_LEAST_RADIUS, round(_APART * count / 4))
    longest = max((len(_short(domain)) for domain, _ in graph.servers), default=0)
    middle = max(radius + 40 + round(_LETTER * longest), 230)
    width, height = 2 * middle, 2 * radius + _TOP + _BOTTOM
    centre = _TOP + radius
    places = {domain: _place(number, count, middle, centre, radius) for number, (domain, _) in enumerate(graph.servers)}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        _LOOK,
        f'<text x="{middle}" y="36" text-anchor="middle" style="font-size:22px">{escape(graph.title[:60])}</text>',
        f'<circle cx="{middle}" cy="{centre}" r="{radius}" fill="none" stroke="var(--ring)" stroke-width="2"/>',
    ]
    for one, other, flows in graph.links:
        if one in places and other in places:
            (x1, y1), (x2, y2) = places[one], places[other]
            dashes = "" if flows else ' stroke-dasharray="7 5"'
            line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="var(--link)" stroke-width="2"{dashes}/>'
            lines.append(line)
    for domain, state in graph.servers:
        lines += _server(domain, state, places[domain], middle, centre, radius)
    lines.append(f'<text x="{middle}" y="{height - 44}" text-anchor="middle">{_legend(graph)}</text>')
    lines.append(f'<text x="{middle}" y="{height - 20}" text-anchor="middle">{_NOTE}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _server(domain: str, state: str, place: tuple[int, int], middle: int, centre: int, radius: int) -> list[str]:
    (x, y), colour = place, "var(--ours)" if state == "active" else "var(--joins)"
    fill = colour if state == "active" else "var(--ground)"
    dot = f'<circle cx="{x}" cy="{y}" r="8" fill="{fill}" stroke="{colour}" stroke-width="3"/>'
    beside = round((x - middle) / radius, 2)
    if abs(beside) < 0.1:  # at the top and at the bottom there is room above and below
        at, anchor = (x, y - 18 if y < centre else y + 28), "middle"
    else:
        at, anchor = (x + (16 if beside > 0 else -16), y + 5), "start" if beside > 0 else "end"
    return [dot, f'<text x="{at[0]}" y="{at[1]}" text-anchor="{anchor}">{escape(_short(domain))}</text>']


def _legend(graph: Graph) -> str:
    said = ["Lines are our own links"]
    if any(not flows for _, _, flows in graph.links):
        said.append("a broken one is suspended")
    if any(state == "joining" for _, state in graph.servers):
        said.append("an empty dot is about to join")
    return f"{', '.join(said)}."


def _short(domain: str) -> str:
    return domain if len(domain) <= _SHOWN else f"{domain[: _SHOWN - 1]}…"


def _place(number: int, of: int, middle: int, centre: int, radius: int) -> tuple[int, int]:
    """Evenly in height on both sides, so that names at the top and at the bottom do not meet."""
    half = (of + 1) // 2
    is_right = number <= of // 2
    step = number if is_right else of - number
    steps = of / 2
    height = -math.cos(math.pi * step / steps) if half < 4 else 2 * step / steps - 1
    beside = math.sqrt(max(0.0, 1 - height * height))
    return round(middle + radius * (beside if is_right else -beside)), round(centre + radius * height)
