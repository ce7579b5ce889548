"""LMTP: what an MTA of our own speaks to us when it stands in front (RFC 2033)."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.outcome import TRY_LATER
from handlers.reply import Reply
from handlers.smtp_reply import UNKNOWN_COMMAND
from organic_mail.smtp_session import MailSession


class LmtpSession(MailSession):
    """The same as SMTP, but for its greeting and an answer for each recipient."""

    async def smtp_LHLO(self, name: str) -> None:  # noqa: N802
        await super().smtp_EHLO(name)

    async def smtp_EHLO(self, name: str) -> None:  # noqa: N802
        await self._say(UNKNOWN_COMMAND)  # RFC 2033 §4.1

    async def smtp_HELO(self, name: str) -> None:  # noqa: N802
        await self._say(UNKNOWN_COMMAND)

    def _refused(self, reply: Reply) -> Sequence[Reply]:
        return (reply,) * len(self._recipients)

    async def _decided(self, content: bytes) -> Sequence[Reply]:
        envelope = self._envelope()
        later: Sequence[Reply] = self._refused(TRY_LATER)
        return await self._within_time(self._intake.receive_each(envelope, content), later)
