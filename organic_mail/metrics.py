"""How much there is of everything, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlmodel import Session

from storage.counts import Counts, counts


class _Collector:
    def __init__(self, counted: Counts, connections: int) -> None:
        self._counted = counted
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        queue = GaugeMetricFamily("organic_mail_queue", "Copies and letters by state.", labels=["state"])
        for state, number in self._counted.deliveries.items():
            queue.add_metric([state.value], number)
        yield queue
        yield _gauge("posts", "Posts in the archive.", self._counted.posts)
        yield _gauge("held", "Messages that wait for a person to decide.", self._counted.held)
        yield _gauge("shunted", "Messages that we could not handle.", self._counted.shunts)
        yield _gauge("connections", "Clients that hand in mail now.", self._connections)


def exposition(session: Session, connections: int) -> bytes:
    """The text format, version 0.0.4. Sent copies are counted until their rows are forgotten."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counts(session), connections))
    return generate_latest(registry)


def _gauge(name: str, meaning: str, number: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"organic_mail_{name}", meaning, value=number)
