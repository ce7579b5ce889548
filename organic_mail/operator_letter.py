"""Letters to who runs the server, when somebody gave an address for that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host
from handlers.notice import Notice, NoticeKind
from handlers.template import Value
from organic_mail import notices


def tell_operator(
    session: Session, host: Host, kind: NoticeKind, values: Mapping[str, Value], *, cause: str, now: datetime
) -> None:
    """At most one letter for one cause."""
    if not host.operator:
        return
    letter = Notice(
        kind,
        Mailbox("", host.operator),
        host.language,
        None,
        reply_to=f"postmaster@{host.domain}",
        values=values,
    )
    notices.send(session, host, letter, cause=cause, now=now)
