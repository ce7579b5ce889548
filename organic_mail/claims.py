"""Which deliveries are ours at this moment, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from storage.queue import Claimed


class Claims:
    """Moments are of the event loop's clock, which no one sets back."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[Claimed, float]] = {}
        self._of_post: Counter[int | None] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, rows: Iterable[Claimed], until: float) -> None:
        for row in rows:
            if row.id in self._held:
                self.let_go(self._held[row.id][0])
            self._held[row.id] = row, until
            self._of_post[row.post_id] += 1

    def are_ours(self, claimed: Claimed, moment: float) -> bool:
        """Not when the lease ran out: another daemon may have it now, or we again under another claim."""
        held, until = self._held.get(claimed.id, (None, 0.0))
        return held is claimed and moment < until

    def let_go(self, claimed: Claimed) -> None:
        if claimed.id in self._held and self._held[claimed.id][0] is claimed:
            del self._held[claimed.id]
            self._of_post[claimed.post_id] -= 1
            if not self._of_post[claimed.post_id]:
                del self._of_post[claimed.post_id]

    def of_post(self, post_id: int | None) -> int:
        return self._of_post[post_id]

    def ending_before(self, moment: float) -> list[int]:
        return [row_id for row_id, (_, until) in self._held.items() if until < moment]

    def all_rows(self) -> list[Claimed]:
        return [row for row, _ in self._held.values()]

    def renew(self, ids: Iterable[int], until: float) -> None:
        for row_id in ids:
            if row_id in self._held:
                self._held[row_id] = self._held[row_id][0], until
