"""A message that we failed at, tried once more."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.incoming import Envelope
from organic_mail.logs import without_log
from organic_mail.problem import Problem
from organic_mail.receive import Receiver
from storage import queue
from storage.contents import read_content
from storage.database import Database
from storage.models_shunts import Shunt
from storage.shunts import drop_shunt, shunt_by_id


async def retry_shunt(database: Database, receiver: Receiver, shunt_id: int, *, now: datetime) -> None:
    """Receive it again as it came, or send it again when it failed on its way out; then it is no longer set aside.

    Raises Problem when it fails again: it stays.
    """
    shunt, raw = database.read(lambda session: _shunt(session, shunt_id))
    delivery_id = shunt.delivery_id
    if delivery_id is not None:
        database.write(lambda session: queue.retry(session, [delivery_id], now=now))
    else:
        with without_log():
            reply = await receiver.receive(Envelope(shunt.envelope_sender, tuple(shunt.recipients.split())), raw)
        if reply.code != 250:
            raise Problem(f"it was not taken this time either: {reply.code} {reply.text}; it stays set aside")
    database.write(lambda session: drop_shunt(session, shunt_id))


def _shunt(session: Session, shunt_id: int) -> tuple[Shunt, bytes]:
    shunt = shunt_by_id(session, shunt_id)
    if shunt is None:
        raise Problem(f"nothing with the number {shunt_id} was set aside; see what was: organic-mail shunt ls")
    return shunt, read_content(session, shunt.content_id)
