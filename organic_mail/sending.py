"""What the deliverer and a transport ask of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from handlers.reply import Reply
from organic_mail.senders import Dial, Ready, Senders
from storage.queue import Claimed


@dataclass(frozen=True, slots=True)
class Calls:
    """`may_send`, `report` and `recode`: see `Senders`. `put_off` gives a delivery back to the queue for some seconds,
    with the reason; its attempt does not count. `limit`: connections, and copies in flight."""

    limit: int
    may_send: Callable[[Claimed], bool]
    report: Callable[[Ready, Reply], None]
    recode: Callable[[Ready], None]
    put_off: Callable[[Claimed, float, str], None]


class Sending(Protocol):
    """A transport at work: see `Senders`."""

    @property
    def suspect(self) -> bool: ...
    @property
    def pause(self) -> float: ...
    def forgive(self) -> None: ...
    def wait(self, recipient: str) -> tuple[float, str]:
        """Seconds for which a delivery had better not be begun, and why; asked before its copy is made."""
        ...

    def put(self, ready: Ready) -> None: ...
    def settled(self, claimed: Claimed) -> None: ...
    def tick(self) -> None: ...
    async def finish(self, seconds: float) -> None: ...


OpenSending = Callable[[Calls], Sending]


class OverOneHop(Senders):
    """All mail to one next hop: what waits for one recipient waits for all."""

    def __init__(self, dial: Dial, calls: Calls) -> None:
        super().__init__(dial, limit=calls.limit, may_send=calls.may_send, report=calls.report, recode=calls.recode)

    def wait(self, recipient: str) -> tuple[float, str]:
        return 0.0, ""
