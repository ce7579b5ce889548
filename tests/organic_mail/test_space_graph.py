"""The drawing of a space can be read, however many servers it has."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest

from organic_mail.space_graph import Graph, drawn

SVG = "{http://www.w3.org/2000/svg}"
LETTER, LINE = 8, 16  # pixels of 14 px


def graph(servers: int) -> Graph:
    names = ["oak.example", *(f"server-{number:02d}.neighbours.example" for number in range(1, servers))]
    states = [(name, "joining" if place % 7 == 3 else "active") for place, name in enumerate(names)]
    links = tuple(("oak.example", name, place != 2) for place, name in enumerate(names[1:6], start=1))
    return Graph("Plum <Street>", tuple(states), links)


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of each text."""
    found = {}
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        words, x, y = text.text or "", float(text.get("x", 0)), float(text.get("y", 0))
        size = 22 / 14 if "22px" in (text.get("style") or "") else 1
        width = LETTER * size * len(words)
        left = {"middle": x - width / 2, "end": x - width}.get(text.get("text-anchor", ""), x)
        found[words] = (left, y - LINE * size, left + width, y)
    return found


@pytest.mark.parametrize("servers", [1, 2, 3, 5, 6, 7, 12, 13, 40, 41, 150])
def test_no_words_stand_over_others_or_outside(servers: int) -> None:
    svg = drawn(graph(servers))
    found = boxes(svg)
    assert len(found) == servers + 3
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for left, top, right, bottom in found.values():
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    for (one, a), (other, b) in combinations(found.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, other)


def test_it_shows_all_servers_and_our_links_alone() -> None:
    svg = drawn(graph(12))
    root = ElementTree.fromstring(svg)
    lines = list(root.iter(f"{SVG}line"))
    assert len(lines) == 5
    assert [bool(line.get("stroke-dasharray")) for line in lines] == [False, True, False, False, False]
    assert len(list(root.iter(f"{SVG}circle"))) == 12 + 1, "and the ring"
    words = " ".join(boxes(svg))
    assert "Links between the others are theirs to know." in words
    assert "a broken one is suspended, an empty dot is about to join." in words
    assert "Plum <Street>" in words


def test_it_follows_the_light() -> None:
    svg = drawn(graph(2))
    assert "prefers-color-scheme: dark" in svg
    assert "currentColor" in svg
    assert "suspended" not in svg
