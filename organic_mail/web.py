"""The web part: stopping the mail with one press, and what an operator's machines ask (contract §6).

No login, no cookie, no script, no redirect: whoever has the address of a page may press its one button.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from handlers.facts import Host, id_of
from handlers.page import content_security_policy, leave_page, left_page, trouble_page, unknown_page
from handlers.token import read_unsubscribe_token
from organic_mail import joining
from organic_mail.metrics import exposition
from storage import lists, members
from storage.database import Database, StorageTrouble
from storage.models import MailingList, Status

MOST_BODY = 16 * 1024
"""Bytes: what a mail provider or our own button sends has some thirty."""
HEALTH_SECONDS = 5.0
_HERE = (Status.ACTIVE, Status.PAUSED)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whom the mail reaches that a page can stop."""

    membership_id: int
    mailing_list: MailingList
    address: str
    language: str
    here: bool  # the mail has not stopped yet


class Web:
    """`accepts`: is mail taken in now? `connections`: how many have come to hand in mail. `committed`: see Receiver.
    `sts_policy`: what MTA-STS says of us, "" for nothing."""

    def __init__(
        self,
        database: Database,
        host: Host,
        *,
        accepts: Callable[[], bool] = lambda: True,
        connections: Callable[[], int] = lambda: 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        committed: Callable[[], None] = lambda: None,
        sts_policy: str = "",
    ) -> None:
        self._database = database
        self._host = host
        self._accepts = accepts
        self._connections = connections
        self._clock = clock
        self._committed = committed
        self._sts_policy = sts_policy
        self._headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": content_security_policy(),
            "Referrer-Policy": "no-referrer",  # the address of the page is a secret
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }

    def application(self) -> Starlette:
        routes = [
            Route("/u/{token}", self.show, methods=["GET"]),
            Route("/u/{token}", self.stop, methods=["POST"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]
        if self._sts_policy:
            routes.append(Route("/.well-known/mta-sts.txt", self.sts, methods=["GET"]))
        handlers = {StorageTrouble: self._trouble, HTTPException: self._not_here}
        application = Starlette(routes=routes, exception_handlers=handlers)
        application.router.redirect_slashes = False  # RFC 8058 §3.1: no redirects
        return application

    async def show(self, request: Request) -> Response:
        reader = await asyncio.to_thread(self._database.read, lambda session: self._reader(session, request))
        if reader is None:
            return self._unknown()
        if not reader.here:
            return self._left(reader)
        return self._page(leave_page(reader.mailing_list, address=reader.address, language=reader.language))

    async def stop(self, request: Request) -> Response:
        """The button, or the one click of a mail program (RFC 8058 §3.2). Whatever was sent means the same."""
        await _drop_body(request)
        reader = await asyncio.wrap_future(self._database.submit(lambda session: self._leave(session, request)))
        if reader is None:
            return self._unknown()
        self._committed()
        return self._left(reader)

    async def health(self, request: Request) -> Response:
        """200 when mail is accepted and the database answers, also to one who wants to write."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await asyncio.wrap_future(self._database.submit(lambda _: None))
        except (StorageTrouble, TimeoutError):
            return PlainTextResponse("the database does not answer\n", 503)
        if not self._accepts():
            return PlainTextResponse("no mail is accepted\n", 503)
        return PlainTextResponse("ok\n")

    async def sts(self, request: Request) -> Response:
        """How mail to us is encrypted (RFC 8461 §3.3)."""
        return PlainTextResponse(self._sts_policy)

    async def metrics(self, request: Request) -> Response:
        if not _from_this_machine(request):
            return self._unknown()
        text = await asyncio.to_thread(self._database.read, lambda session: exposition(session, self._connections()))
        return Response(text, media_type="text/plain; version=0.0.4")

    def _reader(self, session: Session, request: Request) -> _Reader | None:
        """Raises HTTPException for an address that we did not make."""
        membership_id = read_unsubscribe_token(self._host.secrets, request.path_params["token"])
        membership = members.membership_by_id(session, membership_id) if membership_id is not None else None
        member = members.member_by_id(session, membership.member_id) if membership else None
        mailing_list = lists.list_by_id(session, membership.list_id) if membership else None
        if membership is None or member is None or mailing_list is None:
            return None
        here = membership.status in _HERE and mailing_list.removed_at is None
        address = members.primary_address(session, id_of(member))
        return _Reader(id_of(membership), mailing_list, address, member.language, here)

    def _leave(self, session: Session, request: Request) -> _Reader | None:
        reader = self._reader(session, request)
        if reader is not None and reader.here:
            now = self._clock()
            answer = joining.Answer(f"web:{reader.membership_id}:{now.isoformat()}", "")
            joining.leave(session, self._host, membership_id=reader.membership_id, answer=answer, now=now)
        return reader

    def _page(self, html: str, status: int = 200) -> Response:
        return HTMLResponse(html, status, self._headers)

    def _left(self, reader: _Reader) -> Response:
        page = left_page(self._host, reader.mailing_list, address=reader.address, language=reader.language)
        return self._page(page)

    def _unknown(self) -> Response:
        return self._page(unknown_page(self._host), 404)

    def _trouble(self, request: Request, trouble: Exception) -> Response:
        log.error("a page cannot be answered", reason=str(trouble))
        page = self._page(trouble_page(self._host), 503)
        page.headers["Retry-After"] = "120"
        return page

    def _not_here(self, request: Request, refusal: Exception) -> Response:
        if not isinstance(refusal, HTTPException) or refusal.status_code == 404:
            return self._unknown()
        return PlainTextResponse(
            f"{refusal.detail}\n", refusal.status_code, {**self._headers, **(refusal.headers or {})}
        )


async def _drop_body(request: Request) -> None:
    """Read it to its end, so that the connection can be kept. Raises HTTPException when it is too long."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BODY:
            raise HTTPException(413, headers={"Connection": "close"})


def _from_this_machine(request: Request) -> bool:
    """A proxy in front says so by fields of its own (RFC 7239 §4): then somebody else asks."""
    names = request.headers.keys()
    if any(name == "forwarded" or name.startswith("x-forwarded-") for name in names):
        return False
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
