"""Is the author of From really the one who sent this? (spec/mail.md §2.4)"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime

from handlers.incoming import Authentication, Envelope, Verdict
from handlers.message import Message
from organic_mail.config import Settings
from organic_mail.resolver import Dns
from organic_mail.sender_check import came_by_our_relay, judged


async def authenticate(
    envelope: Envelope, message: Message, settings: Settings, dns: Dns, threads: Executor, now: datetime
) -> Authentication:
    """With `smtp.authentication = "off"` every From is believed; else SPF, DKIM and DMARC decide, in a thread."""
    by_our_relay = came_by_our_relay(envelope, settings)
    if settings.smtp.authentication == "off":
        return Authentication(Verdict.ALIGNED, by_our_relay=by_our_relay)
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(threads, judged, envelope, message, settings, dns, now)
    return replace(found, by_our_relay=by_our_relay)
