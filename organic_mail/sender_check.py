"""Gathers the evidence about who sent a message (SPF, DKIM, what an MTA of ours has found) and has it judged."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from functools import lru_cache, partial

from handlers import dmarc
from handlers.address import NoSingleAuthor, address_key, author_of
from handlers.incoming import Authentication, Envelope
from handlers.message import Message
from handlers.results import Arrival, arrival_at_relays, is_within, provider_results, trusted_results
from handlers.verdict import Evidence, judge, settled, without_evidence
from organic_mail import dkim_check, spf_check
from organic_mail.config import Settings
from organic_mail.imap_profile import is_providers
from organic_mail.resolver import TOTAL_SECONDS, Dns, DnsTrouble, NoSuchName


def judged(envelope: Envelope, message: Message, settings: Settings, dns: Dns, now: datetime) -> Authentication:
    """The verdict of spec/mail.md §2.4, after at most 20 seconds of DNS. Never raises.

    What an MTA of ours has checked is believed; the rest is checked here, SPF only when it is needed.
    """
    try:
        author = address_key(author_of(message).address).rpartition("@")[2]
    except NoSingleAuthor as problem:
        return without_evidence(problem.reason)
    our_domain = settings.community.domain
    dns = dns.within(TOTAL_SECONDS)
    came = _arrival(envelope, message, settings)
    evidence: list[Evidence] = []
    if _came_by_mailbox(envelope, settings):
        evidence += provider_results(message, partial(is_providers, settings))
        checked = {"spf"}  # nobody tells us the client's address, and DKIM we can see for ourselves
    elif settings.smtp.trusted_authserv_id:
        evidence += trusted_results(message, came.ours, settings.smtp.trusted_authserv_id)
        checked = {found.method for found in evidence}
    else:
        checked = set()
    if "dkim" not in checked:
        evidence += dkim_check.check(
            message, dns, now, lambda domain: domain == our_domain or dmarc.related(author, domain)
        )
    if "spf" not in checked and not settled(author, evidence):
        evidence.append(spf_check.check(came.client, came.helo, envelope.sender, dns))
    return judge(author, evidence, _Names(dns), our_domain)


def came_by_our_relay(envelope: Envelope, settings: Settings) -> bool:
    """Did a mail server of our own pass it on?"""
    if not envelope.client:
        return _only_ours_reach_us(settings)
    return _is_relay(envelope.client, tuple(settings.smtp.trusted_relays))


@lru_cache(maxsize=256)  # to read the addresses takes as long as to look up who wrote
def _is_relay(client: str, relays: tuple[str, ...]) -> bool:
    return is_within(client, [ipaddress.ip_network(network) for network in relays])


def _arrival(envelope: Envelope, message: Message, settings: Settings) -> Arrival:
    relays = [ipaddress.ip_network(network) for network in settings.smtp.trusted_relays]
    if came_by_our_relay(envelope, settings):
        return arrival_at_relays(message, relays)
    return Arrival(envelope.client, envelope.helo)


def _came_by_mailbox(envelope: Envelope, settings: Settings) -> bool:
    """Read in a mailbox, not received by SMTP."""
    return settings.delivery.transport == "mailbox" and not envelope.client


def _only_ours_reach_us(settings: Settings) -> bool:
    """Without a client's network address: through our own socket file."""
    return any(listener.path for listener in settings.listeners)


class _Names:
    """The questions of DMARC, put to our resolver."""

    def __init__(self, dns: Dns) -> None:
        self._dns = dns

    def texts(self, name: str) -> tuple[bytes, ...]:
        try:
            return self._dns.txt(name)
        except NoSuchName:
            return ()
        except DnsTrouble as trouble:
            raise dmarc.Unanswered(str(trouble)) from None

    def exists(self, name: str) -> bool:
        try:
            self._dns.a(name)
        except NoSuchName:
            return False
        except DnsTrouble as trouble:
            raise dmarc.Unanswered(str(trouble)) from None
        return True
