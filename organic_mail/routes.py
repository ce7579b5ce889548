"""Where mail for a domain goes, and how safe the way there has to be: MX, MTA-STS and what we saw before."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

import structlog

from handlers.dmarc import registered
from handlers.reply import Reply
from handlers.sts_policy import Mode, Policy
from organic_mail.mta_sts import MtaSts
from organic_mail.mx import ComesBack, Host, NoSuchDomain, NullMx, next_hops
from organic_mail.resolver import Dns, DnsTrouble
from organic_mail.tls_out import Levels, Safety

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Route:
    """The mail servers of a domain, in the order in which they are tried.

    `least`: what a connection has to be; `first`: what is tried first; `known`: what the domain was seen to give.
    """

    domain: str
    hosts: tuple[Host, ...]
    least: Safety = Safety.PLAIN
    first: Safety = Safety.ENCRYPTED
    known: Safety = Safety.PLAIN

    @property
    def group(self) -> str:
        """Whose servers they are: what their owner counts us by."""
        return registered(self.hosts[0].name) or self.hosts[0].name

    @property
    def names(self) -> frozenset[str]:
        return frozenset(host.name for host in self.hosts)


Routing = Callable[[str], Route | Reply]
"""The route of a recipient's domain, or the answer that stands for there being none now or ever. Blocks."""


class Router:
    """`Routing` by DNS. *sts*: None when delivery.mta_sts is off."""

    def __init__(
        self,
        dns: Dns,
        levels: Levels,
        sts: MtaSts | None,
        *,
        own_names: Collection[str],
        allow_private: bool,
        chance: Random,
        clock: Callable[[], datetime],
    ) -> None:
        self._dns = dns
        self._levels = levels
        self._sts = sts
        self._own_names = own_names
        self._allow_private = allow_private
        self._chance = chance
        self._clock = clock

    def __call__(self, domain: str) -> Route | Reply:
        if domain in self._own_names:
            return Reply(554, "5.4.6", f"mail for {domain} would come back to ourselves")
        try:
            found = next_hops(
                domain, self._dns, self._chance, allow_private=self._allow_private, own_names=self._own_names
            )
        except ComesBack as circle:
            return Reply(554, "5.4.6", str(circle))
        except DnsTrouble as trouble:
            return Reply(0, "4.4.3", str(trouble))
        if isinstance(found, NullMx):
            return Reply(556, "5.1.10", f"{domain} says that it takes no mail")  # RFC 7505 §4.2
        if isinstance(found, NoSuchDomain):
            return Reply(550, "5.1.2", f"there is no domain {domain}")
        known = self._levels.recall(domain)
        route = Route(domain, found, least=min(known, Safety.ENCRYPTED), known=known)
        policy = self._sts.policy_for(domain, self._clock()) if self._sts else None
        return _under(policy, route) if policy else route


def _under(policy: Policy, route: Route) -> Route | Reply:
    """RFC 8461 §5: enforced, only tested, or taken back."""
    if policy.mode is Mode.NONE:
        return route
    allowed = tuple(host for host in route.hosts if policy.allows(host.name))
    if policy.mode is Mode.TESTING:
        if allowed != route.hosts:
            log.warning("a mail server is not in the policy that is tested", domain=route.domain)
        return replace(route, first=Safety.VERIFIED)
    if not allowed:
        return Reply(0, "4.7.5", f"no mail server of {route.domain} is in its own MTA-STS policy")
    return replace(route, hosts=allowed, least=Safety.VERIFIED)
